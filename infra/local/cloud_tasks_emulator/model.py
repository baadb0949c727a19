"""The arithmetic of rates and retries, and a task as the emulator keeps it. Pure; time is passed in.

The published messages (`google.cloud.tasks.v2`) are the model of queues and tasks: what a client sent is kept as it
is, and the emulator adds only what Cloud Tasks knows beside it. A moment is a POSIX second, a duration a number of
seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import IntEnum
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
"""How far 429 and 503 slow a queue down, in dispatches per second; a queue whose own rate is lower keeps that."""
RECOVERY_SECONDS = 1.0
"""A slowed queue doubles its rate after each such while without another 429 or 503: 1/s is 500/s again after 9 s.

Google publishes that the queue backs off, not how far nor how long. Time decides here, not successes: handlers that
take a minute would otherwise keep a queue slow for many minutes after an outage.
"""


class RpcCode(IntEnum):
    """google.rpc.Code."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    ABORTED = 10
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


RPC_CODE_OF_STATUS = {
    400: RpcCode.INVALID_ARGUMENT,
    401: RpcCode.UNAUTHENTICATED,
    403: RpcCode.PERMISSION_DENIED,
    404: RpcCode.NOT_FOUND,
    409: RpcCode.ABORTED,
    429: RpcCode.RESOURCE_EXHAUSTED,
    499: RpcCode.CANCELLED,
    500: RpcCode.INTERNAL,
    501: RpcCode.UNIMPLEMENTED,
    503: RpcCode.UNAVAILABLE,
    504: RpcCode.DEADLINE_EXCEEDED,
}
"""As the comments of google/rpc/code.proto map them; any other status is UNKNOWN."""


@dataclass
class TaskEntry:
    """A task that waits or is being delivered."""

    message: Any
    due: float
    executions: int = 0
    """Deliveries that the handler answered, 5xx and time-outs left out (X-CloudTasks-TaskExecutionCount)."""
    previous: int = 0
    """The status of the last delivery (X-CloudTasks-TaskPreviousResponse); 0 before the first."""
    in_flight: int = 0
    """Deliveries under way: RunTask sends one even beside another."""

    @property
    def name(self) -> str:
        name: str = self.message.name
        return name

    @property
    def queue(self) -> str:
        return self.name.rpartition("/tasks/")[0]


@dataclass(frozen=True)
class TokenBucket:
    """`max_dispatches_per_second`, fractions allowed: full at first, refilled evenly, slowed by 429 and 503.

    It holds at least one token and at least a second's worth (`max_burst_size` is output only, and generally at
    least equal to the rate).
    """

    limit: float
    """What the queue's owner set, in tokens per second."""
    rate: float
    """What holds at the moment: ``limit``, or less after a 429 or 503."""
    tokens: float
    at: float
    recovers_at: float = math.inf

    @classmethod
    def full(cls, limit: float, now: float) -> TokenBucket:
        return cls(limit, limit, float(burst_size(limit)), now)

    def refilled(self, now: float) -> TokenBucket:
        """The bucket at ``now``. A clock that was set back neither gives nor takes a token."""
        bucket = self
        while bucket.recovers_at <= now:
            faster = min(bucket.limit, bucket.rate * 2)
            next_recovery = bucket.recovers_at + RECOVERY_SECONDS if faster < bucket.limit else math.inf
            bucket = replace(bucket._filled(bucket.recovers_at), rate=faster, recovers_at=next_recovery)
        return bucket._filled(now)

    def _filled(self, now: float) -> TokenBucket:
        tokens = min(burst_size(self.rate), self.tokens + max(0.0, now - self.at) * self.rate)
        return replace(self, tokens=tokens, at=now)

    def taken(self, now: float) -> tuple[TokenBucket, float]:
        """The bucket without one token and 0.0; or as it is, and the seconds until looking again is worth it."""
        bucket = self.refilled(now)
        if bucket.tokens >= 1.0 - 1e-9:  # what was refilled in many small steps does not quite add up to 1
            return replace(bucket, tokens=max(0.0, bucket.tokens - 1.0)), 0.0
        return bucket, min((1.0 - bucket.tokens) / bucket.rate, bucket.recovers_at - now)

    def slowed(self, now: float) -> TokenBucket:
        """After a 429 or 503: half the rate, down to SLOWEST_RATE."""
        bucket = self.refilled(now)
        rate = max(min(SLOWEST_RATE, bucket.limit), bucket.rate / 2)
        recovers_at = now + RECOVERY_SECONDS if rate < bucket.limit else math.inf
        return replace(bucket, rate=rate, recovers_at=recovers_at)._filled(now)

    def limited(self, limit: float, now: float) -> TokenBucket:
        """The same with another limit; what slowed it is forgotten."""
        return replace(self.refilled(now), limit=limit, rate=limit, recovers_at=math.inf)._filled(now)


def burst_size(rate: float) -> int:
    return max(1, math.ceil(rate))


def backoff(attempt: int, minimum: float, maximum: float, doublings: int) -> float:
    """Seconds to wait after the ``attempt``-th failed delivery.

    Doubled ``doublings`` times, then growing by the last step, up to ``maximum``. Google's example (RetryConfig):
    10 s, 300 s and 3 doublings give 10, 20, 40, 80, 160, 240, 300, 300.
    """
    doubled = 2.0 ** min(attempt - 1, doublings, 64)
    linear = max(0, attempt - doublings - 1) * 2.0 ** min(doublings, 64)
    return min(maximum, minimum * (doubled + linear))


def retry_wait(attempt: int, retry_after: float, minimum: float, maximum: float, doublings: int) -> float:
    """The backoff, or the longer Retry-After of the handler, but never more than ``maximum``.

    A task is retried "between min_backoff and max_backoff after it fails" (RetryConfig).
    """
    return min(maximum, max(backoff(attempt, minimum, maximum, doublings), retry_after))


def retry_after(header: str, now: float) -> float:
    """Seconds that a Retry-After header asks for, as a number or as a date; 0.0 where it says neither."""
    if header.isascii() and header.isdigit():
        return float(header)
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return 0.0
    return max(0.0, (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp() - now)


def gives_up(attempts: int, age: float, max_attempts: int, max_retry_duration: float) -> bool:
    """Whether a task that failed again is dropped: both limits must be used up; 0 or -1 is no limit.

    ``age`` is counted from the first attempt.
    """
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
    return queue


def attempt_status(status: int) -> tuple[RpcCode, str]:
    """What GetTask tells of a delivery, as in `INTERNAL(13): HTTP status code 500` (recorded)."""
    code = RPC_CODE_OF_STATUS.get(status, RpcCode.UNKNOWN)
    return code, f"{code.name}({code.value}): HTTP status code {status}"


def seconds(duration: Any) -> float:
    return float(duration.seconds + duration.nanos / 1e9)


def moment(timestamp: Any) -> float:
    return float(timestamp.seconds + timestamp.nanos / 1e9)


def set_timestamp(timestamp: Any, at: float) -> None:
    """Cloud Tasks keeps microseconds."""
    timestamp.FromMicroseconds(round(at * 1e6))
