"""The wire: what the page sends and gets, as pydantic models. The OpenAPI document is generated from these."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    RootModel,
    StringConstraints,
)

from functions.domain.breaker import State
from functions.domain.submission import RunType, Status
from functions.domain.verdict import TestResult, Verdict

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,128}$")]
MAX_STDIN_BYTES = 65_536


class SubmissionRequest(BaseModel):
    """What Run and Submit send."""

    model_config = ConfigDict(extra="forbid", strict=True)

    attempt_id: Identifier
    question_id: Identifier
    language: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    code: str
    run_type: Annotated[RunType, Field(strict=False)]
    stdin: Annotated[str, StringConstraints(max_length=MAX_STDIN_BYTES)] | None = None


class Parameters(BaseModel):
    """Of a header or a query. The framework asks for the schema at each request: it is made once."""

    @classmethod
    def model_json_schema(cls, *arguments: Any, **options: Any) -> dict[str, Any]:
        return super().model_json_schema(*arguments, **options) if arguments or options else _plain_schema(cls)


@cache
def _plain_schema(model: type[Parameters]) -> dict[str, Any]:
    return super(Parameters, model).model_json_schema()


class SubmissionHeaders(Parameters):
    idempotency_key: Annotated[
        str | None,
        Field(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            description="The same key with the same body gives the same submission, however often it is sent.",
        ),
    ] = None


class SubmissionPath(BaseModel):
    submission_id: str


class AttemptPath(BaseModel):
    attempt_id: str


class AttemptQuery(Parameters):
    page_token: Annotated[str | None, Field(max_length=512)] = None


class QuestionPath(BaseModel):
    question_id: str


class Progress(BaseModel):
    finished: int
    total: int


class TestView(BaseModel):
    """One test. Of a hidden one nothing but its verdict, time and memory; the other fields are left out."""

    number: int
    hidden: bool
    verdict: Verdict
    time_seconds: float | None = None
    memory_kb: int | None = None
    stdin: str | None = None
    expected_output: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    message: str | None = Field(default=None, description="Why it was not accepted, in words; else left out.")
    truncated: bool = Field(default=False, description="True where a text was cut; else left out.")
    full_output_url: str | None = Field(
        default=None, description="The whole of a cut output, for a few minutes; else left out."
    )


def test_view(result: TestResult, full_output_url: str | None) -> TestView:
    """With only what is shown set: answers leave out what is not set."""
    shown: dict[str, Any] = {
        "number": result.number,
        "hidden": result.hidden,
        "verdict": result.verdict,
        "time_seconds": result.time_seconds,
        "memory_kb": result.memory_kb,
    }
    if not result.hidden:
        texts = {name: getattr(result, name) for name in ("stdin", "expected_output", "stdout", "stderr", "message")}
        shown |= {name: text for name, text in texts.items() if text is not None}
    if result.truncated:
        shown["truncated"] = True
    if full_output_url is not None:
        shown["full_output_url"] = full_output_url
    return TestView(**shown)


class SubmissionView(BaseModel):
    submission_id: str
    status: Status
    run_type: RunType
    attempt_id: str
    question_id: str
    language: str
    queue_position: int | None
    estimated_wait_seconds: float | None
    poll_after_seconds: int | None
    progress: Progress
    verdict: Verdict | None
    score: int | None
    points: int
    passed: int
    total: int
    tests: list[TestView]
    compile_output: str | None
    message: str | None
    code: str
    stdin: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    receipt: str | None = Field(
        default=None, description="Where it was just sent: what proves that it was; else left out."
    )
    hidden_outputs_url: str | None = Field(
        default=None, description="For staff: what was printed on hidden tests, for a few minutes; else left out."
    )


class QuestionLine(BaseModel):
    question_id: str
    title: str
    points: int


class ExamView(BaseModel):
    exam_id: str
    title: str
    closes_at: datetime | None
    counts: Literal["best", "last"]
    questions: list[QuestionLine]


class ScoreView(BaseModel):
    question_id: str
    score: int | None
    points: int
    submission_id: str | None = Field(description="The submission that counts.")


class AttemptView(BaseModel):
    attempt_id: str
    exam: ExamView
    scores: list[ScoreView]
    submissions: list[SubmissionView]
    next_page_token: str | None


class LimitsView(BaseModel):
    cpu_seconds: float
    memory_kb: int
    output_kb: int
    time_multipliers: dict[str, float] = Field(description="By language, where one is given longer.")


class Sample(BaseModel):
    number: int
    stdin: str
    expected_output: str
    truncated: bool = Field(default=False, description="True where a text was cut.")


class QuestionView(BaseModel):
    question_id: str
    title: str
    statement: str
    languages: list[str]
    limits: LimitsView
    points: int
    samples: list[Sample]


class LanguageView(BaseModel):
    name: str
    label: str
    version: str


class LanguageList(RootModel[list[LanguageView]]):
    """All that may be named as a submission's language."""


class QueueHealth(BaseModel):
    length: int
    oldest_seconds: float | None
    estimated_wait_seconds: float


class JudgeHealth(BaseModel):
    state: State
    since: datetime | None


class JudgeSlots(BaseModel):
    name: str
    state: State
    slots: int


class HealthView(BaseModel):
    status: Literal["healthy", "degraded", "unhealthy"]
    queue_length: int
    processing: int
    max_concurrent: int
    uptime: int
    queues: dict[str, QueueHealth]
    judge: JudgeHealth
    judges: list[JudgeSlots]
    version: str


class FieldError(BaseModel):
    field: str
    message: str


class Problem(BaseModel):
    """RFC 9457 problem details."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
