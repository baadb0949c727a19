"""Rates and retries as pure arithmetic: no clock, no thread."""

from __future__ import annotations

import math

import pytest

from infra.local.cloud_tasks_emulator import model
from infra.local.cloud_tasks_emulator.model import TokenBucket


def takes(bucket: TokenBucket, *moments: float) -> list[float]:
    """What each attempt to take a token says: 0.0 where there was one, else the seconds to wait."""
    waits = []
    for moment in moments:
        bucket, wait = bucket.taken(moment)
        waits.append(wait)
    return waits


@pytest.mark.parametrize(
    ("minimum", "maximum", "doublings", "waits"),
    [
        (10, 300, 3, [10, 20, 40, 80, 160, 240, 300, 300]),  # Google's example
        (1, 100, 0, [1, 2, 3, 4, 5]),  # no doubling: linear at once
        (1, 100, 1, [1, 2, 4, 6, 8]),
        (0.5, 4, 16, [0.5, 1, 2, 4, 4]),
        (5, 5, 16, [5, 5, 5]),
    ],
)
def test_the_backoff_doubles_then_grows_evenly_up_to_its_maximum(
    minimum: float, maximum: float, doublings: int, waits: list[float]
) -> None:
    assert [model.backoff(attempt, minimum, maximum, doublings) for attempt in range(1, len(waits) + 1)] == waits


def test_a_task_that_failed_a_million_times_still_has_a_backoff() -> None:
    assert model.backoff(1_000_000, 0.1, 3600.0, 1000) == 3600.0


@pytest.mark.parametrize(
    ("retry_after", "wait"),
    [(0.0, 20.0), (7.0, 20.0), (45.0, 45.0), (1e9, 300.0), (math.inf, 300.0)],
)
def test_a_retry_waits_for_the_longer_of_backoff_and_retry_after_but_within_max_backoff(
    retry_after: float, wait: float
) -> None:
    assert model.retry_wait(2, retry_after, 10.0, 300.0, 3) == wait


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        ("Thu, 01 Jan 1970 00:16:50 GMT", 10.0),
        ("Thu, 01 Jan 1970 00:16:50 -0000", 10.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("", 0.0),
        ("-5", 0.0),
        ("soon", 0.0),
        ("²", 0.0),
    ],
)
def test_retry_after_is_a_number_of_seconds_or_a_date(header: str, seconds: float) -> None:
    assert model.retry_after(header, now=1000.0) == seconds


@pytest.mark.parametrize(
    ("attempts", "age", "max_attempts", "max_retry_duration", "given_up"),
    [
        (2, 0.0, 3, 0.0, False),
        (3, 0.0, 3, 0.0, True),
        (3, 9.0, 3, 10.0, False),  # both limits must be used up
        (3, 10.0, 3, 10.0, True),
        (2, 99.0, 3, 10.0, False),
        (10_000, 1e9, -1, 0.0, False),
        (10_000, 1e9, -1, 10.0, False),
    ],
)
def test_a_task_is_given_up_when_attempts_and_duration_are_both_used_up(
    attempts: int, age: float, max_attempts: int, max_retry_duration: float, given_up: bool
) -> None:
    assert model.gives_up(attempts, age, max_attempts, max_retry_duration) is given_up


@pytest.mark.parametrize(("rate", "size"), [(500.0, 500), (2.5, 3), (1.0, 1), (0.01, 1)])
def test_the_burst_is_at_least_the_rate_and_at_least_one(rate: float, size: int) -> None:
    assert model.burst_size(rate) == size


def test_half_a_dispatch_per_second_is_one_every_two_seconds() -> None:
    assert takes(TokenBucket.full(0.5, 0.0), 0.0, 0.0, 1.0, 2.0, 2.0, 4.0) == [0.0, 2.0, 1.0, 0.0, 2.0, 0.0]


def test_a_full_bucket_gives_its_burst_at_once_and_then_its_rate() -> None:
    assert takes(TokenBucket.full(3.0, 0.0), *[0.0] * 4) == [0.0, 0.0, 0.0, pytest.approx(1 / 3)]


def test_an_idle_bucket_holds_no_more_than_its_burst() -> None:
    waits = takes(TokenBucket.full(2.0, 0.0), 0.0, 0.0, 100.0, 100.0, 100.0)
    assert waits == [0.0, 0.0, 0.0, 0.0, 0.5]


def test_many_small_refills_make_a_whole_token_though_floats_do_not_add_up() -> None:
    waits = takes(TokenBucket.full(0.1, 0.0), 0.0, *(float(second) for second in range(1, 11)))
    assert waits[-1] == 0.0


def test_a_clock_that_is_set_back_gives_no_tokens_and_does_not_stop_the_queue() -> None:
    assert takes(TokenBucket.full(1.0, 1000.0), 1000.0, 10.0, 11.0) == [0.0, 1.0, 0.0]


def test_each_refusal_halves_the_rate_of_the_queue_down_to_one_a_second() -> None:
    bucket, rates = TokenBucket.full(500.0, 0.0), []
    for _ in range(10):
        bucket = bucket.slowed(0.0)
        rates.append(bucket.rate)
    assert rates[:3] == [250.0, 125.0, 62.5]
    assert rates[-1] == 1.0
    assert bucket.tokens == 1.0


def test_a_slowed_queue_doubles_its_rate_each_second_until_it_has_its_own_again() -> None:
    bucket = TokenBucket.full(6.0, 0.0).slowed(0.0).slowed(0.0).slowed(0.0)
    assert [bucket.refilled(moment).rate for moment in (0.0, 0.9, 1.0, 2.0, 3.0, 99.0)] == [
        1.0,
        1.0,
        2.0,
        4.0,
        6.0,
        6.0,
    ]


def test_another_refusal_puts_the_recovery_off() -> None:
    bucket = TokenBucket.full(8.0, 0.0).slowed(0.0).slowed(0.9)
    assert [bucket.refilled(moment).rate for moment in (1.0, 1.9, 2.9)] == [2.0, 4.0, 8.0]


def test_a_slowed_queue_looks_again_when_it_recovers_if_that_is_before_its_next_token() -> None:
    bucket = TokenBucket.full(4.0, 0.0).slowed(0.0).slowed(0.0)
    assert takes(bucket, 0.75, 0.75) == [0.0, 0.25]


def test_a_queue_slower_than_one_a_second_keeps_its_rate_when_refused() -> None:
    assert TokenBucket.full(0.5, 0.0).slowed(0.0) == TokenBucket.full(0.5, 0.0)


def test_a_new_limit_holds_at_once_and_keeps_no_more_than_its_burst() -> None:
    bucket = TokenBucket.full(500.0, 0.0).slowed(0.0).limited(2.0, 0.0)
    assert takes(bucket, 0.0, 0.0, 0.0) == [0.0, 0.0, 0.5]


@pytest.mark.parametrize(
    ("status", "code", "message"),
    [
        (500, 13, "INTERNAL(13): HTTP status code 500"),  # recorded
        (503, 14, "UNAVAILABLE(14): HTTP status code 503"),
        (504, 4, "DEADLINE_EXCEEDED(4): HTTP status code 504"),
        (418, 2, "UNKNOWN(2): HTTP status code 418"),
    ],
)
def test_an_attempts_status_is_told_as_cloud_tasks_tells_it(status: int, code: int, message: str) -> None:
    assert model.attempt_status(status) == (code, message)
