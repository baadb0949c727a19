"""What came out of a judging. The words are Kattis' (`run_time_error` is runtime_error here)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    ACCEPTED = "accepted"
    WRONG_ANSWER = "wrong_answer"
    TIME_LIMIT_EXCEEDED = "time_limit_exceeded"
    MEMORY_LIMIT_EXCEEDED = "memory_limit_exceeded"
    OUTPUT_LIMIT_EXCEEDED = "output_limit_exceeded"
    RUNTIME_ERROR = "runtime_error"
    COMPILATION_ERROR = "compilation_error"


PRECEDENCE = (
    Verdict.COMPILATION_ERROR,
    Verdict.TIME_LIMIT_EXCEEDED,
    Verdict.MEMORY_LIMIT_EXCEEDED,
    Verdict.OUTPUT_LIMIT_EXCEEDED,
    Verdict.RUNTIME_ERROR,
    Verdict.WRONG_ANSWER,
    Verdict.ACCEPTED,
)
"""Where tests differ, the submission's verdict is the first of these that any test has."""


class Ending(StrEnum):
    """How one run of a program ended, before anybody looked at its output."""

    WELL = "well"
    TIME_LIMIT = "time_limit"
    MEMORY_LIMIT = "memory_limit"
    OUTPUT_LIMIT = "output_limit"
    RUNTIME_ERROR = "runtime_error"
    COMPILATION_ERROR = "compilation_error"
    INTERNAL_ERROR = "internal_error"
    """The judge failed, not the program: judged again, never a verdict (rule 7)."""


@dataclass(frozen=True)
class Execution:
    """One finished run as the judge tells it. Times in seconds (processor, wall clock), memory in KB.

    None where it was not measured, or did not end by exit or by signal.
    """

    ending: Ending
    stdout: bytes = b""
    stderr: bytes = b""
    compile_output: bytes = b""
    exit_code: int | None = None
    exit_signal: int | None = None
    time_seconds: float | None = None
    wall_seconds: float | None = None
    memory_kb: int | None = None


@dataclass(frozen=True)
class TestResult:
    """One test of a judging. The texts are kept for tests that the student may see, cut to a bound."""

    __test__ = False  # the word belongs to judging; pytest must not collect it

    number: int
    hidden: bool
    verdict: Verdict
    time_seconds: float | None = None
    memory_kb: int | None = None
    stdin: str | None = None
    expected_output: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    message: str | None = None
    """Why it is not accepted, as a sentence for the student; for tests that the student may see."""
    truncated: bool = False
    full_output: str | None = None
    """Where the whole standard output is kept, if that is more than stands here: an object's key."""


VERDICT_OF_ENDING = {
    Ending.TIME_LIMIT: Verdict.TIME_LIMIT_EXCEEDED,
    Ending.MEMORY_LIMIT: Verdict.MEMORY_LIMIT_EXCEEDED,
    Ending.OUTPUT_LIMIT: Verdict.OUTPUT_LIMIT_EXCEEDED,
    Ending.RUNTIME_ERROR: Verdict.RUNTIME_ERROR,
    Ending.COMPILATION_ERROR: Verdict.COMPILATION_ERROR,
}


def verdict_of(execution: Execution, right: bool) -> Verdict:
    """The verdict of one test; ``right`` is what the checker said of its output.

    Raises KeyError for INTERNAL_ERROR: that has no verdict, and a caller that asks for one is wrong.
    """
    if execution.ending is Ending.WELL:
        return Verdict.ACCEPTED if right else Verdict.WRONG_ANSWER
    return VERDICT_OF_ENDING[execution.ending]


def overall(verdicts: Iterable[Verdict]) -> Verdict:
    """The submission's verdict: the first in PRECEDENCE among its tests'. Raises ValueError without any."""
    return min(verdicts, key=PRECEDENCE.index)
