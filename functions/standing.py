"""How the lines stand: each place in them, for the price of what changed.

A process keeps both lines' sort keys in memory. At most once a second, and only when somebody asks, it reads what came
into a line or left it since the last reading, and answers by bisection: the cost of a poll does not grow with the
length of the line (design, rule 9). What stays in a line does not change: so a poll of it need not read it either.
"""

from __future__ import annotations

import sys
import threading
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from functions import records
from functions.domain.submission import RunType, Status, Submission
from functions.ports import Clock, Condition, Document, DocumentStore, Query, Unavailable

FRESH_SECONDS = 1.0
"""How old an answer may be."""
SOON_SECONDS = 0.8
"""From this age on one of those who ask reads the lines anew."""
SETTLE_SECONDS = 2.0
"""For so long after a change was seen, older ones may still come to light: the store's stamps are not quite in the
order in which commits are seen."""
MEND_SECONDS = 10.0
"""How often keys that stand before the real head of a line are dropped, should a change have been missed after all."""
RELOAD_SECONDS = 60.0
"""After so long without a question the lines are read anew, instead of all that happened in between."""
KEPT_SECONDS = 15.0
"""How often a waiting submission is read anew all the same, should a change have been missed or it have been erased."""
KEPT_BYTES = 32_000_000
"""Of the source code of those that are kept: past it the oldest go."""
SINCE_EVER = datetime(1970, 1, 1, tzinfo=UTC)

FOLLOWED = ("status", "run_type", "turn_at", "changed_at")

Key = tuple[datetime, str]
"""(turn_at, submission id), the order of taking: ties are broken by id, as in the store."""


@dataclass(frozen=True)
class Kept:
    """A waiting submission. ``since``: the monotonic time when its reading began."""

    submission: Submission
    changed_at: datetime
    since: float

    @property
    def bytes(self) -> int:
        """In memory, where one character may make all of them four bytes long."""
        return sys.getsizeof(self.submission.code) + sys.getsizeof(self.submission.stdin)


