"""`python -m tests.benchmarks.polls`: what it costs to be asked by 1,000 students every two seconds.

One instance of `run_code` on a core of its own, over Firestore's emulator, which shares the other core with the
students. They ask as the page does: with their token, `If-None-Match`, on connections that are kept. Each has one
submission in the line, which moves meanwhile: each second three are taken and three others completed. Compared with a
function that does nothing, asked in the same way. And by itself, with lines of other lengths that stand still.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from statistics import median, quantiles

from functions import records
from functions.domain.submission import RunType, Status, Submission
from functions.domain.verdict import Verdict
from functions.ports import Create, DocumentStore, Update
from functions.slots import seed_slots
from functions.standing import SETTLE_SECONDS
from infra import bootstrap, settings
from infra.firestore import FirestoreDocumentStore
from infra.local import tokens
from infra.local.clients import firestore_client
from tests.benchmarks import parts
from tests.benchmarks.table import Measured, Row, show
from tests.conftest import ROOT

STUDENTS = 1_000
EVERY_SECONDS = 2.0
CONNECTIONS = 32
"""As many requests as Cloud Run lets one instance have at once."""
LENGTHS = (10, 100, 1_000, 10_000)
LENGTH_SECONDS = 3.0
TURNS, TURN_SECONDS = 15, 1.0
"""Many and short ones: what else the machine does comes and goes within seconds."""
PACED_SECONDS = 20.0
WARM_SECONDS = 60.0
"""At most: until everybody has asked once."""
TAKEN_A_SECOND = 3
BEGIN = datetime(2026, 6, 1, 9, tzinfo=UTC)


@dataclass
class Student:
    """One page that asks for one submission. ``etag``: of the last answer; ``seen_final``: it asks no more."""

    number: int
    token: str
    etag: str = ""
    seen_final: bool = False

    def request(self) -> bytes:
        lines = (
            f"GET /submissions/{submission_id(self.number)} HTTP/1.1",
            "Host: run-code.example.org",
            "Origin: https://exam.example.org",
            "Accept: application/json",
            "Accept-Encoding: gzip, deflate, br",
            "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            f"Authorization: Bearer {self.token}",
            *([f"If-None-Match: {self.etag}"] if self.etag else []),
        )
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Connection:
    """One kept connection; where the server closed it meanwhile, another one."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, request: bytes) -> tuple[int, str, bytes]:
        """(status, ETag, body)"""
        answer = self._try(request) if self._socket is not None else b""
        if not answer:
            self.close()
            self._socket = socket.create_connection(("127.0.0.1", self._port))
            answer = self._try(request)
        head, _, body = answer.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return int(first.split()[1]), headers.get("etag", ""), body

    def _try(self, request: bytes) -> bytes:
        """Empty where the connection is closed."""
        assert self._socket is not None
        found = b""
        try:
            self._socket.sendall(request)
            while not _whole(found):
                more = self._socket.recv(65_536)
                if not more:
                    return b""
                found += more
        except (BrokenPipeError, ConnectionResetError):
            return b""
        return found

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()


def _whole(answer: bytes) -> bool:
    head, between, body = answer.partition(b"\r\n\r\n")
    if not between or head.startswith(b"HTTP/1.1 304"):
        return bool(between)
    _, _, after = head.lower().partition(b"content-length: ")
    return len(body) >= int(after.partition(b"\r\n")[0])


@dataclass
class Asked:
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    took: list[float] = field(default_factory=list)
    unchanged: int = 0

    @property
    def rate(self) -> float:
        return len(self.took) / self.seconds


