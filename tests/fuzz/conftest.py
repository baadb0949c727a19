"""The stacks of this suite: one with an exam's rates and the sandboxed judge, one that takes any number of requests."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from infra.local import firestore_emulator
from tests.conftest import missing, our_process
from tests.stack.conftest import LiveStack, free_ports, plain_environment, running_stack

PLENTY = "1000000"
SIGNS_OF_FAULTS = ("Traceback", '"action": "unexpected"', '"action": "judging_failed"')
"""In the logs of the functions."""


@pytest.fixture(scope="package")
def live() -> Iterator[LiveStack]:
    """As `make run` starts it, but for time limits: a busy machine must not decide a verdict."""
    _require_firestore()
    with running_stack(plain_environment() | free_ports() | {"TIME_MULTIPLIERS": "python=6"}) as stack:
        if "without a judge" in "".join(stack.output):
            missing("no sandbox for the local runner: apt-get install bubblewrap")
        yield stack
        _assert_well(stack)


@pytest.fixture(scope="module")
def unlimited() -> Iterator[LiveStack]:
    """No rate stops a student here, and judging costs next to nothing."""
    _require_firestore()
    rates = {"RATE_RUN_PER_MINUTE": PLENTY, "RATE_SUBMIT_PER_MINUTE": PLENTY}
    with our_process("infra.local.scripted_judge", "--seconds", "0.01") as judge:
        given = plain_environment() | free_ports() | rates | {"JUDGE0_URL": judge, "BATCH_SIZE": "20"}
        with running_stack(given) as stack:
            yield stack
            _assert_well(stack)


def _assert_well(live: LiveStack) -> None:
    """After all of it the service takes and judges as ever, nothing had to be started again or was a fault of ours."""
    student = live.student()
    assert student.wait(student.post("test", "print(1)").json()["submission_id"])["status"] == "completed"
    assert live.health()["status"] == "healthy"
    assert not any("starting it again" in line for line in live.output)
    for function in ("run_code", "judge_submission", "sweep"):
        log = (live.stack.state / f"{function}.log").read_text()
        faults = [line for line in log.splitlines() if any(sign in line for sign in SIGNS_OF_FAULTS)]
        assert faults == []


def _require_firestore() -> None:
    try:
        firestore_emulator.find(os.environ)
    except firestore_emulator.NotFound as error:
        missing(f"Firestore's emulator: {error}; {firestore_emulator.HOW_TO_GET_IT}")
