"""A visit: slots taken and given back, one judging each, and what happens when something dies in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from functions import records
from functions.claims import claim, close, look
from functions.domain.breaker import State
from functions.domain.exam import Exam
from functions.domain.submission import RunType, Status, Submission
from functions.domain.verdict import Ending, Execution, Verdict
from functions.errors import Refusal
from functions.gate import Gate
from functions.leases import Lease, LeaseLost
from functions.ports import Caller, Delete, Program, Put, Query, Unavailable
from functions.questions import put_question
from functions.service import Draining
from functions.slots import free_slots, read_slots, seed_slots, set_slots
from functions.sweeping import sweep
from functions.visit import End, visit
from tests.fakes import FakeClock, FakeJudge, World, echo, one_judge, question


class InstantGate(Gate):
    """Waiting lets the fake clock run."""

    def __init__(self, world: World) -> None:
        super().__init__(world.clock, lambda: 0, world.service.rng)
        self.clock: FakeClock = world.clock

    def wait(self, kind: str, seconds: float) -> None:
        self.clock.sleep(min(seconds, 1.0))


def visit_line(world: World, kind: RunType = RunType.SUBMIT) -> End:
    return visit(world.service, InstantGate(world), kind)


def take(world: World, kind: RunType = RunType.SUBMIT) -> Lease:
    seen = look(world.service, kind)
    assert seen is not None
    lease = claim(world.service, seen)
    assert lease is not None
    return lease


def held(world: World) -> int:
    return sum(slot.is_held(world.clock.now()) for slot in read_slots(world.service)[0])


def test_a_right_program_is_accepted_with_full_points(world: World) -> None:
    submitted = world.submit()
    assert visit_line(world) is End.JUDGED
    judged = world.read(submitted)
    assert (judged.status, judged.verdict) == (Status.COMPLETED, Verdict.ACCEPTED)
    assert (judged.score, judged.passed, judged.total) == (100, 4, 4)
    assert held(world) == 0
    assert len(free_slots(world.service)[0]) == 3


def test_hidden_tests_keep_their_texts_to_themselves(world: World) -> None:
    submitted = world.submit()
    visit_line(world)
    for result in world.read(submitted).results:
        texts = (result.stdin, result.expected_output, result.stdout, result.stderr)
        assert (texts == (None,) * 4) is result.hidden
    raw = world.store.get(records.submission_path(submitted.submission_id))[0]
    assert "3\\n" not in repr(raw)  # the input of the first hidden test


def test_a_score_is_the_fraction_of_tests_passed(world: World) -> None:
    world.judge.run = lambda program: replace(echo(program), stdout=b"1\n")
    submitted = world.submit()
    visit_line(world)
    judged = world.read(submitted)
    assert (judged.verdict, judged.score, judged.passed) == (Verdict.WRONG_ANSWER, 25, 1)


def test_a_run_has_no_score_and_shows_its_output(world: World) -> None:
    submitted = world.submit(RunType.RUN, stdin="hello")
    visit_line(world, RunType.RUN)
    judged = world.read(submitted)
    assert (judged.verdict, judged.score) == (Verdict.ACCEPTED, None)
    assert [result.stdout for result in judged.results] == ["hello"]


def test_a_compile_error_ends_it_after_one_batch(world: World) -> None:
    world.judge.run = lambda _: Execution(Ending.COMPILATION_ERROR, compile_output=b"line 1: no")
    submitted = world.submit()
    visit_line(world)
    judged = world.read(submitted)
    assert (judged.verdict, judged.score, judged.compile_output) == (Verdict.COMPILATION_ERROR, 0, "line 1: no")
    assert judged.results == ()
    assert world.judge.batches == [3]


def test_a_run_stops_at_its_first_failed_sample_only_where_the_question_says_so(world: World) -> None:
    world.judge.run = lambda program: replace(echo(program), stdout=b"wrong")
    put_question(world.service, question(tests=8, samples=8))
    all_of_them = world.submit(RunType.RUN)
    visit_line(world, RunType.RUN)
    assert len(world.read(all_of_them).results) == 8
    world.clock.seconds += 10
    put_question(world.service, question(tests=8, samples=8, run_stops_early=True, version="v2"))
    stopped = world.submit(RunType.RUN)
    visit_line(world, RunType.RUN)
    assert len(world.read(stopped).results) < 8


def test_no_more_than_the_batch_size_is_at_the_judge_and_no_expected_output(world: World) -> None:
    sent: list[Program] = []

    def remember(program: Program) -> Execution:
        sent.append(program)
        return echo(program)

    world.judge.run = remember
    world.judge.seconds = 0.3
    put_question(world.service, question(tests=12))
    world.submit()
    visit_line(world)
    assert world.judge.most_at_once == 3
    assert len(sent) == 12
    assert not any(hasattr(program, "expected") for program in sent)


def test_one_visit_serves_the_whole_line_while_its_budget_lasts(world: World) -> None:
    submitted = [world.submit() for _ in range(3)]
    world.submit(caller=Caller("bob"))
    assert visit_line(world) is End.JUDGED
    assert {world.read(each).status for each in submitted} == {Status.COMPLETED}
    assert visit_line(world) is End.LINE_EMPTY


def test_a_visit_ends_when_its_budget_is_over_and_leaves_the_rest_in_line(world: World) -> None:
    world = replace(world, service=replace(world.service, rules=replace(world.service.rules, visit_budget=1.0)))
    world.judge.seconds = 0.6
    submitted = [world.submit(caller=world.add_student(f"s{number}")) for number in range(5)]
    assert visit_line(world) is End.JUDGED
    done = [world.read(each).status for each in submitted].count(Status.COMPLETED)
    assert 1 <= done < 5
    assert held(world) == 0


def test_what_was_accepted_before_the_exam_closed_is_judged_after_it(world: World) -> None:
    exam = Exam("exam", "E", closes_at=world.clock.now() + timedelta(seconds=30))
    world.store.commit(Put("exams/exam", records.exam_fields(exam)))
    accepted = world.submit()
    world.clock.seconds = 60
    with pytest.raises(Refusal):
        world.submit()
    visit_line(world)
    assert world.read(accepted).verdict is Verdict.ACCEPTED


def test_a_submission_is_judged_once_however_many_tickets_come(world: World) -> None:
    submitted = world.submit()
    assert [visit_line(world) for _ in range(3)] == [End.JUDGED, End.LINE_EMPTY, End.LINE_EMPTY]
    assert world.read(submitted).judgings == 1
    assert world.judge.batches == [3, 1]


def test_without_a_free_slot_a_visit_waits_and_then_says_so(world: World) -> None:
    for name in ("a", "b", "c", "d"):
        world.submit(caller=world.add_student(name))
    leases = [take(world) for _ in range(3)]
    assert held(world) == 3

    class KeptAlive(InstantGate):
        def wait(self, kind: str, seconds: float) -> None:
            super().wait(kind, seconds)
            for lease in leases:
                lease.keep()

    assert visit(world.service, KeptAlive(world), RunType.SUBMIT) is End.NO_SLOT
    assert world.clock.seconds >= 300


def test_never_more_slots_are_held_than_there_are(world: World) -> None:
    for number in range(5):
        world.submit(caller=world.add_student(f"s{number}"))
    for _ in range(3):
        take(world)
    seen = look(world.service, RunType.SUBMIT)
    assert seen is not None
    assert claim(world.service, seen) is None


def test_a_dead_workers_submission_goes_back_in_line_with_whoever_takes_its_slot(world: World) -> None:
    [only] = [world.submit()]
    lease = take(world)
    world.clock.seconds += world.service.rules.lease_seconds + 1.9
    assert held(world) == 1
    others = [world.submit(caller=Caller("bob")) for _ in range(3)]
    world.clock.seconds += 0.1
    assert held(world) == 0
    for _ in range(3):
        take(world)
    back = world.read(only)
    assert back.status is Status.QUEUED
    assert back.turn_at == world.clock.now() + timedelta(seconds=60)
    assert (RunType.SUBMIT, only.submission_id) in world.tickets.tickets[1:]
    assert {world.read(each).status for each in others} == {Status.PROCESSING}
    with pytest.raises(LeaseLost):
        lease.keep()


def test_who_lost_the_lease_writes_nothing(world: World) -> None:
    world.submit()
    lease = take(world)
    world.clock.seconds += world.service.rules.lease_seconds + 2
    sweep(world.service)
    judged = replace(lease.submission, status=Status.COMPLETED, score=100)
    with pytest.raises(LeaseLost):
        close(world.service, lease, judged, go_on=False)
    assert world.read(lease.submission).status is Status.QUEUED
    assert world.read(lease.submission).score is None


def test_nothing_is_sent_to_the_judge_when_the_lease_could_be_over_before_the_answer(world: World) -> None:
    world.submit()
    lease = take(world)
    rules = world.service.rules
    world.clock.seconds = rules.lease_seconds - rules.judge_timeout - 2
    assert lease.may_call()
    world.clock.seconds += 0.001
    assert not lease.may_call()


def test_a_lease_is_renewed_while_it_judges_so_that_nobody_takes_it(world: World) -> None:
    world.judge.seconds = 100.0
    put_question(world.service, question(tests=1, samples=0, limits=replace(question().limits, cpu_seconds=15)))
    submitted = world.submit()
    world.judge.seconds = 40.0
    assert visit_line(world) is End.JUDGED
    assert world.clock.seconds > 2 * world.service.rules.lease_seconds
    assert world.read(submitted).judgings == 1


def test_progress_is_told_at_most_once_a_second(world: World) -> None:
    put_question(world.service, question(tests=9))
    world.judge.seconds = 1.5
    submitted = world.submit()
    seen: list[int] = []
    commit = world.store.commit

    class Watching:
        def __getattr__(self, name: str) -> object:
            return getattr(world_store, name)

        def commit(self, *writes: object) -> list[object]:
            for write in writes:
                fields = getattr(write, "fields", {})
                if "finished_tests" in fields and "status" not in fields:
                    seen.append(fields["finished_tests"])
            return commit(*writes)  # type: ignore[arg-type]

    world_store = world.store
    watched = replace(world, service=replace(world.service, store=Watching()))  # type: ignore[arg-type]
    assert visit_line(watched) is End.JUDGED
    assert seen == [3, 6]
    assert world.read(submitted).finished_tests == 9


def test_a_question_whose_tests_are_gone_fails_with_a_reason_for_staff(world: World) -> None:
    submitted = world.submit()
    for document in world.store.find(Query(records.TESTS)):
        world.store.commit(Delete(document.path))
    assert visit_line(world) is End.JUDGED
    failed = world.read(submitted)
    assert (failed.status, failed.verdict, failed.score) == (Status.FAILED, None, None)
    assert "v1" in (failed.failure or "")


def test_what_the_judge_cannot_do_is_tried_again_and_then_fails_without_a_verdict(world: World) -> None:
    world.judge.run = lambda _: Execution(Ending.INTERNAL_ERROR)
    submitted = world.submit()
    for attempt in range(1, 6):
        assert visit_line(world) is not End.LINE_EMPTY, attempt
        if world.read(submitted).status is Status.FAILED:
            break
        world.clock.seconds += 61
    failed = world.read(submitted)
    assert (failed.status, failed.judgings, failed.verdict) == (Status.FAILED, 5, None)
    assert held(world) == 0


def test_with_the_judge_away_the_submission_waits_with_its_turn_and_the_breaker_opens(world: World) -> None:
    submitted = world.submit()
    world.judge.away = True
    assert visit_line(world) is End.JUDGE_AWAY
    waiting = world.read(submitted)
    assert (waiting.status, waiting.turn_at, waiting.judgings) == (Status.QUEUED, submitted.turn_at, 0)
    assert held(world) == 0
    assert len(world.tickets.tickets) == 1  # its own comes again by itself
    calls = len(world.judge.calls)
    assert visit_line(world) is End.JUDGE_AWAY  # at once: nobody asks a dead judge
    assert len(world.judge.calls) == calls
    world.judge.away = False
    world.clock.seconds += 6
    assert visit_line(world) is End.JUDGED
    assert world.read(submitted).verdict is Verdict.ACCEPTED


def test_a_judge_that_goes_and_comes_back_again_and_again_is_not_the_submissions_fault(world: World) -> None:
    class Flapping(FakeJudge):
        outages = 3
        back_at = 0.0

        def create(self, programs: Sequence[Program]) -> list[str | None]:
            if self.outages:
                self.outages -= 1
                self.back_at = world.clock.seconds + 6
                raise Unavailable("gone")
            return super().create(programs)

        def probe(self) -> None:
            if world.clock.seconds < self.back_at:
                raise Unavailable("still gone")

    world = replace(world, service=replace(world.service, judges=one_judge(Flapping(world.clock))))
    submitted = world.submit()
    assert visit_line(world) is End.JUDGED
    judged = world.read(submitted)
    assert (judged.verdict, judged.judgings) == (Verdict.ACCEPTED, 1)
    assert world.clock.seconds > 15, "longer away in all than one absence may last"


def test_the_breaker_that_closes_gives_the_waiting_their_tickets(world: World) -> None:
    submitted = world.submit()
    world.judge.away = True
    visit_line(world)
    world.tickets.tickets.clear()
    world.judge.away = False
    world.clock.seconds += 6
    findings = sweep(world.service)
    assert findings.judge == State.CLOSED
    assert (RunType.SUBMIT, submitted.submission_id) in world.tickets.tickets


def test_submits_go_first_whatever_waits_longer(world: World) -> None:
    set_slots(world.service, 1)
    run = world.submit(RunType.RUN)
    submit = world.submit(RunType.SUBMIT, caller=Caller("bob"))
    seen = look(world.service, RunType.RUN)
    assert seen is not None
    assert claim(world.service, seen) is None
    assert visit_line(world, RunType.SUBMIT) is End.JUDGED
    assert visit_line(world, RunType.RUN) is End.JUDGED
    assert world.read(submit).finished_at <= world.read(run).started_at  # type: ignore[operator]


def test_a_runs_visit_gives_way_to_a_submit_that_came_meanwhile(world: World) -> None:
    set_slots(world.service, 1)
    runs = [world.submit(RunType.RUN, caller=world.add_student(f"s{number}")) for number in range(3)]
    lease = take(world, RunType.RUN)
    world.submit()
    done = replace(lease.submission, status=Status.COMPLETED)
    assert close(world.service, lease, done, go_on=True) is None
    assert [world.read(run).status for run in runs].count(Status.QUEUED) == 2


def test_closing_one_and_claiming_the_next_is_one_commit(world: World) -> None:
    for name in ("a", "b"):
        world.submit(caller=world.add_student(name))
    lease = take(world)
    done = replace(lease.submission, status=Status.COMPLETED)
    following = close(world.service, lease, done, go_on=True)
    assert following is not None
    assert following.slot.number == lease.slot.number
    assert world.read(done).status is Status.COMPLETED
    assert world.read(following.submission).status is Status.PROCESSING
    assert held(world) == 1


def test_a_visit_under_way_ends_once_its_queue_is_paused(world: World) -> None:
    world.judge.seconds = 1.5
    for number in range(5):
        world.submit(caller=world.add_student(f"s{number}"))
    world.tickets.paused.add(RunType.SUBMIT)
    assert visit_line(world) is End.JUDGED  # a visit that came just now proves that the queue is not paused
    assert world.judge.batches == [3, 1], "one, the one that it had begun with"
    assert held(world) == 0


def test_a_visit_that_waits_for_a_slot_ends_once_its_queue_is_paused(world: World) -> None:
    set_slots(world.service, 1)
    take_all = [world.submit(caller=world.add_student(f"s{number}")) for number in range(2)]
    take(world)
    world.tickets.paused.add(RunType.SUBMIT)
    assert visit_line(world) is End.NO_SLOT
    assert world.clock.seconds <= 2.0
    assert [world.read(each).status for each in take_all].count(Status.QUEUED) == 1


def test_a_process_that_is_told_to_end_claims_nothing_new(world: World) -> None:
    world.submit()
    told = replace(world, service=replace(world.service, draining=Draining(world.clock, lambda: True)))
    assert visit_line(told) is End.NO_SLOT
    assert world.judge.batches == []


def test_a_process_that_must_end_in_mid_judging_puts_the_submission_back(world: World) -> None:
    world.judge.seconds = 30.0
    submitted = world.submit()
    told = replace(
        world, service=replace(world.service, draining=Draining(world.clock, lambda: bool(world.judge.batches)))
    )
    assert visit_line(told) is End.JUDGE_AWAY
    waiting: Submission = world.read(submitted)
    assert (waiting.status, waiting.judgings, waiting.turn_at) == (Status.QUEUED, 0, submitted.turn_at)
    assert world.clock.seconds < 15


def test_the_sweep_puts_back_what_a_dead_worker_left_and_issues_tickets(world: World) -> None:
    abandoned, waiting = world.submit(), world.submit(caller=Caller("bob"))
    world.tickets.tickets.clear()
    while take(world).submission.submission_id != abandoned.submission_id:
        pass
    world.clock.seconds += 17
    findings = sweep(world.service)
    assert findings.put_back >= 1
    assert world.read(abandoned).status is Status.QUEUED
    ids = {submission for _, submission in world.tickets.tickets}
    assert ids == {abandoned.submission_id, waiting.submission_id}


def test_the_sweep_issues_no_ticket_to_a_paused_queue(world: World) -> None:
    world.submit()
    run = world.submit(RunType.RUN)
    world.tickets.tickets.clear()
    world.tickets.paused.add(RunType.SUBMIT)
    assert sweep(world.service).tickets == 1
    assert world.tickets.tickets == [(RunType.RUN, run.submission_id)]


def test_the_sweep_finds_a_submission_in_processing_that_no_slot_names(world: World) -> None:
    submitted = world.submit()
    lease = take(world)
    world.store.commit(Delete(records.slot_path(lease.slot.number)))
    sweep(world.service)
    assert world.read(submitted).status is Status.PROCESSING  # perhaps it was claimed just now
    world.clock.seconds += 30
    sweep(world.service)
    assert world.read(submitted).status is Status.QUEUED


def test_slots_that_an_operator_changes_stay_with_their_holders_until_they_are_done(world: World) -> None:
    for name in ("a", "b", "c"):
        world.submit(caller=world.add_student(name))
    leases = [take(world) for _ in range(2)]
    for number in (1, 3, 1):
        set_slots(world.service, number)
        world.clock.seconds += 6
        for lease in leases:
            lease.keep()
    for lease in leases:
        close(world.service, lease, replace(lease.submission, status=Status.COMPLETED), go_on=True)
    assert {world.read(lease.submission).status for lease in leases} == {Status.COMPLETED}
    slots = read_slots(world.service)[0]
    assert [slot.retired for slot in slots] == [False, True, True]
    assert held(world) == sum(lease.slot.number == 1 for lease in leases)  # only slot 1 went on with the third


def test_two_deployments_with_different_settings_share_one_set_of_slots(world: World) -> None:
    other = replace(world.service, rules=replace(world.service.rules, max_concurrent_submissions=5))
    seed_slots(other)
    assert [slot.retired for slot in read_slots(world.service)[0]] == [False] * 5
    set_slots(world.service, 2)
    seed_slots(other)  # a restart does not undo what an operator set
    assert [slot.number for slot in read_slots(world.service)[0] if not slot.retired] == [1, 2]


def test_a_submission_that_somebody_deleted_in_mid_judging_gives_its_slot_back(world: World) -> None:
    submitted = world.submit()
    path = records.submission_path(submitted.submission_id)

    def delete(program: Program) -> Execution:
        world.store.commit(Delete(path))
        return echo(program)

    world.judge.run = delete
    visit_line(world)
    assert held(world) == 0
    assert world.store.get(path) == [None]
