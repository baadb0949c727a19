"""Verdicts, checkers, scores, retries, the breaker, the window: values and what changes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain import breaker, retry
from functions.domain.breaker import Breaker, State
from functions.domain.checkers import default
from functions.domain.exam import Attempt, Exam, closed_because, seconds_until_allowed
from functions.domain.outcome import cut
from functions.domain.scoring import Scored, counting, score
from functions.domain.submission import RunType, Status, Submission, submission_id
from functions.domain.verdict import Ending, Execution, Verdict, overall, verdict_of
from functions.domain.window import MAX_SENDS, TestCannotBeJudged, Window
from tests.fakes import NOON

JUDGING = Submission(
    submission_id="s",
    attempt_id="a",
    exam_id="e",
    question_id="q",
    question_version="v",
    student="s",
    language="python",
    code="",
    stdin=None,
    run_type=RunType.SUBMIT,
    payload_hash="",
    created_at=NOON,
    turn_at=NOON,
    total=1,
    points=100,
    status=Status.PROCESSING,
    judgings=1,
    owner="w",
)
WELL = Execution(Ending.WELL)


@pytest.mark.parametrize(
    ("expected", "actual", "right"),
    [
        (b"1 2\n3\n", b"1 2\n3\n", True),
        (b"1 2\n3\n", b"1 2  \n3", True),  # each line right-trimmed, final newline ignored
        (b"1\n", b"1\r\n\n \n", True),  # final blank lines ignored
        (b"1\n2\n", b"1\n\n2\n", False),  # a blank line in between counts
        (b"1\n", b" 1\n", False),  # leading white space counts
        (b"a b\n", b"a  b\n", False),  # inner white space counts
        (b"", b"", True),
        (b"", b"\n\n", True),
        (b"\xff\n", b"\xff", True),  # no text needed
        (b"A\n", b"a\n", False),
    ],
)
def test_the_default_checker_compares_as_judge0_does(expected: bytes, actual: bytes, right: bool) -> None:
    assert default(expected, actual) is right


@given(st.binary())
def test_every_output_is_right_when_it_is_the_expected_one(output: bytes) -> None:
    assert default(output, output)


def test_the_verdict_of_a_submission_is_the_first_in_precedence() -> None:
    assert overall([Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.ACCEPTED]) is Verdict.WRONG_ANSWER
    assert overall([Verdict.WRONG_ANSWER, Verdict.TIME_LIMIT_EXCEEDED]) is Verdict.TIME_LIMIT_EXCEEDED
    assert overall([Verdict.ACCEPTED]) is Verdict.ACCEPTED


def test_every_ending_but_the_judges_own_fault_has_a_verdict() -> None:
    for ending in Ending:
        if ending is Ending.INTERNAL_ERROR:
            with pytest.raises(KeyError):
                verdict_of(Execution(ending), right=False)
        else:
            verdict_of(Execution(ending), right=False)


@pytest.mark.parametrize(
    ("points", "passed", "total", "expected"),
    [(100, 0, 10, 0), (100, 10, 10, 100), (100, 1, 3, 33), (100, 2, 3, 67), (1, 1, 2, 1), (5, 1, 2, 3), (0, 1, 1, 0)],
)
def test_a_score_is_the_fraction_passed_rounded_half_up(points: int, passed: int, total: int, expected: int) -> None:
    assert score(points, passed, total) == expected


def test_best_counts_the_highest_and_of_equals_the_first_and_last_the_newest() -> None:
    scores = [("a", 10), ("b", 90), ("c", 90), ("d", 20)]
    submits = [Scored(name, "q", value, 100, NOON + timedelta(n)) for n, (name, value) in enumerate(scores)]
    for counts, expected in (("best", "b"), ("last", "d")):
        counted = counting(reversed(submits), counts)
        assert counted is not None
        assert counted.submission_id == expected
    assert counting([], "best") is None


def test_ids_of_the_same_key_are_the_same_and_no_other_pair_gives_them() -> None:
    assert submission_id("alice", "k") == submission_id("alice", "k")
    assert submission_id("ab", "c") != submission_id("a", "bc")
    assert submission_id("alice", "k") != submission_id("bob", "k")


def test_an_attempt_is_open_from_its_beginning_until_its_end_and_a_little_grace() -> None:
    exam = Exam("e", "E", opens_at=NOON, closes_at=NOON + timedelta(hours=1))
    grace = timedelta(seconds=5)
    attempt = Attempt("a", "s", "e")
    extended = replace(attempt, closes_at=NOON + timedelta(hours=2))
    for sitting, minutes, is_open in [
        (attempt, -0.01, False),
        (attempt, 0, True),
        (attempt, 60, True),
        (attempt, 60 + 5 / 60, True),
        (attempt, 60.1, False),
        (extended, 60.1, True),
        (extended, 120.1, False),
    ]:
        now = NOON + timedelta(minutes=minutes)
        assert (closed_because(exam, sitting, now, grace) is None) is is_open, minutes


def test_the_rate_counts_the_last_minute_and_says_when_the_next_is_allowed() -> None:
    arrivals = tuple(NOON + timedelta(seconds=second) for second in (0, 10, 20))
    now = NOON + timedelta(seconds=30)
    assert seconds_until_allowed(arrivals, now, per_minute=4) == 0
    assert seconds_until_allowed(arrivals, now, per_minute=3) == 30
    assert seconds_until_allowed(arrivals, now, per_minute=2) == 40
    assert seconds_until_allowed(arrivals, NOON + timedelta(seconds=60), per_minute=3) == 0


def test_an_abandoned_judging_goes_a_minute_back_and_the_last_one_fails() -> None:
    again = retry.abandoned(replace(JUDGING, judgings=4), NOON, max_judgings=5, reason="why")
    assert (again.status, again.turn_at, again.judgings) == (Status.QUEUED, NOON + timedelta(seconds=60), 4)
    failed = retry.abandoned(replace(JUDGING, judgings=5), NOON, max_judgings=5, reason="why")
    assert (failed.status, failed.failure, failed.verdict, failed.score) == (Status.FAILED, "why", None, None)


def test_a_judging_with_the_judge_away_keeps_its_turn_and_does_not_count() -> None:
    back = retry.put_back(JUDGING)
    assert (back.status, back.turn_at, back.judgings, back.owner) == (Status.QUEUED, JUDGING.turn_at, 0, None)


def test_the_breaker_opens_probes_one_at_a_time_and_closes() -> None:
    now = NOON
    open_ = breaker.opened(Breaker(since=now), now)
    assert open_.state is State.OPEN
    assert not open_.probe_due(now + timedelta(seconds=0.9))
    assert open_.probe_due(now + timedelta(seconds=1))
    half = breaker.probing(open_, now + timedelta(seconds=1))
    assert not half.probe_due(now + timedelta(seconds=6))  # somebody is asking
    assert half.probe_due(now + timedelta(seconds=31))  # ... and vanished
    again = breaker.opened(half, now + timedelta(seconds=2))
    assert (again.pause_seconds, again.since) == (2, now)
    assert breaker.closed(now).state is State.CLOSED


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


def test_a_cut_text_says_so_and_stays_text() -> None:
    assert cut("äöü".encode(), 3) == ("äöü", False)
    assert cut("äöüx".encode(), 3) == ("äöü", True)
    assert cut(b"\xff\xfe", 5) == ("��", False)
