"""Verdicts, retries, the breaker, exams: values and what changes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from functions.domain import breaker, retry
from functions.domain.breaker import Breaker, State
from functions.domain.exam import Attempt, Exam, closed_because, seconds_until_allowed
from functions.domain.outcome import cut
from functions.domain.submission import RunType, Status, Submission, submission_id
from functions.domain.verdict import Ending, Execution, Verdict, overall, verdict_of
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


def test_a_cut_text_says_so_and_stays_text() -> None:
    assert cut("äöü".encode(), 3) == ("äöü", False)
    assert cut("äöüx".encode(), 3) == ("äöü", True)
    assert cut(b"\xff\xfe", 5) == ("��", False)
