"""A submission: what a student sent, where it stands, and what came out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from functions.domain.verdict import TestResult, Verdict


class RunType(StrEnum):
    """What was pressed; also the name of the queue that carries it."""

    RUN = "run"
    SUBMIT = "submit"


class Status(StrEnum):
    """Where a submission is. What came out of it is its verdict."""

    QUEUED = "queued"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"

    @property
    def final(self) -> bool:
        return self not in (Status.QUEUED, Status.PROCESSING)


COPY_OF = ":"
"""The id of a rejudging's copy: the rejudging's, this, the submission's. No other id has it."""


@dataclass(frozen=True)
class Outcome:
    """What came out, as far as marks are concerned."""

    verdict: Verdict | None
    score: int | None


@dataclass(frozen=True)
class Submission:
    submission_id: str
    attempt_id: str
    exam_id: str
    question_id: str
    question_version: str
    student: str
    language: str
    code: str
    stdin: str | None
    run_type: RunType
    payload_hash: str
    created_at: datetime
    turn_at: datetime
    total: int
    points: int
    status: Status = Status.QUEUED
    started_at: datetime | None = None
    finished_at: datetime | None = None
    finished_tests: int = 0
    judgings: int = 0
    """Judgings begun, those that ended because the judge was away not counted."""
    owner: str | None = None
    """The token of the claim that is judging it, or that finished it."""
    verdict: Verdict | None = None
    score: int | None = None
    passed: int = 0
    results: tuple[TestResult, ...] = ()
    compile_output: str | None = None
    hidden_outputs: str | None = None
    """Where, for staff, the outputs on hidden tests are kept that were not accepted: an object's key."""
    failure: str | None = None
    """Why we could not judge it, for staff. Never anything of a hidden test."""
    rejudging_id: str | None = None
    """Of a copy: the rejudging that it was made for. Of a student's: the one whose result it bears."""
    before: Outcome | None = None
    """Of a copy: what stood when it was made."""
    traceparent: str | None = None
    """The trace context of the request that brought it, where one was known."""

    @property
    def is_copy(self) -> bool:
        """Whether this is a rejudging's copy, in a line of its own, and not what a student sent."""
        return COPY_OF in self.submission_id

    @property
    def queue(self) -> RunType:
        """The queue whose visits judge it."""
        return RunType.RUN if self.is_copy else self.run_type

    @property
    def outcome(self) -> Outcome:
        return Outcome(self.verdict, self.score)

    @property
    def custom_input(self) -> bool:
        """One run on the student's own input: output returned, nothing compared."""
        return self.stdin is not None


def submission_id(student: str, key: str) -> str:
    """The id of the submission that ``student`` sent under the Idempotency-Key ``key``: the same for each repeat.

    Length-prefixed, so that no other pair of strings can give the same bytes.
    """
    digest = hashlib.sha256()
    for part in (student.encode("utf-8", "surrogatepass"), key.encode("utf-8", "surrogatepass")):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:32]
