"""The served OpenAPI document against the service that serves it: every route, all of Schemathesis' checks.

Requests are drawn from the document, right and wrong ones, mixed with what exists (schemathesis.toml says how), as two
students who must not see each other's work and as an instructor. FUZZ_REQUESTS says how many at least.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import requests

from functions import records
from functions.ports import Update
from infra.local import tokens
from tests.stack.conftest import GIVE_UP_SECONDS, LiveStack, Student

pytestmark = pytest.mark.stack

REQUESTS = int(os.environ.get("FUZZ_REQUESTS") or 1000)
FEW = 2000
"""Up to so many the students' requests are drawn only: most of the document is closed to them anyway."""
PEOPLE = ("students", "instructor")
CONFIGURATION = Path(__file__).with_name("schemathesis.toml")
MOMENT = "2026-01-01T00:00:00+00:00"
NO_IDS: tuple[object, ...] = ("", ".", "..", "a/b", "__x__", "\0", "\ud800", "a" * 300, None, 1, [], {})
NO_MOMENTS = ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "9" * 300, "", 0, None)
PAGE_TOKENS: tuple[object, ...] = (
    *([MOMENT, identifier] for identifier in NO_IDS),
    *([moment, "a"] for moment in NO_MOMENTS),
    *({"a": 1, "b": 2}, {MOMENT: 1, "b": 2}, [], [MOMENT], [1e999, "a"], "ab", None),
)
"""What the JSON inside a page_token might be: other JSON, moments that no clock can tell, ids that no store takes."""


@dataclass
class Everything:
    """Who may ask, and what exists: by the name of its list in schemathesis.toml."""

    alice: Student
    bob: Student
    teacher: Student
    words: Mapping[str, Sequence[str]]


@pytest.fixture(scope="module")
def everything(unlimited: LiveStack) -> Iterator[Everything]:
    """Submissions in every state, rejudgings, and the queue "run" paused: there is always something in line."""
    alice, bob = unlimited.student("alice"), unlimited.student("bob")
    teacher = replace(unlimited.student("teacher"), token=tokens.mint(unlimited.stack, "teacher", "instructor"))
    completed = [accepted(student, "test", "submit") for student in (alice, bob, alice)]
    for student, submission_id in zip((alice, bob, alice), completed, strict=True):
        assert student.wait(submission_id)["status"] == "completed"
    failed = [accepted(alice, "sum", "submit") for _ in range(6)]
    for submission_id in failed:
        alice.wait(submission_id)
        unlimited.service().store.commit(Update(records.submission_path(submission_id), {"status": "failed"}))
    rejudgings = [rejudging(teacher, question_id="test"), rejudging(teacher, attempt_id=bob.attempt_id)]
    unlimited.admin("queues", "pause", "run")
    cancelled = [
        accepted(student, question_id, "run") for student in (alice, teacher) for question_id in ("sum", "test")
    ]
    for student, submission_id in zip((alice, alice, teacher, teacher), cancelled, strict=True):
        address = f"{unlimited.url}/submissions/{submission_id}"
        assert requests.delete(address, headers=student.headers, timeout=30).status_code == 200
    yield Everything(
        alice,
        bob,
        teacher,
        {
            "questions": ["test", "sum"],
            "new_questions": ["written", "written-too"],
            "cancelled": [*cancelled, completed[0]],
            "failed": [*failed, completed[0]],
            "submissions": [*completed, *failed, *cancelled, f"{rejudgings[0]}:{completed[0]}"],
            "rejudgings": rejudgings,
            "exams": ["demo"],
            "languages": ["python", "cpp", "py3", "C++"],
            "codes": ["print(1)", "print(input())", " ", "\0", "\U0001f600", "a" * 70_000],
            "page_tokens": [*map(page_token, PAGE_TOKENS), "%", "====", "\0", "é", page_token("x").rstrip("=")],
        },
    )
    unlimited.admin("queues", "resume", "run")
    for student in (alice, bob, teacher):
        for shown in student.attempt()["submissions"]:
            student.wait(shown["submission_id"])  # accepted is kept


