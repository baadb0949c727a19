"""One judging: a submission's tests through the judge in a rolling window, under a lease."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from functions.asking import Stopped, ask
from functions.domain.outcome import is_right, judged, tests_for
from functions.domain.question import Question, TestCase
from functions.domain.submission import RunType, Submission
from functions.domain.verdict import Ending, Execution, Verdict, verdict_of
from functions.domain.window import TestCannotBeJudged, Window, poll_pause
from functions.leases import Lease
from functions.ports import Program, Step
from functions.service import Service

PROGRESS_SECONDS = 1.0
"""Progress is written at most this often."""
QUEUED_AT_JUDGE_SECONDS = 45.0
"""How long a test may wait inside the judge before it is sent again, beside its own limits."""


def judge(service: Service, lease: Lease, question: Question) -> Submission:
    """Judge the lease's submission; the completed submission, not yet written.

    Raises LeaseLost, JudgeAway, Stopped, TestCannotBeJudged.
    """
    submission, judge = lease.submission, service.judge
    tests = tests_for(submission, question)
    programs = [_program(submission, question, test) for test in tests]
    ask(service, lease, judge.languages)  # once an hour it is a call of its own, which a lease must outlast
    may_stop = partial(_may_stop, submission, question, tests)
    built = _build(service, lease, programs[0]) if len(programs) > 1 else None
    if built is None:
        done = _run(service, lease, programs, may_stop)
    elif built.ending is Ending.COMPILATION_ERROR:
        done = {0: built}
    else:
        runs = [replace(program, step=Step.RUN, build=built.stdout) for program in programs]
        done = _run(service, lease, runs, may_stop)
        if any(map(_was_not_executed, done.values())):
            done = _run(service, lease, programs, may_stop)
        done = {index: replace(execution, compile_output=built.compile_output) for index, execution in done.items()}
    return judged(lease.submission, question, tests, done, service.clock.now())


def _build(service: Service, lease: Lease, program: Program) -> Execution | None:
    """The program compiled, or its compile error; None where it is to be compiled with each test."""
    if not ask(service, lease, lambda: service.judge.builds(program.language)):
        return None
    try:
        [built] = _run(service, lease, [replace(program, step=Step.BUILD)], lambda _: False).values()
    except TestCannotBeJudged:
        return None
    if built.ending is Ending.COMPILATION_ERROR:
        return built
    whole = built.ending is Ending.WELL and service.judge.is_build(program.language, built.stdout)
    return built if whole else None


def _was_not_executed(execution: Execution) -> bool:
    """A shell's exit code for a program that it cannot start: the build does not work on this host after all."""
    return execution.ending is Ending.RUNTIME_ERROR and (execution.message or "").endswith(("126", "127"))


def _run(
    service: Service, lease: Lease, programs: Sequence[Program], may_stop: Callable[[Window], bool]
) -> Mapping[int, Execution]:
    """The programs through the judge, at most BATCH_SIZE at a time; their executions by index."""
    deadline = programs[0].wall_seconds + QUEUED_AT_JUDGE_SECONDS
    window = Window(len(programs), service.rules.batch_size, deadline)
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
        if may_stop(window):
            window.stop()
        elif service.clock.monotonic() - told_at >= PROGRESS_SECONDS and not window.complete:
            lease.keep(finished_tests=len(window.done))
            told_at = service.clock.monotonic()
    return window.done


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


def _send(service: Service, lease: Lease, window: Window, programs: Sequence[Program], to_send: list[int]) -> None:
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
