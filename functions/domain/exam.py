"""Exams and attempts: who may submit what, when, and how often."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from functions.domain.submission import RunType

RATE_WINDOW = timedelta(minutes=1)
NOT_BEGUN = "The exam has not begun."


@dataclass(frozen=True)
class Exam:
    exam_id: str
    title: str
    question_ids: tuple[str, ...] | None = None  # None: any question
    opens_at: datetime | None = None
    closes_at: datetime | None = None
    counts: Literal["best", "last"] = "best"  # which Submit counts
    staff: tuple[str, ...] | None = None  # None: every instructor

    def has(self, question_id: str) -> bool:
        return self.question_ids is None or question_id in self.question_ids

    def is_supervised_by(self, instructor: str) -> bool:
        return self.staff is None or instructor in self.staff


@dataclass(frozen=True)
class LastTurn:
    """The attempt's newest place in one queue's line."""

    submission_id: str
    turn_at: datetime


@dataclass(frozen=True)
class Attempt:
    """One student's sitting of one exam, with what intake must know to space turns and to bound rates.

    Every intake rewrites it in the conditional batch that creates the submission; that is what makes both
    burst-proof.
    """

    attempt_id: str
    student: str
    exam_id: str
    opens_at: datetime | None = None  # where they differ from the exam's (extra time)
    closes_at: datetime | None = None
    last_turns: Mapping[RunType, LastTurn] = field(default_factory=dict)
    arrivals: Mapping[RunType, tuple[datetime, ...]] = field(default_factory=dict)
    waiting_runs: Mapping[str, str] = field(default_factory=dict)  # question id -> the Run that may still wait


def window(exam: Exam, attempt: Attempt) -> tuple[datetime | None, datetime | None]:
    """When the attempt begins and ends; None is unbounded."""
    return attempt.opens_at or exam.opens_at, attempt.closes_at or exam.closes_at


def has_begun(exam: Exam, attempt: Attempt, now: datetime) -> bool:
    """Whether the attempt may be looked at: also after its end."""
    opens_at = window(exam, attempt)[0]
    return opens_at is None or opens_at <= now


def closed_because(exam: Exam, attempt: Attempt, now: datetime, grace: timedelta) -> str | None:
    """Why nothing may be submitted now, as a sentence for the student; None while the attempt is open.

    ``grace`` covers what a slow network does to a click made in time.
    """
    closes_at = window(exam, attempt)[1]
    if not has_begun(exam, attempt, now):
        return NOT_BEGUN
    if closes_at is not None and now > closes_at + grace:
        return "The exam has ended."
    return None


def recent(arrivals: tuple[datetime, ...], now: datetime) -> tuple[datetime, ...]:
    """Those arrivals that count for the rate now."""
    return tuple(arrived for arrived in arrivals if now - arrived < RATE_WINDOW)


def seconds_until_allowed(arrivals: tuple[datetime, ...], now: datetime, per_minute: int) -> float:
    """0.0 where one more is allowed now, else the seconds until the oldest arrival leaves the window."""
    counted = recent(arrivals, now)
    if len(counted) < per_minute:
        return 0.0
    return (counted[-per_minute] + RATE_WINDOW - now).total_seconds()
