"""Programs through the judge, under a lease: compiled once where that pays, at most BATCH_SIZE there at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from functions.asking import Stopped, ask
from functions.domain.verdict import Ending, Execution
from functions.domain.window import TestCannotBeJudged, Window
from functions.leases import Lease
from functions.pacing import saw, work_of
from functions.ports import Program, Step
from functions.service import Service

PROGRESS_SECONDS = 1.0
"""Progress is written at most this often."""
QUEUED_AT_JUDGE_SECONDS = 45.0
"""How long a test may wait inside the judge before it is sent again, beside its own limits."""
NOT_EXECUTED = (126, 127)
"""A shell's exit codes for a program that it cannot start."""


class Made(Sequence[Program]):
    """Programs that are made when they are sent: the data of all tests together need not fit the memory."""

    def __init__(self, total: int, make: Callable[[int], Program]) -> None:
        self._total = total
        self._make = make

    def __len__(self) -> int:
        return self._total

    def __getitem__(self, index: Any) -> Any:
        return self._make(range(self._total)[index])


def nothing(_: Window) -> None:
    """Looks at a window and leaves it as it is."""


def build(service: Service, lease: Lease, program: Program) -> Execution | None:
    """The program compiled, its build being the output, or its compile error.

    None where it is to be compiled with each run: its language is not compiled, the host cannot do it, or the build is
    too large or did not come back whole.
    """
    if not ask(service, lease, lambda: lease.judge.builds(program.language)):
        return None
    try:
        [built] = run(service, lease, [replace(program, step=Step.BUILD)]).values()
    except TestCannotBeJudged:
        return None
    if built.ending is Ending.COMPILATION_ERROR:
        return built
    whole = built.ending is Ending.WELL and lease.judge.is_build(program.language, built.stdout)
    return built if whole else None


def with_build(programs: Sequence[Program], output: bytes) -> Sequence[Program]:
    return Made(len(programs), lambda index: replace(programs[index], step=Step.RUN, build=output))


def was_not_executed(execution: Execution) -> bool:
    """The build does not work on this host after all; or the program itself says so, which costs it the build."""
    return execution.exit_code in NOT_EXECUTED


def run(
    service: Service,
    lease: Lease,
    programs: Sequence[Program],
    look: Callable[[Window], None] = nothing,
    *,
    tell: bool = False,
) -> Mapping[int, Execution]:
    """The executions by index. After each poll ``look`` may leave out what is not needed; ``tell``: show progress.

    Raises LeaseLost, JudgeAway, Stopped, TestCannotBeJudged.
    """
    deadline = programs[0].limits.wall_seconds + QUEUED_AT_JUDGE_SECONDS
    work = work_of(programs[0])
    window = Window(len(programs), service.rules.batch_size, deadline)
    told_at = service.clock.monotonic()
    call_seconds = 0.0
    while not window.complete:
        if service.draining.over:
            raise Stopped
        if to_send := window.to_send():
            _send(service, lease, window, programs, to_send)
        if tell and service.clock.monotonic() - told_at >= PROGRESS_SECONDS:  # what has a place went there first
            lease.keep(finished_tests=len(window.done))
            told_at = service.clock.monotonic()
        service.clock.sleep(window.pause(service.clock.monotonic(), call_seconds))
        asked_at = service.clock.monotonic()
        _poll(service, lease, window, work)
        call_seconds = service.clock.monotonic() - asked_at
        look(window)
    return window.done


def _send(service: Service, lease: Lease, window: Window, programs: Sequence[Program], to_send: list[int]) -> None:
    batch = [programs[index] for index in to_send]
    tokens = ask(service, lease, lambda: lease.judge.create(batch))
    for index, token in zip(to_send, tokens, strict=True):
        window.sent(index, token, service.clock.monotonic())


def _poll(service: Service, lease: Lease, window: Window, work: str | None) -> None:
    tokens = window.tokens
    if not tokens:
        return
    known = ask(service, lease, lambda: lease.judge.poll(tokens))
    for token in tokens:
        if token in known:
            now, execution = service.clock.monotonic(), known[token]
            if execution is not None and work is not None:
                saw(service, lease.judge_name, work, now - window.sent_at(token), execution)
            window.polled(token, execution, now)
        else:
            window.lost(token)
