"""A local stack to break: students who send again until they are answered, kills, and the books."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import requests

from functions import records
from functions.domain.exam import Attempt
from functions.domain.question import Limits, Question, TestCase
from functions.domain.submission import RunType, Status, Submission
from functions.domain.verdict import Verdict
from functions.ports import Query
from functions.questions import put_question
from functions.service import Service
from functions.slots import read_slots
from infra.admin import operations
from infra.local import firestore_emulator, tokens
from infra.local.environment import LOCATION, PROJECT
from tests.conftest import ROOT, missing
from tests.stack.conftest import (
    GIVE_UP_SECONDS,
    LiveStack,
    Student,
    free_ports,
    plain_environment,
    running_stack,
    wait_until,
)

FAST = {"LEASE_SECONDS": "6", "SWEEP_INTERVAL": "3"}
"""Crashes are noticed in seconds. The bound on how long a submission may be forgotten scales alike."""
QUESTION = Question(
    "three",
    "Three",
    "Print the input.",
    tuple(TestCase(f"{n}\n".encode(), f"{n}\n".encode(), hidden=n > 1) for n in (1, 2, 3)),
    limits=Limits(cpu_seconds=5.0),
    version="1",
)
PROGRAMS: dict[Verdict, str] = {
    Verdict.ACCEPTED: "print(input())",
    Verdict.WRONG_ANSWER: "print(input() + '!')",
    Verdict.RUNTIME_ERROR: "print(1 / 0)",
}
"""What a student may send, by its right verdict."""


@dataclass(frozen=True)
class Sent:
    submission_id: str
    right: Verdict
    student: Student


def source(right: Verdict, takes: float) -> str:
    """A program with that verdict, each of whose tests takes so many seconds."""
    return f"import time\ntime.sleep({takes})\n{PROGRAMS[right]}\n"


@dataclass(frozen=True)
class Rig:
    """A running stack, and a service of our own on its store."""

    live: LiveStack
    service: Service

    def send(self, number: int, *, takes: float = 0.0, kind: RunType = RunType.SUBMIT, threads: int = 8) -> list[Sent]:
        """One each by so many students, with right and wrong programs in turn."""
        rights = [list(PROGRAMS)[n % len(PROGRAMS)] for n in range(number)]
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda right: self.send_one(right, takes, kind), rights))

    def send_while_judging(self, number: int, *, takes: float) -> list[Sent]:
        """So many, the first three of them long: the others come while these hold all slots."""
        sent = self.send(3, takes=6.0)
        wait_until(lambda: len(self.in_hand()) == 3, pause=0.02)
        return sent + self.send(number - 3, takes=takes)

    def send_one(self, right: Verdict, takes: float = 0.0, kind: RunType = RunType.SUBMIT) -> Sent:
        """As the page does: with one key, again and again until there is an answer."""
        name = f"student-{uuid.uuid4().hex[:8]}"
        attempt = Attempt(operations.new_attempt_id(), name, "demo")
        operations.create_attempt(self.service, attempt)
        student = Student(self.live.url, tokens.mint(self.live.stack, name), attempt.attempt_id)
        body = {
            "attempt_id": student.attempt_id,
            "question_id": QUESTION.question_id,
            "language": "python",
            "code": source(right, takes),
            "run_type": str(kind),
        }
        headers = {**student.headers, "Idempotency-Key": uuid.uuid4().hex}
        until = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < until:
            try:
                answer = requests.post(f"{student.url}/", json=body, headers=headers, timeout=60)
            except requests.RequestException:
                time.sleep(0.2)
                continue
            if answer.status_code in (200, 202):
                return Sent(answer.json()["submission_id"], right, student)
            assert answer.status_code == 503, answer.text
            assert "Retry-After" in answer.headers
            time.sleep(0.5)
        raise AssertionError("never accepted")

    def recorded(self, sent: Sequence[Sent]) -> list[Submission]:
        found = self.service.store.get(*(records.submission_path(each.submission_id) for each in sent))
        return [records.submission_of(each) for each in found if each is not None]

    def unfinished(self) -> int:
        """How many submissions wait or are being judged."""
        count = self.service.store.count
        return sum(count(Query(records.SUBMISSIONS, (("status", "==", each),))) for each in ("queued", "processing"))

    def in_hand(self) -> dict[str, str]:
        """What the slots hold now: submission id -> owner."""
        return {slot.submission_id: slot.owner or "" for slot in read_slots(self.service)[0] if slot.submission_id}

    def tickets_left(self) -> int:
        stack = self.live.stack
        queues = f"http://127.0.0.1:{stack.tasks_http_port}/v2/projects/{PROJECT}/locations/{LOCATION}/queues"
        lists = [requests.get(f"{queues}/{kind}/tasks", timeout=30).json() for kind in RunType]
        return sum(len(tasks.get("tasks", [])) for tasks in lists)

    def assert_right(self, sent: Sequence[Sent]) -> list[Submission]:
        """Rules 1 and 2, once all have ended: everything accepted is judged, rightly, once; nothing is left over."""
        wait_until(lambda: self.unfinished() == 0, pause=0.3)
        ended = self.recorded(sent)
        assert Counter(each.status for each in ended) == {Status.COMPLETED: len(sent)}
        assert [each.verdict for each in ended] == [each.right for each in sent]
        assert [each.score for each in ended] == [100 if each.right is Verdict.ACCEPTED else 0 for each in sent]
        wait_until(lambda: not self.in_hand())
        return ended

    def times_judged(self, sent: Sequence[Sent]) -> list[int]:
        """How often a result was written for each, by the handler's log: a process killed right after it says none."""
        log = (self.live.stack.state / "judge_submission.log").read_text(errors="replace").splitlines()
        judged = Counter(line.partition('"submission_id": "')[2][:32] for line in log if '"action": "judged"' in line)
        return [judged[each.submission_id] for each in sent]

    def function(self, target: str) -> str:
        """A part of a command line, as the following are."""
        port = {"run_code": self.live.stack.port, "judge_submission": self.live.stack.handler_port}[target]
        return f"functions-framework --target {target} --source {ROOT / 'main.py'} --host 127.0.0.1 --port {port}"

    @property
    def handler(self) -> str:
        return self.function("judge_submission")

    @property
    def cloud_tasks(self) -> str:
        return f"cloud_tasks_emulator --grpc-port {self.live.stack.tasks_port}"

    @property
    def firestore(self) -> str:
        return f"--port {self.live.stack.firestore_port}"

    @property
    def judge(self) -> str:
        return f"judge0_runner --port {self.live.stack.judge0_port}"

    def kill(self, what: str, number: int = signal.SIGKILL) -> bool:
        """Send a signal to the program with this in its command line, and all its children; False while it is dead."""
        listed = subprocess.run(["ps", "-ewwo", "pid=,pgid=,args="], capture_output=True, text=True, check=True).stdout
        rows = [line.split(maxsplit=2) for line in listed.splitlines()]
        groups = [int(pid) for pid, group, command in rows if pid == group and what in command]
        for group in groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, number)
        return bool(groups)


@contextmanager
def rig(**more: str) -> Iterator[Rig]:
    """A stack with short leases and the question `three`."""
    try:
        firestore_emulator.find(os.environ)
    except firestore_emulator.NotFound as error:
        missing(f"Firestore's emulator: {error}; {firestore_emulator.HOW_TO_GET_IT}")
    with running_stack(plain_environment() | free_ports() | FAST | more) as live:
        if "without a judge" in "".join(live.output):
            missing("no sandbox for the local runner: apt-get install bubblewrap")
        service = live.service()
        put_question(service, QUESTION)
        yield Rig(live, service)
