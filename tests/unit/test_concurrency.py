"""Adaptive concurrency in virtual time: a judge that bears four at once, and what is decided from its tests."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from statistics import fmean

import pytest

from functions import pacing, records
from functions.domain.concurrency import Bounds, Least, Pace, Seen, decided
from functions.domain.submission import RunType
from functions.domain.verdict import Ending, Execution
from functions.gate import Gate
from functions.ports import Update
from functions.slots import read_slots
from functions.visit import visit
from infra.sqlite import SQLiteDocumentStore
from tests.fakes import NOON, World, make_world

BOUNDS = Bounds(1, 20)
TEST_SECONDS, STEP = 0.5, 5.0


def seen_of(slots: int, bears: float, overhead: float = 0.1) -> list[Seen]:
    """What is seen of a judge whose cores are shared among ``slots`` tests, of which it bears so many."""
    stretched = TEST_SECONDS * max(1.0, slots / bears) + overhead
    return [Seen("python", stretched, TEST_SECONDS)] * (1 + int(slots * STEP / stretched))


def throughput(slots: int, bears: float) -> float:
    """Tests a second. What is too much costs: a tenth for each, as switching and waiting do."""
    return min(slots, bears) / (TEST_SECONDS * (1 + 0.1 * max(0.0, slots - bears)))


def followed(bears: Sequence[float], pace: Pace | None = None, begins: float = 0.0) -> list[Pace]:
    """The paces, decision by decision, of a judge that bears so many at each."""
    paces = [pace or Pace(3)]
    for number, each in enumerate(bears):
        now = NOON + timedelta(seconds=begins + STEP * number)
        after = decided(paces[-1], seen_of(paces[-1].slots, each), 0, True, BOUNDS, now)
        assert after is not None
        paces.append(after)
    return paces


def test_it_settles_within_two_minutes_near_the_best_fixed_number_and_stays_there() -> None:
    paces = followed([4.0] * 100)
    best = max(throughput(number, 4.0) for number in range(1, 21))
    judged = [throughput(pace.slots, 4.0) for pace in paces[int(120 / STEP) :]]
    for begin in range(len(judged) - 12):
        assert fmean(judged[begin : begin + 12]) >= 0.8 * best  # a minute, now and then with a look at fewer


def test_it_backs_off_within_thirty_seconds_when_the_judge_slows_to_a_third_and_comes_back() -> None:
    settled = followed([4.0] * 24)[-1]
    slowed = followed([4.0 / 3] * int(30 / STEP), settled, 120.0)
    assert slowed[-1].slots <= 2
    later = followed([4.0 / 3] * 24, settled, 120.0)[8:]
    assert all(throughput(pace.slots, 4.0 / 3) >= 0.8 * throughput(1, 4.0 / 3) for pace in later)
    assert throughput(followed([4.0] * 24, slowed[-1], 150.0)[-1].slots, 4.0) >= 0.8 * throughput(4, 4.0)


def test_it_does_not_grow_into_too_much_over_an_hour() -> None:
    """A least that ages must not take for given what it brought about itself."""
    paces = followed([4.0] * 720)[24:]
    best = max(throughput(number, 4.0) for number in range(1, 21))
    assert max(pace.slots for pace in paces) <= 6
    assert fmean(throughput(pace.slots, 4.0) for pace in paces) >= 0.9 * best


def test_it_grows_by_one_and_shrinks_by_a_third() -> None:
    up = followed([12.0] * 6)
    assert [later.slots - earlier.slots for earlier, later in pairwise(up)] == [1] * 6
    assert decided_of(Pace(12, LEAST), [ran(2.0, 1.0)] * 3).slots == 8


LEAST = {"python": Least(0.1, NOON)}


def ran(elapsed: float, processor: float, work: str = "python") -> Seen:
    return Seen(work, elapsed, processor)


def decided_of(pace: Pace, seen: Sequence[Seen], seconds: float = 0.0) -> Pace:
    after = decided(pace, seen, 0, True, BOUNDS, NOON + timedelta(seconds=seconds))
    assert after is not None
    return after


@pytest.mark.parametrize(
    ("pace", "seen", "refused", "full", "slots"),
    [
        (Pace(4, LEAST), [ran(0.6, 0.5)] * 2, 0, True, None),  # too few to say anything
        (Pace(4, LEAST), [ran(0.6, 0.5), ran(0.6, 0.5), ran(0.6, 0.5, "cpp")], 0, True, None),
        (Pace(4, LEAST), [ran(0.6, 0.5)] * 9, 0, False, 4),  # nobody tried what it bears
        (Pace(4, LEAST), [ran(0.75, 0.5)] * 9, 0, True, 4),  # it is just right
        (Pace(4, LEAST), [], 1, True, 2),  # it says so itself
        (Pace(20, LEAST), [ran(0.6, 0.5)] * 9, 0, True, 20),
        (Pace(1, LEAST), [ran(9.0, 0.5)] * 9, 0, True, 2),  # other work: with one slot it is not of our making
        (Pace(4, LEAST), [ran(0.15, 0.01)] * 9, 0, True, 5),  # a test that is over at once is no sign of anything
        (Pace(4, LEAST), [ran(2.1, 2.0)] * 9, 0, True, 5),  # a longer test, no longer on its way
        (Pace(4, LEAST), [ran(2.0, 0.1, "cpp")] * 9, 0, True, 5),  # what is new is compared with nothing
    ],
)
def test_what_is_decided(pace: Pace, seen: list[Seen], refused: int, full: bool, slots: int | None) -> None:
    after = decided(pace, seen, refused, full, BOUNDS, NOON)
    assert (None if after is None else after.slots) == slots


PYTHON = ran(0.35, 0.1)
COMPILED = ran(1.6, 0.05, "cpp")
"""With each test: 1.2 s of compiling are in the time elapsed, not in the processor's."""
SLEEPER = ran(10.3, 0.02)
BY_CHANCE = random.Random(1)


