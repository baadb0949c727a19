"""Adaptive concurrency in virtual time: a judge that bears four at once, and what is decided from its tests."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from itertools import pairwise

import pytest

from functions import pacing, records
from functions.domain.concurrency import Bounds, Pace, Seen, decided
from functions.domain.submission import RunType
from functions.domain.verdict import Ending, Execution
from functions.ports import Update
from functions.slots import read_slots
from infra.sqlite import SQLiteDocumentStore
from tests.fakes import World, make_world

BOUNDS = Bounds(1, 20)
TEST_SECONDS, STEP = 0.5, 5.0


def seen_of(slots: int, bears: float, overhead: float = 0.1) -> list[Seen]:
    """What is seen of a judge whose cores are shared among ``slots`` tests, of which it bears so many."""
    stretched = TEST_SECONDS * max(1.0, slots / bears) + overhead
    return [Seen(stretched, TEST_SECONDS)] * (1 + int(slots * STEP / stretched))


def throughput(slots: int, bears: float) -> float:
    """Tests a second. What is too much costs: a tenth for each, as switching and waiting do."""
    return min(slots, bears) / (TEST_SECONDS * (1 + 0.1 * max(0.0, slots - bears)))


def followed(bears: Sequence[float], pace: Pace | None = None) -> list[Pace]:
    """The paces, decision by decision, of a judge that bears so many at each."""
    paces = [pace or Pace(3)]
    for each in bears:
        after = decided(paces[-1], seen_of(paces[-1].slots, each), 0, True, BOUNDS)
        assert after is not None
        paces.append(after)
    return paces


def test_it_settles_within_two_minutes_near_the_best_fixed_number_and_stays_there() -> None:
    paces = followed([4.0] * 100)
    best = max(throughput(number, 4.0) for number in range(1, 21))
    assert all(throughput(pace.slots, 4.0) >= 0.8 * best for pace in paces[int(120 / STEP) :])


def test_it_backs_off_within_thirty_seconds_when_the_judge_slows_to_a_third_and_comes_back() -> None:
    settled = followed([4.0] * 24)[-1]
    slowed = followed([4.0 / 3] * int(30 / STEP), settled)
    assert slowed[-1].slots <= 2
    later = followed([4.0 / 3] * 24, settled)[8:]
    assert all(throughput(pace.slots, 4.0 / 3) >= 0.8 * throughput(1, 4.0 / 3) for pace in later)
    assert throughput(followed([4.0] * 24, slowed[-1])[-1].slots, 4.0) >= 0.8 * throughput(4, 4.0)


def test_it_grows_by_one_and_shrinks_by_a_third() -> None:
    up = followed([12.0] * 6)
    assert [later.slots - earlier.slots for earlier, later in pairwise(up)] == [1] * 6
    down = decided(Pace(12, 0.0), [Seen(2.0, 1.0)] * 3, 0, True, BOUNDS)
    assert down is not None
    assert down.slots == 8


@pytest.mark.parametrize(
    ("pace", "seen", "refused", "full", "slots"),
    [
        (Pace(4, 0.2), [Seen(0.6, 0.5)] * 2, 0, True, None),  # too few to say anything
        (Pace(4, 0.2), [Seen(0.6, 0.5)] * 9, 0, False, 4),  # nobody tried what it bears
        (Pace(4, 0.2), [Seen(0.75, 0.5)] * 9, 0, True, 4),  # it is just right
        (Pace(4, 0.2), [], 1, True, 2),  # it says so itself
        (Pace(20, 0.2), [Seen(0.6, 0.5)] * 9, 0, True, 20),
        (Pace(1, 0.2), [Seen(9.0, 0.5)] * 9, 0, True, 2),  # other work: with one slot it is not of our making
        (Pace(4, 0.2), [Seen(0.06, 0.01)] * 9, 0, True, 5),  # a test that is over at once is no sign of anything
    ],
)
def test_what_is_decided(pace: Pace, seen: list[Seen], refused: int, full: bool, slots: int | None) -> None:
    after = decided(pace, seen, refused, full, BOUNDS)
    assert (None if after is None else after.slots) == slots


@pytest.fixture
def adaptive() -> World:
    return make_world(SQLiteDocumentStore(":memory:"), concurrency=BOUNDS)


def hold_all(world: World) -> None:
    later = world.clock.now().replace(year=2027)
    for slot in read_slots(world.service)[0]:
        taken = replace(slot, owner="somebody", expires_at=later, free_at=later)
        path = records.slot_path(slot.number)
        world.store.commit(Update(path, records.lease_fields(taken)))


def see(world: World, elapsed: float, number: int = 9) -> None:
    for _ in range(number):
        pacing.saw(world.service, "judge0", elapsed, Execution(Ending.WELL, time_seconds=0.5))


def count(world: World) -> int:
    return sum(not slot.retired for slot in read_slots(world.service)[0])


def test_the_slots_and_the_queues_limits_follow(adaptive: World) -> None:
    for elapsed, slots in ((0.6, 4), (0.6, 5), (1.5, 3), (0.6, 4)):
        hold_all(adaptive)
        see(adaptive, elapsed)
        pacing.adapt(adaptive.service, "judge0")
        assert count(adaptive) == slots
        assert adaptive.tickets.limits == dict.fromkeys(RunType, slots)
        adaptive.clock.seconds += 5


def test_of_two_processes_one_decides(adaptive: World) -> None:
    others = [replace(adaptive.service, kept={}, seen={}) for _ in range(3)]
    hold_all(adaptive)
    for service in others:
        see(replace(adaptive, service=service), 0.6)
        pacing.adapt(service, "judge0")
    assert count(adaptive) == 4


def test_a_judge_with_a_number_of_its_own_keeps_it() -> None:
    with closing(SQLiteDocumentStore(":memory:")) as store:
        world = make_world(store, {"a": 2, "b": 3}, concurrency=BOUNDS)
        hold_all(world)
        for _ in range(9):
            pacing.saw(world.service, "a", 0.6, Execution(Ending.WELL, time_seconds=0.5))
        pacing.adapt(world.service, "a")
        assert count(world) == 5
