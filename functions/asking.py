"""Asking the judge: a call is repeated with backoff while it does not answer, and never made outside the lease."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_random_exponential

from functions import breaker
from functions.domain.window import TestCannotBeJudged
from functions.leases import Lease
from functions.pacing import refused
from functions.ports import JudgeBusy, Unavailable
from functions.service import Service

T = TypeVar("T")

BUDGET_SECONDS = 15.0
"""How long a visit holds its slot for a judge that does not answer, before the submission goes back in line."""
LOOK_AGAIN_SECONDS = 0.25
"""How often a visit asks whether the breaker has closed."""


class JudgeAway(Exception):
    """The judge did not answer, or took nothing, within the budget."""


class Stopped(Exception):
    """The process is told to end: the submission goes back in line."""


def ask(service: Service, lease: Lease, call: Callable[[], T]) -> T:
    """What ``call``, a call to the judge, returns.

    A failed call is made again only where the judge's probe passes: else the breaker opens, and all instances together
    ask with one probe at a time. Raises LeaseLost, Stopped, JudgeAway; TestCannotBeJudged where the judge takes the
    probe but never this call, which is then the submission's own affair.
    """
    begun, away = service.clock.monotonic(), 0.0
    longest = service.rules.lease_seconds / 3
    backoff = wait_random_exponential(multiplier=0.2, max=longest)

    def pause(state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        asked = error.retry_after if isinstance(error, JudgeBusy) else None
        return backoff(state) if asked is None else min(asked, longest)

    def attempt() -> T:
        nonlocal away
        _stay(service, lease)
        try:
            return call()
        except JudgeBusy:
            refused(service, lease.judge_name)
            raise
        except Unavailable as error:
            failed = service.clock.monotonic()
            _wait_while_open(service, lease, failed + BUDGET_SECONDS, error)
            away += service.clock.monotonic() - failed  # says nothing of this call
            raise

    retrying = Retrying(
        retry=retry_if_exception_type(Unavailable),
        wait=pause,
        stop=lambda _: service.clock.monotonic() - begun - away >= BUDGET_SECONDS,
        sleep=service.clock.sleep,
        reraise=True,
    )
    try:
        return retrying(attempt)
    except JudgeBusy as error:
        raise JudgeAway(str(error)) from error
    except Unavailable as error:
        raise TestCannotBeJudged(f"the judge answers, but not this: {error}") from error


def _wait_while_open(service: Service, lease: Lease, until: float, error: Unavailable) -> None:
    """Where the store is away, too, the lease decides how long we stay."""
    with suppress(Unavailable):
        breaker.suspect(service, lease.judge_name, lease.judge, error)
    while True:
        if lease.judge_name not in service.judges():  # it has left: nobody waits for it
            raise JudgeAway(str(error)) from error
        with suppress(Unavailable):
            if breaker.judge_answers(service, lease.judge_name):
                return
        if service.clock.monotonic() >= until:
            raise JudgeAway(str(error)) from error
        _stay(service, lease)
        service.clock.sleep(service.rng.uniform(0.8, 1.2) * LOOK_AGAIN_SECONDS)


def _stay(service: Service, lease: Lease) -> None:
    """Raises LeaseLost or Stopped where nothing more may be asked."""
    lease.keep()
    if service.draining.over:
        raise Stopped
