"""A question of 100 tests of 5 MB each, imported and judged in a process of its own: how much memory does that take?

`python -m tests.large_question URL`, with the URL of a bucket; prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

from functions import stored_data
from functions.domain.submission import RunType
from functions.domain.verdict import Ending, Execution
from functions.gate import Gate
from functions.ports import Program
from functions.questions import put_question
from functions.visit import visit
from infra.kattis import read_package
from infra.object_store import S3ObjectStore
from infra.sqlite import SQLiteDocumentStore
from tests.fakes import make_world

TESTS, BYTES, HEAD = 100, 5_000_000, 8


def peak_mb() -> float:
    """Of this process alone: what `getrusage` tells begins with what the parent had."""
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return round(int(line.split()[1]) / 1024, 1)


def first_words(program: Program) -> Execution:
    return Execution(Ending.WELL, stdout=program.stdin[:HEAD])


def sparse_package(root: Path) -> Path:
    """Tests of which all but the head is a hole in a file."""
    for name, content in {"problem.yaml": "name: Large\n", "problem_statement/problem.md": "Print the head.\n"}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    secret = root / "data" / "secret"
    secret.mkdir(parents=True)
    for number in range(TESTS):
        head = f"{number:0{HEAD}}"
        with (secret / f"{head}.in").open("w") as file:
            file.write(head)
            file.truncate(BYTES)
        (secret / f"{head}.ans").write_text(head)
    return root


def main(url: str) -> None:
    world = make_world(SQLiteDocumentStore(":memory:"))
    world.judge.run = first_words
    bare = peak_mb()
    objects = S3ObjectStore(
        endpoint=url,
        bucket="run-code",
        access_key_id="local",
        secret_access_key="local",
        region="auto",
        timeout=60.0,
    )
    service = replace(world.service, objects=objects)
    with tempfile.TemporaryDirectory() as folder:
        package = read_package(sparse_package(Path(folder, "large")), partial(stored_data.store, objects))
    put_question(service, replace(package.question, question_id="echo"))
    imported = peak_mb()
    submission = world.submit()
    visit(service, Gate(world.clock, lambda: 0, service.rng), RunType.SUBMIT)
    after = world.read(submission)
    found = {"verdict": after.verdict, "passed": after.passed}
    print(json.dumps({**found, "bare_mb": bare, "imported_mb": imported, "judged_mb": peak_mb()}))


if __name__ == "__main__":
    main(sys.argv[1])
