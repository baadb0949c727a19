"""Rejudgings: judged again, beside what stands, until somebody says that it shall count."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from functions.domain.submission import COPY_OF, Outcome, RunType, Status, Submission


class Stage(StrEnum):
    PREPARING = "preparing"
    """Its copies are being made."""
    JUDGING = "judging"
    """They are judged, or all of them were: see how many have which status."""
    APPLYING = "applying"
    """Their results are being written; applying again goes on with it."""
    APPLIED = "applied"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class Rejudging:
    """A set of submissions judged again. ``wanted`` is how they were chosen: field -> value."""

    rejudging_id: str
    wanted: Mapping[str, str]
    total: int
    created_at: datetime
    created_by: str
    exam_ids: tuple[str, ...] = ()
    """Whose submissions they are: who may see and apply it."""
    stage: Stage = Stage.PREPARING
    closed_at: datetime | None = None
    """When it was applied or cancelled, and by whom."""
    closed_by: str | None = None


@dataclass(frozen=True)
class Compared:
    """One submission of a rejudging: what stood when it began, and what came out now."""

    submission_id: str
    attempt_id: str
    question_id: str
    student: str
    status: Status
    before: Outcome
    after: Outcome

    @property
    def changed(self) -> bool:
        return self.status is Status.COMPLETED and self.before != self.after


def copy_of(
    original: Submission, rejudging_id: str, version: str, total: int, points: int, now: datetime
) -> Submission:
    """To be judged by the question's present ``version``, at the end of its line."""
    return replace(
        original,
        submission_id=copy_id(rejudging_id, original.submission_id),
        run_type=RunType.SUBMIT,
        question_version=version,
        total=total,
        points=points,
        status=Status.QUEUED,
        created_at=now,
        turn_at=now,
        started_at=None,
        finished_at=None,
        finished_tests=0,
        judgings=0,
        owner=None,
        verdict=None,
        score=None,
        passed=0,
        results=(),
        compile_output=None,
        hidden_outputs=None,
        failure=None,
        rejudging_id=rejudging_id,
        before=original.outcome,
        traceparent=None,
    )


def copy_id(rejudging_id: str, submission_id: str) -> str:
    return f"{rejudging_id}{COPY_OF}{submission_id}"


def original_id(copy_id: str) -> str:
    return copy_id.partition(COPY_OF)[2]


def applied(original: Submission, copy: Submission) -> Submission:
    """The original with what came out of its copy. When it was sent and first judged stays as it is."""
    return replace(
        original,
        question_version=copy.question_version,
        total=copy.total,
        points=copy.points,
        finished_tests=copy.finished_tests,
        verdict=copy.verdict,
        score=copy.score,
        passed=copy.passed,
        results=copy.results,
        compile_output=copy.compile_output,
        hidden_outputs=copy.hidden_outputs,
        rejudging_id=copy.rejudging_id,
    )
