"""What all pipelines of `tests.benchmarks.pipeline` get to do, and the least time that a judge needs for it."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from heapq import heappop, heappush

from functions.domain.submission import RunType

SLOTS, BATCH_SIZE = 3, 3
SUBMISSIONS, TESTS = 60, 10
SHORTEST, LONGEST = 0.1, 2.0
"""Seconds of one test."""
SPREAD = 0.25
"""So much, at most, a test differs from its submission's pace: it is the program that makes a test long, more than
its input."""


SEED = 2
"""Of thirty plans the one that fills three slots most evenly to the end: what is measured is to be the service, and
not the luck of who ends last. An average plan could not be judged in less than 1.02 times the limit."""


@dataclass(frozen=True)
class Work:
    """A submission. ``tests``: the seconds that each takes at the judge."""

    kind: RunType
    tests: tuple[float, ...]

    @property
    def source(self) -> str:
        """For the scripted judge: the number of a test is its input, and its output."""
        return f"# takes {' '.join(format(each, '.3f') for each in self.tests)} s"

    @property
    def judge_seconds(self) -> float:
        """The judge's own time with a window of BATCH_SIZE that is refilled in no time."""
        return in_places(self.tests, BATCH_SIZE)


def plan(submissions: int = SUBMISSIONS, seed: int = SEED) -> list[Work]:
    """Runs and Submits in turn."""
    rng = random.Random(seed)

    def tests() -> tuple[float, ...]:
        pace = rng.uniform(SHORTEST, LONGEST)
        seconds = (pace * rng.uniform(1 - SPREAD, 1 + SPREAD) for _ in range(TESTS))
        return tuple(round(min(LONGEST, max(SHORTEST, each)), 3) for each in seconds)

    return [Work((RunType.RUN, RunType.SUBMIT)[number % 2], tests()) for number in range(submissions)]


def limit(works: Iterable[Work]) -> float:
    """Seconds for all of them: the judge's own time for each, summed, over the slots."""
    return sum(work.judge_seconds for work in works) / SLOTS


def in_places(seconds: Iterable[float], places: int) -> float:
    """How long these take in this order, each in the first of so many places that is free."""
    free_at: list[float] = [0.0] * places
    for each in seconds:
        heappush(free_at, heappop(free_at) + each)
    return max(free_at)
