"""How many submissions a judge is given at once, where that is to be found out.

One more while it bears them easily, a third fewer as soon as it does not. What it bears shows in its tests: the time
between sending one and seeing it done, beside the processor time that it used. It is spent waiting inside the judge, or
beside too many others on its cores. Part of it is always there, and differs with the work: what is compiled with each
test takes longer than what is not. So a test is compared with the least that its own kind of work has needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median

FEWEST_TESTS = 3
"""A decision needs so many of one kind of work."""
SHORTEST = 0.5
"""Seconds: a shorter test says little, for most of its time is spent on its way."""
EASY, HARD = 0.2, 0.5
"""How much longer than ever, as a share of its own time, a test may take for one more; from when on fewer."""
BACKOFF = 2 / 3
LASTS = timedelta(minutes=5)
"""The least delay that was not seen again for so long is found out anew: the work, or the way to the judge, changed."""


@dataclass(frozen=True)
class Bounds:
    least: int
    most: int


@dataclass(frozen=True)
class Seen:
    """One test: what kind of ``work`` it was, seconds from sending it until it was seen done, and of the processor."""

    work: str
    elapsed: float
    processor: float

    @property
    def delay(self) -> float:
        """Seconds that its program did not run."""
        return max(0.0, self.elapsed - self.processor)

    def more(self, least: float) -> float:
        """How much longer it took than alone, with the ``least`` delay, as a share of that time."""
        alone = self.processor + least
        return (self.elapsed - alone) / max(alone, SHORTEST)


@dataclass(frozen=True)
class Least:
    """The least delay of a kind of work, in seconds, and when a test last needed hardly more."""

    delay: float
    confirmed_at: datetime


@dataclass(frozen=True)
class Pace:
    """What is decided for a judge: its slots, and the least delay of each kind of work that it has had."""

    slots: int
    least: Mapping[str, Least] = field(default_factory=dict)


def decided(pace: Pace, seen: Iterable[Seen], refused: int, full: bool, bounds: Bounds, now: datetime) -> Pace | None:
    """The next pace, or None where too little was seen.

    ``refused``: how often the judge took nothing more (429, 503). ``full``: all slots were in use; else that it bears
    them proves nothing.
    """
    tests: dict[str, list[Seen]] = {}
    for each in seen:
        tests.setdefault(each.work, []).append(each)
    tests = {work: own for work, own in tests.items() if len(own) >= FEWEST_TESTS}
    if not tests and not refused:
        return None
    shown = {
        work for work, least in pace.least.items() if _is_shown_anew(tests.get(work, ()), least, pace, bounds, now)
    }
    known = {work: least for work, least in pace.least.items() if work not in shown}
    compared = [(each, known[work]) for work in known.keys() & tests.keys() for each in tests[work]]
    more = median(each.more(least.delay) for each, least in compared) if compared else 0.0
    # what is new is taken to be held up as much as what is known, and to be as long unconfirmed
    since = min(least.confirmed_at for _, least in compared) if more > EASY else now
    # nothing is left to compare with: how much of the delay is of our making shows with fewer
    looks = bool(shown) and not compared and pace.slots > bounds.least
    learnt = {work: _learnt(own, known.get(work), more, since, now) for work, own in tests.items()}
    slots = pace.slots
    if refused or looks or more > HARD:
        slots = min(slots - 1, int(slots * BACKOFF))
    elif more <= EASY and full:
        slots += 1
    return Pace(min(bounds.most, max(bounds.least, slots)), known if looks else {**known, **learnt})


def _is_shown_anew(tests: Sequence[Seen], least: Least, pace: Pace, bounds: Bounds, now: datetime) -> bool:
    """Whether what these took counts, and no longer the least.

    With the fewest slots their delay is not of our making; and what was not seen again for long may be so no longer.
    """
    if not tests or pace.slots == bounds.least:
        return bool(tests)
    return now - least.confirmed_at >= LASTS and median(each.more(least.delay) for each in tests) > EASY


def _learnt(tests: Sequence[Seen], before: Least | None, more: float, since: datetime, now: datetime) -> Least:
    """The least of the kind of work that these are. Of one that is new that is theirs, but for what held up others."""
    if before is None:
        alone = (each.elapsed / (1 + max(0.0, more)) - each.processor for each in tests)
        return Least(max(0.0, median(alone)), since)
    delay = median(each.delay for each in tests)
    if delay < before.delay:
        return Least(delay, now)
    easily = median(each.more(before.delay) for each in tests) <= EASY
    return Least(before.delay, now) if easily else before