def ask(
    server: parts.Served, students: Sequence[Student], seconds: float, every: float | None = None, *, once: bool = False
) -> Asked:
    """All students in turns on CONNECTIONS connections: as fast as it goes, or each ``every`` so many seconds.

    For so many ``seconds``, or ``once`` each.
    """
    asked, cpu, begin = Asked(), server.cpu_seconds(), time.monotonic()

    def play(mine: Sequence[Student]) -> None:
        connection = Connection(server.port)
        while time.monotonic() < begin + seconds:
            for each in [each for each in mine if not each.seen_final]:
                if every is not None:
                    time.sleep(max(0.0, begin + due[each.number] - time.monotonic()))
                    due[each.number] += every
                asked_at = time.monotonic()
                if asked_at >= begin + seconds:
                    break
                status, etag, body = connection.ask(each.request())
                asked.took.append(time.monotonic() - asked_at)
                asked.unchanged += status == 304
                assert status in (200, 304), (status, body)
                each.etag = etag or each.etag  # the empty function gives none
                each.seen_final = b'"completed"' in body
            if once:
                break
        connection.close()

    due = {each.number: n * (every or 0.0) / len(students) for n, each in enumerate(students)}
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(play, [students[n::CONNECTIONS] for n in range(CONNECTIONS)]))
    asked.seconds, asked.cpu_seconds = time.monotonic() - begin, server.cpu_seconds() - cpu
    return asked


def submission_id(number: int) -> str:
    return f"{number:032x}"


def waiting(number: int) -> Submission:
    turn = BEGIN + timedelta(seconds=number / 100)
    return Submission(
        submission_id=submission_id(number),
        attempt_id=f"attempt-{number}",
        exam_id="exam",
        question_id="question",
        question_version="1",
        student=f"student-{number}",
        language="python",
        code="print(sum(map(int, input().split())))  # a line of code\n" * 20,
        stdin=None,
        run_type=RunType.SUBMIT,
        payload_hash="0" * 64,
        created_at=turn,
        turn_at=turn,
        total=10,
        points=100,
    )


def fill(store: DocumentStore, first: int, last: int) -> None:
    for start in range(first, last, 400):
        each = map(waiting, range(start, min(start + 400, last)))
        store.commit(*(Create(records.submission_path(s.submission_id), records.submission_fields(s)) for s in each))


@contextmanager
def line_moving(store: DocumentStore) -> Iterator[None]:
    """Each second the first few are taken, and those taken before are completed, as visits would do it."""
    over = threading.Event()

    def change(before: Submission, after: Submission) -> Update:
        return Update(records.submission_path(before.submission_id), records.submission_changes(before, after))

    def move() -> None:
        judging: list[Submission] = []
        while not over.wait(1.0):
            now = datetime.now(UTC)
            head = map(records.submission_of, store.find(records.line(RunType.SUBMIT, TAKEN_A_SECOND)))
            taken = [(each, replace(each, status=Status.PROCESSING, started_at=now)) for each in head]
            done = [
                (each, replace(each, status=Status.COMPLETED, finished_at=now, verdict=Verdict.ACCEPTED))
                for each in judging
            ]
            store.commit(*(change(before, after) for before, after in (*taken, *done)))
            judging = [after for _, after in taken]

    with ThreadPoolExecutor(1) as pool:
        moving = pool.submit(move)
        try:
            yield
        finally:
            over.set()
            moving.result()


def reads(server: parts.Served) -> int:
    connection = Connection(server.port)
    _, _, body = connection.ask(b"GET /counted HTTP/1.1\r\nHost: run-code.example.org\r\n\r\n")
    connection.close()
    return int(json.loads(body).get("firestore_reads", 0))


def counted(server: parts.Served, play: Callable[[], Asked]) -> tuple[Asked, float]:
    """What was asked, and the documents read by each poll of it."""
    before = reads(server)
    asked = play()
    return asked, (reads(server) - before) / len(asked.took)


def measure() -> Measured:
    config = settings.read(parts.SETTINGS)

    def students(numbers: Iterable[int]) -> list[Student]:
        return [Student(n, tokens.signed(config, parts.SECRET, f"student-{n}")) for n in numbers]

    with parts.on_core(0), parts.firestore_at() as address:
        variables = {"FIRESTORE_EMULATOR_HOST": address, "PYTHONPATH": str(ROOT)}
        documents = firestore_client(address, parts.PROJECT)
        store = FirestoreDocumentStore(documents)
        seed_slots(bootstrap.service_for(config, store))
        with _on_other_core("empty", "empty", {}) as empty, _on_other_core("run_code", "counted", variables) as ours:
            growth = []
            for before, length in zip((0, *LENGTHS), LENGTHS, strict=False):
                fill(store, before, length)
                last = students(range(max(0, length - STUDENTS), length))
                for _ in range(2):
                    ask(ours, last, WARM_SECONDS, once=True)
                    time.sleep(SETTLE_SECONDS)  # until then what came into the line is read again and again
                growth.append(counted(ours, lambda last=last: ask(ours, last, LENGTH_SECONDS)))  # type: ignore[misc]
                if length == STUDENTS:
                    turns, paced, read = everybody_polls(store, empty, ours, last)
        documents.close()  # type: ignore[no-untyped-call]
    return told(turns, paced, read, growth)


