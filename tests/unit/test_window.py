"""The rolling window: what is sent when, what is sent again, and how often the judge is asked."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.verdict import Ending, Execution
from functions.domain.window import (
    EARLY,
    LONGEST_POLL_SECONDS,
    MAX_SENDS,
    SHORTEST_POLL_SECONDS,
    UNKNOWN_SHARE,
    TestCannotBeJudged,
    Window,
)

WELL = Execution(Ending.WELL)
TOO_LONG = Execution(Ending.TIME_LIMIT)


def test_the_window_refills_whatever_is_free_at_once() -> None:
    window = Window(total=5, size=3, deadline_seconds=10)
    assert window.to_send() == [0, 1, 2]
    for index in range(3):
        window.sent(index, f"t{index}", now=0)
    assert window.to_send() == []
    window.polled("t1", WELL, now=1)
    assert window.to_send() == [3]
    window.sent(3, "t3", now=1)
    window.polled("t0", WELL, now=2)
    window.polled("t2", WELL, now=2)
    assert window.to_send() == [4]
    window.sent(4, "t4", now=2)
    for token in ("t3", "t4"):
        window.polled(token, WELL, now=3)
    assert window.complete


def test_a_stuck_test_is_sent_again_and_so_is_an_internal_error_up_to_a_bound() -> None:
    window = Window(total=1, size=1, deadline_seconds=10)
    window.sent(0, "t0", now=0)
    window.polled("t0", None, now=9.9)
    assert window.to_send() == []
    window.polled("t0", None, now=10)
    assert window.to_send() == [0]
    window.sent(0, "t1", now=10)
    window.polled("t1", Execution(Ending.INTERNAL_ERROR), now=11)
    assert window.to_send() == [0]
    window.sent(0, "t2", now=11)
    assert MAX_SENDS == 3
    with pytest.raises(TestCannotBeJudged):
        window.lost("t2")


@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 5))
def test_whatever_ends_first_no_more_than_the_window_is_ever_at_the_judge(order: list[bool], size: int) -> None:
    window = Window(total=len(order), size=size, deadline_seconds=10)
    now, sent = 0.0, 0
    while not window.complete:
        for index in window.to_send():
            window.sent(index, f"t{sent}", now)
            sent += 1
        assert 0 < len(window.tokens) <= size
        tokens = window.tokens
        window.polled(tokens[-1 if order[sent % len(order)] else 0], WELL, now)
        now += 0.1
    assert sent == len(order)


def send_all(window: Window, now: float = 0) -> list[int]:
    """Each under the token of its index and the number of its sending."""
    indices = window.to_send()
    for index in indices:
        window.sent(index, f"t{index}", now)
    return indices


def test_the_first_time_out_beside_others_is_run_once_more_alone_and_where_it_stands_the_rest_stand() -> None:
    window = Window(total=6, size=3, deadline_seconds=10)
    send_all(window)
    window.polled("t0", TOO_LONG, now=2)
    assert window.to_send() == []  # nothing new while it is to be alone
    window.polled("t1", TOO_LONG, now=2)
    window.polled("t2", WELL, now=2)
    assert send_all(window) == [0]
    assert window.to_send() == []
    assert set(window.done) == {2}
    window.polled("t0", TOO_LONG, now=4)
    assert window.done[0] is TOO_LONG
    assert window.done[1] is TOO_LONG  # without another run
    assert send_all(window) == [3, 4, 5]
    window.polled("t3", TOO_LONG, now=6)
    assert window.done[3] is TOO_LONG


def test_a_time_out_that_does_not_stand_was_the_machines_and_the_next_is_doubted_too() -> None:
    window = Window(total=3, size=3, deadline_seconds=10)
    send_all(window)
    for token in ("t0", "t1"):
        window.polled(token, TOO_LONG, now=2)
    window.polled("t2", WELL, now=2)
    assert send_all(window) == [0]
    window.polled("t0", WELL, now=4)
    assert send_all(window) == [1]
    window.polled("t1", TOO_LONG, now=6)
    assert window.complete
    assert [window.done[index].ending for index in range(3)] == [Ending.WELL, Ending.TIME_LIMIT, Ending.WELL]


def test_a_time_out_that_was_measured_alone_stands() -> None:
    window = Window(total=2, size=1, deadline_seconds=10)
    send_all(window)
    window.polled("t0", TOO_LONG, now=2)
    assert window.done == {0: TOO_LONG}


def test_a_doubted_test_that_gets_lost_keeps_its_sends_and_stays_alone() -> None:
    window = Window(total=2, size=2, deadline_seconds=10)
    send_all(window)
    window.polled("t0", TOO_LONG, now=2)
    window.polled("t1", WELL, now=2)
    assert send_all(window) == [0]
    window.lost("t0")
    assert send_all(window) == [0]
    window.polled("t0", TOO_LONG, now=4)
    assert window.complete


def test_what_is_skipped_is_not_sent_and_what_is_there_is_awaited() -> None:
    window = Window(total=5, size=2, deadline_seconds=10)
    send_all(window)
    window.skip([1, 2, 3])
    window.polled("t0", WELL, now=1)
    assert send_all(window) == [4]
    window.polled("t1", WELL, now=2)
    window.polled("t4", WELL, now=2)
    assert window.complete
    assert set(window.done) == {0, 1, 4}


def window_with(total: int, *sent_at: float) -> Window:
    """One test is done, which took 0.4 s and 0.05 s beside that; others were sent since."""
    window = Window(total, size=3, deadline_seconds=10)
    window.sent(0, "t0", 0.0)
    window.polled("t0", Execution(Ending.WELL, wall_seconds=0.4), now=0.45)
    for index, at in enumerate(sent_at, start=1):
        window.sent(index, f"t{index}", at)
    return window


DUE = 0.05 + EARLY * 0.4
"""After so long in ``window_with`` the next one is asked for."""


def test_nothing_is_asked_before_the_next_test_can_be_done_and_then_often() -> None:
    window = window_with(5, 1.0, 1.05, 1.3)
    assert window.pause(1.3) == pytest.approx(1.0 + DUE - 1.3)
    assert window.pause(1.0 + DUE) == pytest.approx(SHORTEST_POLL_SECONDS)


def test_where_nothing_is_left_to_be_sent_only_the_last_one_is_waited_for() -> None:
    window = window_with(4, 1.0, 1.05, 1.3)
    assert window.pause(1.3) == pytest.approx(DUE)
    assert window.pause(1.3 + DUE) == pytest.approx(SHORTEST_POLL_SECONDS)


def test_a_judge_that_answers_slowly_is_asked_less() -> None:
    window = window_with(3, 1.0, 1.0)
    assert window.pause(1.0 + DUE, call_seconds=0.1) == pytest.approx(0.1)
    assert window.pause(1.0 + DUE, call_seconds=4.0) == LONGEST_POLL_SECONDS


def test_a_test_that_takes_much_longer_than_those_before_it_is_asked_for_less_and_less() -> None:
    window = window_with(2, 1.0)
    assert window.pause(1.0 + 2.4) == pytest.approx(2.4 * UNKNOWN_SHARE)
    assert window.pause(1.0 + 4.8) == pytest.approx(4.8 * UNKNOWN_SHARE)


def play(seconds: list[float], size: int, workers: int, overhead: float = 0.05) -> tuple[int, int, float, float]:
    """(creates, polls, when it was over, when it could have been) at a judge with so many workers."""
    window = Window(len(seconds), size, deadline_seconds=60)
    now, creates, polls = 0.0, 0, 0
    free_at = [0.0] * workers
    done_at: dict[str, float] = {}
    while not window.complete:
        if to_send := window.to_send():
            creates += 1
            for index in to_send:
                worker = min(range(workers), key=free_at.__getitem__)
                free_at[worker] = max(free_at[worker], now) + overhead + seconds[index]
                done_at[str(index)] = free_at[worker]
                window.sent(index, str(index), now)
        now += window.pause(now)
        polls += 1
        for token in window.tokens:
            execution = Execution(Ending.WELL, wall_seconds=seconds[int(token)])
            window.polled(token, execution if done_at[token] <= now else None, now)
    return creates, polls, now, max(done_at.values())


def test_twelve_tests_of_a_third_of_a_second_leave_hardly_a_place_empty_and_take_few_calls() -> None:
    rng = random.Random(5)
    for _ in range(50):
        seconds = [rng.uniform(0.29, 0.33) for _ in range(12)]
        creates, polls, over, _ = play(seconds, size=3, workers=4)
        assert 4 <= creates <= 12
        assert polls <= 30
        assert over < 12 / 3 * (0.33 + 0.05) * 1.05


@given(
    st.lists(st.floats(0.01, 3.0), min_size=1, max_size=12),
    st.integers(1, 5),
    st.integers(1, 5),
)
def test_however_long_tests_take_the_judge_is_not_asked_often_nor_late(
    seconds: list[float], size: int, workers: int
) -> None:
    creates, polls, over, last_done = play(seconds, size, workers)
    assert creates <= len(seconds)
    assert polls <= 60 * len(seconds)
    assert over - last_done <= LONGEST_POLL_SECONDS


def test_short_tests_after_a_long_one_are_not_waited_for_as_if_they_were_long() -> None:
    _, _, over, last_done = play([3.0] + [0.05] * 11, size=1, workers=1)
    assert over - last_done < 0.5
    assert over < 3.0 + 11 * 0.1 + 3.0
