"""What may be logged of a submission: this module decides, so that code and test data never are (rule 10)."""

from __future__ import annotations

import traceback
from pathlib import PurePath
from typing import Any

import structlog

from functions.domain.submission import Submission

_logger = structlog.get_logger()


def mark(request_id: str) -> None:
    """Have every line of this thread bear the id until ``unmark``."""
    structlog.contextvars.bind_contextvars(request_id=request_id)


def unmark() -> None:
    structlog.contextvars.unbind_contextvars("request_id")


def _where(error: BaseException) -> str:
    """Where it was raised. The frames only: an exception's message may hold what a student wrote."""
    frames = traceback.extract_tb(error.__traceback__)
    return " < ".join(f"{PurePath(frame.filename).name}:{frame.lineno}" for frame in reversed(frames[-4:]))


def log(level: str, action: str, sentence: str, submission: Submission | None = None, **ids: Any) -> None:
    """One sentence, a stable ``action``, and ids. ``error`` is told by its type and our own words only.

    What is said of a submission belongs to the trace of the request that brought it, where that is known.
    """
    if submission is not None:
        if submission.traceparent is not None:
            ids["traceparent"] = submission.traceparent
        ids |= {
            "submission_id": submission.submission_id,
            "exam_id": submission.exam_id,
            "question_id": submission.question_id,
            "run_type": str(submission.run_type),
            "status": str(submission.status),
        }
    error = ids.pop("error", None)
    if error is not None:
        ids["error"] = type(error).__name__
        ids["where"] = _where(error)
    getattr(_logger, level)(sentence, action=action, **ids)