@pytest.mark.parametrize(
    "window",
    [
        lambda number: [PYTHON] * 20,
        lambda number: [PYTHON if BY_CHANCE.random() < 0.5 else COMPILED for _ in range(12)],
        lambda number: [PYTHON if number // 12 % 2 == 0 else COMPILED] * 20,
        lambda number: [*[PYTHON] * 19, SLEEPER],
        lambda number: [*[PYTHON] * 19, SLEEPER if number % 6 == 0 else PYTHON],
    ],
    ids=["one language", "half compiled", "by turns for a minute", "a sleeper each time", "now and then a sleeper"],
)
def test_work_of_different_kinds_is_no_burden_by_itself(window: Callable[[int], list[Seen]]) -> None:
    pace = Pace(8)
    for number in range(60):
        later = decided_of(pace, window(number), number * STEP)
        assert later.slots >= pace.slots
        pace = later
    assert pace.slots == BOUNDS.most


def test_each_kind_of_work_shows_that_it_is_too_much() -> None:
    pace = decided_of(Pace(9), [PYTHON] * 10 + [COMPILED] * 10)
    slower = [replace(each, elapsed=2 * each.elapsed) for each in [PYTHON] * 4 + [COMPILED] * 10]
    assert decided_of(pace, slower, STEP).slots == 6


def test_work_that_is_new_while_it_is_too_much_is_not_taken_for_slow() -> None:
    """Its least would else be what it needs beside too many others, and hide them."""
    slow = [ran(1.2, 0.5)] * 9
    new = decided_of(Pace(9, LEAST), [*slow, *[ran(3.2, 0.1, "cpp")] * 9])
    assert new.least["cpp"].delay == pytest.approx(1.5)
    assert decided_of(new, [ran(3.2, 0.1, "cpp")] * 9, STEP).slots < new.slots


def test_a_least_that_is_not_seen_again_is_found_out_anew_with_fewer_slots() -> None:
    """The way to the judge has become longer: at first nothing grows, and then that is how it is."""
    longer = [ran(0.75, 0.5)] * 9
    pace = Pace(9, LEAST)
    slots = []
    for number in range(70):
        pace = decided_of(pace, longer, number * STEP)
        slots.append(pace.slots)
    assert slots[:60] == [9] * 60
    assert slots[60:] == [6, *range(7, 16)]


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
        pacing.saw(world.service, "judge0", "python", elapsed, Execution(Ending.WELL, time_seconds=0.5))


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
            pacing.saw(world.service, "a", "python", 0.6, Execution(Ending.WELL, time_seconds=0.5))
        pacing.adapt(world.service, "a")
        assert count(world) == 5


def test_what_is_compiled_with_each_test_is_work_of_another_kind(adaptive: World) -> None:
    """And the compiling by itself is none: the judge says nothing of how long that took."""
    works = set()
    for language, compiled_once in (("python", ()), ("cpp", ()), ("cpp", ("cpp",))):
        adaptive.judge.compiled = compiled_once
        adaptive.submit(language=language)
        visit(adaptive.service, Gate(adaptive.clock, lambda: 0, adaptive.service.rng), RunType.SUBMIT)
        adaptive.clock.seconds += 60
        [document] = adaptive.store.get(records.pace_path("judge0"))
        assert document is not None
        works.add(frozenset(document.fields["least"]))
    once, twice, thrice = sorted(works, key=len)
    assert once == {"python, whole"}
    assert twice == {"python, whole", "cpp, whole"}
    assert thrice == {"python, whole", "cpp, whole", "cpp, run"}
