"""Several judges: whose the slots are, who takes what, and what happens while one is away."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from functions import breaker, health, pacing, records, views
from functions.claims import claim, close, look
from functions.domain.breaker import State
from functions.domain.concurrency import Bounds
from functions.domain.line import ONLY_JUDGE, Slot
from functions.domain.question import Validator
from functions.domain.sharing import planned
from functions.domain.submission import RunType, Status
from functions.domain.verdict import Ending, Execution, Verdict
from functions.errors import Refusal
from functions.judges import told
from functions.leases import Lease
from functions.ports import Caller, Host, Program, Query, Unavailable
from functions.questions import put_question
from functions.service import Rules, Service
from functions.slots import free_slots, read_slots, seed_slots, set_slots
from functions.sweeping import sweep
from functions.visit import End, visit
from infra.sqlite import SQLiteDocumentStore
from tests.fakes import ALICE, NOON, World, echo, make_world, question
from tests.unit.test_visit import InstantGate, visit_line

BOTH = {"a": 2, "b": 3}


@pytest.fixture
def two() -> World:
    """Judges `a` with slots 1 and 2, and `b` with 3 to 5. Both have C++ and Python."""
    return make_world(SQLiteDocumentStore(":memory:"), BOTH)


def met(world: World) -> World:
    """As every process does at its first visit, this one has asked the judges for their languages."""
    assert breaker.any_answers(world.service)
    return world


def take(world: World, kind: RunType = RunType.SUBMIT) -> Lease | None:
    seen = look(world.service, kind)
    return None if seen is None else claim(world.service, seen)


def owners(world: World) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for slot in read_slots(world.service)[0]:
        if not slot.retired:
            found.setdefault(slot.judge, []).append(slot.number)
    return found


def send(world: World, *languages: str, kind: RunType = RunType.SUBMIT) -> list[str]:
    """One each by a student of its own."""
    number = world.store.count(Query(records.SUBMISSIONS))
    students = [world.add_student(f"s{number + each}") for each in range(len(languages))]
    sent = []
    for student, language in zip(students, languages, strict=True):
        world.clock.seconds += 0.001
        sent.append(world.submit(kind, caller=student, language=language).submission_id)
    return sent


# Whose the slots are.


def test_each_judge_has_its_slots(two: World) -> None:
    assert owners(two) == {"a": [1, 2], "b": [3, 4, 5]}


def test_where_there_is_one_judge_its_slots_name_none_as_ever(world: World) -> None:
    documents = world.store.get(*(records.slot_path(number) for number in (1, 2, 3)), records.SLOTS_PATH)
    assert all(each is not None and "judge" not in each.fields for each in documents)
    assert documents[3] is not None
    assert documents[3].fields == {"count": 3, "seeded": 3}


def process(world: World, judges: Mapping[str, Host] | Callable[[], Mapping[str, Host]], **changes: object) -> World:
    """Another process over the same store, that knows these judges and has just begun."""
    listed = judges if callable(judges) else lambda: judges
    new: dict[str, object] = {"kept": {}, "claiming": set(), "languages": {}, "seen": {}, "refused": Counter()}
    return replace(world, service=replace(world.service, judges=listed, **(new | changes)))  # type: ignore[arg-type]


def reseeded(world: World, judges: dict[str, int]) -> Service:
    """The next deployment: other judges in the setting."""
    after = process(world, {name: Host(world.judge, number) for name, number in judges.items()}).service
    seed_slots(after)
    return after


def test_a_deployment_that_gets_a_second_judge_hands_its_slots_to_the_first_of_the_list(world: World) -> None:
    world.submit()
    before = take(world)
    assert before is not None
    after = replace(world, service=reseeded(world, {"a": 3, "b": 2}))
    assert owners(after) == {"a": [1, 2, 3], "b": [4, 5]}
    done = replace(before.submission, status=Status.COMPLETED)
    assert close(before.service, before, done, go_on=False) is None
    assert world.read(before.submission).status is Status.COMPLETED


def test_a_deployment_that_has_one_judge_again_gives_it_all_slots(two: World) -> None:
    after = replace(two, service=replace(two.service, judges=lambda: {ONLY_JUDGE: Host(two.judge)}, kept={}))
    seed_slots(after.service)
    assert owners(after) == {ONLY_JUDGE: [1, 2, 3]}


def test_a_judge_that_leaves_finishes_what_it_has_in_hand_and_takes_nothing_more(two: World) -> None:
    send(two, *["python"] * 6)
    met(two)
    leases = [take(two) for _ in range(5)]
    assert Counter(lease.judge_name for lease in leases if lease) == BOTH
    after = replace(two, service=reseeded(two, {"b": 3}))
    assert owners(after) == {"b": [3, 4, 5]}
    [of_a, _] = [lease for lease in leases if lease and lease.judge_name == "a"]
    assert close(of_a.service, of_a, replace(of_a.submission, status=Status.COMPLETED), go_on=True) is None
    assert two.read(of_a.submission).status is Status.COMPLETED


def test_from_auto_to_a_number_the_number_holds_and_new_bounds_hold_at_once() -> None:
    world = make_world(SQLiteDocumentStore(":memory:"), concurrency=Bounds(1, 20))
    set_slots(world.service, 12)  # what the exam's judge bore
    for bounds, most, slots in (
        (Bounds(1, 20), 3, 12),
        (Bounds(2, 8), 3, 8),
        (Bounds(2, 30), 3, 8),
        (None, 3, 3),
        (Bounds(5, 9), 5, 5),
    ):
        after = process(world, world.service.judges, rules=Rules(max_concurrent_submissions=most, concurrency=bounds))
        seed_slots(after.service)
        assert {name: len(numbers) for name, numbers in owners(after).items()} == {ONLY_JUDGE: slots}, bounds


def slot(number: int, judge: str, **changes: object) -> Slot:
    return replace(Slot(number, NOON, NOON, judge=judge), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "wanted", "after"),
    [
        ([], {"a": 2, "b": 1}, ["a", "a", "b"]),
        (["a", "a", "b"], {"a": 1, "b": 3}, ["a", "-", "b", "b", "b"]),
        (["a", "b", "a", "b"], {"b": 4}, ["b", "b", "b", "b"]),  # free ones of one that is gone serve again
        (["a", "b"], {"a": 0, "b": 1}, ["-", "b"]),
        (["a"], {}, ["-"]),
    ],
)
def test_slots_follow_what_is_wanted_of_each_judge(before: list[str], wanted: dict[str, int], after: list[str]) -> None:
    slots = {number: slot(number, judge) for number, judge in enumerate(before, start=1)}
    found = planned(slots, wanted, NOON)
    assert ["-" if each.retired else each.judge for each in found] == after
    assert [each.number for each in found] == list(range(1, len(found) + 1))


def test_a_slot_in_hand_of_a_judge_that_is_gone_is_nobody_elses() -> None:
    held = slot(1, "a", owner="x", free_at=NOON + timedelta(seconds=17))
    died = slot(2, "a", owner="y")
    found = planned({1: held, 2: died}, {"b": 1}, NOON)
    assert [(each.judge, each.retired) for each in found] == [("a", True), ("a", True), ("b", False)]


def test_an_operator_changes_one_judges_slots_and_leaves_the_others(two: World) -> None:
    set_slots(two.service, 1, "b")
    assert owners(two) == {"a": [1, 2], "b": [3]}
    seed_slots(two.service)  # a restart does not undo it
    assert owners(two) == {"a": [1, 2], "b": [3]}


def test_auto_gives_nothing_back_to_a_judge_that_an_operator_lets_finish() -> None:
    world = make_world(SQLiteDocumentStore(":memory:"), {"a": 3, "b": 3})
    hosts = {name: Host(host.judge) for name, host in world.service.judges().items()}
    auto = process(world, hosts, rules=replace(world.service.rules, concurrency=Bounds(1, 20)))
    seed_slots(auto.service)
    set_slots(auto.service, 0, "a")
    for _ in range(3):
        for _ in range(9):
            pacing.saw(auto.service, "a", "python, run", 0.5, Execution(Ending.WELL, time_seconds=0.5))
        pacing.adapt(auto.service, "a")
        auto.clock.seconds += 10
    assert owners(auto) == {"b": [4, 5, 6]}


def test_where_slots_move_by_themselves_the_sweep_sets_the_limits_that_nobody_heard_of() -> None:
    world = make_world(SQLiteDocumentStore(":memory:"), concurrency=Bounds(1, 20))
    set_slots(world.service, 7)
    sweep(world.service)
    assert world.tickets.limits == dict.fromkeys(RunType, 7)
    fixed = make_world(SQLiteDocumentStore(":memory:"))
    sweep(fixed.service)
    assert fixed.tickets.limits == {}, "there they are the operator's"


# One judge with a name, as a list or a name server may well say.


def test_one_judge_with_a_name_judges() -> None:
    world = make_world(SQLiteDocumentStore(":memory:"), {"a": 3})
    sent = world.submit()
    assert visit_line(world) is End.JUDGED
    assert world.read(sent).verdict is Verdict.ACCEPTED
    again = world.submit()
    world.tickets.tickets.clear()
    assert sweep(world.service).tickets == 1
    assert world.tickets.tickets == [(RunType.SUBMIT, again.submission_id)]


def test_while_it_is_away_nobody_finds_its_line_empty() -> None:
    world = make_world(SQLiteDocumentStore(":memory:"), {"a": 3})
    sent = world.submit()
    world.judge_named("a").away = True
    assert visit_line(world) is End.JUDGE_AWAY
    assert look(world.service, RunType.SUBMIT) is not None
    world.judge_named("a").away = False
    world.clock.seconds += 2
    assert visit_line(world) is End.JUDGED
    assert world.read(sent).judgings == 1


# Who takes what.


def test_each_judge_gets_as_much_as_it_has_slots_and_no_more(two: World) -> None:
    send(two, *["python"] * 9)
    met(two)
    leases = [take(two) for _ in range(9)]
    assert Counter(lease.judge_name if lease else None for lease in leases) == {"a": 2, "b": 3, None: 4}


def test_a_whole_judging_goes_to_one_judge(two: World) -> None:
    [sent] = send(two, "python")
    assert visit_line(two) is End.JUDGED
    calls = [sum(two.judge_named(name).batches) for name in "ab"]
    assert sorted(calls) == [0, 4]
    document = two.store.get(records.submission_path(sent))[0]
    assert document is not None
    assert records.submission_of(document).verdict is Verdict.ACCEPTED


def test_work_goes_only_to_judges_that_have_its_language_and_nobody_waits_for_anothers(two: World) -> None:
    two.judge_named("a").names = ("python",)
    put_question(two.service, question(languages=("cpp", "python")))
    for_b = send(two, *["cpp"] * 20)
    for_all = send(two, "python", "python", "python")
    met(two)
    leases = [lease for _ in range(9) if (lease := take(two)) is not None]
    taken = {name: [e.submission.submission_id for e in leases if e.judge_name == name] for name in "ab"}
    assert sorted(taken["a"]) == sorted(for_all[:2]), "behind twenty that it cannot do"
    assert set(taken["b"]) <= set(for_b[:5])
    assert len(taken["b"]) == 3
    assert take(two) is None
    [of_a, _] = [lease for lease in leases if lease.judge_name == "a"]
    following = close(two.service, of_a, replace(of_a.submission, status=Status.COMPLETED), go_on=True)
    assert following is not None
    assert following.submission.submission_id == for_all[2]
    last = close(two.service, following, replace(following.submission, status=Status.COMPLETED), go_on=True)
    assert last is None, "the rest is for the other one"


def test_a_visit_waits_for_the_judge_that_can_and_leaves_its_ticket_meanwhile(two: World) -> None:
    two.judge_named("a").names = ("python",)
    send(two, *["cpp"] * 4)
    met(two)
    held = [take(two) for _ in range(3)]
    assert all(lease is not None and lease.judge_name == "b" for lease in held)
    impatient = replace(two, service=replace(two.service, rules=replace(two.service.rules, slot_wait=0.0)))
    assert visit_line(impatient) is End.NO_SLOT
    assert len(free_slots(two.service)[0]) == 2


def test_a_language_that_no_judge_has_any_more_fails_visibly_and_does_not_wait_for_ever(two: World) -> None:
    put_question(two.service, question(languages=("cobol", "python")))
    [sent] = send(two, "cobol")
    for _ in range(60):
        visit_line(two)
        two.clock.seconds += 61
    document = two.store.get(records.submission_path(sent))[0]
    assert document is not None
    assert document.fields["status"] == Status.FAILED


def test_a_question_with_a_validator_goes_where_that_can_run(two: World) -> None:
    two.judge_named("a").names = ("python",)
    put_question(two.service, question(validator=Validator("cpp", "int main() {}"), version="v2"))
    two.judge_named("b").run = lambda program: (
        Execution(Ending.RUNTIME_ERROR, exit_code=42) if program.arguments else echo(program)
    )
    sent = send(two, *["python"] * 3)
    for _ in sent:
        visit_line(two)
    found = two.store.get(*map(records.submission_path, sent))
    assert [each.fields["verdict"] for each in found if each] == ["accepted"] * 3
    assert two.judge_named("a").batches == []


def test_suspects_are_judged_one_at_a_time_on_the_lowest_slot_of_a_judge_that_is_up(two: World) -> None:
    sent = send(two, "python", "python")
    met(two)
    for number in (1, 2):
        lease = take(two)
        assert lease is not None, number
    two.clock.seconds += 20
    sweep(two.service)
    two.clock.seconds += 61
    assert {two.service.store.get(records.submission_path(each))[0].fields["judgings"] for each in sent} == {1}  # type: ignore[union-attr]
    first, second = take(two), take(two)
    assert first is not None
    assert (first.slot.number, second) == (1, None)
    close(two.service, first, replace(first.submission, status=Status.COMPLETED), go_on=False)
    breaker.trip(two.service, "a", Unavailable("gone"))
    moved = take(two)
    assert moved is not None
    assert moved.slot.number == 3


def test_an_aged_run_gets_the_lowest_slot_of_a_judge_that_is_up(two: World) -> None:
    met(two)
    breaker.trip(two.service, "a", Unavailable("gone"))
    send(two, *["python"] * 3)
    in_hand = [lease for _ in range(3) if (lease := take(two))]
    send(two, "python", kind=RunType.RUN)
    for _ in range(4):
        two.clock.seconds += 8
        for lease in in_hand:
            lease.keep()
    send(two, *["python"] * 9)
    for lease in in_hand:
        close(two.service, lease, replace(lease.submission, status=Status.COMPLETED), go_on=False)
    submits = [take(two) for _ in range(5)]
    assert {lease.slot.number for lease in submits if lease} == {4, 5}
    run = take(two, RunType.RUN)
    assert run is not None
    assert run.slot.number == 3


# While one is away.


def test_while_one_judge_is_away_the_others_go_on_and_positions_say_so(two: World) -> None:
    met(two)
    two.judge_named("b").away = True
    ids = send(two, *["python"] * 8)
    for _ in range(10):
        assert visit_line(two) in (End.JUDGED, End.LINE_EMPTY)
    found = two.store.get(*map(records.submission_path, ids))
    assert Counter(each.fields["status"] for each in found if each) == {"completed": 8}
    assert all(each is not None and each.fields["judgings"] == 1 for each in found)
    shown = health.health(two.service, 0.0, "test")
    assert {each.name: (each.state, each.slots) for each in shown.judges} == {
        "a": (State.CLOSED, 2),
        "b": (State.OPEN, 3),
    }
    assert (shown.status, shown.judge.state) == ("degraded", State.CLOSED)


def test_the_wait_is_estimated_by_the_slots_of_judges_that_are_up(two: World) -> None:
    send(two, *["python"] * 9)
    two.clock.seconds += 0.001
    last = two.submit()
    before = views.submission(two.service, ALICE, last)
    breaker.trip(two.service, "b", Unavailable("gone"))
    after = views.submission(two.service, ALICE, last)
    assert (before.queue_position, after.queue_position) == (10, 10)
    assert before.estimated_wait_seconds is not None
    assert after.estimated_wait_seconds == pytest.approx(before.estimated_wait_seconds * 5 / 2, abs=0.2)
    assert after.message == "Waiting in line."


def test_slots_of_a_judge_that_is_away_wake_nobody(two: World) -> None:
    breaker.trip(two.service, "b", Unavailable("gone"))
    assert [each.number for each in free_slots(two.service)[0]] == [1, 2]


def test_only_where_no_judge_is_up_a_visit_says_that_the_judge_is_away(two: World) -> None:
    sent = two.submit()
    met(two)
    for name in "ab":
        two.judge_named(name).away = True
        breaker.trip(two.service, name, Unavailable("gone"))
    assert visit_line(two) is End.JUDGE_AWAY
    shown = views.submission(two.service, ALICE, sent)
    assert shown.message is not None
    assert "not answering" in shown.message
    two.judge_named("b").away = False
    two.clock.seconds += 2
    assert visit_line(two) is End.JUDGED
    assert two.judge_named("a").batches == []


def test_one_whose_judge_dies_in_mid_judging_is_judged_by_another_in_the_same_visit(two: World) -> None:
    met(two)
    sent = two.submit(caller=Caller("bob"))
    set_slots(two.service, 0, "b")
    dying = two.judge_named("a")

    def die(program: Program) -> Execution:
        dying.away = True
        set_slots(two.service, 3, "b")
        return echo(program)

    dying.run, dying.seconds = die, 5.0
    assert visit(two.service, InstantGate(two), RunType.SUBMIT) is End.JUDGED
    judged = two.read(sent)
    assert (judged.verdict, judged.judgings) == (Verdict.ACCEPTED, 1)
    assert sum(two.judge_named("b").batches) == 4


def test_one_that_is_put_back_after_another_was_judged_has_a_ticket(monkeypatch: pytest.MonkeyPatch) -> None:
    world = met(make_world(SQLiteDocumentStore(":memory:"), {"a": 1, "b": 1}))
    send(world, "python", kind=RunType.RUN)
    run = take(world, RunType.RUN)
    assert run is not None
    other = "b" if run.judge_name == "a" else "a"
    sent = send(world, "python", "python")
    world.tickets.tickets.clear()  # both are being delivered: this visit's, and one that found a line without waiters
    dying, done = world.judge_named(other), 0

    def time_passes(seconds: float) -> None:
        world.clock.seconds += seconds
        run.keep()

    def die_at_the_second(program: Program) -> Execution:
        nonlocal done
        done += 1
        dying.away = done > 4
        return echo(program)

    dying.run, dying.seconds = die_at_the_second, 1.0
    monkeypatch.setattr(world.clock, "sleep", time_passes)
    assert visit_line(world) is End.JUDGED
    found = world.store.get(*map(records.submission_path, sent))
    assert [each.fields["status"] for each in found if each] == ["completed", "queued"]
    assert (RunType.SUBMIT, sent[1]) in world.tickets.tickets


def test_what_a_judge_has_in_hand_that_leaves_goes_to_another_uncounted_and_unsuspected() -> None:
    world = make_world(SQLiteDocumentStore(":memory:"), {"a": 1, "b": 1})
    hosts = dict(world.service.judges())
    mine = met(process(world, lambda: dict(hosts)))
    sent = mine.submit()

    def leave(program: Program) -> Execution:
        for name in list(hosts):
            if len(hosts) == 2 and "create" in mine.judge_named(name).calls:
                mine.judge_named(name).away = True
                del hosts[name]
        return echo(program)

    for name in "ab":
        mine.judge_named(name).run, mine.judge_named(name).seconds = leave, 1.0
    begun = mine.clock.seconds
    assert visit_line(mine) is End.JUDGED
    judged = mine.read(sent)
    assert (judged.verdict, judged.judgings, judged.turn_at) == (Verdict.ACCEPTED, 1, sent.turn_at)
    assert mine.clock.seconds - begun < 15, "nobody waits for one that left"
    assert len(hosts) == 1


def test_visits_of_a_process_whose_judges_have_no_slots_any_more_end_at_once(world: World) -> None:
    """Else they would hold the queue's deliveries for SLOT_WAIT, and the next deployment's would not come."""
    old = [world, *(process(world, {name: Host(world.judge, 3) for name in names}) for names in ("a", "ab"))]
    world.submit()
    for each in old:
        met(each)
    reseeded(world, {"c": 3})
    for each in old:
        each.clock.seconds += 5
        begun = each.clock.seconds
        assert visit_line(each) is End.NO_SLOT
        assert each.clock.seconds - begun < 1


def test_what_a_judge_has_is_asked_anew(two: World) -> None:
    put_question(two.service, question(languages=("java", "python")))
    met(two)
    two.judge_named("b").names = ("cpp", "java", "python")
    two.clock.seconds += 60
    assert visit_line(two) is End.LINE_EMPTY
    assert told(two.service)["b"] == {"cpp", "java", "python"}
    sent = send(two, *["java"] * 4)
    assert visit_line(two) is End.JUDGED
    found = two.store.get(*map(records.submission_path, sent))
    assert [each.fields["verdict"] for each in found if each] == [Verdict.ACCEPTED] * 4
    assert two.judge_named("a").batches == []


def test_languages_are_offered_where_any_judge_has_them_also_one_that_was_up(two: World) -> None:
    two.judge_named("a").names = ("python",)
    two.judge_named("b").names = ("cpp", "java")
    assert {each.name for each in views.languages(two.service)} == {"python", "cpp", "java"}


def test_no_language_is_refused_while_a_judge_that_may_have_it_has_not_told(two: World) -> None:
    two.judge_named("b").away = True
    assert two.submit(language="java").status is Status.QUEUED
    two.judge_named("b").away = False
    with pytest.raises(Refusal):
        two.submit(language="java")


def test_a_judge_that_a_process_cannot_learn_the_languages_of_opens_its_breaker(two: World) -> None:
    two.judge_named("b").away = True
    send(two, "python")
    assert visit_line(two) is End.JUDGED
    assert breaker.state(two.service, "b").state is State.OPEN
    assert breaker.state(two.service, "a").state is State.CLOSED


def test_an_old_sweep_that_begins_late_takes_slots_only_until_the_new_one_runs() -> None:
    world = make_world(SQLiteDocumentStore(":memory:"))

    def by_name() -> dict[str, Host]:
        return {name: Host(world.judge, 3, world.clock.monotonic()) for name in ("found:1", "found:2")}

    by_list = {name: Host(world.judge, 3) for name in ("a", "b")}
    seed_slots(process(world, by_name, judges_change=True).service)
    world.clock.seconds += 100
    seed_slots(process(world, by_list, judges_change=False).service)
    world.clock.seconds += 30
    sweep(process(world, by_name, judges_change=True).service)
    assert owners(world) == {"found:1": [1, 2, 3], "found:2": [4, 5, 6]}
    world.clock.seconds += 20
    sweep(process(world, by_list, judges_change=False).service)
    assert owners(world) == {"a": [1, 2, 3], "b": [4, 5, 6]}
