"""From the judge's executions to the judged submission. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from functions.domain import scoring
from functions.domain.checkers import Difference
from functions.domain.explaining import explain
from functions.domain.question import Limits, Question, Stored, TestCase
from functions.domain.submission import RunType, Status, Submission
from functions.domain.verdict import Ending, Execution, TestResult, Verdict, overall, verdict_of

SHOWN_CHARACTERS = 4_000
"""Of each text of a test that the student may see; a submission must fit a Firestore document (1 MiB)."""
COMPILE_CHARACTERS = 16_000
SHOWN_TESTS = 50
"""Tests whose texts are kept; a question with more samples shows the rest by verdict alone."""


def tests_for(submission: Submission, question: Question) -> tuple[TestCase, ...]:
    """What is to be run: the student's own input, the samples, or everything."""
    if submission.stdin is not None:
        return (TestCase(stdin=submission.stdin.encode(), expected=b"", hidden=False),)
    return question.samples if submission.run_type is RunType.RUN else question.tests


def is_compared(submission: Submission, question: Question, execution: Execution) -> bool:
    """Not so: a run on the student's own input, a validator's question, no good ending."""
    return not submission.custom_input and question.validator is None and execution.ending is Ending.WELL


def judged(
    submission: Submission,
    question: Question,
    limits: Limits,
    tests: Sequence[TestCase],
    executions: Mapping[int, Execution],
    found: Mapping[int, Difference | None],
    now: datetime,
) -> Submission:
    """The completed submission. ``executions`` by index of the test; those that were not run are left out.

    ``found``: where the output of each is wrong.
    """
    done = replace(submission, status=Status.COMPLETED, finished_at=now, finished_tests=len(executions))
    submitted = submission.run_type is RunType.SUBMIT
    for execution in executions.values():
        if execution.ending is Ending.COMPILATION_ERROR:
            text, _ = cut(execution.compile_output, COMPILE_CHARACTERS)
            score = 0 if submitted else None
            return replace(done, verdict=Verdict.COMPILATION_ERROR, compile_output=text, score=score)
    results = tuple(
        _result(index, tests[index], limits, execution, found[index]) for index, execution in sorted(executions.items())
    )
    accepted = {result.number - 1: result.verdict is Verdict.ACCEPTED for result in results}
    warnings = next((e.compile_output for e in executions.values() if e.compile_output), None)
    return replace(
        done,
        verdict=overall(result.verdict for result in results),
        score=scoring.score(submission.points, question.grading, accepted) if submitted else None,
        passed=sum(accepted.values()),
        results=results,
        compile_output=None if warnings is None else cut(warnings, COMPILE_CHARACTERS)[0],
    )


def _result(
    index: int, test: TestCase, limits: Limits, execution: Execution, difference: Difference | None
) -> TestResult:
    result = TestResult(
        number=index + 1,
        hidden=test.hidden,
        verdict=verdict_of(execution, right=difference is None),
        time_seconds=execution.time_seconds,
        memory_kb=execution.memory_kb,
    )
    if test.hidden or index >= SHOWN_TESTS:
        return result
    shown = (b"" if isinstance(data, Stored) else data for data in (test.stdin, test.expected))
    texts = (*shown, execution.stdout, execution.stderr)
    stdin, expected, stdout, stderr = (cut(text, SHOWN_CHARACTERS) for text in texts)
    return replace(
        result,
        stdin=stdin[0],
        expected_output=expected[0],
        stdout=stdout[0],
        stderr=stderr[0],
        message=explain(execution, limits, difference),
        truncated=stdin[1] or expected[1] or stdout[1] or stderr[1],
    )


def cut(text: bytes, characters: int) -> tuple[str, bool]:
    """As text (what is not UTF-8 shows as U+FFFD), at most so many characters, and whether something is missing."""
    shown = text[: 4 * characters].decode(errors="replace")[:characters]
    return shown, len(text.decode(errors="replace")) > characters
