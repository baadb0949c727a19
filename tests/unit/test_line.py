"""The order of the line, and who may take which slot."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest

from functions.domain.line import FIRST_SLOT, Lines, Slot, Waiting, candidates, may_go_on, pick, takeable, turn
from functions.domain.submission import RunType, Status
from tests.fakes import NOON

RUN_MAX_WAIT = timedelta(seconds=30)
SPACING = timedelta(seconds=15)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def waiting(kind: RunType, arrived: float = 0.0) -> Waiting:
    return Waiting(f"{kind}-{arrived}", attempt_id=f"a-{arrived}", created_at=NOON + seconds(arrived))


def slot(number: int = 2, freed: float = 0.0, last: RunType | None = None, retired: bool = False) -> Slot:
    moment = NOON + seconds(freed)
    return Slot(number, expires_at=moment, free_at=moment, last_kind=last, retired=retired)


def lines(kind: RunType, slots: list[Slot], submit: float | None = None, run: float | None = None) -> Lines:
    arrived = {RunType.SUBMIT: submit, RunType.RUN: run}
    heads = {each: waiting(each, at) for each, at in arrived.items() if at is not None}
    own = [heads[kind]] if kind in heads else []
    return Lines(slots, own, {each: [head.created_at] for each, head in heads.items()})


@pytest.mark.parametrize(
    ("previous", "expected"),
    [
        (None, 100),  # nothing before: now
        ((Status.QUEUED, 90), 105),  # 90 + 15
        ((Status.QUEUED, 200), 215),  # behind a burst of one's own
        ((Status.QUEUED, 50), 100),  # 50 + 15 is past: now
        ((Status.PROCESSING, 99), 100),  # no longer waits: pays nothing
        ((Status.COMPLETED, 300), 100),
        ((Status.CANCELLED, 130), 130),  # its place is free, and behind what it was spaced from
        ((Status.SUPERSEDED, 90), 100),
    ],
)
def test_a_turn_is_spaced_only_from_ones_own_that_still_wait(
    previous: tuple[Status, float] | None, expected: float
) -> None:
    before = None if previous is None else (previous[0], NOON + seconds(previous[1]))
    assert turn(NOON + seconds(100), before, SPACING) == NOON + seconds(expected)


@pytest.mark.parametrize(
    ("kind", "number", "last", "freed", "submit", "run", "may"),
    [
        # a Submit takes any free slot
        (RunType.SUBMIT, 2, None, 100.0, 0, 0, True),
        (RunType.SUBMIT, 1, None, 100.0, 99, 99, True),
        # a Run takes one when no Submit waits
        (RunType.RUN, 2, None, 100.0, None, 99, True),
        (RunType.RUN, 2, None, 100.0, 99, 99, False),
        # ... or when the slot has been free for a second: the Submits have no ticket
        (RunType.RUN, 2, None, 99.1, 99, 99, False),
        (RunType.RUN, 2, None, 99.0, 99, 99, True),
        # slot 1's foot in the door: the first Run has waited 30 s
        (RunType.RUN, 1, RunType.SUBMIT, 100.0, 99, 70, True),
        (RunType.RUN, 1, RunType.SUBMIT, 100.0, 99, 70.1, False),
        (RunType.SUBMIT, 1, RunType.SUBMIT, 100.0, 99, 70, False),
        # never twice in a row, and no other slot
        (RunType.RUN, 1, RunType.RUN, 100.0, 99, 70, False),
        (RunType.SUBMIT, 1, RunType.RUN, 100.0, 99, 70, True),
        (RunType.RUN, 2, RunType.SUBMIT, 100.0, 99, 70, False),
        # the Runs have no ticket either: after a second a Submit may have slot 1 all the same
        (RunType.SUBMIT, 1, RunType.SUBMIT, 99.0, 99, 70, True),
    ],
)
def test_who_may_take_a_free_slot(
    kind: RunType,
    number: int,
    last: RunType | None,
    freed: float,
    submit: float | None,
    run: float | None,
    may: bool,
) -> None:
    free = slot(number, freed, last)
    assert takeable(kind, lines(kind, [free], submit, run), NOON + seconds(100), RUN_MAX_WAIT) == [free] * may


def test_a_held_or_retired_slot_is_nobodys_to_take() -> None:
    for unavailable in (slot(freed=0.001), slot(retired=True)):
        assert takeable(RunType.SUBMIT, lines(RunType.SUBMIT, [unavailable], 0), NOON, RUN_MAX_WAIT) == []


def test_no_more_slots_are_kept_for_submits_than_submits_wait_and_every_run_leaves_the_same_ones() -> None:
    now = NOON + seconds(100)
    slots = [slot(number, freed=99.5) for number in range(1, 6)]
    seen = Lines(slots, [waiting(RunType.RUN, 99)], {RunType.RUN: [now], RunType.SUBMIT: [now, now]})
    assert [each.number for each in takeable(RunType.RUN, seen, now, RUN_MAX_WAIT)] == [3, 4, 5]
    assert takeable(RunType.RUN, replace(seen, slots=slots[:2]), now, RUN_MAX_WAIT) == []


def test_a_slot_is_kept_for_a_submit_from_the_moment_when_both_the_slot_was_free_and_the_submit_waited() -> None:
    long_free = slot(freed=0)
    for arrived, may in ((99.5, False), (99.0, True)):
        seen = lines(RunType.RUN, [long_free], submit=arrived, run=50)
        assert (takeable(RunType.RUN, seen, NOON + seconds(100), RUN_MAX_WAIT) == [long_free]) is may


def test_a_lease_may_be_taken_over_only_a_margin_after_it_ended() -> None:
    leased = slot().leased(NOON, lease=seconds(15), margin=seconds(2))
    leased = replace(leased, owner="somebody")
    assert leased.expires_at == NOON + seconds(15)
    assert leased.is_held(NOON + seconds(16.999))
    assert not leased.is_free(NOON + seconds(16.999))
    assert leased.is_free(NOON + seconds(17))
    assert not leased.is_held(NOON + seconds(17))


def test_with_some_slots_free_any_of_as_many_first_in_line_may_be_picked_and_no_other() -> None:
    own = [waiting(RunType.SUBMIT, number) for number in range(5)]
    slots = [slot(1), slot(2), slot(3, freed=99)]
    seen = Lines(slots, own, {RunType.SUBMIT: [own[0].created_at]})
    picks = [pick(RunType.SUBMIT, seen, NOON + seconds(10), RUN_MAX_WAIT, random.Random(n)) for n in range(200)]
    assert {found[0].number for found in picks if found} == {1, 2}
    assert {found[1].submission_id for found in picks if found} == {"submit-0", "submit-1"}


def test_of_one_student_only_the_first_waiting_one_may_be_taken() -> None:
    mine, later, other = waiting(RunType.RUN, 1), waiting(RunType.RUN, 2), waiting(RunType.RUN, 3)
    later = replace(later, attempt_id=mine.attempt_id)
    assert candidates(slot(1), [mine, later, other]) == [mine, other]


def test_what_may_have_killed_its_worker_is_judged_on_one_slot_only() -> None:
    own = [replace(waiting(RunType.SUBMIT, 0), judgings=1), waiting(RunType.SUBMIT, 1)]
    for number, may in [(FIRST_SLOT, {"submit-0", "submit-1"}), (FIRST_SLOT + 1, {"submit-1"})]:
        free = [slot(number)]
        assert {each.submission_id for each in candidates(free[0], own)} == may
    seen = Lines([slot(2), slot(3), slot(1)], own[:1], {RunType.SUBMIT: [own[0].created_at]})
    for seed in range(20):
        found = pick(RunType.SUBMIT, seen, NOON, RUN_MAX_WAIT, random.Random(seed))
        assert found is not None
        assert found[0].number == FIRST_SLOT


def test_the_holder_of_a_slot_goes_on_while_nobody_has_precedence() -> None:
    now = NOON + seconds(100)
    for kind, number, submit, run, may in [
        (RunType.SUBMIT, 2, 99, 0, True),  # only slot 1 is ever kept for a Run
        (RunType.SUBMIT, 1, 99, 70, False),
        (RunType.SUBMIT, 1, 99, 71, True),
        (RunType.RUN, 2, None, 99, True),
        (RunType.RUN, 2, 99, 0, False),
        (RunType.RUN, 1, 99, 0, False),  # an aged Run had slot 1 just now: never twice in a row
    ]:
        held = slot(number)
        assert may_go_on(kind, held, lines(kind, [held], submit, run), now, RUN_MAX_WAIT) is may, (kind, number)
