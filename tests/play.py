"""The line in virtual time: the service's own looking, claiming and closing, with every visit, queue and judge played.

As Cloud Tasks does, each submission brings a ticket, and each queue delivers a bounded number of them at once; a
visit without a slot waits, is woken by a release in its own process and looks again four times a second.
"""

from __future__ import annotations

import heapq
import itertools
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from functions import tickets
from functions.claims import claim, close, look
from functions.domain.submission import RunType, Status, Submission
from functions.leases import Lease
from functions.ports import Caller
from functions.service import Service
from functions.slots import read_slots
from tests.fakes import World

POLL_SECONDS = 0.25


@dataclass
class Visit:
    kind: RunType
    service: Service
    begun: float
    looks_again: float = 0.0


@dataclass(frozen=True)
class Start:
    """A judging that began: seconds of the play."""

    at: float
    kind: RunType
    slot: int
    student: str
    arrived: float


@dataclass
class Play:
    world: World
    judging_seconds: Callable[[Submission], float] = lambda _: 1.0
    processes: int = 1
    starts: list[Start] = field(default_factory=list)
    most_held: int = 0
    longest_free: float = 0.0
    """For how long a slot was free at most while a submission waited whose queue is not paused."""

    def __post_init__(self) -> None:
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._tickets = dict.fromkeys(RunType, 0)
        self._visits = dict.fromkeys(RunType, 0)
        self.visits_at_once = self.world.service.rules.max_concurrent_submissions
        self._waiting: list[Visit] = []
        self._services = [
            replace(self.world.service, lock=threading.Lock(), kept={}, claiming=set(), rng=random.Random(number))
            for number in range(self.processes)
        ]
        self._next_process = itertools.cycle(self._services)

    def at(self, seconds: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (seconds, next(self._numbers), action))

    def submit_at(self, seconds: float, kind: RunType, student: Caller) -> None:
        def arrive() -> None:
            self.world.submit(kind, caller=student)
            self._tickets[kind] += 1
            self._deliver(kind)

        self.at(seconds, arrive)

    def students(self, number: int, prefix: str = "student") -> list[Caller]:
        return [self.world.add_student(f"{prefix}{each}") for each in range(number)]

    def run(self, until: float = 3600.0) -> None:
        """Play what is planned, and what follows from it, to the end or to second ``until``."""
        while self._events and self._events[0][0] <= until:
            at, _, action = heapq.heappop(self._events)
            self.world.clock.seconds = max(self.world.clock.seconds, at)
            action()
            self._observe()

    @property
    def now(self) -> float:
        return self.world.clock.seconds

    def _deliver(self, kind: RunType) -> None:
        while (
            self._tickets[kind] and self._visits[kind] < self.visits_at_once and kind not in self.world.tickets.paused
        ):
            self._tickets[kind] -= 1
            self._visits[kind] += 1
            self._look_for_work(Visit(kind, next(self._next_process), self.now))

    def resume(self, kind: RunType) -> None:
        self.world.tickets.paused.discard(kind)
        self._deliver(kind)

    def _look_for_work(self, visit: Visit) -> None:
        seen = look(visit.service, visit.kind)
        if seen is None:
            self._end(visit)
            return
        lease = claim(visit.service, seen)
        if lease is not None:
            self._judge(visit, lease)
            return
        self._waiting.append(visit)
        visit.looks_again = again = self.now + POLL_SECONDS
        self.at(again, lambda: self._wake(visit) if visit.looks_again == again else None)

    def _wake(self, visit: Visit) -> None:
        if visit in self._waiting:
            self._waiting.remove(visit)
            self._look_for_work(visit)

    def _judge(self, visit: Visit, lease: Lease) -> None:
        submission = lease.submission
        arrived = self._seconds(submission.created_at)
        self.starts.append(Start(self.now, visit.kind, lease.slot.number, submission.student, arrived))
        end = self.now + self.judging_seconds(submission)
        renewals = itertools.takewhile(lambda at: at < end, itertools.count(self.now + 5.0, 5.0))
        for at in renewals:
            self.at(at, lease.keep)
        self.at(end, lambda: self._close(visit, lease))

    def _close(self, visit: Visit, lease: Lease) -> None:
        done = replace(lease.submission, status=Status.COMPLETED, finished_at=self.world.clock.now())
        in_budget = self.now - visit.begun < visit.service.rules.visit_budget
        go_on = in_budget and not tickets.is_paused(visit.service, visit.kind)
        following = close(visit.service, lease, done, go_on=go_on)
        if following is not None:
            self._judge(visit, following)
            return
        # the worst order: whoever has no precedence looks first
        for other in sorted(self._waiting, key=lambda waiting: waiting.kind is RunType.SUBMIT):
            if other.service is visit.service:
                self._wake(other)
        self._end(visit)

    def _end(self, visit: Visit) -> None:
        self._visits[visit.kind] -= 1
        self._deliver(visit.kind)

    def _observe(self) -> None:
        now = self.world.clock.now()
        slots = read_slots(self.world.service)[0]
        self.most_held = max(self.most_held, sum(slot.is_held(now) for slot in slots))
        served = [visit.kind for visit in self._waiting if visit.kind not in self.world.tickets.paused]
        if served:
            free = [(now - slot.free_at).total_seconds() for slot in slots if slot.is_free(now)]
            since = min(visit.begun for visit in self._waiting if visit.kind in served)
            self.longest_free = max([self.longest_free, *(min(each, self.now - since) for each in free)])

    def _seconds(self, moment: datetime) -> float:
        return self.now - (self.world.clock.now() - moment).total_seconds()
