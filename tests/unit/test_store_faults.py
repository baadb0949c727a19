"""Every single call to the store fails once, before it is done or after: each of them, one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import pytest

from functions import records
from functions.domain.submission import RunType, Status
from functions.domain.verdict import Verdict
from functions.gate import Gate
from functions.ports import Caller, Document, DocumentStore, Query, Unavailable, Write
from functions.slots import free_slots
from functions.visit import End, visit
from infra.sqlite import SQLiteDocumentStore
from tests.fakes import World, make_world

T = TypeVar("T")


class FailsOnce:
    """A store whose call number ``at`` is not answered; ``done``: it is done all the same."""

    def __init__(self, store: DocumentStore, done: bool) -> None:
        self._store = store
        self._done = done
        self._calls = self._at = 0

    def arm(self, at: int) -> None:
        self._calls, self._at = 0, at

    def disarm(self) -> int:
        """How many calls there were since it was armed."""
        self._at = 0
        return self._calls

    def get(self, *paths: str) -> list[Document | None]:
        return self._call(lambda: self._store.get(*paths))

    def find(self, query: Query) -> list[Document]:
        return self._call(lambda: self._store.find(query))

    def count(self, query: Query) -> int:
        return self._call(lambda: self._store.count(query))

    def commit(self, *writes: Write) -> list[object]:
        return self._call(lambda: self._store.commit(*writes))

    def _call(self, call: Callable[[], T]) -> T:
        self._calls += 1
        if self._calls != self._at:
            return call()
        if self._done:
            call()
        raise Unavailable("no answer")


def failing_world(done: bool) -> tuple[World, FailsOnce]:
    store = FailsOnce(SQLiteDocumentStore(":memory:"), done)
    return make_world(store), store


def every_call(play: Callable[[int], int]) -> int:
    """Play with the first call failing, the second, and so on until there is none; how many there were.

    ``play`` is told which one fails, and says how many were made.
    """
    at = 1
    while play(at) >= at:
        at += 1
    return at - 1


@pytest.mark.parametrize("done", [False, True])
def test_judging_survives_any_call_to_the_store_that_fails_once(done: bool) -> None:
    def play(at: int) -> int:
        world, store = failing_world(done)
        submitted = [world.submit(), world.submit(caller=Caller("bob"))]
        store.arm(at)
        gate = Gate(world.clock, lambda: len(free_slots(world.service)[0]), world.service.rng)
        end = None
        while end is not End.LINE_EMPTY:
            try:
                end = visit(world.service, gate, RunType.SUBMIT)
            except Unavailable:
                world.service.kept.clear()  # Cloud Tasks brings the ticket again, perhaps to another process
        calls = store.disarm()
        for each in map(world.read, submitted):
            assert (each.status, each.verdict) == (Status.COMPLETED, Verdict.ACCEPTED), (at, done)
            assert each.judgings == 1, (at, done)
        assert len(free_slots(world.service)[0]) == 3, (at, done)
        return calls

    assert every_call(play) > 10


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("kind", RunType)
@pytest.mark.parametrize(("elsewhere", "calls_at_least"), [(False, 4), (True, 5)])
def test_what_is_sent_again_with_its_key_is_there_once_whatever_call_failed(
    done: bool, kind: RunType, elsewhere: bool, calls_at_least: int
) -> None:
    """``elsewhere``: another process took the attempt's first one, so this one does not know what to read along."""

    def play(at: int) -> int:
        world, store = failing_world(done)
        first = world.submit(kind)
        world.service.kept.clear()
        if elsewhere:
            world.service.attempts.clear()
        store.arm(at)
        try:
            sent = world.submit(kind, code="print(2)", key="k")
        except Unavailable:
            sent = world.submit(kind, code="print(2)", key="k")
        calls = store.disarm()
        stored = world.store.find(Query(records.SUBMISSIONS))
        assert {each.document_id for each in stored} == {first.submission_id, sent.submission_id}
        recorded = world.read(sent)
        assert recorded.turn_at == sent.turn_at
        assert (world.read(first).status is Status.SUPERSEDED) is (kind is RunType.RUN)
        assert (kind, sent.submission_id) in world.tickets.tickets
        return calls

    assert every_call(play) >= calls_at_least


def test_a_judging_that_is_done_waits_for_the_store_as_long_as_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    world, store = failing_world(done=False)
    submitted = world.submit()
    commit = store.commit
    away_from = world.clock.seconds

    def away_for_ten_seconds(*writes: Write) -> list[object]:
        verdict = any("verdict" in getattr(write, "fields", {}) for write in writes)
        if verdict and world.clock.seconds < away_from + 10:
            raise Unavailable("no answer")
        return commit(*writes)

    monkeypatch.setattr(store, "commit", away_for_ten_seconds)
    gate = Gate(world.clock, lambda: len(free_slots(world.service)[0]), world.service.rng)
    assert visit(world.service, gate, RunType.SUBMIT) is End.JUDGED
    ended = world.read(submitted)
    assert (ended.verdict, ended.judgings) == (Verdict.ACCEPTED, 1)
