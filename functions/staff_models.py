"""The wire for staff, as pydantic models."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, RootModel, StringConstraints

from functions.domain.checkers import checker_of
from functions.domain.question import (
    MAX_CPU_SECONDS,
    MAX_MEMORY_KB,
    MAX_OUTPUT_KB,
    MAX_POINTS,
    MAX_TESTS,
    MAX_TIME_MULTIPLIER,
    MIN_MEMORY_KB,
    Limits,
)
from functions.domain.rejudging import Compared, Rejudging, Stage
from functions.domain.submission import RunType, Status
from functions.domain.verdict import Verdict
from functions.models import Identifier, JudgeHealth, JudgeSlots, QueueHealth

Language = Annotated[str, StringConstraints(min_length=1, max_length=64)]


class SlotView(BaseModel):
    number: int
    held: bool
    submission_id: str | None = Field(description="What is being judged with it.")
    retired: bool = Field(description="Not taken again: the cap was lowered, or the judge is leaving.")
    judge: str = Field(description="The name of its judge.")


class WaitView(BaseModel):
    """From being sent to the begin of judging."""

    started: int
    median_seconds: float | None
    longest_seconds: float | None


class WaitsView(BaseModel):
    begins_at: datetime
    queues: dict[str, WaitView]


class OverviewView(BaseModel):
    queues: dict[str, QueueHealth]
    slots: list[SlotView]
    judge: JudgeHealth
    judges: list[JudgeSlots]
    waits: list[WaitsView] = Field(description="The last hour in steps of five minutes; the newest is not over yet.")
    statuses: dict[str, int] = Field(description="How many submissions have which status.")


class SubmissionsQuery(BaseModel):
    question_id: Identifier | None = None
    attempt_id: Identifier | None = None
    status: Status | None = None
    page_token: Annotated[str | None, Field(max_length=512)] = None


class SubmissionLine(BaseModel):
    submission_id: str
    status: Status
    run_type: RunType
    exam_id: str
    attempt_id: str
    student: str
    question_id: str
    language: str
    verdict: Verdict | None
    score: int | None
    points: int
    created_at: datetime
    finished_at: datetime | None
    failure: str | None = Field(description="Why it could not be judged.")


class SubmissionList(BaseModel):
    """Of the exams that are the instructor's, newest first."""

    submissions: list[SubmissionLine]
    next_page_token: str | None


def _known_checker(flags: str) -> str:
    checker_of(flags)
    return flags


class TestRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    stdin: str
    expected_output: str
    hidden: bool


class LimitsRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    cpu_seconds: Annotated[float, Field(gt=0, le=MAX_CPU_SECONDS, allow_inf_nan=False)] = Limits.cpu_seconds
    memory_kb: Annotated[int, Field(ge=MIN_MEMORY_KB, le=MAX_MEMORY_KB)] = Limits.memory_kb
    output_kb: Annotated[int, Field(ge=1, le=MAX_OUTPUT_KB)] = Limits.output_kb


class QuestionRequest(BaseModel):
    """A question, whole. Validators and groups of points come with a problem package only."""

    model_config = ConfigDict(extra="forbid", strict=True)

    title: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    statement: Annotated[str, StringConstraints(min_length=1)] = Field(description="Markdown.")
    tests: Annotated[list[TestRequest], Field(min_length=1, max_length=MAX_TESTS)]
    limits: LimitsRequest = LimitsRequest()
    languages: list[Language] = Field(default=[], description="None: all that the judge has.")
    checker: Annotated[str, StringConstraints(max_length=200), AfterValidator(_known_checker)] = "default"
    points: Annotated[int, Field(ge=0, le=MAX_POINTS)] = 100
    run_stops_early: bool = False
    time_multipliers: dict[Language, Annotated[float, Field(gt=0, le=MAX_TIME_MULTIPLIER, allow_inf_nan=False)]] = {}


class StoredQuestionPath(BaseModel):
    question_id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$")]


class RejudgingFilter(BaseModel):
    """Which completed Submits; those that have all of these."""

    model_config = ConfigDict(extra="forbid", strict=True)

    question_id: Identifier | None = None
    exam_id: Identifier | None = None
    attempt_id: Identifier | None = None
    language: Annotated[str, StringConstraints(min_length=1, max_length=64)] | None = None
    verdict: Annotated[Verdict, Field(strict=False)] | None = None


class RejudgingRequest(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    filter: RejudgingFilter


class RejudgingPath(BaseModel):
    rejudging_id: str


class RejudgingLine(BaseModel):
    rejudging_id: str
    filter: dict[str, str]
    stage: Stage
    total: int
    created_at: datetime
    created_by: str
    closed_at: datetime | None = Field(description="When it was applied or cancelled.")
    closed_by: str | None


class RejudgingList(RootModel[list[RejudgingLine]]):
    """The newest first."""


class OutcomeView(BaseModel):
    verdict: Verdict | None
    score: int | None


class DifferenceView(BaseModel):
    submission_id: str
    attempt_id: str
    question_id: str
    student: str
    before: OutcomeView
    after: OutcomeView


class RejudgingView(RejudgingLine):
    statuses: dict[str, int] = Field(description="How many of its submissions have which status.")
    differences: list[DifferenceView] = Field(description="Those whose verdict or score would change, or has.")


def rejudging_line(found: Rejudging) -> RejudgingLine:
    return RejudgingLine(filter=dict(found.wanted), **{name: getattr(found, name) for name in _LINE})


def rejudging_view(found: Rejudging, compared: Sequence[Compared]) -> RejudgingView:
    return RejudgingView(
        **rejudging_line(found).model_dump(),
        statuses=dict(Counter(str(each.status) for each in compared)),
        differences=[
            DifferenceView(
                submission_id=each.submission_id,
                attempt_id=each.attempt_id,
                question_id=each.question_id,
                student=each.student,
                before=OutcomeView(verdict=each.before.verdict, score=each.before.score),
                after=OutcomeView(verdict=each.after.verdict, score=each.after.score),
            )
            for each in compared
            if each.changed
        ],
    )


_LINE = ("rejudging_id", "stage", "total", "created_at", "created_by", "closed_at", "closed_by")
