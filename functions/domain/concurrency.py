"""How many submissions a judge is given at once, where that is to be found out.

One more while it bears them easily, a third fewer as soon as it does not. What it bears shows in its tests: the time
between sending one and seeing it done, beside the processor time that it used. It is spent waiting inside the judge, or
beside too many others on its cores.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

FEWEST_TESTS = 3
"""A decision needs so many."""
SHORTEST = 0.5
"""Seconds: a shorter test says little, for most of its time is spent on its way."""
EASY, HARD = 0.2, 0.5
"""How much longer than ever, as a share of its own time, a test may take for one more; from when on fewer."""
BACKOFF = 2 / 3


@dataclass(frozen=True)
class Bounds:
    least: int
    most: int


@dataclass(frozen=True)
class Seen:
    """One test: seconds from sending it until it was seen done, and of the processor."""

    elapsed: float
    processor: float

    @property
    def delay(self) -> float:
        return max(0.0, self.elapsed - self.processor) / max(self.processor, SHORTEST)


@dataclass(frozen=True)
class Pace:
    """What is decided for a judge: its slots, and the least delay that its tests have had."""

    slots: int
    least_delay: float | None = None


def decided(pace: Pace, seen: Iterable[Seen], refused: int, full: bool, bounds: Bounds) -> Pace | None:
    """The next pace, or None where too little was seen.

    ``refused``: how often the judge took nothing more (429, 503). ``full``: all slots were in use; else that it bears
    them proves nothing.
    """
    delays = [each.delay for each in seen]
    if len(delays) < FEWEST_TESTS and not refused:
        return None
    delay = fmean(delays) if delays else 0.0
    least = pace.least_delay
    if delays and (least is None or delay < least or pace.slots == bounds.least):
        least = delay  # with the fewest slots it is not of our making: the work is other work now
    more = delay - (least or 0.0)
    slots = pace.slots
    if refused or more > HARD:
        slots = min(slots - 1, int(slots * BACKOFF))
    elif more <= EASY and full:
        slots += 1
    return Pace(min(bounds.most, max(bounds.least, slots)), least)
