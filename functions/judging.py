"""One judging: a submission's tests through the judge in a rolling window, under a lease."""

from __future__ import annotations

from functions.asking import Stopped, ask
from functions.domain.outcome import is_right, judged, tests_for
from functions.domain.question import Question, TestCase
from functions.domain.submission import RunType, Submission
from functions.domain.verdict import Ending, Verdict, verdict_of
from functions.domain.window import Window, poll_pause
from functions.leases import Lease
from functions.ports import Program
from functions.service import Service

PROGRESS_SECONDS = 1.0
"""Progress is written at most this often."""
QUEUED_AT_JUDGE_SECONDS = 45.0
"""How long a test may wait inside the judge before it is sent again, beside its own limits."""


def judge(service: Service, lease: Lease, question: Question) -> Submission:
    """Judge the lease's submission; the completed submission, not yet written.

    Raises LeaseLost, JudgeAway, Stopped, TestCannotBeJudged.
    """
    submission = lease.submission
    tests = tests_for(submission, question)
    programs = [_program(submission, question, test) for test in tests]
    deadline = question.limits.wall_seconds + QUEUED_AT_JUDGE_SECONDS
    ask(service, lease, service.judge.languages)  # once an hour it is a call of its own, which a lease must outlast
    window = Window(len(tests), service.rules.batch_size, deadline)
    changed_at = told_at = service.clock.monotonic()
    while not window.complete:
        if service.draining.over:
            raise Stopped
        if to_send := window.to_send():
            _send(service, lease, window, programs, to_send)
            changed_at = service.clock.monotonic()
        service.clock.sleep(poll_pause(service.clock.monotonic() - changed_at))
        finished = len(window.done)
        _poll(service, lease, window)
        if len(window.done) > finished:
            changed_at = service.clock.monotonic()
        if _may_stop(submission, question, tests, window):
            window.stop()
        elif service.clock.monotonic() - told_at >= PROGRESS_SECONDS and not window.complete:
            lease.keep(finished_tests=len(window.done))
            told_at = service.clock.monotonic()
    return judged(lease.submission, question, tests, window.done, service.clock.now())


def _program(submission: Submission, question: Question, test: TestCase) -> Program:
    limits = question.limits
    return Program(
        source=submission.code.encode(),
        language=submission.language,
        stdin=test.stdin,
        cpu_seconds=limits.cpu_seconds,
        wall_seconds=limits.wall_seconds,
        memory_kb=limits.memory_kb,
        output_kb=limits.output_kb,
    )


def _send(service: Service, lease: Lease, window: Window, programs: list[Program], to_send: list[int]) -> None:
    batch = [programs[index] for index in to_send]
    tokens = ask(service, lease, lambda: service.judge.create(batch))
    for index, token in zip(to_send, tokens, strict=True):
        window.sent(index, token, service.clock.monotonic())


def _poll(service: Service, lease: Lease, window: Window) -> None:
    tokens = window.tokens
    if not tokens:
        return
    known = ask(service, lease, lambda: service.judge.poll(tokens))
    for token in tokens:
        if token in known:
            window.polled(token, known[token], service.clock.monotonic())
        else:
            window.lost(token)


def _may_stop(submission: Submission, question: Question, tests: tuple[TestCase, ...], window: Window) -> bool:
    """A compile error ends it after one test; a failed sample ends a Run where the question says so."""
    if any(execution.ending is Ending.COMPILATION_ERROR for execution in window.done.values()):
        return True
    if submission.run_type is not RunType.RUN or not question.run_stops_early:
        return False
    return any(
        verdict_of(execution, is_right(submission, question, tests[index], execution)) is not Verdict.ACCEPTED
        for index, execution in window.done.items()
    )
