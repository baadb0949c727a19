"""Whose the slots are, as one pure decision: from what is kept, the slots, and the judges that a process knows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from functions.domain.concurrency import Bounds
from functions.domain.line import ONLY_JUDGE, Slot
from functions.domain.sharing import FRESH, GONE, TOLD, Change, Control, Listed, Setting, followed
from tests.fakes import NOON

EARLIER = NOON - timedelta(hours=1)
SECOND = timedelta(seconds=1)


def slots_of(*judges: str, held: int = 0) -> dict[int, Slot]:
    """One of each, by number; the first ``held`` are in hand. A dash before the name: retired."""
    found = {}
    for number, judge in enumerate(judges, start=1):
        until = NOON + 17 * SECOND if number <= held else EARLIER
        owner = "worker" if number <= held else None
        slot = Slot(number, until, until, owner=owner, retired=judge.startswith("-"), judge=judge.removeprefix("-"))
        found[number] = slot
    return found


def found_at(ago: timedelta, *names: str, setting: Setting = 2) -> dict[str, Listed]:
    return {name: Listed(setting, 2, NOON - ago) for name in names}


def named(**judges: Setting) -> dict[str, Listed]:
    return {name: Listed(setting, 2) for name, setting in judges.items()}


def kept(ago: timedelta, *names: str, set_at: datetime = EARLIER, setting: Setting = 2) -> Control:
    return Control(dict.fromkeys(names, setting), dict.fromkeys(names, NOON - ago), set_at)


def follow(
    control: Control, slots: dict[int, Slot], listed: dict[str, Listed], *, found: bool = True, begun: datetime = NOON
) -> Change | None:
    return followed(control, slots, listed, NOON, begun=begun, found=found)


def counts(change: Change | None) -> dict[str, int]:
    assert change is not None
    return dict(Counter(slot.judge for slot in change.slots if not slot.retired))


def test_one_that_is_found_gets_slots() -> None:
    change = follow(kept(SECOND, "a"), slots_of("a", "a"), found_at(SECOND, "a", "b"))
    assert counts(change) == {"a": 2, "b": 2}
    assert change is not None
    assert change.control.seen == {"a": NOON - SECOND, "b": NOON - SECOND}
    assert change.moved == {"b"}


def test_whom_nobody_has_found_for_so_long_has_left_whoever_knew_it() -> None:
    slots = slots_of("a", "a", "b", "b")
    control = kept(SECOND, "a", "b")
    assert follow(control, slots, found_at(SECOND, "a")) is None
    control = replace(control, seen={"a": NOON, "b": NOON - GONE})
    change = follow(control, slots, found_at(SECOND, "a"))
    assert counts(change) == {"a": 2}
    assert change is not None
    assert set(change.control.seeded) == set(change.control.seen) == {"a"}


def test_an_old_list_changes_nothing() -> None:
    """A process that was idle knows what was: neither who has come, nor who has left, nor that anybody is there."""
    old = found_at(FRESH, "a", "b")
    assert follow(kept(GONE, "a", "c"), slots_of("a", "a", "c", "c"), old) is None
    assert follow(kept(GONE, "a", "c"), slots_of("a", "a", "c", "c"), {}) is None


def test_what_is_kept_is_written_anew_only_now_and_then() -> None:
    assert follow(kept(TOLD - SECOND, "a"), slots_of("a", "a"), found_at(timedelta(), "a")) is None
    change = follow(kept(TOLD, "a"), slots_of("a", "a"), found_at(timedelta(), "a"))
    assert change is not None
    assert change.control.seen == {"a": NOON}
    assert change.slots == list(slots_of("a", "a").values())


def test_who_left_cannot_come_back_by_a_list_that_is_older_than_that() -> None:
    """Whoever knew it up to TOLD longer than is kept: that is too old once it counts as gone."""
    assert FRESH + TOLD < GONE


def test_one_short_answer_takes_nobodys_slots_away() -> None:
    still_listed = found_at(SECOND, "a") | found_at(2 * GONE, "b")
    assert counts(follow(kept(2 * GONE, "a", "b"), slots_of("a", "b"), still_listed)) == {"a": 1, "b": 1}


def test_slots_that_belong_to_nobody_who_is_kept_go() -> None:
    change = follow(kept(SECOND, "a"), slots_of("a", "a", "ghost"), found_at(SECOND, "a"))
    assert counts(change) == {"a": 2}


@pytest.mark.parametrize(
    ("before", "after", "had", "gets"),
    [
        (3, 8, 3, 8),
        (3, 8, 1, 8),  # what an operator set holds until the setting changes
        (3, 3, 1, 1),
        (Bounds(1, 20), 3, 9, 3),
        (Bounds(1, 20), Bounds(1, 6), 9, 6),
        (20, Bounds(1, 20), 20, 2),  # a number that somebody chose says nothing of what it bears
        (Bounds(1, 6), Bounds(1, 20), 4, 4),
    ],
)
def test_a_new_number_or_bound_holds_for_those_that_are_known(
    before: Setting, after: Setting, had: int, gets: int
) -> None:
    slots = slots_of(*["a"] * had)
    for control, listed, found in (
        (kept(SECOND, "a", setting=before), found_at(SECOND, "a", setting=after), True),
        (Control({"a": before}, {}, EARLIER), named(a=after), False),
    ):
        change = follow(control, slots, listed, found=found)
        assert (had if change is None else counts(change)["a"]) == gets


def test_the_settings_of_the_process_that_began_last_hold() -> None:
    now_eight = follow(kept(SECOND, "a"), slots_of("a", "a"), found_at(SECOND, "a", setting=8))
    assert now_eight is not None
    assert now_eight.control.set_at == NOON
    slots = {slot.number: slot for slot in now_eight.slots}
    old = found_at(timedelta(), "a", "b", setting=2)
    assert follow(now_eight.control, slots, old, begun=EARLIER) is None, "nor does it give a new one slots"
    begun_together = found_at(timedelta(), "a", "b", setting=8)
    assert counts(follow(now_eight.control, slots, begun_together, begun=NOON - SECOND)) == {"a": 8, "b": 2}


def test_who_follows_a_name_server_stops_where_the_next_deployment_has_a_list() -> None:
    listed = follow(kept(SECOND, "x", "g"), slots_of("x", "x", "g", "g"), named(g=2, h=1), found=False)
    assert counts(listed) == {"g": 2, "h": 2}
    assert listed is not None
    slots = {slot.number: slot for slot in listed.slots}
    old = found_at(timedelta(), "x") | named(g=2)
    assert follow(listed.control, slots, old, begun=EARLIER) is None


def test_one_that_leaves_the_setting_goes_at_once_where_that_is_all_and_else_once_nobody_names_it() -> None:
    slots = slots_of("g", "x")
    assert counts(follow(kept(SECOND, "g", "x"), slots, named(x=2), found=False)) == {"x": 1}
    assert follow(kept(SECOND, "g", "x"), slots, found_at(SECOND, "x")) is None, "an older process gives it work"
    assert counts(follow(kept(GONE, "g", "x"), slots, found_at(SECOND, "x"))) == {"x": 1}


def test_from_one_judge_to_a_list_what_is_in_hand_is_the_firsts() -> None:
    slots = slots_of(ONLY_JUDGE, ONLY_JUDGE, held=2)
    change = follow(Control({ONLY_JUDGE: 2}), slots, named(a=3, b=1), found=False)
    assert change is not None
    assert [slot.judge for slot in change.slots if slot.owner] == ["a", "a"]
    assert change.control.seeded == {"a": 3, "b": 1}


def test_from_one_judge_to_those_that_are_found_they_come_once_nothing_of_it_is_in_hand() -> None:
    slots = slots_of(*[ONLY_JUDGE] * 3, held=2)
    change = follow(Control({ONLY_JUDGE: 3}), slots, found_at(SECOND, "a", "b"))
    assert counts(change) == {}
    assert change is not None
    assert ONLY_JUDGE not in change.control.seeded
    still = {slot.number: slot for slot in change.slots}
    assert follow(change.control, still, found_at(SECOND, "a", "b")) is None
    done = {number: slot.released(EARLIER) for number, slot in still.items()}
    change = follow(change.control, done, found_at(SECOND, "a", "b"))
    assert counts(change) == {"a": 2, "b": 2}
    assert change is not None
    assert len(change.slots) == 4, "its slots serve the others"


def test_one_judge_without_a_name_keeps_what_it_kept_before_there_were_several() -> None:
    first = follow(Control(), {}, {ONLY_JUDGE: Listed(3, 3)}, found=False)
    assert first is not None
    assert first.control == Control({ONLY_JUDGE: 3})
    assert counts(first) == {ONLY_JUDGE: 3}
