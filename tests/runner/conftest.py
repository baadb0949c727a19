"""A real runner on a free port, and a client that speaks to it as any Judge0 client would."""

import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.conftest import missing

ROOT = Path(__file__).parents[2]
PYTHON, C, CPP, JAVA, JAVASCRIPT, BASH = 71, 50, 54, 62, 63, 46

#: Seconds after which a test stops waiting for what should have come long ago.
GIVE_UP_SECONDS = 120
#: A program that is still there whatever a test waits for: five minutes.
FOR_MINUTES = {
    "language_id": BASH,
    "source_code": "setsid sleep 15 & sleep 15",
    "wall_time_limit": 20,
    "number_of_runs": 20,
}

TEXTS = ("stdout", "stderr", "compile_output", "message")


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    """The runner's process, its output in pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", "infra.local.judge0_runner", "--port", "0", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@dataclass(frozen=True)
class Judge0:
    """A client of one runner; `process` is None where a test has ended it itself."""

    url: str
    session: requests.Session
    process: subprocess.Popen[str]

    def create(self, *items: dict[str, Any], encoded: bool = True) -> requests.Response:
        """POST /submissions/batch; texts given as str are encoded here."""
        body = {"submissions": [_encoded(item) if encoded else item for item in items]}
        return self.session.post(f"{self.url}/submissions/batch?base64_encoded={str(encoded).lower()}", json=body)

    def read(self, *tokens: str, fields: str = "*") -> list[dict[str, Any] | None]:
        answer = self.session.get(
            f"{self.url}/submissions/batch",
            params={"tokens": ",".join(tokens), "base64_encoded": "true", "fields": fields},
        )
        assert answer.status_code == 200, answer.text
        submissions: list[dict[str, Any] | None] = answer.json()["submissions"]
        return [item and _decoded(item) for item in submissions]

    def done(self, *tokens: str) -> list[dict[str, Any]]:
        """The submissions once all are done, their texts decoded to bytes."""
        give_up = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < give_up:
            items = [item for item in self.read(*tokens) if item is not None]
            if all(item["status_id"] >= 3 for item in items):
                return items
            time.sleep(0.005)
        raise AssertionError("not judged: a stuck worker?")

    def judge(self, language_id: int, source_code: str | bytes | None, **more: Any) -> dict[str, Any]:
        """One submission, created and read until it is done."""
        answer = self.create({"language_id": language_id, "source_code": source_code, **more})
        assert answer.status_code == 201, answer.text
        return self.done(answer.json()[0]["token"])[0]

    def tree(self) -> set[int]:
        """All processes that the runner started, theirs included."""
        parents = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
        found: set[int] = {self.process.pid}
        while more := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= more
        return found - {self.process.pid}


def _encoded(item: dict[str, Any]) -> dict[str, Any]:
    texts = ("source_code", "stdin", "expected_output")
    return {
        name: base64.b64encode(value.encode() if isinstance(value, str) else value).decode()
        if name in texts and value is not None
        else value
        for name, value in item.items()
    }


def _decoded(item: dict[str, Any]) -> dict[str, Any]:
    return {
        name: base64.b64decode(value) if name in TEXTS and value is not None else value for name, value in item.items()
    }


@contextmanager
def running(*arguments: str, **environment: str) -> Iterator[Judge0]:
    """A started runner, stopped at the end; skips (fails in CI) where this machine has no sandbox."""
    process = start(*arguments, **environment)
    assert process.stdout is not None
    assert process.stderr is not None
    with process, requests.Session() as session:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("ready "):
                break
        else:
            complaint = process.stderr.read().strip()
            if process.wait() == 3 and "CI" not in os.environ:
                pytest.skip(complaint)
            pytest.fail(f"install bubblewrap 0.8 or newer and allow user namespaces: {complaint}", pytrace=False)
        try:
            yield Judge0(lines[-1].split()[1], session, process)
        finally:
            process.send_signal(signal.SIGTERM)
            output, errors = process.communicate()
        assert (output, errors) == ("", ""), "it logs nothing"


@pytest.fixture(scope="session")
def judge0() -> Iterator[Judge0]:
    with running("--count", "4") as client:
        yield client


@pytest.fixture
def start_judge0() -> Callable[..., Any]:
    """`running`, for tests that need a runner of their own."""
    return running


@pytest.fixture
def start_process() -> Callable[..., subprocess.Popen[str]]:
    return start


@pytest.fixture(scope="session")
def has(judge0: Judge0) -> Callable[[int], None]:
    """Skips where the machine lacks a language (fails in CI)."""
    ids = {language["id"] for language in judge0.session.get(f"{judge0.url}/languages").json()}

    def need(language_id: int) -> None:
        if language_id not in ids:
            missing(f"this machine has no toolchain for language {language_id}")

    return need
