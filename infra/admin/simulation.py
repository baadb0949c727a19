"""The line with a virtual clock: the service's own rules, and no time spent.

What the rules decide is decided by `functions.domain` here too; only the world around them is played: visits are
there whenever somebody waits, and every call takes CALL_SECONDS.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from statistics import fmean

from functions.domain import scaling
from functions.domain.line import RESERVED_FOR, Lines, Slot, Waiting, may_go_on, pick
from functions.domain.scaling import Fleet, Load, Planned, judges_wanted
from functions.domain.submission import RunType
from functions.domain.verdict import Ending, Execution
from functions.domain.window import Window
from functions.service import Rules

BEGIN = datetime(2000, 1, 1, tzinfo=UTC)
NEVER = BEGIN + timedelta(days=36500)
DECIDES_EVERY = 60.0
"""How often the sweep says how many judges there should be, in seconds."""
SETTLES = 600.0
"""Compute Engine keeps as many machines as were wanted at any moment of so many seconds."""
RECENT = 50
"""Over how many judgings of a kind the time of one is taken."""
FIRST_GUESS = 2.0
"""Seconds, while none of it was judged."""
CALL_SECONDS = 0.01
"""What a call to the judge or the store takes."""


@dataclass(frozen=True)
class Arrival:
    """Somebody presses a button ``at`` seconds; ``judging`` seconds are what it will take."""

    at: float
    judging: float
    kind: RunType = RunType.SUBMIT
    attempt_id: str = ""


@dataclass(frozen=True)
class Stay:
    """What became of an arrival, in seconds."""

    arrived: float
    started: float
    finished: float

    @property
    def in_line(self) -> float:
        return self.started - self.arrived

    @property
    def judging(self) -> float:
        return self.finished - self.started

    @property
    def in_all(self) -> float:
        return self.finished - self.arrived


def judging_seconds(tests: int, test_seconds: float, batch_size: int) -> float:
    """How long one submission holds a slot: the rolling window of `functions.judging`, each test taking the same."""
    window = Window(tests, batch_size, deadline_seconds=float("inf"))
    now = 0.0
    done_at: dict[str, float] = {}
    done = Execution(Ending.WELL, wall_seconds=test_seconds)
    while not window.complete:
        if to_send := window.to_send():
            now += CALL_SECONDS
            for index in to_send:
                window.sent(index, str(index), now)
                done_at[str(index)] = now + test_seconds
        now += window.pause(now) + CALL_SECONDS
        for token in window.tokens:
            window.polled(token, done if done_at[token] <= now else None, now)
    return now


class _Line:
    """The state of the play. An arrival is known by its place in ``arrivals``; the lines keep the order of taking."""

    def __init__(self, arrivals: Sequence[Arrival], slots: int, rules: Rules, rng: random.Random) -> None:
        self.arrivals = arrivals
        self.run_max_wait = timedelta(seconds=rules.run_max_wait)
        self.rng = rng
        self.slots = {number: Slot(number, BEGIN, BEGIN) for number in range(1, slots + 1)}
        self.leaving: set[int] = set()
        self.lines: dict[RunType, list[Waiting]] = {kind: [] for kind in RunType}
        self.started: dict[int, float] = {}

    def load(self, now: float) -> Load:
        waiting = [each.created_at for own in self.lines.values() for each in own]
        counts = {kind: len(own) for kind, own in self.lines.items()}
        lately = {kind: self._lately(kind) for kind in counts}
        return Load(
            waiting=len(waiting),
            in_hand=sum(not slot.is_free(_time(now)) for slot in self.slots.values()),
            oldest_wait=max(((_time(now) - each).total_seconds() for each in waiting), default=0.0),
            judging_seconds=scaling.judging_seconds(counts, lately),
        )

    def _lately(self, kind: RunType) -> float:
        """How long one of this kind took."""
        judgings = (self.arrivals[number] for number in reversed(self.started))
        took = [each.judging for each in itertools.islice((e for e in judgings if e.kind is kind), RECENT)]
        return fmean(took) if took else FIRST_GUESS

    def arrive(self, number: int) -> None:
        arrival = self.arrivals[number]
        waiting = Waiting(str(number), arrival.attempt_id or str(number), _time(arrival.at))
        self.lines[arrival.kind].append(waiting)

    def seen(self, kind: RunType, slots: Sequence[Slot]) -> Lines:
        firsts = {each: line[: max(1, len(slots))] for each, line in self.lines.items() if line}
        arrivals = {each: [waiting.created_at for waiting in first] for each, first in firsts.items()}
        return Lines(slots, firsts.get(kind, []), arrivals)

    def take(self, kind: RunType, now: float) -> tuple[Slot, Waiting] | None:
        free = [slot for slot in self.slots.values() if slot.is_free(_time(now))]
        return pick(kind, self.seen(kind, free), _time(now), self.run_max_wait, self.rng)

    def start(self, kind: RunType, slot: Slot, waiting: Waiting, now: float) -> int:
        number = int(waiting.submission_id)
        self.lines[kind].remove(waiting)
        self.started[number] = now
        self.slots[slot.number] = Slot(slot.number, NEVER, NEVER, last_kind=kind)
        return number

    def release(self, kind: RunType, slot: int, now: float) -> Waiting | None:
        """The holder of a slot is done: the next one where it goes on, else None and the slot is free."""
        self.slots[slot] = freed = Slot(slot, _time(now), _time(now), last_kind=kind)
        if slot in self.leaving:
            del self.slots[slot]
            return None
        seen = self.seen(kind, [freed])
        goes_on = seen.own and may_go_on(kind, freed, seen, _time(now), self.run_max_wait)
        return seen.own[0] if goes_on else None


@dataclass
class Machine:
    """A judge that was started at ``begun`` and ended at ``ended``, in seconds; its slots are there from ``ready``."""

    begun: float
    ready: float
    slots: range
    ended: float | None = None


class Autoscaler:
    """Machines that come and go as `functions.domain.scaling` decides, each after ``boot`` seconds. ``least`` are there
    from the beginning. The latest go first, when what they have in hand is done.
    """

    def __init__(self, fleet: Fleet, boot: float, schedule: Sequence[Planned] = ()) -> None:
        self._fleet, self._boot, self._schedule = fleet, boot, schedule
        self.begins = min([0.0, *(each.begins for each in schedule)])
        self.machines: list[Machine] = []
        self._wanted: list[tuple[float, int]] = []
        for _ in range(fleet.least):
            self._start(0.0, ready=self.begins)

    @property
    def settled(self) -> bool:
        """Whether only those are left that are always there."""
        return sum(each.ended is None for each in self.machines) <= self._fleet.least

    def hours(self, end: float) -> float:
        """Machine-hours: of those that are always there until ``end``, of the others until they are ended."""
        return sum((end if each.ended is None else each.ended) - each.begun for each in self.machines) / 3600

    def decide(self, line: _Line, now: float) -> None:
        staying = [each for each in self.machines if each.ended is None and not line.leaving & set(each.slots)]
        target = self._target(line, now, len(staying))
        for _ in range(len(staying), target):
            self._start(now, ready=now + self._boot)
        for machine in staying[target:]:
            line.leaving.update(machine.slots)
            for number in machine.slots:
                if number in line.slots and line.slots[number].is_free(_time(now)):
                    del line.slots[number]
        for machine in self.machines:
            own = set(machine.slots)
            if machine.ended is None and own & line.leaving:
                machine.ended = None if own & line.slots.keys() else now
            elif machine.ended is None and machine.ready <= now:
                for number in machine.slots:
                    line.slots.setdefault(number, Slot(number, _time(now), _time(now)))

    def _target(self, line: _Line, now: float, judges: int) -> int:
        """How many there are to be: at once where more are wanted, in the platform's own time where fewer are."""
        wanted = judges_wanted(now, line.load(now), self._fleet, judges, self._schedule)
        self._wanted = [(at, number) for at, number in self._wanted if now - at < SETTLES] + [(now, wanted)]
        if wanted >= judges:
            return wanted
        return min(judges, max(number for _, number in self._wanted))

    def _start(self, now: float, ready: float) -> None:
        first = len(self.machines) * self._fleet.slots + 1
        self.machines.append(Machine(now, ready, range(first, first + self._fleet.slots)))


