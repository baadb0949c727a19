"""The line under true concurrency, over every store: turns, claims, and the cap."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import pytest

from functions import records
from functions.claims import claim, close, look
from functions.domain.submission import RunType, Status, Submission
from functions.leases import Lease
from functions.ports import Conflict, Document, DocumentStore, Query, Write
from functions.service import Service, turnstiles
from functions.slots import read_slots
from tests.contract.conftest import StoreFactory
from tests.fakes import World, make_world

T = TypeVar("T")
UNLIMITED = {"rate_run_per_minute": 10_000, "rate_submit_per_minute": 10_000}


class Counting:
    """A store that counts its commits, the failed ones, and the documents that it read."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self.committed = self.failed = self.read = self.calls = 0

    def get(self, *paths: str) -> list[Document | None]:
        return self._counted(self._store.get(*paths))

    def find(self, query: Query) -> list[Document]:
        return self._counted(self._store.find(query))

    def count(self, query: Query) -> int:
        return self._store.count(query)

    def commit(self, *writes: Write) -> list[object]:
        try:
            versions = self._store.commit(*writes)
        except Conflict:
            self.failed += 1
            raise
        self.committed += 1
        return versions

    def _counted(self, found: list[T]) -> list[T]:
        self.calls += 1
        self.read += len(found)
        return found


def process(world: World, store: DocumentStore, number: int) -> Service:
    """The service as another process would have it."""
    return replace(
        world.service,
        store=store,
        lock=threading.Lock(),
        kept={},
        claiming=set(),
        turnstiles=turnstiles(),
        rng=random.Random(number),
    )


def all_at_once(actions: list[Callable[[], T]]) -> list[T]:
    barrier = threading.Barrier(len(actions))

    def act(action: Callable[[], T]) -> T:
        barrier.wait()
        return action()

    with ThreadPoolExecutor(len(actions)) as pool:
        return list(pool.map(act, actions))


@pytest.mark.parametrize("kind", RunType)
def test_twenty_parallel_posts_of_one_student_get_twenty_turns(open_store: StoreFactory, kind: RunType) -> None:
    world = make_world(open_store(), **UNLIMITED)
    services = [process(world, open_store(), number) for number in range(4)]
    for service in services:
        service.clock.sleep = threading.Event().wait  # type: ignore[method-assign, assignment]

    def post(number: int) -> Callable[[], Submission]:
        mine = replace(world, service=services[number % len(services)])
        return lambda: mine.submit(kind, code=f"code {number}")

    all_at_once([post(number) for number in range(20)])
    waiting = [records.submission_of(each) for each in world.store.find(records.line(kind))]
    turns = [each.turn_at for each in waiting]
    if kind is RunType.RUN:
        assert len(turns) == 1, "each newer Run of a question replaces the one that waits"
        return
    spacing = timedelta(seconds=world.service.rules.turn_spacing)
    assert turns == [turns[0] + number * spacing for number in range(20)]
    assert len({each.code for each in waiting}) == 20


def test_fifteen_slots_freed_at_once_cost_thirty_visits_few_failed_commits(open_store: StoreFactory) -> None:
    world = make_world(open_store(), max_concurrent_submissions=15, **UNLIMITED)
    for number in range(30):
        world.submit(caller=world.add_student(f"s{number}"))
    stores = [Counting(open_store()) for _ in range(3)]
    services = [process(world, store, number) for number, store in enumerate(stores)]

    def take(service: Service) -> Callable[[], Lease | None]:
        def visit() -> Lease | None:
            while (seen := look(service, RunType.SUBMIT)) is not None:
                try:
                    return claim(service, seen)
                except Conflict:
                    continue
            return None

        return visit

    leases = [lease for lease in all_at_once([take(services[n % 3]) for n in range(30)]) if lease is not None]
    # who found all slots taken by visits of its own process looks again, as it does when it is woken
    while len(leases) < 15:
        leases += [lease for lease in all_at_once([take(service) for service in services]) if lease is not None]
    assert len({lease.slot.number for lease in leases}) == len(leases) == 15
    assert len({lease.submission.submission_id for lease in leases}) == 15
    assert sum(store.failed for store in stores) <= 3 * 15


def test_holders_that_finish_together_go_on_without_losing_a_slot_or_judging_twice(open_store: StoreFactory) -> None:
    world = make_world(open_store(), max_concurrent_submissions=6, **UNLIMITED)
    for number in range(30):
        world.submit(caller=world.add_student(f"s{number}"))
    stores = [Counting(open_store()) for _ in range(3)]
    services = [process(world, store, number) for number, store in enumerate(stores)]
    leases: list[Lease] = []
    while len(leases) < 6:
        seen = look(services[len(leases) % 3], RunType.SUBMIT)
        assert seen is not None
        lease = claim(services[len(leases) % 3], seen)
        assert lease is not None
        leases.append(lease)
    judged: Counter[str] = Counter()

    def go_on(lease: Lease) -> Callable[[], None]:
        def holder() -> None:
            following: Lease | None = lease
            while following is not None:
                done = replace(following.submission, status=Status.COMPLETED)
                judged[done.submission_id] += 1
                following = close(following.service, following, done, go_on=True)

        return holder

    all_at_once([go_on(lease) for lease in leases])
    while (seen := look(world.service, RunType.SUBMIT)) is not None:  # left by holders that collided too often
        left = claim(world.service, seen)
        assert left is not None
        go_on(left)()
    assert set(judged.values()) == {1}
    assert len(judged) == 30
    assert sum(slot.owner is not None for slot in read_slots(world.service)[0]) == 0
    assert sum(store.failed for store in stores) <= 3 * 30
