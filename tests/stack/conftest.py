"""The whole local stack, as `make run` starts it, on free ports."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests

from functions.domain.exam import Attempt
from functions.domain.submission import RunType
from functions.service import Service
from infra import bootstrap, settings
from infra.admin import operations
from infra.cloud_tasks import CloudTasksTicketQueue
from infra.local import environment, firestore_emulator, processes, tokens
from tests.conftest import ROOT, missing

GIVE_UP_SECONDS = 600.0
"""When a test stops waiting for what should have come long ago. No test asserts a time."""
PORT_NAMES = (
    *("PORT", "FIRESTORE_PORT", "TASKS_PORT", "TASKS_HTTP_PORT"),
    *("JUDGE0_PORT", "OBJECT_STORE_PORT", "PAGE_PORT"),
)
LEASE = {"LEASE_SECONDS": "28", "JUDGE_TIMEOUT": "10"}
"""So short that a test can wait for its end, so long that a busy machine does not lose it."""


@dataclass
class LiveStack:
    """A running stack and what a person would do with it."""

    stack: environment.Stack
    process: subprocess.Popen[str]
    output: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.stack.url

    def environment(self, **more: str) -> dict[str, str]:
        """What a shell needs so that the command line means this stack."""
        return {**self.stack.given, **more}

    def service(self) -> Service:
        found = environment.read_environment_file(self.stack)
        assert found is not None
        config = settings.read(found)
        return bootstrap.service_for(config, environment.document_store(config), patient=True)

    def queues(self) -> CloudTasksTicketQueue:
        found = environment.read_environment_file(self.stack)
        assert found is not None
        return bootstrap.ticket_queue(settings.read(found), patient=True)

    @contextmanager
    def paused(self, kind: RunType) -> Iterator[None]:
        """Nothing of a queue is judged before this ends."""
        queues = self.queues()
        queues.pause(kind)
        try:
            yield
        finally:
            queues.resume(kind)

    def student(self, name: str | None = None, exam_id: str = "demo") -> Student:
        name = name or f"student-{uuid.uuid4().hex[:8]}"
        attempt_id = operations.new_attempt_id()
        operations.create_attempt(self.service(), Attempt(attempt_id, name, exam_id))
        return Student(self.url, tokens.mint(self.stack, name), attempt_id)

    def health(self) -> dict[str, Any]:
        answer: dict[str, Any] = requests.get(f"{self.url}/health", timeout=120).json()
        return answer

    def admin(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "infra.admin", *words]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment(), capture_output=True, text=True, check=check, timeout=600
        )


@dataclass(frozen=True)
class Student:
    url: str
    token: str
    attempt_id: str

    def post(self, question_id: str, code: str, *, run_type: str = "submit", language: str = "python") -> Any:
        """As the page does: again with the same key while the store is busy (503)."""
        body = {
            "attempt_id": self.attempt_id,
            "question_id": question_id,
            "language": language,
            "code": code,
            "run_type": run_type,
        }
        headers = {**self.headers, "Idempotency-Key": uuid.uuid4().hex}
        return _answered(lambda: requests.post(f"{self.url}/", json=body, headers=headers, timeout=120))

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def get(self, submission_id: str) -> dict[str, Any]:
        url = f"{self.url}/submissions/{submission_id}"
        answer = _answered(lambda: requests.get(url, headers=self.headers, timeout=120))
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def attempt(self) -> dict[str, Any]:
        url = f"{self.url}/attempts/{self.attempt_id}"
        answer = _answered(lambda: requests.get(url, headers=self.headers, timeout=120))
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json()
        return shown

    def wait(self, submission_id: str) -> dict[str, Any]:
        until = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < until:
            shown = self.get(submission_id)
            if shown["status"] in ("completed", "failed", "cancelled", "superseded"):
                return shown
            time.sleep(0.1)
        raise AssertionError(f"still {shown['status']} after {GIVE_UP_SECONDS:.0f} s")


def _answered(ask: Callable[[], requests.Response]) -> requests.Response:
    """An answer that is no 503, for which a busy machine is enough."""
    until = time.monotonic() + GIVE_UP_SECONDS
    while (answer := ask()).status_code == 503 and time.monotonic() < until:
        assert "Retry-After" in answer.headers
        time.sleep(0.5)
    return answer


def wait_until(what: Callable[[], bool], *, pause: float = 0.1) -> None:
    until = time.monotonic() + GIVE_UP_SECONDS
    while not what():
        assert time.monotonic() < until, "it never came"
        time.sleep(pause)


def free_ports() -> dict[str, str]:
    """PORT, which has the two behind it, and the others."""
    return {name: str(processes.free_port(2 if name == "PORT" else 0)) for name in PORT_NAMES}


def plain_environment() -> dict[str, str]:
    """The shell's, without settings that would change the stack."""
    ours = {name.upper() for name in settings.Settings.model_fields} | {*PORT_NAMES, "KEEP", "SANDBOX"}
    return {name: value for name, value in os.environ.items() if name not in ours}


@contextmanager
def running_stack(given: Mapping[str, str], *, keep_state: bool = False) -> Iterator[LiveStack]:
    stack = environment.read(given)
    command = [sys.executable, "-m", "infra.local.stack"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=dict(given),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        live = LiveStack(stack, process)
        assert process.stdout is not None
        ready = threading.Event()

        def read(lines: Any) -> None:
            for line in lines:
                live.output.append(line)
                if "Ctrl-C ends" in line:  # the last of what it prints once it is ready
                    ready.set()
            ready.set()

        reader = threading.Thread(target=read, args=(process.stdout,), daemon=True)
        reader.start()
        try:
            assert ready.wait(GIVE_UP_SECONDS), live.output
            assert any(line.startswith("ready ") for line in live.output), live.output
            yield live
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                process.wait(GIVE_UP_SECONDS)
            reader.join()
            if not keep_state:
                shutil.rmtree(stack.state, ignore_errors=True)


@pytest.fixture(scope="session")
def live() -> Iterator[LiveStack]:
    """One stack on Google's emulator for all tests that do not stop it."""
    try:
        firestore_emulator.find(os.environ)
    except firestore_emulator.NotFound as error:
        missing(f"Firestore's emulator: {error}; {firestore_emulator.HOW_TO_GET_IT}")
    with running_stack(plain_environment() | free_ports() | LEASE) as stack:
        if "without a judge" in "".join(stack.output):
            missing("no sandbox for the local runner: apt-get install bubblewrap")
        yield stack