class Standing:
    """``_reading`` is held by the one who reads the store, ``_lock`` only while what is known is used or changed."""

    def __init__(self, store: DocumentStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._reading = threading.Lock()
        self._lock = threading.Lock()
        self._lines: dict[RunType, list[Key]] = {kind: [] for kind in RunType}
        self._places: dict[str, tuple[RunType, Key]] = {}
        self._kept: dict[str, Kept] = {}
        self._bytes = 0
        self._read_at: float | None = None
        self._steps = self._changes = 0
        """Readings begun and ended: odd while there is one; and what this process has changed itself."""
        self._failed: Unavailable | None = None
        """How the last of them ended."""
        # of who reads
        self._newest = self._settled = SINCE_EVER
        self._readings: deque[tuple[float, datetime]] = deque()
        self._mended_at = 0.0

    def length(self, kind: RunType) -> int:
        """How many wait. Raises Unavailable."""
        self._refresh()
        with self._lock:
            return len(self._lines[kind])

    def ahead(self, kind: RunType, turn_at: datetime, submission_id: str) -> dict[RunType, int]:
        """How many of each kind are taken before this waiting one. Raises Unavailable.

        One that came since the last reading is noted, so that those of a burst do not all get the same place.
        """
        self._refresh()
        with self._lock:
            key = (turn_at, submission_id)
            if submission_id not in self._places:
                self._note(kind, key)
            return self._before(kind, bisect_left(self._lines[kind], key))

    def age(self) -> float:
        """Seconds since the lines were read, at most FRESH_SECONDS where somebody asks them."""
        with self._lock:
            return 0.0 if self._read_at is None else self._clock.monotonic() - self._read_at

    def all_ahead(self, kind: RunType) -> dict[RunType, int]:
        """How many of each kind are taken before one that would come last in this line now. Raises Unavailable."""
        self._refresh()
        with self._lock:
            return self._before(kind, len(self._lines[kind]))

    def submission(self, submission_id: str, read: Callable[[], Document | None]) -> Submission | None:
        """What ``read`` gives; one that waits as it was read before, where no change has been seen of it since.

        That is at most FRESH_SECONDS old. Raises Unavailable, and what ``read`` raises.
        """
        asked = self._clock.monotonic()
        if submission_id in self._kept:
            self._refresh()
        with self._lock:
            kept = self._kept.get(submission_id)
            begun, known = self._clock.monotonic(), (self._steps, self._changes)
            fresh = self._read_at is not None and self._read_at > asked - FRESH_SECONDS  # and no slow reading's
        if kept is not None and fresh and begun - kept.since < KEPT_SECONDS:
            return kept.submission
        document = read()
        found = None if document is None else records.submission_of(document)
        with self._lock:
            self._drop(submission_id)
            if document is None:
                self._leave(submission_id)
            # else a change that came behind this reading may have been seen already, and will not be seen again
            apart = known == (self._steps, self._changes) and self._steps % 2 == 0
            if apart and document is not None and found is not None and found.status is Status.QUEUED:
                self._keep(Kept(found, document.fields["changed_at"], begun))
        return found

    def changed(self, submission_id: str) -> None:
        """This process has just taken it out of its line: the next one who asks reads it."""
        with self._lock:
            self._changes += 1
            self._leave(submission_id)
            self._drop(submission_id)

    def _keep(self, kept: Kept) -> None:
        self._kept[kept.submission.submission_id] = kept
        self._bytes += kept.bytes
        while self._bytes > KEPT_BYTES:
            self._drop(next(iter(self._kept)))

    def _drop(self, submission_id: str) -> None:
        kept = self._kept.pop(submission_id, None)
        if kept is not None:
            self._bytes -= kept.bytes

    def _before(self, kind: RunType, own: int) -> dict[RunType, int]:
        """All Submits are taken before any Run."""
        return {kind: own} if kind is RunType.SUBMIT else {kind: own, RunType.SUBMIT: len(self._lines[RunType.SUBMIT])}

    def _refresh(self) -> None:
        """Have the lines read anew in time: by one, while the others go on with what is known as long as it is fresh.

        Who has to wait takes what the reading under way finds, and gets its error too.
        """
        steps = self._steps
        if self._is_older(SOON_SECONDS) and self._reading.acquire(blocking=self._is_older(FRESH_SECONDS)):
            try:
                if steps == self._steps:
                    self._read()
                elif self._failed is not None:
                    raise Unavailable("the lines cannot be read") from self._failed
            finally:
                self._reading.release()

    def _is_older(self, seconds: float) -> bool:
        read_at = self._read_at
        return read_at is None or self._clock.monotonic() - read_at >= seconds

    def _read(self) -> None:
        now = self._clock.monotonic()
        with self._lock:
            self._steps += 1
        try:
            if self._is_older(RELOAD_SECONDS):
                self._load(now)
                self._mended_at = now
            else:
                self._follow(now)
                if now - self._mended_at >= MEND_SECONDS:
                    self._mend()
                    self._mended_at = now
            self._read_at, self._failed = now, None
        except Unavailable as error:
            self._failed = error
            raise
        finally:
            with self._lock:
                self._steps += 1

    def _load(self, now: float) -> None:
        """Both lines whole. The newest change is read first: what changes meanwhile is read again afterwards."""
        last = self._store.find(
            Query(records.SUBMISSIONS, order_by=(("changed_at", True),), limit=1, select=("changed_at",))
        )
        waiting: tuple[Condition, ...] = (("status", "==", str(Status.QUEUED)),)
        found = self._store.find(Query(records.SUBMISSIONS, waiting, select=("run_type", "turn_at")))
        self._newest = last[0].fields["changed_at"] if last else SINCE_EVER
        self._settled = self._newest - timedelta(seconds=SETTLE_SECONDS)
        self._readings = deque([(now, self._newest)])
        places = {
            each.document_id: (RunType(each.fields["run_type"]), (each.fields["turn_at"], each.document_id))
            for each in found
        }
        lines = {kind: sorted(key for of, key in places.values() if of is kind) for kind in RunType}
        with self._lock:
            self._places, self._lines = places, lines
            self._kept.clear()
            self._bytes = 0

    def _follow(self, now: float) -> None:
        """What changed; each change is read for SETTLE_SECONDS after it was first seen, and then never again."""
        while self._readings and now - self._readings[0][0] >= SETTLE_SECONDS:
            self._settled = self._readings.popleft()[1]
        since: tuple[Condition, ...] = (("changed_at", ">", self._settled),)
        found = self._store.find(Query(records.SUBMISSIONS, since, select=FOLLOWED))
        with self._lock:
            for document in found:
                self._see(document)
        self._newest = max([self._newest, *(document.fields["changed_at"] for document in found)])
        self._readings.append((now, self._newest))

    def _see(self, document: Document) -> None:
        fields, submission_id = document.fields, document.document_id
        self._leave(submission_id)
        if fields["status"] == Status.QUEUED:
            self._note(RunType(fields["run_type"]), (fields["turn_at"], submission_id))
        kept = self._kept.get(submission_id)
        if kept is not None and kept.changed_at != fields["changed_at"]:
            self._drop(submission_id)

    def _note(self, kind: RunType, key: Key) -> None:
        insort(self._lines[kind], key)
        self._places[key[1]] = (kind, key)

    def _leave(self, submission_id: str) -> None:
        if submission_id in self._places:
            kind, key = self._places.pop(submission_id)
            del self._lines[kind][bisect_left(self._lines[kind], key)]

    def _mend(self) -> None:
        for kind in RunType:
            head = self._store.find(records.line(kind, 1, select=("turn_at",)))
            with self._lock:
                line = self._lines[kind]
                first = bisect_left(line, (head[0].fields["turn_at"], head[0].document_id)) if head else len(line)
                for _, submission_id in line[:first]:
                    self._leave(submission_id)
                    self._drop(submission_id)
