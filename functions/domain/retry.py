"""What becomes of a submission whose judging did not end."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from functions.domain.line import SETBACK
from functions.domain.submission import Status, Submission


def put_back(submission: Submission) -> Submission:
    """The judge was away, or the worker was told to stop: its old turn, and this judging does not count."""
    return replace(_waiting(submission), judgings=max(0, submission.judgings - 1))


def set_back(submission: Submission, now: datetime) -> Submission:
    """What it needs is away, which others may not need: SETBACK later in the order, and this judging does not count."""
    return replace(put_back(submission), turn_at=max(submission.turn_at, now + SETBACK))


def abandoned(submission: Submission, now: datetime, max_judgings: int, reason: str) -> Submission:
    """A judging died or failed: again, SETBACK later in the order; after ``max_judgings`` of them `failed`.

    `failed` means that we could not judge it: no verdict, no score, and staff can have it judged again.
    """
    if submission.judgings >= max_judgings:
        return replace(submission, status=Status.FAILED, finished_at=now, owner=None, failure=reason)
    return replace(_waiting(submission), turn_at=max(submission.turn_at, now + SETBACK))


def requeued(submission: Submission, now: datetime) -> Submission:
    """A `failed` one is given its judgings again, at the end of the line as it is now."""
    return replace(
        _waiting(submission), judgings=0, turn_at=max(submission.turn_at, now), finished_at=None, failure=None
    )


def _waiting(submission: Submission) -> Submission:
    return replace(submission, status=Status.QUEUED, owner=None, started_at=None, finished_tests=0)