def simulate(
    arrivals: Sequence[Arrival],
    slots: int,
    rules: Rules,
    rng: random.Random,
    autoscaler: Autoscaler | None = None,
    until: float = 0.0,
) -> list[Stay]:
    """How long each arrival stays, in their order. An ``autoscaler`` brings the slots, to second ``until`` and beyond,
    until only those are left that are always there.
    """
    line = _Line(arrivals, slots, rules, rng)
    ties = itertools.count()
    # (when, tie, the arrival or None for a second look, the slot that it leaves)
    events: list[tuple[float, int, int | None, int | None]] = [
        (arrival.at, next(ties), number, None) for number, arrival in enumerate(arrivals)
    ]
    heapq.heapify(events)
    finished: dict[int, float] = {}

    def start(kind: RunType, slot: Slot, waiting: Waiting, now: float) -> None:
        number = line.start(kind, slot, waiting, now)
        heapq.heappush(events, (now + arrivals[number].judging, next(ties), number, slot.number))

    next_decision = 0.0 if autoscaler is None else autoscaler.begins
    while events or (autoscaler is not None and (next_decision <= until or not autoscaler.settled)):
        if autoscaler is not None and (not events or next_decision <= events[0][0]):
            heapq.heappush(events, (next_decision, next(ties), None, None))
            autoscaler.decide(line, next_decision)
            next_decision += DECIDES_EVERY
        now, _, number, leaves = heapq.heappop(events)
        if number is not None and leaves is not None:
            finished[number] = now
            kind = arrivals[number].kind
            following = line.release(kind, leaves, now)
            if following is not None:
                start(kind, line.slots[leaves], following, now)
        elif number is not None:
            line.arrive(number)
        for kind in (RunType.SUBMIT, RunType.RUN):
            while taken := line.take(kind, now):
                start(kind, *taken, now)
        if any(line.lines.values()) and any(slot.is_free(_time(now)) for slot in line.slots.values()):
            heapq.heappush(events, (now + RESERVED_FOR.total_seconds(), next(ties), None, None))
    return [Stay(arrival.at, line.started[n], finished[n]) for n, arrival in enumerate(arrivals)]


def _time(seconds: float) -> datetime:
    return BEGIN + timedelta(seconds=seconds)
