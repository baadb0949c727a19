"""The circuit breaker in front of the judge: a value, and what changes it. Shared through the store.

closed --(a call to the judge failed, and the probe after it)--> open
open   --(retry_at passed, one caller wins the probe)-----------> half_open
half_open --(the probe succeeded)--> closed;  --(it failed)--> open, twice as long as before
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

FIRST_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=30)
PROBE_LEASE = timedelta(seconds=30)
"""A prober that died holds the probe no longer than this."""


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True)
class Breaker:
    since: datetime
    state: State = State.CLOSED
    retry_at: datetime | None = None
    pause_seconds: float = 0.0

    def probe_due(self, now: datetime) -> bool:
        """Whether somebody should ask the judge now (a prober that vanished counts as none)."""
        return self.state is not State.CLOSED and self.retry_at is not None and self.retry_at <= now


def opened(breaker: Breaker, now: datetime) -> Breaker:
    """The judge failed: a first pause, or after a failed probe twice the last one."""
    pause = FIRST_PAUSE
    if breaker.state is State.HALF_OPEN:
        pause = min(LONGEST_PAUSE, timedelta(seconds=2 * breaker.pause_seconds))
    since = now if breaker.state is State.CLOSED else breaker.since
    return Breaker(since=since, state=State.OPEN, retry_at=now + pause, pause_seconds=pause.total_seconds())


def probing(breaker: Breaker, now: datetime) -> Breaker:
    return replace(breaker, state=State.HALF_OPEN, retry_at=now + PROBE_LEASE)


def closed(now: datetime) -> Breaker:
    return Breaker(since=now)
