"""Queues and tasks as the emulator keeps them, and the arithmetic of rates and retries. Pure; time is passed in.

The published messages (`google.cloud.tasks.v2`) are the model: what a client sent is kept as it is, and the
emulator adds only what Cloud Tasks knows beside it. A time is a POSIX second, a duration a number of seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from google.cloud import tasks_v2

QueueMessage = tasks_v2.Queue.pb()
TaskMessage = tasks_v2.Task.pb()

DEFAULT_RATE = 500.0
DEFAULT_CONCURRENCY = 1000
DEFAULT_ATTEMPTS = 100
DEFAULT_MIN_BACKOFF = 0.1
DEFAULT_MAX_BACKOFF = 3600.0
DEFAULT_DOUBLINGS = 16
DEFAULT_DEADLINE = 600.0
SLOWEST_RATE = 1.0
"""How far 429 and 503 may slow a whole queue down, in dispatches per second."""

OK, DEADLINE_EXCEEDED, UNAVAILABLE = 0, 4, 14
RPC_CODE_OF_STATUS = {400: 3, 401: 16, 403: 7, 404: 5, 409: 10, 429: 8, 499: 1, 500: 13, 501: 12, 503: 14, 504: 4}


@dataclass
class TaskEntry:
    """A task that waits or is being delivered."""

    message: Any
    due: float
    executions: int = 0
    """Deliveries that the handler answered, 5xx and time-outs left out (X-CloudTasks-TaskExecutionCount)."""
    previous: int = 0
    """The status of the last delivery (X-CloudTasks-TaskPreviousResponse); 0 before the first."""
    in_flight: bool = False

    @property
    def name(self) -> str:
        name: str = self.message.name
        return name

    @property
    def queue(self) -> str:
        return self.name.rpartition("/tasks/")[0]


@dataclass
class TokenBucket:
    """`max_dispatches_per_second`, fractions allowed: full at first, refilled evenly.

    The bucket holds at least one token and at least a second's worth (`max_burst_size` is output only and at least
    equal to the rate).
    """

    rate: float
    tokens: float
    at: float

    @classmethod
    def full(cls, rate: float, now: float) -> TokenBucket:
        return cls(rate, float(burst_size(rate)), now)

    def refill(self, now: float) -> None:
        self.tokens = min(burst_size(self.rate), self.tokens + max(0.0, now - self.at) * self.rate)
        self.at = now

    def change_rate(self, rate: float, now: float) -> None:
        self.refill(now)
        self.rate = rate
        self.tokens = min(self.tokens, burst_size(rate))

    def take(self, now: float) -> float:
        """0.0 where a token was taken, else the seconds until there is one."""
        self.refill(now)
        if self.tokens >= 1.0 - 1e-9:
            self.tokens -= 1.0
            return 0.0
        return (1.0 - self.tokens) / self.rate


def burst_size(rate: float) -> int:
    return max(1, math.ceil(rate))


def slower(rate: float) -> float:
    """A queue's rate after its handler answered 429 or 503."""
    return max(min(SLOWEST_RATE, rate), rate / 2)


def faster(rate: float, limit: float) -> float:
    """... and after a success, up to what its owner set."""
    return min(limit, rate * 2)


def backoff(attempt: int, minimum: float, maximum: float, doublings: int) -> float:
    """Seconds to wait after the ``attempt``-th failed delivery.

    Doubled ``doublings`` times, then growing by the last step, up to ``maximum``: Google's example of 10 s, 300 s
    and 3 doublings gives 10, 20, 40, 80, 160, 240, 300, 300.
    """
    doubled = 2.0 ** min(attempt - 1, doublings, 64)
    linear = max(0, attempt - doublings - 1) * 2.0 ** min(doublings, 64)
    return min(maximum, minimum * (doubled + linear))


def gives_up(attempts: int, age: float, max_attempts: int, max_retry_duration: float) -> bool:
    """Whether a task that failed again is dropped: both limits must be used up; 0 or -1 is no limit."""
    if max_attempts <= 0 or attempts < max_attempts:
        return False
    return max_retry_duration <= 0 or age >= max_retry_duration


def with_defaults(queue: Any) -> Any:
    """What the real service fills in where a client sent nothing."""
    limits, retry = queue.rate_limits, queue.retry_config
    limits.max_dispatches_per_second = limits.max_dispatches_per_second or DEFAULT_RATE
    limits.max_concurrent_dispatches = limits.max_concurrent_dispatches or DEFAULT_CONCURRENCY
    limits.max_burst_size = burst_size(limits.max_dispatches_per_second)
    retry.max_attempts = retry.max_attempts or DEFAULT_ATTEMPTS
    retry.max_doublings = retry.max_doublings or DEFAULT_DOUBLINGS
    if not retry.HasField("min_backoff"):
        retry.min_backoff.FromMicroseconds(int(DEFAULT_MIN_BACKOFF * 1e6))
    if not retry.HasField("max_backoff"):
        retry.max_backoff.FromMicroseconds(int(DEFAULT_MAX_BACKOFF * 1e6))
    queue.state = queue.state or tasks_v2.Queue.State.RUNNING
    return queue


def seconds(duration: Any) -> float:
    return float(duration.seconds + duration.nanos / 1e9)


def set_timestamp(timestamp: Any, moment: float) -> None:
    timestamp.FromNanoseconds(int(moment * 1e9))
