"""Priority with a bound, fairness, and slots that are never idle: histories played in virtual time."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import replace

import pytest

from functions.domain.line import FIRST_SLOT
from functions.domain.submission import RunType
from functions.slots import seed_slots, set_slots
from infra.sqlite import SQLiteDocumentStore
from tests.fakes import World, make_world
from tests.play import Play, Start

RUN_MAX_WAIT = 30.0
PROCESSES = pytest.mark.parametrize("processes", [1, 3])


def world_with(slots: int, **rules: object) -> World:
    unlimited = {"rate_run_per_minute": 10_000, "rate_submit_per_minute": 10_000}
    return make_world(SQLiteDocumentStore(":memory:"), max_concurrent_submissions=slots, **(unlimited | rules))


def of(starts: list[Start], kind: RunType) -> list[Start]:
    return [start for start in starts if start.kind is kind]


@PROCESSES
def test_before_each_submit_at_most_the_one_run_in_slot_ones_door_starts(processes: int) -> None:
    play = Play(world_with(3), processes=processes, judging_seconds=lambda s: 2.0 if s.run_type == "run" else 3.0)
    for student in play.students(200, "run"):
        play.submit_at(0.0, RunType.RUN, student)
    for student in play.students(10, "submit"):
        play.submit_at(40.5, RunType.SUBMIT, student)
    play.run()
    submits = of(play.starts, RunType.SUBMIT)
    assert len(play.starts) == 210
    moments = [40.5, *(start.at for start in submits)]
    for earlier, later in itertools.pairwise(moments):
        between = [start for start in of(play.starts, RunType.RUN) if earlier < start.at < later]
        assert len(between) <= 1
    meanwhile = [start for start in of(play.starts, RunType.RUN) if 40.5 < start.at < submits[-1].at]
    assert meanwhile, "the Runs have waited for 40 s: one of them has the door"
    assert {start.slot for start in meanwhile} == {FIRST_SLOT}


@PROCESSES
@pytest.mark.parametrize("slots", [1, 3])
def test_endless_submits_leave_slot_one_to_the_runs_now_and_then_and_nothing_else(slots: int, processes: int) -> None:
    judging, end = 2.0, 200.0
    play = Play(world_with(slots), processes=processes, judging_seconds=lambda _: judging)
    for number, student in enumerate(play.students(int(end), "submit")):
        for second in range(3):
            play.submit_at(number + second / 3, RunType.SUBMIT, student)
    for student in play.students(60, "run"):
        play.submit_at(10.0, RunType.RUN, student)
    play.run(until=end)
    runs = of(play.starts, RunType.RUN)
    assert runs[0].at - runs[0].arrived <= RUN_MAX_WAIT + judging
    # whoever is first in line then has it after one Submit: a slot's judgings alternate
    assert all(later.at - earlier.at <= RUN_MAX_WAIT + judging for earlier, later in itertools.pairwise(runs))
    assert {start.slot for start in runs} == {FIRST_SLOT}
    aged = [start.kind for start in play.starts if start.slot == FIRST_SLOT and start.at >= runs[0].at]
    assert set(itertools.pairwise(aged)) == {(RunType.RUN, RunType.SUBMIT), (RunType.SUBMIT, RunType.RUN)}
    assert play.longest_free <= 1.0


@PROCESSES
def test_a_single_slot_alternates_between_submits_and_aged_runs(processes: int) -> None:
    play = Play(world_with(1), processes=processes)
    for at, kind in ((0.0, RunType.SUBMIT), (0.1, RunType.RUN)):
        for student in play.students(50, kind):
            play.submit_at(at, kind, student)
    play.run()
    after = [start.kind for start in play.starts if start.at > RUN_MAX_WAIT + 1]
    submits_left = after[: 2 * Counter(after)[RunType.SUBMIT]]
    assert all(one is not next_ for one, next_ in itertools.pairwise(submits_left))
    assert [start.kind for start in play.starts if start.at <= RUN_MAX_WAIT - 1] == [RunType.SUBMIT] * 30


@PROCESSES
def test_a_paused_submit_queue_leaves_all_slots_to_the_runs_within_a_second(processes: int) -> None:
    play = Play(world_with(3), processes=processes)
    for at, kind in ((0.0, RunType.SUBMIT), (0.1, RunType.RUN)):
        for student in play.students(60, kind):
            play.submit_at(at, kind, student)
    play.at(2.5, lambda: play.world.tickets.paused.add(RunType.SUBMIT))
    play.at(20.2, lambda: play.resume(RunType.SUBMIT))
    play.run()
    assert {start.kind for start in play.starts if start.at <= 2.5} == {RunType.SUBMIT}
    runs = of(play.starts, RunType.RUN)
    assert runs[0].at <= 2.5 + 1.0 + 1.0, "a second to notice, and the judgings in hand"
    running = [start for start in runs if 5.0 <= start.at < 20.0]
    assert {start.slot for start in running} == {1, 2, 3}
    assert len(running) == 3 * 15, "as many as three slots can do"
    assert len(play.starts) == 120


@PROCESSES
def test_no_slot_is_free_for_more_than_a_second_while_a_ticket_waits(processes: int) -> None:
    play = Play(world_with(5), processes=processes, judging_seconds=lambda s: 0.5 + len(s.student) % 3)
    kinds = itertools.cycle([RunType.RUN, RunType.SUBMIT, RunType.RUN])
    for number, (kind, student) in enumerate(zip(kinds, play.students(120), strict=False)):
        play.submit_at(number * 0.21, kind, student)
    play.run()
    assert len(play.starts) == 120
    assert play.longest_free <= 1.0
    assert play.most_held == 5


def test_whoever_comes_after_a_students_burst_waits_behind_a_part_of_it_only() -> None:
    play = Play(world_with(1, turn_spacing=15.0))
    [busy] = play.students(1, "busy")
    others = play.students(4, "other")
    for _ in range(20):
        play.submit_at(0.0, RunType.SUBMIT, busy)
    for number, other in enumerate(others):
        play.submit_at(10.0 * number + 0.5, RunType.SUBMIT, other)
    play.run()
    for number, other in enumerate(others):
        [started] = [start for start in play.starts if start.student == other.subject]
        of_the_burst = [s for s in play.starts if s.student == "busy0" and started.arrived < s.at < started.at]
        assert len(of_the_burst) <= 1 + (10.0 * number + 0.5) / 15.0
    assert [start.arrived for start in play.starts if start.student == "busy0"] == [0.0] * 20


def test_the_cap_follows_an_operator_while_work_goes_on() -> None:
    world = world_with(2)
    play = Play(world, judging_seconds=lambda _: 3.0)
    play.visits_at_once = 10
    for student in play.students(100):
        play.submit_at(0.0, RunType.SUBMIT, student)
    play.at(10.0, lambda: set_slots(world.service, 5))
    play.at(30.0, lambda: set_slots(world.service, 1))
    play.run()
    assert len(play.starts) == 100

    def at_once(moment: float) -> int:
        return sum(start.at <= moment < start.at + 3.0 for start in play.starts)

    assert max(at_once(tenth / 10) for tenth in range(100)) == 2
    assert max(at_once(tenth / 10) for tenth in range(100, 300)) == 5
    assert max(at_once(tenth / 10) for tenth in range(330, 600)) == 1


def test_two_deployments_with_different_settings_do_not_add_up() -> None:
    world = world_with(3)
    other = replace(world.service, rules=replace(world.service.rules, max_concurrent_submissions=4))
    seed_slots(other)
    play = Play(world, processes=2)
    play.visits_at_once = 10
    for student in play.students(40):
        play.submit_at(0.0, RunType.SUBMIT, student)
    play.run()
    assert play.most_held == 4