def accepted(student: Student, question_id: str, run_type: str) -> str:
    answer = student.post(question_id, "print(1)", run_type=run_type)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["submission_id"])


def rejudging(teacher: Student, **wanted: str) -> str:
    """One that is ready to be applied."""
    address = f"{teacher.url}/rejudgings"
    answer = requests.post(address, json={"filter": wanted}, headers=teacher.headers, timeout=30)
    assert answer.status_code == 202, answer.text
    found = answer.json()
    until = time.monotonic() + GIVE_UP_SECONDS
    while found["statuses"] != {"completed": found["total"]}:
        assert time.monotonic() < until, found
        time.sleep(0.1)
        found = requests.get(f"{address}/{found['rejudging_id']}", headers=teacher.headers, timeout=30).json()
    return str(found["rejudging_id"])


def page_token(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


@dataclass
class Round:
    """One run of Schemathesis."""

    sent: int
    reached: set[str]
    """The operations that took a request in, rather than refuse each."""


def run(stack: LiveStack, folder: Path, everything: Everything, who: str, *options: str) -> Round:
    """Raises AssertionError with all that it found, each with the request to repeat it."""
    folder.mkdir()
    configuration = CONFIGURATION.read_text()
    if who == "students":  # each reads what the other may not
        students = {"alice": everything.alice, "bob": everything.bob}
        (folder / "auth.json").write_text(json.dumps({"auth": [_identity(*each) for each in students.items()]}))
        configuration += '\n[auth.wfc]\npath = "auth.json"\nuser = "alice"\npeers = ["alice", "bob"]\n'
    else:
        configuration += f'\n[auth.openapi.bearer]\nbearer = "{everything.teacher.token}"\n'
    (folder / "schemathesis.toml").write_text(configuration)
    own = everything.alice if who == "students" else everything.teacher
    attempts = [own.attempt_id, own.attempt_id, own.attempt_id, everything.bob.attempt_id]
    for name, words in {**everything.words, "attempts": attempts}.items():
        (folder / f"{name}.txt").write_text("".join(f'"{_escaped(word)}"\n' for word in words))
    command = [str(Path(sys.executable).with_name("schemathesis")), "--no-color", "run", f"{stack.url}/openapi.json"]
    report = ["--report", "json", "--report-json-path", "report.json"]
    done = subprocess.run([*command, *report, *options], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads((folder / "report.json").read_text())
    accepted = {
        operation
        for operation, phases in found["valid_rates"].items()
        if any(rates["accepted"] for rates in phases.values())
    }
    return Round(found["test_cases"]["generated"], accepted)


def _identity(name: str, student: Student) -> dict[str, object]:
    return {"name": name, "fixedHeaders": [{"name": key, "value": value} for key, value in student.headers.items()]}


def _escaped(word: str) -> str:
    return "".join(char if char.isprintable() and char not in '"\\' else f"\\x{ord(char):02x}" for char in word)


def test_every_answer_is_as_the_document_says(
    unlimited: LiveStack, everything: Everything, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sent, seed, reached = 0, 0, set[str]()
    examples = max(15, REQUESTS // 100)
    while sent < REQUESTS or seed < len(PEOPLE):
        who = PEOPLE[seed % len(PEOPLE)]
        seed += 1
        phases = ["fuzzing", "stateful"]
        if seed <= len(PEOPLE) and (who == "instructor" or REQUESTS > FEW):
            phases.append(
                "coverage"
            )  # each value at its bounds, each method, each header left out: the same every time
        options = ("--seed", str(seed), "--max-examples", str(examples), "--phases", ",".join(phases))
        made = run(unlimited, tmp_path / str(seed), everything, who, *options)
        assert made.sent > 0
        sent += made.sent
        reached |= made.reached
        with capsys.disabled():
            print(f"\n{sent} requests, the last {made.sent} as {who}", end="")
    assert sent >= REQUESTS
    document = requests.get(f"{unlimited.url}/openapi.json", timeout=30).json()
    operations = {f"{method.upper()} {path}" for path, methods in document["paths"].items() for method in methods}
    assert reached == operations, "each was allowed at least once, and not only refused"