def everybody_polls(
    store: DocumentStore, empty: parts.Served, ours: parts.Served, everybody: Sequence[Student]
) -> tuple[list[tuple[Asked, Asked]], Asked, float]:
    """As fast as it goes, in turns with the empty function; then each every two seconds, and the documents read."""
    with line_moving(store):
        for each in (empty, ours):
            ask(each, everybody, WARM_SECONDS, once=True)
        turns = [(ask(empty, everybody, TURN_SECONDS), ask(ours, everybody, TURN_SECONDS)) for _ in range(TURNS)]
        paced, read = counted(ours, lambda: ask(ours, everybody, PACED_SECONDS, EVERY_SECONDS))
    return turns, paced, read


@contextmanager
def _on_other_core(target: str, source: str, variables: dict[str, str]) -> Iterator[parts.Served]:
    with parts.on_core(1):
        served = parts.function(target, parts.SERVED / f"{source}.py", variables)
        server = served.__enter__()
    try:
        yield server
    finally:
        served.__exit__(None, None, None)


def told(
    turns: Sequence[tuple[Asked, Asked]], paced: Asked, each: float, growth: Sequence[tuple[Asked, float]]
) -> Measured:
    nothing, ours = (median(turn[side].rate for turn in turns) for side in (0, 1))
    ratio = median(mine.rate / empty.rate for empty, mine in turns)
    cut = quantiles(paced.took, n=100)
    idle_cpu, our_cpu = (sum(turn[side].cpu_seconds for turn in turns) for side in (0, 1))
    busy = [cpu / sum(turn[side].seconds for turn in turns) for side, cpu in enumerate((idle_cpu, our_cpu))]
    per_poll = [
        cpu / sum(len(turn[side].took) for turn in turns) * 1000 for side, cpu in enumerate((idle_cpu, our_cpu))
    ]
    milliseconds = [asked.cpu_seconds / len(asked.took) * 1000 for asked, _ in growth]
    rows = [
        Row("polls a second, one core", f"{ours:.0f}", "", f"{nothing:.0f} of an empty function"),
        Row("of an empty function's (poll_ratio)", f"{ratio:.2f}", "0.5 or more"),
        Row("the core was busy with it", f"{busy[1]:.0%}", "", f"{busy[0]:.0%}"),
        Row("the core's time for one", f"{per_poll[1]:.2f} ms", "", f"{per_poll[0]:.2f} ms"),
        Row(
            f"{STUDENTS} students every {EVERY_SECONDS:g} s: polls a second",
            f"{paced.rate:.0f}",
            "all of them",
            "500, less who has seen theirs completed",
        ),
        Row("... took p50 / p99", f"{cut[49] * 1000:.1f} / {cut[98] * 1000:.1f} ms"),
        Row("... of the core", f"{paced.cpu_seconds / paced.seconds:.0%}"),
        Row("... were answered 304", f"{paced.unchanged / len(paced.took):.0%}"),
        Row("... documents read by a poll (reads_per_poll)", f"{each:.2f}", "1 or less"),
    ]
    rows += [
        Row(f"{length} waiting: core and documents of a poll", f"{ms:.2f} ms, {read:.2f}", "flat")
        for length, ms, (_, read) in zip(LENGTHS, milliseconds, growth, strict=True)
    ]
    return Measured(rows, {"poll_ratio": round(ratio, 2), "reads_per_poll": round(each, 2)})


if __name__ == "__main__":
    show(measure(), "Polls")
