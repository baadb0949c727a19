"""Accepting a submission: what is refused, which turn it gets, and that a repeat finds the first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from functions import records
from functions.domain.exam import Exam
from functions.domain.submission import RunType, Status, submission_id
from functions.errors import Refusal
from functions.intake import cancel
from functions.ports import Caller, Conflict, Put, Unavailable, Update, Write
from functions.questions import put_question
from tests.fakes import NOON, World, question


def refusal(world: World, **changes: object) -> Refusal:
    with pytest.raises(Refusal) as refused:
        world.submit(**changes)  # type: ignore[arg-type]
    return refused.value


def test_an_accepted_submission_is_stored_queued_and_has_a_ticket_of_its_name(world: World) -> None:
    accepted = world.submit()
    assert world.read(accepted) == accepted
    assert accepted.status is Status.QUEUED
    assert accepted.turn_at == NOON
    assert (accepted.total, accepted.points) == (4, 100)
    assert world.tickets.tickets == [(RunType.SUBMIT, accepted.submission_id)]


def test_a_run_is_judged_on_the_samples_and_on_ones_own_input_once(world: World) -> None:
    assert world.submit(RunType.RUN).total == 2
    assert world.submit(RunType.RUN, stdin="7\n").total == 1


def test_a_run_of_a_question_without_samples_shows_what_the_program_prints(world: World) -> None:
    put_question(world.service, replace(question(samples=0), question_id="secret"))
    assert world.submit(RunType.RUN, question_id="secret").custom_input


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"question_id": "none"}, 404, None),
        ({"caller": Caller("nobody")}, 404, None),
        ({"code": " \n"}, 422, "code"),
        ({"code": "x" * 65_537}, 413, "code"),
        ({"code": "ä" * 32_769}, 413, "code"),  # bytes count, not characters
        ({"language": "cobol"}, 422, "language"),
        ({"run_type": RunType.SUBMIT, "stdin": "1"}, 422, "stdin"),
    ],
)
def test_what_is_wrong_is_refused_by_its_status_and_field(
    world: World, changes: dict[str, object], status: int, field: str | None
) -> None:
    refused = refusal(world, **changes)
    assert refused.status == status
    assert [name for name, _ in refused.errors] == ([] if field is None else [field])
    assert world.tickets.tickets == []


def test_somebody_elses_attempt_is_refused(world: World) -> None:
    world.add_student("carol")
    document = world.store.get("attempts/attempt-carol")[0]
    assert document is not None
    world.store.commit(Update("attempts/attempt-carol", {"student": "dave"}, document.version))
    assert refusal(world, caller=Caller("carol")).status == 403


def test_only_the_exams_questions_may_be_answered_and_only_while_it_is_open(world: World) -> None:
    exam = Exam("exam", "E", question_ids=("other",), opens_at=NOON, closes_at=NOON + timedelta(hours=1))
    world.store.commit(Put("exams/exam", records.exam_fields(exam)))
    assert refusal(world).status == 404
    world.store.commit(Put("exams/exam", records.exam_fields(replace(exam, question_ids=("echo",)))))
    world.clock.seconds = 6  # past what the process remembers of the exam
    world.submit()
    world.clock.seconds = 3605
    world.submit()
    world.clock.seconds = 3605.1
    assert "ended" in refusal(world).detail
    world.clock.seconds = -1
    world.service.kept.clear()
    assert "not begun" in refusal(world).detail


def test_a_language_must_be_one_of_the_questions_or_else_of_the_judges(world: World) -> None:
    put_question(world.service, replace(question(), question_id="only-cpp", languages=("cpp",)))
    assert "cpp" in refusal(world, question_id="only-cpp").errors[0][1]
    world.judge.away = True  # then nothing can be said against a name
    assert world.submit(language="cobol").status is Status.QUEUED


def test_the_same_key_and_body_again_is_the_same_submission_and_another_body_is_refused(world: World) -> None:
    first = world.submit(key="k")
    assert first.submission_id == submission_id("alice", "k")
    assert world.submit(key="k") == first
    assert refusal(world, key="k", code="print(2)").status == 422
    assert len(world.tickets.tickets) == 1


def test_a_known_key_is_answered_before_every_other_check(world: World) -> None:
    first = world.submit(key="k")
    closed = Exam("exam", "E", closes_at=NOON - timedelta(hours=1))
    world.store.commit(Put("exams/exam", records.exam_fields(closed)))
    world.service.kept.clear()
    assert world.submit(key="k") == first
    assert refusal(world, key="another").status == 403


def test_a_repeat_of_a_waiting_submission_brings_the_ticket_that_was_lost(world: World) -> None:
    world.tickets.away = True
    first = world.submit(key="k")
    assert world.tickets.tickets == []
    world.tickets.away = False
    world.submit(key="k")
    assert world.tickets.tickets == [(RunType.SUBMIT, first.submission_id)]


def test_the_rate_of_each_kind_is_bounded_and_says_when_the_next_is_taken(world: World) -> None:
    for _ in range(6):
        world.submit()
    refused = refusal(world)
    assert (refused.status, refused.retry_after) == (429, 60)
    world.submit(RunType.RUN)
    world.clock.seconds = 60
    world.submit()


def test_a_burst_of_one_student_is_spaced_and_another_pays_nothing(world: World) -> None:
    turns = [world.submit().turn_at for _ in range(3)]
    assert turns == [NOON + timedelta(seconds=second) for second in (0, 15, 30)]
    assert world.submit(caller=Caller("bob")).turn_at == NOON
    assert world.submit(RunType.RUN).turn_at == NOON  # the other queue has its own line


def test_who_has_nothing_waiting_any_more_is_not_spaced(world: World) -> None:
    first = world.submit()
    document = world.store.get(records.submission_path(first.submission_id))[0]
    assert document is not None
    world.store.commit(Update(document.path, {"status": "processing"}, document.version))
    assert world.submit().turn_at == NOON


def test_turns_are_spaced_though_the_clock_went_back_a_little(world: World) -> None:
    first = world.submit()
    world.clock.wall_offset = timedelta(milliseconds=-5)
    document = world.store.get(records.submission_path(first.submission_id))[0]
    assert document is not None
    world.store.commit(Update(document.path, {"status": "processing"}))
    second, third = world.submit(), world.submit()
    assert third.turn_at - second.turn_at == timedelta(seconds=15)


def test_a_newer_run_replaces_the_waiting_one_of_its_question_and_keeps_its_turn(world: World) -> None:
    put_question(world.service, replace(question(), question_id="second"))
    first = world.submit(RunType.RUN)
    other = world.submit(RunType.RUN, question_id="second")
    world.clock.seconds = 5
    newer = world.submit(RunType.RUN, code="print(2)")
    assert world.read(first).status is Status.SUPERSEDED
    assert newer.turn_at == first.turn_at
    assert other.turn_at == NOON + timedelta(seconds=15)
    assert world.read(other).status is Status.QUEUED
    # the next of another question comes behind the last that waits, not behind the inherited turn
    put_question(world.service, replace(question(), question_id="third"))
    assert world.submit(RunType.RUN, question_id="third").turn_at == NOON + timedelta(seconds=30)


def test_submits_are_never_replaced(world: World) -> None:
    first = world.submit()
    world.submit()
    assert world.read(first).status is Status.QUEUED


class _Hooked:
    """A store that does something before, or instead of telling about, the first intake commit."""

    def __init__(self, world: World, *, lose_answer: bool = False) -> None:
        self.inner = world.store
        self.lose_answer = lose_answer
        self.commits = 0

    def __getattr__(self, name: str) -> object:
        return getattr(self.inner, name)

    def commit(self, *writes: Write) -> list[object]:
        self.commits += 1
        if self.commits > 1:
            return self.inner.commit(*writes)
        if self.lose_answer:
            self.inner.commit(*writes)  # carried out, repeated by the client, refused by its own success
            raise Conflict("changed")
        attempt = self.inner.get("attempts/attempt-alice")[0]
        assert attempt is not None
        self.inner.commit(Update(attempt.path, {"closes_at": None}))
        return self.inner.commit(*writes)


def test_an_intake_that_met_another_one_reads_again_and_goes_through(world: World) -> None:
    hooked = _Hooked(world)
    raced = replace(world, service=replace(world.service, store=hooked))  # type: ignore[arg-type]
    accepted = raced.submit()
    assert hooked.commits == 2
    assert world.read(accepted) == accepted


@pytest.mark.parametrize("key", [None, "k"])
def test_a_commit_whose_answer_was_lost_makes_one_submission(world: World, key: str | None) -> None:
    hooked = _Hooked(world, lose_answer=True)
    raced = replace(world, service=replace(world.service, store=hooked))  # type: ignore[arg-type]
    accepted = raced.submit(key=key)
    assert world.read(accepted).status is Status.QUEUED
    assert len(world.tickets.tickets) == 1


def test_with_the_store_away_nothing_is_accepted(world: World) -> None:
    class Away:
        def get(self, *paths: str) -> None:
            raise Unavailable("away")

    down = replace(world, service=replace(world.service, store=Away()))  # type: ignore[arg-type]
    with pytest.raises(Unavailable):
        down.submit()
    assert world.tickets.tickets == []


def test_a_waiting_submission_may_be_cancelled_and_a_judged_one_not(world: World) -> None:
    waiting = world.submit()
    document = world.store.get(records.submission_path(waiting.submission_id))[0]
    assert document is not None
    cancelled = cancel(world.service, waiting, document.version)
    assert world.read(waiting) == cancelled
    assert cancelled.status is Status.CANCELLED
    with pytest.raises(Refusal) as refused:
        cancel(world.service, cancelled, document.version)
    assert refused.value.status == 409


def test_whose_attempt_it_is_is_checked_before_anything_about_the_question(world: World) -> None:
    assert refusal(world, caller=Caller("mallory"), question_id="none").status == 404
