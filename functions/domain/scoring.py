"""From verdicts to points."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Scored:
    """What of a completed Submit counts towards the attempt's score."""

    submission_id: str
    question_id: str
    score: int
    points: int
    created_at: datetime


def score(points: int, passed: int, total: int) -> int:
    """Points times the fraction of tests passed, rounded half up (Python's round would give 0.5 -> 0)."""
    return (2 * points * passed + total) // (2 * total)


def counting(scored: Iterable[Scored], counts: str) -> Scored | None:
    """Which of one question's completed Submits counts: the ``best`` (the earliest of equals) or the ``last``."""
    in_order = sorted(scored, key=lambda each: each.created_at)
    if not in_order:
        return None
    return in_order[-1] if counts == "last" else max(in_order, key=lambda each: each.score)
