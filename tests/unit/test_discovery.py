"""Judges that come and go while the service runs, found behind a DNS name."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import pytest

from functions import breaker, health, records
from functions.claims import close
from functions.domain.breaker import State
from functions.domain.sharing import GONE
from functions.domain.submission import RunType, Status
from functions.domain.verdict import Verdict
from functions.judges import told
from functions.leases import Lease
from functions.ports import Conflict, Host, Query
from functions.slots import FOLLOW_SECONDS, follow_judges, read_slots, seed_slots
from functions.sweeping import sweep
from functions.visit import End
from infra import bootstrap
from infra.discovery import FoundJudges
from infra.sqlite import SQLiteDocumentStore
from tests.fakes import FakeJudge, World, make_world
from tests.unit.test_several_judges import process, take
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
    found.world = process(world, found.judges, judges_change=True)
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
    assert slots(world) == {"a": 1, "10.0.0.1:2358": 2, "10.0.0.2:2358": 2}, "another process may see it still"
    names.later(GONE.total_seconds())
    assert names.later() == ["a", "10.0.0.2:2358"]
    visit_line(world)
    assert slots(world) == {"a": 1, "10.0.0.2:2358": 2}
    names.found = ["10.0.0.2", "10.0.0.3"]
    names.later()
    visit_line(world)
    assert slots(world) == {"a": 1, "10.0.0.2:2358": 2, "10.0.0.3:2358": 2}
    numbers = [slot.number for slot in read_slots(world.service)[0]]
    assert numbers == [1, 2, 3, 4, 5], "slots of one that is gone serve the next one"


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
    world.clock.seconds += FOLLOW_SECONDS
    visit_line(process(world, other.judges))
    assert len(slots(world)) == 3


def test_a_process_that_begins_while_the_name_server_is_silent_takes_nobodys_slots_away(
    names: Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = names.world
    world.submit()
    visit_line(world)
    world.clock.seconds += 3600
    cold = Names(world)
    cold.away = True
    late = process(world, cold.judges)
    monkeypatch.setattr(bootstrap, "service", lambda: late.service)
    bootstrap.gate.__wrapped__()
    assert slots(world) == {"a": 1, "10.0.0.1:2358": 2}


class Machines:
    """Judges at addresses, a name that holds some of them, and processes that look it up. Each bears three."""

    def __init__(self, *found: str) -> None:
        self.world = make_world(SQLiteDocumentStore(":memory:"))  # one judge without a name, as most have it
        self.found = list(found)
        self.at: dict[str, FakeJudge] = {}

    def process(self, slots: int = 3) -> World:
        def make(name: str, _: str) -> FakeJudge:
            return self.at.setdefault(name, FakeJudge(self.world.clock))

        judges = FoundJudges({}, "judges", 1, slots, make, lambda *_: list(self.found), self.world.clock.monotonic)
        return process(self.world, judges, judges_change=True)


def looked_up(world: World) -> Mapping[str, Host]:
    judges = world.service.judges
    judges()
    assert isinstance(judges, FoundJudges)
    return judges.settled()


def test_a_single_machine_that_is_found_judges() -> None:
    """What Terraform builds, as long as one is enough."""
    machines = Machines("10.0.0.1")
    mine = machines.process()
    sent = mine.submit()
    assert visit_line(mine) is End.JUDGED
    assert mine.read(sent).verdict is Verdict.ACCEPTED
    assert slots(mine) == {"10.0.0.1:1": 3}
    mine.submit()
    mine.tickets.tickets.clear()
    assert sweep(mine.service).tickets == 1


def test_another_number_of_slots_holds_for_judges_that_are_known() -> None:
    machines = Machines("10.0.0.1")
    old = machines.process(slots=3)
    visit_line(old)
    old.clock.seconds += 10
    new = machines.process(slots=8)
    seed_slots(new.service)
    assert (slots(new), new.tickets.limits) == ({"10.0.0.1:1": 8}, dict.fromkeys(RunType, 8))
    machines.found.append("10.0.0.2")
    for _ in range(4):
        new.clock.seconds += 6
        for each in (old, new):
            looked_up(each)
            visit_line(each)
    assert slots(new) == {"10.0.0.1:1": 8, "10.0.0.2:1": 8}


def test_lists_of_different_age_agree_on_who_is_there() -> None:
    """A process that is always busy and one that looks once a minute, as the sweep does: it comes and goes once."""
    machines = Machines("10.0.0.1", "10.0.0.2")
    busy, sweeper = machines.process(), machines.process()
    seen = []
    for second in range(600):
        machines.found = ["10.0.0.1", *(["10.0.0.2"] if second < 100 or second >= 400 else [])]
        machines.world.clock.seconds += 1
        for world in [busy] if second % 60 else [busy, sweeper]:
            looked_up(world)
            follow_judges(world.service)
        seen.append((second, "10.0.0.2:1" in slots(machines.world)))
    changes = [later for earlier, later in pairwise(seen) if earlier[1] != later[1]]
    assert [is_there for _, is_there in changes] == [False, True]
    assert changes[0][0] - 100 < 45
    assert changes[1][0] - 400 <= 10


def test_slots_of_judges_that_nobody_knew_to_be_gone_go() -> None:
    machines = Machines("10.0.0.1", "10.0.0.2")
    visit_line(machines.process())  # this process ends, and the machine goes while nobody looks
    machines.found = ["10.0.0.1"]
    machines.world.clock.seconds += 3600
    cold = machines.process()
    visit_line(cold)
    assert slots(cold) == {"10.0.0.1:1": 3}
    assert health.health(cold.service, 0.0, "test").max_concurrent == 3


def test_an_address_that_another_machine_has_now_is_asked_for_its_languages() -> None:
    machines = Machines("10.0.0.1", "10.0.0.2")
    mine = machines.process()
    visit_line(mine)
    assert told(mine.service)["10.0.0.2:1"] == {"cpp", "python"}
    machines.found = ["10.0.0.1"]
    for _ in range(4):
        mine.clock.seconds += 5
        looked_up(mine)
        visit_line(mine)
    machines.at["10.0.0.2:1"] = FakeJudge(mine.clock)
    machines.at["10.0.0.2:1"].names = ("python",)
    machines.found = ["10.0.0.1", "10.0.0.2"]
    mine.clock.seconds += 41
    looked_up(mine)
    visit_line(mine)
    assert told(mine.service)["10.0.0.2:1"] == {"python"}


@pytest.mark.parametrize("seed", range(6))
def test_from_one_judge_to_those_that_are_found_no_machine_ever_gets_more_than_its_cap(seed: int) -> None:
    """With work in hand everywhere, while a third one joins and the second leaves and comes back.

    The one judge is one of the machines, which of them nobody has said. At each moment what each machine really has
    in hand is counted, whatever the slots are called.
    """
    chance = random.Random(seed)
    machines = Machines("10.0.0.1", "10.0.0.2")
    one = machines.world
    machines.at[f"10.0.0.{1 + seed % 2}:1"] = one.judge
    for number in range(200):
        one.submit(caller=one.add_student(f"s{number}"))
    in_hand: list[Lease] = [lease for _ in range(3) if (lease := taken(one))]
    assert len(in_hand) == 3
    processes, most = [one], Counter[int]()
    for second in range(120):
        if second == 5:
            processes += [machines.process(), machines.process()]
        machines.found = [
            "10.0.0.1",
            *(["10.0.0.2"] if not 60 <= second < 70 else []),
            *(["10.0.0.3"] if second >= 20 else []),
        ]
        one.clock.seconds += 1
        for lease in in_hand:
            lease.keep()
        for world in chance.sample(processes, chance.randint(1, len(processes))):
            if world is not one:
                looked_up(world)
                follow_judges(world.service)
                breaker.ask_languages(world.service)
            if world is not one or second < 10:  # its visits end one after another, as those of old instances do
                in_hand += [lease for _ in range(4) if (lease := taken(world))]
            now = Counter(id(lease.judge) for lease in in_hand)
            most |= now
            assert max(now.values(), default=0) <= 3, f"in second {second}"
        for lease in [each for each in in_hand if chance.random() < 0.15]:
            in_hand.remove(lease)
            following = close(lease.service, lease, replace(lease.submission, status=Status.COMPLETED), go_on=True)
            in_hand += [following] if following else []
    assert sorted(most.values()) == [3, 3, 3], "all of them had as much as they may have"
    assert slots(one) == {f"10.0.0.{number}:1": 3 for number in (1, 2, 3)}


def taken(world: World) -> Lease | None:
    try:
        return take(world)
    except Conflict:
        return None
