"""From verdicts to points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Scored:
    """What of a completed Submit counts towards the attempt's score."""

    submission_id: str
    question_id: str
    score: int
    points: int
    created_at: datetime


@dataclass(frozen=True)
class Group:
    """How the scores of tests make one score: their ``sum``, or the ``min``imum (all must be right).

    ``tests`` holds (index, score when accepted); a test that is not accepted scores 0. As in Kattis' `testdata.yaml`.
    """

    aggregate: Literal["sum", "min"]
    tests: tuple[tuple[int, float], ...] = ()
    groups: tuple[Group, ...] = ()

    @property
    def most(self) -> float:
        return self.bounds({})[1]

    def bounds(self, accepted: Mapping[int, bool]) -> tuple[float, float]:
        """The least and the most that the group can still score. ``accepted`` by index, of the tests that are done."""
        parts = [
            (points if accepted.get(index) else 0.0, points if accepted.get(index, True) else 0.0)
            for index, points in self.tests
        ]
        parts += [group.bounds(accepted) for group in self.groups]
        joined = sum if self.aggregate == "sum" else min
        return (joined(least for least, _ in parts), joined(most for _, most in parts)) if parts else (0.0, 0.0)

    def indices(self) -> set[int]:
        return {index for index, _ in self.tests}.union(*(group.indices() for group in self.groups))

    def settled(self, accepted: Mapping[int, bool]) -> set[int]:
        """The tests whose outcome can no longer change the score: one of theirs that all must be right was wrong."""
        least, most = self.bounds(accepted)
        if least == most and self.most > 0:
            return self.indices()
        return set().union(*(group.settled(accepted) for group in self.groups))


def equal_points(tests: int) -> Group:
    """The grading of a question that says nothing of it: the fraction of tests passed."""
    return Group("sum", tuple((index, 1.0) for index in range(tests)))


def score(points: int, grading: Group, accepted: Mapping[int, bool]) -> int:
    """Points times the fraction that the grading gives, rounded half up (Python's round would give 0.5 -> 0).

    Sums of fractions are a little off, so what is a half but for the last digits counts as one.
    """
    least, _ = grading.bounds(accepted)
    return math.floor(points * least / grading.most + 0.5 + 1e-9)


def counting(scored: Iterable[Scored], counts: str) -> Scored | None:
    """Which of one question's completed Submits counts: the ``best`` (the earliest of equals) or the ``last``."""
    in_order = sorted(scored, key=lambda each: each.created_at)
    if not in_order:
        return None
    return in_order[-1] if counts == "last" else max(in_order, key=lambda each: each.score)
