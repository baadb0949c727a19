"""What the line costs in documents, which Firestore bills: read and written by each step of a submission."""

from __future__ import annotations

from dataclasses import replace

from functions import views
from functions.domain.submission import RunType
from functions.ports import Caller
from functions.visit import End, visit
from infra.sqlite import SQLiteDocumentStore
from tests.contract.test_line import Counting
from tests.fakes import ALICE, World, make_world
from tests.unit.test_visit import InstantGate


def counted(world: World) -> tuple[World, Counting]:
    """The same world as a process that has just begun."""
    store = Counting(world.store)
    return replace(world, service=replace(world.service, store=store, kept={}, claiming=set(), attempts={})), store


def costs(store: Counting) -> tuple[int, int, int]:
    """(calls that read, documents read, commits)"""
    return store.calls, store.read, store.committed


def test_a_visit_that_judges_three_one_after_another() -> None:
    world = make_world(SQLiteDocumentStore(":memory:"), max_concurrent_submissions=1)
    for name in ("alice", "bob", "carol"):
        world.submit(caller=world.add_student(name) if name == "carol" else Caller(name))
    mine, store = counted(world)
    assert visit(mine.service, InstantGate(mine), RunType.SUBMIT) is End.JUDGED
    assert store.committed == 4, "taking a slot, twice closing one and taking the next, giving the slot back"
    assert costs(store) == (12, 9, 4)


def test_a_visit_that_finds_its_line_empty(world: World) -> None:
    mine, store = counted(world)
    assert visit(mine.service, InstantGate(mine), RunType.SUBMIT) is End.LINE_EMPTY
    assert costs(store) == (2, 1, 0)


def test_a_poll(world: World) -> None:
    submitted = world.submit()
    mine, store = counted(world)
    views.submission(mine.service, ALICE, submitted)
    assert costs(store) == (5, 4, 0)


def test_an_intake_and_the_next_one_of_the_same_attempt(world: World) -> None:
    mine, store = counted(world)
    mine.submit(key="one")
    assert costs(store) == (3, 3, 1), "the attempt, its exam, the question's head"
    mine.submit(key="two")
    assert costs(store) == (4, 5, 2), "the attempt and the one before it, in one call"


def test_a_repeat_is_found_beside_the_attempt(world: World) -> None:
    first = world.submit(key="one")
    mine, store = counted(world)
    assert mine.submit(key="one") == first
    assert costs(store) == (2, 2, 0)
