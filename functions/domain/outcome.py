"""From the judge's executions to the judged submission. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from functions.domain import scoring
from functions.domain.checkers import CHECKERS
from functions.domain.question import Question, TestCase
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


def is_right(submission: Submission, question: Question, test: TestCase, execution: Execution) -> bool:
    """What the question's checker says; a run on the student's own input is compared with nothing."""
    return submission.custom_input or CHECKERS[question.checker](test.expected, execution.stdout)


def judged(
    submission: Submission,
    question: Question,
    tests: Sequence[TestCase],
    executions: Mapping[int, Execution],
    now: datetime,
) -> Submission:
    """The completed submission. ``executions`` by index of the test; those that were not run are left out."""
    done = replace(submission, status=Status.COMPLETED, finished_at=now, finished_tests=len(executions))
    for execution in executions.values():
        if execution.ending is Ending.COMPILATION_ERROR:
            text, _ = cut(execution.compile_output, COMPILE_CHARACTERS)
            return replace(
                done,
                verdict=Verdict.COMPILATION_ERROR,
                compile_output=text,
                score=0 if submission.run_type is RunType.SUBMIT else None,
            )
    results = tuple(
        _result(index, tests[index], execution, is_right(submission, question, tests[index], execution))
        for index, execution in sorted(executions.items())
    )
    passed = sum(result.verdict is Verdict.ACCEPTED for result in results)
    score = None
    if submission.run_type is RunType.SUBMIT:
        score = scoring.score(submission.points, passed, submission.total)
    verdict = overall(result.verdict for result in results)
    warnings = next((e.compile_output for e in executions.values() if e.compile_output), None)
    return replace(
        done,
        verdict=verdict,
        score=score,
        passed=passed,
        results=results,
        compile_output=None if warnings is None else cut(warnings, COMPILE_CHARACTERS)[0],
    )


def _result(index: int, test: TestCase, execution: Execution, right: bool) -> TestResult:
    result = TestResult(
        number=index + 1,
        hidden=test.hidden,
        verdict=verdict_of(execution, right),
        time_seconds=execution.time_seconds,
        memory_kb=execution.memory_kb,
    )
    if test.hidden or index >= SHOWN_TESTS:
        return result
    stdin, expected, stdout, stderr = (
        cut(text, SHOWN_CHARACTERS)
        for text in (
            test.stdin,
            test.expected,
            execution.stdout,
            execution.stderr or (execution.message or "").encode(),
        )
    )
    return replace(
        result,
        stdin=stdin[0],
        expected_output=expected[0],
        stdout=stdout[0],
        stderr=stderr[0],
        truncated=stdin[1] or expected[1] or stdout[1] or stderr[1],
    )


def cut(text: bytes, characters: int) -> tuple[str, bool]:
    """As text (what is not UTF-8 shows as U+FFFD), at most so many characters, and whether something is missing."""
    shown = text[: 4 * characters].decode(errors="replace")[:characters]
    return shown, len(text.decode(errors="replace")) > characters
