"""Rejudging over every store: the third line behind the two, copies beside what stands, applied whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

from functions import records, rejudging
from functions.claims import claim, look
from functions.domain.rejudging import Stage
from functions.domain.submission import Outcome, RunType, Status, Submission
from functions.domain.verdict import Ending, Execution, Verdict
from functions.errors import Refusal
from functions.gate import Gate
from functions.leases import Lease
from functions.ports import Conflict, DocumentStore, Unavailable, Update, Write
from functions.questions import put_question
from functions.slots import read_slots
from functions.standing import Standing
from functions.sweeping import sweep
from functions.visit import End, visit
from tests.contract.conftest import StoreFactory
from tests.fakes import World, echo, make_world, question

WRONG = Execution(Ending.WELL, stdout=b"no")


@pytest.fixture
def world(open_store: StoreFactory) -> World:
    return make_world(open_store(), slot_wait=5.0)


def visit_line(world: World, kind: RunType = RunType.RUN) -> End:
    class InstantGate(Gate):
        def wait(self, kind: str, seconds: float) -> None:
            world.clock.sleep(1.0)

    return visit(world.service, InstantGate(world.clock, lambda: 0, world.service.rng), kind)


def judged(world: World, number: int, execution: Execution = WRONG) -> list[Submission]:
    """Submits of so many students, all judged."""
    world.judge.run = lambda _: execution
    sent = [world.submit(caller=world.add_student(f"s{n}")) for n in range(number)]
    visit_line(world, RunType.SUBMIT)
    world.judge.run = echo
    world.tickets.tickets.clear()
    return [world.read(each) for each in sent]


def start(world: World) -> str:
    return rejudging.start(world.service, "teacher", {"question_id": "echo"}).rejudging_id


def taken(world: World) -> Lease:
    """As a visit of `run` takes the first of its line."""
    seen = look(world.service, RunType.RUN)
    assert seen is not None
    lease = claim(world.service, seen)
    assert lease is not None
    return lease


def test_old_results_stand_until_the_new_ones_are_applied(world: World) -> None:
    sent = judged(world, 3)
    identifier = start(world)
    assert visit_line(world) is End.JUDGED
    assert [world.read(each) for each in sent] == sent
    compared = rejudging.compared(world.service, identifier)
    assert {each.submission_id for each in compared} == {each.submission_id for each in sent}
    assert {(each.before, each.after, each.changed) for each in compared} == {
        (Outcome(Verdict.WRONG_ANSWER, 0), Outcome(Verdict.ACCEPTED, 100), True)
    }
    applied = rejudging.apply(world.service, "head teacher", identifier)
    assert (applied.stage, applied.closed_by, applied.closed_at) == (Stage.APPLIED, "head teacher", world.clock.now())
    assert rejudging.read(world.service, identifier)[0] == applied
    for before in sent:
        after = world.read(before)
        assert (after.verdict, after.score, after.passed) == (Verdict.ACCEPTED, 100, 4)
        assert (after.created_at, after.finished_at, after.owner) == (
            before.created_at,
            before.finished_at,
            before.owner,
        )
        assert after.rejudging_id == identifier


def test_they_are_judged_by_the_question_as_it_is_now(world: World) -> None:
    [sent] = judged(world, 1)
    put_question(world.service, question(tests=6, points=50, version="v2"))
    identifier = start(world)
    visit_line(world)
    rejudging.apply(world.service, "teacher", identifier)
    after = world.read(sent)
    assert (after.question_version, after.total, after.points, after.score) == ("v2", 6, 50, 50)
    assert len(after.results) == 6


def test_they_wait_for_everybody_else(world: World) -> None:
    judged(world, 2)
    start(world)
    run, submit = world.submit(RunType.RUN), world.submit(RunType.SUBMIT)
    seen = look(world.service, RunType.RUN)
    assert seen is not None
    assert [each.submission_id for each in seen.views[0].own] == [run.submission_id]
    world.clock.seconds += 5  # no Submit's visit comes
    visit_line(world, RunType.RUN)
    assert world.read(run).status is Status.COMPLETED
    assert [each.status for each in rejudging.compared(world.service, _only(world))] == [Status.QUEUED] * 2
    assert visit_line(world, RunType.RUN) is End.NO_SLOT  # the ticket is kept while a Submit waits
    visit_line(world, RunType.SUBMIT)
    assert world.read(submit).status is Status.COMPLETED
    assert visit_line(world, RunType.RUN) is End.JUDGED
    assert {each.status for each in rejudging.compared(world.service, _only(world))} == {Status.COMPLETED}


def _only(world: World) -> str:
    [found] = rejudging.latest(world.service)
    return found.rejudging_id


def test_they_give_way_to_a_run_and_to_a_submit_and_leave_a_ticket_behind(world: World) -> None:
    judged(world, 3)
    start(world)
    came: list[Submission] = []

    def one_comes(program: object) -> Execution:
        if not came:
            came.append(world.submit(RunType.SUBMIT))
        return echo(program)  # type: ignore[arg-type]

    world.judge.run = one_comes
    world.tickets.tickets.clear()
    visit_line(world)
    statuses = [each.status for each in rejudging.compared(world.service, _only(world))]
    assert statuses.count(Status.COMPLETED) == 1
    assert [kind for kind, _ in world.tickets.tickets] == [RunType.SUBMIT, RunType.RUN]


def test_the_line_that_students_see_knows_nothing_of_them(world: World) -> None:
    judged(world, 3)
    start(world)
    standing = Standing(world.store, world.clock)
    assert [standing.length(kind) for kind in RunType] == [0, 0]
    assert look(world.service, RunType.SUBMIT) is None


def test_a_dead_workers_copy_is_put_back_and_gets_a_ticket_on_run(world: World) -> None:
    judged(world, 1)
    start(world)
    lease = taken(world)
    assert lease.submission.is_copy
    world.tickets.tickets.clear()
    world.clock.seconds += 100
    assert sweep(world.service).put_back == 1
    assert {kind for kind, _ in world.tickets.tickets} == {RunType.RUN}
    world.clock.seconds += 61
    assert visit_line(world) is End.JUDGED
    assert [each.status for each in rejudging.compared(world.service, _only(world))] == [Status.COMPLETED]


def test_a_copy_that_no_slot_names_is_put_back(world: World) -> None:
    judged(world, 1)
    start(world)
    lease = taken(world)
    slot = lease.slot.released(world.clock.now())
    world.store.commit(Update(records.slot_path(slot.number), records.lease_fields(slot)))  # as in an old backup
    world.clock.seconds += 100
    assert sweep(world.service).put_back == 1


def test_whose_turn_a_slot_is_next_does_not_change_by_them(open_store: StoreFactory) -> None:
    world = make_world(open_store(), max_concurrent_submissions=1)
    judged(world, 1)
    world.submit(RunType.RUN)
    visit_line(world)
    start(world)
    visit_line(world)
    assert rejudging.compared(world.service, _only(world))[0].status is Status.COMPLETED
    assert [slot.last_kind for slot in read_slots(world.service)[0]] == [RunType.RUN]


def test_the_sweep_issues_the_tickets_that_were_lost(world: World) -> None:
    judged(world, 5)
    world.tickets.away = True
    start(world)
    world.tickets.away = False
    assert sweep(world.service).tickets == 3
    assert {kind for kind, _ in world.tickets.tickets} == {RunType.RUN}


def test_what_cannot_be_judged_keeps_what_it_has(world: World) -> None:
    sent = judged(world, 2)
    identifier = start(world)
    failing = rejudging.compared(world.service, identifier)[0].submission_id
    path = records.submission_path(f"{identifier}:{failing}")
    document = world.store.get(path)[0]
    assert document is not None
    copy = records.submission_of(document)
    world.store.commit(Update(path, records.submission_changes(copy, replace(copy, status=Status.FAILED)), None))
    visit_line(world)
    rejudging.apply(world.service, "teacher", identifier)
    scores = {each.submission_id: world.read(each).score for each in sent}
    assert scores.pop(failing) == 0
    assert list(scores.values()) == [100]


def test_a_cancelled_one_is_not_judged_and_never_counts(world: World) -> None:
    sent = judged(world, 3)
    identifier = start(world)
    cancelled = rejudging.cancel(world.service, "teacher", identifier)
    assert (cancelled.stage, cancelled.closed_by) == (Stage.CANCELLED, "teacher")
    assert visit_line(world) is End.LINE_EMPTY
    with pytest.raises(Refusal, match="it is cancelled"):
        rejudging.apply(world.service, "teacher", identifier)
    assert [world.read(each) for each in sent] == sent
    assert rejudging.cancel(world.service, "another", identifier) == cancelled  # again changes nothing


def test_it_is_not_applied_before_all_are_judged(world: World) -> None:
    judged(world, 2)
    with pytest.raises(Refusal, match="2 of 2 are not judged yet"):
        rejudging.apply(world.service, "teacher", start(world))


class Failing:
    """A store whose commits fail from the given one on."""

    def __init__(self, store: DocumentStore, after: int) -> None:
        self._store, self._left = store, after
        self.get, self.find, self.count = store.get, store.find, store.count

    def commit(self, *writes: Write) -> list[object]:
        self._left -= 1
        if self._left < 0:
            raise Unavailable("the store is away")
        return self._store.commit(*writes)


@pytest.mark.parametrize("commits", range(4))
def test_applying_that_was_interrupted_is_gone_on_with(world: World, commits: int) -> None:
    sent = judged(world, 25)
    identifier = start(world)
    while visit_line(world) is not End.LINE_EMPTY:
        pass
    with pytest.raises(Unavailable):
        rejudging.apply(replace(world.service, store=Failing(world.store, commits)), "teacher", identifier)
    assert rejudging.apply(world.service, "teacher", identifier).stage is Stage.APPLIED
    assert {world.read(each).score for each in sent} == {100}


def test_a_set_that_was_not_wholly_made_can_only_be_cancelled(world: World) -> None:
    judged(world, 3)
    with pytest.raises(Unavailable):
        rejudging.start(replace(world.service, store=Failing(world.store, 1)), "teacher", {"question_id": "echo"})
    with pytest.raises(Refusal, match="it is preparing"):
        rejudging.apply(world.service, "teacher", _only(world))
    assert rejudging.cancel(world.service, "teacher", _only(world)).stage is Stage.CANCELLED


def test_only_completed_submits_are_chosen_by_all_that_is_named(world: World) -> None:
    sent = judged(world, 2)
    world.submit(RunType.RUN)
    for wanted, number in (
        ({"attempt_id": sent[0].attempt_id}, 1),
        ({"exam_id": "exam", "language": "python"}, 2),
        ({"verdict": "wrong_answer"}, 2),
    ):
        assert rejudging.start(world.service, "teacher", wanted).total == number
    for wanted in ({"verdict": "accepted"}, {"question_id": "other"}, {}):
        with pytest.raises(Refusal):
            rejudging.start(world.service, "teacher", wanted)


def test_two_that_apply_at_once_or_a_changed_submission_lose_nothing(world: World) -> None:
    sent = judged(world, 2)
    identifier = start(world)
    visit_line(world)

    class Late(Failing):
        """Another write comes just before the results are written."""

        def commit(self, *writes: Write) -> list[object]:
            if any("verdict" in getattr(write, "fields", {}) for write in writes) and self._left:
                self._left = 0
                raise Conflict("it changed")
            return self._store.commit(*writes)

    rejudging.apply(replace(world.service, store=Late(world.store, 1)), "teacher", identifier)
    assert {world.read(each).score for each in sent} == {100}
