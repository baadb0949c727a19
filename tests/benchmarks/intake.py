"""A burst of Submits, as at an exam's end: 100 students on a connection each send their answers to five questions.

Beside it, in turns, the same bodies from as many connections to a bare function that does one Firestore create and one
create_task, served as ours is. All queues are paused: what is measured is the intake, not the judging beside it.
"""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from urllib.parse import urlsplit

from functions import records
from functions.domain.exam import Attempt
from functions.domain.question import Question, TestCase
from functions.domain.submission import RunType
from functions.ports import Delete, DocumentStore, Query
from functions.questions import put_question
from infra.admin import operations
from infra.local import tokens
from tests.benchmarks.bare import bare_functions
from tests.benchmarks.table import Measured, Row, show
from tests.conftest import our_process
from tests.stack.conftest import LiveStack, Student, free_ports, plain_environment, running_stack

STUDENTS, QUESTIONS = 100, 5
ROUNDS, WARM_UP = 9, 3
"""The emulator is a Java program: it takes some thousand calls to reach its pace."""
AT_ONCE = 250
CODE = "\n".join(f"print({number} + int(input()))  # a line of an answer" for number in range(20))


@dataclass(frozen=True)
class Burst:
    seconds: float
    latencies: Sequence[float]
    statuses: frozenset[int]

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds


def measure() -> Measured:
    ours: list[Burst] = []
    bare: list[Burst] = []
    with (
        our_process("infra.local.scripted_judge") as judge_url,
        running_stack(plain_environment() | free_ports() | {"JUDGE0_URL": judge_url}) as live,
        bare_functions(live, judge_url) as beside,
    ):
        for name in _questions():
            put_question(
                live.service(), Question(name, name, "", (TestCase(b"1\n", b"1\n", hidden=True),), version="1")
            )
        for kind in RunType:
            beside.tasks.pause_queue(name=beside.queue.replace("/bare", f"/{kind}"))
        beside.tasks.pause_queue(name=beside.queue)
        store = live.service().store
        for number in range(-WARM_UP, ROUNDS):
            students = _students(live)
            sides = [(live.url, ours), (beside.url, bare)]
            for url, bursts in sides if number % 2 else reversed(sides):
                burst = asyncio.run(_burst(url, [_requests(each, url) for each in students]))
                assert burst.statuses == {202}, "none may be refused"
                if number >= 0:
                    bursts.append(burst)
            _delete(store, records.SUBMISSIONS)
            _delete(store, "bare")
    ratio = median(each.per_second for each in ours) / median(each.per_second for each in bare)
    rate, bare_rate = (median(each.per_second for each in bursts) for bursts in (ours, bare))
    p99, bare_p99 = (_p99(bursts) for bursts in (ours, bare))
    return Measured(
        (
            Row("intake: 500 POSTs, 100 connections", f"{ratio:.2f} of the bare function", ">= 0.80"),
            Row("intake: requests per second", f"{rate:.0f}", "", f"{bare_rate:.0f} bare function"),
            Row("intake: p99 of the burst", f"{p99:.0f} ms", "", f"{bare_p99:.0f} ms bare function"),
        ),
        {"intake_ratio": round(ratio, 3)},
    )


def _delete(store: DocumentStore, collection: str) -> None:
    """The emulator has no indexes: a query would cost by what rounds before this one left behind."""
    paths = [each.path for each in store.find(Query(collection, select=("status",)))]
    for start in range(0, len(paths), AT_ONCE):
        store.commit(*map(Delete, paths[start : start + AT_ONCE]))


def _questions() -> list[str]:
    return [f"burst-{number}" for number in range(QUESTIONS)]


def _students(live: LiveStack) -> list[Student]:
    service = live.service()
    names = [f"student-{uuid.uuid4().hex[:8]}" for _ in range(STUDENTS)]
    attempts = [Attempt(operations.new_attempt_id(), name, "demo") for name in names]
    for each in attempts:
        operations.create_attempt(service, each)
    return [Student(live.url, tokens.mint(live.stack, each.student), each.attempt_id) for each in attempts]


def _requests(student: Student, url: str) -> list[bytes]:
    """One for each question, as a browser's page would send them."""

    def request(question_id: str) -> bytes:
        content = {
            "attempt_id": student.attempt_id,
            "question_id": question_id,
            "language": "python",
            "code": CODE,
            "run_type": "submit",
        }
        body = json.dumps(content).encode()
        head = {
            "Host": urlsplit(url).netloc,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Idempotency-Key": uuid.uuid4().hex,
            **student.headers,
        }
        lines = ["POST / HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        return "\r\n".join(lines).encode() + body

    return [request(name) for name in _questions()]


async def _burst(url: str, requests: Sequence[Sequence[bytes]]) -> Burst:
    """One connection for each sequence, all open before the first byte is sent."""
    where = urlsplit(url)
    connections = [await asyncio.open_connection(where.hostname, where.port) for _ in requests]
    statuses: set[int] = set()
    latencies: list[float] = []

    async def send(connection: tuple[asyncio.StreamReader, asyncio.StreamWriter], mine: Sequence[bytes]) -> None:
        reader, writer = connection
        for each in mine:
            sent = time.monotonic()
            writer.write(each)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            [length] = (line for line in head.splitlines() if line.startswith("content-length:"))
            await reader.readexactly(int(length.partition(":")[2]))
            latencies.append(time.monotonic() - sent)
            statuses.add(int(head.split(" ", 2)[1]))
        writer.close()

    begun = time.monotonic()
    await asyncio.gather(*map(send, connections, requests))
    return Burst(time.monotonic() - begun, latencies, frozenset(statuses))


def _p99(bursts: Sequence[Burst]) -> float:
    """In milliseconds, of all of the requests."""
    return 1000 * quantiles([each for burst in bursts for each in burst.latencies], n=100)[-1]


if __name__ == "__main__":
    show(measure(), "Intake under a burst")
