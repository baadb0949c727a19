"""Judges that come and go while the service runs, found behind a DNS name."""

from __future__ import annotations

from dataclasses import replace

import pytest

from functions import breaker, records
from functions.domain.breaker import State
from functions.ports import Host, Query
from functions.slots import FOLLOW_SECONDS, read_slots
from functions.visit import End
from infra import bootstrap
from infra.discovery import FoundJudges
from infra.sqlite import SQLiteDocumentStore
from tests.fakes import FakeJudge, World, make_world
from tests.unit.test_visit import visit_line


class Names:
    """A name server that says what it is told to, and judges at the addresses."""

    def __init__(self, world: World, *found: str) -> None:
        self.world, self.found = world, list(found)
        self.made: dict[str, FakeJudge] = {}
        self.away = False
        given = {"a": Host(world.judge, 1)}
        self.judges = FoundJudges(given, "judges", 2358, 2, self._make, self._look_up, world.clock.monotonic)

    def _make(self, name: str, _: str) -> FakeJudge:
        return self.made.setdefault(name, FakeJudge(self.world.clock))

    def _look_up(self, name: str, port: int) -> list[str]:
        assert (name, port) == ("judges", 2358)
        if self.away:
            raise OSError("no name server")
        return self.found

    def later(self, seconds: float = 5.0) -> list[str]:
        """The names after so long and another look-up."""
        self.world.clock.seconds += seconds
        self.judges()
        return list(self.judges.settled())


@pytest.fixture
def names() -> Names:
    world = make_world(SQLiteDocumentStore(":memory:"), {"a": 1})
    found = Names(world, "10.0.0.1")
    found.world = replace(world, service=replace(world.service, judges=found.judges, judges_change=True))
    found.judges()
    found.judges.settled()
    return found


def slots(world: World) -> dict[str, int]:
    counts: dict[str, int] = {}
    for slot in read_slots(world.service)[0]:
        counts[slot.judge] = counts.get(slot.judge, 0) + (not slot.retired)
    return {name: number for name, number in counts.items() if number}


def test_each_address_is_a_judge_beside_those_that_are_given(names: Names) -> None:
    assert list(names.judges()) == ["a", "10.0.0.1:2358"]
    names.found = ["10.0.0.1", "fd00::2"]
    assert names.later() == ["a", "10.0.0.1:2358", "[fd00::2]:2358"]


def test_one_answer_without_it_is_no_goodbye_and_a_silent_name_server_changes_nothing(names: Names) -> None:
    names.found = []
    assert names.later() == ["a", "10.0.0.1:2358"]
    names.away = True
    assert [names.later() for _ in range(9)][-1] == ["a", "10.0.0.1:2358"]
    names.away, names.found = False, ["10.0.0.1"]
    assert names.later() == ["a", "10.0.0.1:2358"]
    names.found = []
    assert [names.later() for _ in range(3)][-1] == ["a"]


def test_it_is_not_looked_up_at_every_question(names: Names) -> None:
    names.found = []
    for _ in range(9):
        names.later(0.1)
    assert list(names.judges()) == ["a", "10.0.0.1:2358"]


def test_one_that_comes_gets_slots_and_one_that_leaves_loses_them(names: Names) -> None:
    world = names.world
    world.submit()
    assert visit_line(world) is End.JUDGED
    assert slots(world) == {"a": 1, "10.0.0.1:2358": 2}
    assert set(world.tickets.limits.values()) == {3}
    names.found = ["10.0.0.2"]
    for _ in range(3):
        names.later()
    world.submit()
    assert visit_line(world) is End.JUDGED
    assert slots(world) == {"a": 1, "10.0.0.2:2358": 2}
    numbers = [slot.number for slot in read_slots(world.service)[0]]
    assert numbers == [1, 2, 3], "slots of one that is gone serve the next one"


def test_one_that_does_not_answer_gets_no_work(names: Names) -> None:
    world = names.world
    names.found = ["10.0.0.1", "10.0.0.2"]
    names.later()
    names.made["10.0.0.2:2358"].away = True
    for number in range(6):
        world.submit(caller=world.add_student(f"s{number}"))
    while visit_line(world) is End.JUDGED:
        pass
    assert breaker.state(world.service, "10.0.0.2:2358").state is State.OPEN
    assert names.made["10.0.0.2:2358"].batches == []
    assert world.store.count(Query(records.SUBMISSIONS, (("status", "==", "completed"),))) == 6


def test_what_only_another_process_has_seen_so_far_keeps_its_slots(names: Names) -> None:
    world = names.world
    visit_line(world)
    names.found = ["10.0.0.1", "10.0.0.2"]
    names.later()
    visit_line(world)
    assert len(slots(world)) == 3
    other = Names(world, "10.0.0.1")
    late = replace(world.service, judges=other.judges, kept={}, languages={}, claiming=set())
    world.clock.seconds += FOLLOW_SECONDS
    visit_line(replace(world, service=late))
    assert len(slots(world)) == 3


def test_a_process_that_begins_while_the_name_server_is_silent_takes_nobodys_slots_away(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = names.world
    world.submit()
    visit_line(world)
    cold = Names(world)
    cold.away = True
    cold.judges()
    late = replace(world.service, judges=cold.judges, kept={}, languages={}, claiming=set())
    monkeypatch.setattr(bootstrap, "service", lambda: late)
    bootstrap.gate.__wrapped__()
    assert slots(world) == {"a": 1, "10.0.0.1:2358": 2}
