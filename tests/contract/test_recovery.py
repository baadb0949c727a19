"""Sweeps and probes that run at the same moment, over every store."""

from __future__ import annotations

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

from functions import breaker, records
from functions.claims import claim, look
from functions.domain.breaker import State
from functions.domain.line import ONLY_JUDGE
from functions.domain.submission import RunType, Status
from functions.ports import Unavailable, Update
from functions.service import Service
from functions.sweeping import sweep
from tests.contract.conftest import StoreFactory
from tests.fakes import make_world


def processes(service: Service, number: int) -> list[Service]:
    """As other processes would be: the same store, nothing remembered."""
    return [replace(service, rng=random.Random(n), kept={}, claiming=set()) for n in range(number)]


def test_what_a_dead_worker_left_is_put_back_once_though_eight_sweeps_run_at_once(open_store: StoreFactory) -> None:
    world = make_world(open_store())
    students = [world.add_student(f"s{number}") for number in range(3)]
    left = [world.submit(RunType.SUBMIT, caller=student) for student in students]
    for _ in left:
        seen = look(world.service, RunType.SUBMIT)
        assert seen is not None
        assert claim(world.service, seen) is not None
    world.clock.seconds += 20
    world.tickets.tickets.clear()
    with ThreadPoolExecutor(8) as pool:
        findings = list(pool.map(sweep, processes(world.service, 8)))
    assert sum(each.put_back for each in findings) == 3
    back = [world.read(each) for each in left]
    assert Counter((each.status, each.judgings) for each in back) == {(Status.QUEUED, 1): 3}
    assert all(each.turn_at == world.clock.now() + timedelta(seconds=60) for each in back)
    assert {submission_id for _, submission_id in world.tickets.tickets} == {each.submission_id for each in left}


def test_a_judge_that_is_away_is_probed_by_one_process_at_a_time(open_store: StoreFactory) -> None:
    world = make_world(open_store())
    world.judge.away = True
    breaker.trip(world.service, ONLY_JUDGE, Unavailable("no answer"))
    for pause in (1, 2, 4, 8):
        world.clock.seconds += pause
        world.judge.calls.clear()
        with ThreadPoolExecutor(8) as pool:
            assert not any(pool.map(breaker.any_answers, processes(world.service, 8)))
        assert world.judge.calls == ["probe"]
    world.judge.away = False
    world.clock.seconds += 16
    with ThreadPoolExecutor(8) as pool:
        assert any(pool.map(breaker.any_answers, processes(world.service, 8)))
    assert world.judge.calls == ["probe", "probe"]
    assert breaker.state(processes(world.service, 1)[0], ONLY_JUDGE).state is State.CLOSED


def test_the_sweep_is_bounded_in_what_one_run_does(open_store: StoreFactory) -> None:
    """Submissions that no slot names, as a restored backup may hold: fifty a run."""
    world = make_world(open_store(), rate_submit_per_minute=1000)
    orphans = [world.submit() for _ in range(60)]
    for each in orphans:
        document = world.store.get(records.submission_path(each.submission_id))[0]
        assert document is not None
        changes = {"status": "processing", "started_at": world.clock.now(), "owner": "nobody", "judgings": 1}
        world.store.commit(Update(document.path, changes))
    world.clock.seconds += 60
    assert [sweep(world.service).put_back for _ in range(3)] == [50, 10, 0]
