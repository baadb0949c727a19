"""The line, the workers and the results: one FIFO without priority or cancelling, as Judge0's."""

import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from threading import Condition, Thread

from infra.local.judge0_runner.judge import Result, Status, Submission

#: Seconds a result can be read after it was made.
KEEP_SECONDS = 3600.0


@dataclass(frozen=True)
class Record:
    """A submission and where it stands."""

    token: str
    submission: Submission
    created_at: datetime
    result: Result
    finished_at: datetime | None = None


@dataclass(frozen=True)
class Counts:
    """What GET /workers tells."""

    waiting: int
    working: int
    workers: int
    #: Whether a submission has ever come.
    used: bool


@dataclass(frozen=True)
class Tallies:
    """What GET /statistics tells: how many submissions by day (UTC), language and status."""

    days: Counter[date]
    languages: Counter[int]
    statuses: Counter[Status]


class QueueFull(Exception):
    """queue is full"""


class Queue:
    """Judges submissions in order of arrival with `count` threads, from `start` to `stop`."""

    def __init__(self, judge: Callable[[Submission], Result], count: int, max_size: int) -> None:
        self._judge = judge
        self._max_size = max_size
        self._changed = Condition()
        self._records: dict[str, Record] = {}
        self._waiting: deque[str] = deque()
        self._finished: deque[tuple[float, str]] = deque()
        self._working = 0
        self._days: Counter[date] = Counter()
        self._languages: Counter[int] = Counter()
        self._done: Counter[Status] = Counter()
        self._used = False
        self._stopped = False
        self._threads = [Thread(target=self._work, name=f"worker {n}") for n in range(1, count + 1)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Takes nothing more and returns once the workers have ended; ending what runs is the caller's part."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def has_room_for(self, number: int) -> bool:
        """Judge0's check_queue_size: the waiting ones count, those being judged do not."""
        with self._changed:
            return len(self._waiting) + number <= self._max_size

    def add(self, submissions: Sequence[Submission], places: int) -> list[Record]:
        """All of them or, where there is no room for `places` more, none: QueueFull."""
        with self._changed:
            self._forget_old()
            if len(self._waiting) + places > self._max_size:
                raise QueueFull
            self._used = self._used or bool(submissions)
            created_at = datetime.now(UTC)
            records = [
                Record(str(uuid.uuid4()), submission, created_at, Result(Status.IN_QUEUE)) for submission in submissions
            ]
            for record in records:
                self._records[record.token] = record
                self._waiting.append(record.token)
                self._days[created_at.date()] += 1
                self._languages[record.submission.language.id] += 1
            self._changed.notify_all()
            return records

    def get(self, token: str) -> Record | None:
        with self._changed:
            self._forget_old()
            return self._records.get(token)

    def wait(self, token: str) -> Record:
        """Returns the record once it is done, or once the queue stops."""
        with self._changed:
            self._changed.wait_for(lambda: self._records[token].finished_at is not None or self._stopped)
            return self._records[token]

    def counts(self) -> Counts:
        with self._changed:
            return Counts(len(self._waiting), self._working, len(self._threads), self._used)

    def tallies(self) -> Tallies:
        with self._changed:
            now = Counter({Status.IN_QUEUE: len(self._waiting), Status.PROCESSING: self._working})
            return Tallies(self._days.copy(), self._languages.copy(), self._done + now)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopped)
                if self._stopped:
                    return
                record = replace(self._records[self._waiting.popleft()], result=Result(Status.PROCESSING))
                self._records[record.token] = record
                self._working += 1
            try:
                result = self._judge(record.submission)
            except Exception as error:  # as in Judge0, whatever goes wrong here ends this submission, not the worker
                result = Result(Status.INTERNAL_ERROR, message=type(error).__name__)
            with self._changed:
                self._records[record.token] = replace(record, result=result, finished_at=datetime.now(UTC))
                self._finished.append((time.monotonic(), record.token))
                self._done[result.status] += 1
                self._working -= 1
                self._changed.notify_all()

    def _forget_old(self) -> None:
        while self._finished and time.monotonic() - self._finished[0][0] > KEEP_SECONDS:
            del self._records[self._finished.popleft()[1]]
