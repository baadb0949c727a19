"""One student's data over every store: exported whole, erased whole, whatever happens meanwhile."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from functions import intake, records, rejudging
from functions.claims import claim, look
from functions.domain.exam import Attempt
from functions.domain.rejudging import Stage
from functions.domain.submission import RunType, Status, Submission
from functions.errors import Refusal
from functions.gate import Gate
from functions.leases import Lease
from functions.ports import Caller, Conflict, Create, Delete, Document, DocumentStore, Query, Unavailable, Update, Write
from functions.slots import read_slots
from functions.sweeping import sweep
from functions.visit import End, visit
from infra.admin import student_data
from infra.admin.operations import OperationError
from tests.contract.conftest import StoreFactory
from tests.fakes import ALICE, World, echo, make_world
from tests.unit.test_store_faults import FailsOnce, every_call

T = TypeVar("T")

COLLECTIONS = (
    records.SUBMISSIONS,
    records.REJUDGED,
    records.REJUDGINGS,
    records.SLOTS,
    records.EXAMS,
    records.ATTEMPTS,
    records.QUESTIONS,
    records.TESTS,
    records.PACKAGES,
    records.CONTROL,
    records.DATA_REQUESTS,
)
ODD = ('O\'Hara "Ann"; -- a/b/../c 100%_* Åsa 李 😀\u2028\x85\nand another line ', "__x__")


@pytest.fixture
def world(open_store: StoreFactory) -> World:
    return make_world(open_store(), slot_wait=5.0)


def sit(world: World, student: str, attempt_id: str) -> None:
    world.store.commit(
        Create(f"attempts/{attempt_id}", records.attempt_fields(Attempt(attempt_id, student, exam_id="exam")))
    )


def send(
    world: World, student: str, attempt_id: str, run_type: RunType = RunType.SUBMIT, stdin: str | None = None
) -> Submission:
    request = intake.Request(attempt_id, "echo", "python", f"print('of {student}')", run_type, stdin)
    return intake.submit(world.service, Caller(student), request, None).submission


def judge_all(world: World) -> None:
    class InstantGate(Gate):
        def wait(self, kind: str, seconds: float) -> None:
            world.clock.sleep(1.0)

    gate = InstantGate(world.clock, lambda: 0, world.service.rng)
    for kind in (RunType.SUBMIT, RunType.RUN):
        while visit(world.service, gate, kind) is not End.LINE_EMPTY:
            pass


def taken(world: World, kind: RunType) -> Lease:
    seen = look(world.service, kind)
    assert seen is not None
    lease = claim(world.service, seen)
    assert lease is not None
    return lease


def fail(world: World, submission: Submission) -> None:
    changes = records.submission_changes(submission, replace(submission, status=Status.FAILED, failure="ours"))
    world.store.commit(Update(records.submission_path(submission.submission_id), changes))


def fill(world: World, student: str, name: str) -> None:
    """Two attempts, submissions wherever one can be, and a rejudging that was applied besides one that waits."""
    one, two = f"{name}-one", f"{name}-two"
    sit(world, student, one)
    sit(world, student, two)
    first = send(world, student, one)
    send(world, student, one, RunType.RUN)
    send(world, student, one, RunType.RUN, stdin="my own")
    judge_all(world)
    started = rejudging.start(world.service, "teacher", {"attempt_id": one})
    judge_all(world)
    rejudging.apply(world.service, "teacher", started.rejudging_id)
    rejudging.start_one(world.service, "teacher", first.submission_id)
    fail(world, send(world, student, two))
    cancelled = send(world, student, two)
    intake.cancel(world.service, cancelled, None)
    send(world, student, two)
    send(world, student, two, RunType.RUN)
    world.clock.sleep(100)


def everything(store: DocumentStore) -> dict[str, Document]:
    return {each.path: each for name in COLLECTIONS for each in store.find(Query(name))}


def texts(value: object) -> Iterator[str]:
    """Every text in a document, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in (*value, *value.values()):
            yield from texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item)


def naming(documents: dict[str, Document], *words: str) -> list[str]:
    """The paths of those that have one of the words anywhere."""
    return [
        path
        for path, document in documents.items()
        if any(word in text for word in words for text in (path, *texts(dict(document.fields))))
    ]


def exported(world: World, student: str) -> dict[str, Any]:
    out = io.BytesIO()
    student_data.export(world.service, student, out)
    found: dict[str, Any] = json.loads(out.getvalue())
    return found


def other_than(documents: dict[str, Document], *collections: str) -> dict[str, Document]:
    return {path: each for path, each in documents.items() if path.partition("/")[0] not in collections}


@pytest.mark.parametrize("student", ["carol", *ODD])
def test_all_of_a_student_is_exported_and_then_nothing_of_them_is_left(world: World, student: str) -> None:
    fill(world, "bob", "his")
    fill(world, student, "hers")
    before = everything(world.store)
    hers = {path for path, each in before.items() if each.fields.get("student") == student}

    export = exported(world, student)
    assert export["student"] == student
    ids = {f"{collection}/{each['id']}" for collection in student_data.HELD for each in export[collection]}
    assert ids == hers
    assert len(ids) == 2 + 7 + 2

    world.clock.sleep(1)
    erased = student_data.erase(world.service, student)
    assert erased.counts == {"rejudgings": 2, "attempts": 2, "submissions": 7, "rejudged": 2}
    after = everything(world.store)
    assert naming(after, student, "hers-one", "hers-two") == []
    rest = other_than(before, records.REJUDGINGS)
    assert other_than(after, records.REJUDGINGS, records.DATA_REQUESTS) == {
        path: each for path, each in rest.items() if path not in hers
    }
    whose = [sorted(each.fields["wanted"].values()) for each in world.store.find(Query(records.REJUDGINGS))]
    assert sorted(whose)[:2] == [["(erased)"], ["(erased)"]]
    assert len(rejudging.latest(world.service)) == 4  # and can still be read

    with pytest.raises(OperationError) as unknown:
        exported(world, student)
    assert str(unknown.value) == f"no data of {student}"
    with pytest.raises(OperationError, match="no data of"):
        student_data.erase(world.service, student)
    assert [each.kind for each in student_data.requests(world.service, student)] == ["export", "erase"]
    judge_all(world)  # the others' wait on
    assert naming(everything(world.store), student) == []


def test_of_the_hidden_tests_an_export_has_the_verdicts_only(world: World) -> None:
    fill(world, "alice", "hers")
    [submit] = [each for each in exported(world, "alice")["submissions"] if each["passed"] == 4]
    for result in submit["results"]:
        shown = {"stdin", "expected_output", "stdout", "stderr"} & result.keys()
        assert bool(shown) is not result["hidden"], result
    assert [result["hidden"] for result in submit["results"]] == [False, False, True, True]


def test_more_than_is_read_or_erased_at_once_is_exported_and_erased_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(student_data, "WHOLE_AT_ONCE", 2)
    monkeypatch.setattr(student_data, "SMALL_AT_ONCE", 1)
    monkeypatch.setattr(student_data, "ERASED_AT_ONCE", 3)
    for _ in range(2):
        exported_before = len(student_data.requests(world.service, "carol"))
        fill(world, "carol", "hers")
        export = exported(world, "carol")
        assert [len(export[collection]) for collection in student_data.HELD] == [2, 7, 2]
        ids = [each["id"] for each in export["submissions"]]
        assert ids == sorted(set(ids))
        assert len(export["data_requests"]) == exported_before
        student_data.erase(world.service, "carol")
        assert naming(everything(world.store), "carol") == []
    assert len(student_data.requests(world.service, None)) == 4


def test_a_batch_has_no_more_writes_than_the_store_takes(world: World) -> None:
    sizes: list[int] = []

    class Counting:
        get, find, count = world.store.get, world.store.find, world.store.count

        def commit(self, *writes: Write) -> list[object]:
            sizes.append(len(writes))
            return world.store.commit(*writes)

    for start in range(0, 250, 50):
        fields = {"student": "carol", "status": "completed"}
        world.store.commit(*(Create(f"submissions/{number}", fields) for number in range(start, start + 50)))
    erased = student_data.erase(replace(world.service, store=Counting()), "carol")
    assert erased.counts == {"submissions": 250}
    assert sizes == [1, 101, 101, 51, 1]


def test_an_erasure_is_refused_and_changes_nothing_while_a_submission_is_judged(world: World) -> None:
    sit(world, "alice", "hers")
    send(world, "alice", "hers")
    taken(world, RunType.SUBMIT)
    before = everything(world.store)
    for refused in (student_data.to_be_erased, student_data.erase):
        with pytest.raises(OperationError, match="a submission of alice is being judged: say it again in a minute"):
            refused(world.service, "alice")
    assert everything(world.store) == before


def test_an_erasure_is_refused_while_a_rejudgings_copy_is_judged(world: World) -> None:
    sit(world, "alice", "hers")
    sent = send(world, "alice", "hers")
    judge_all(world)
    rejudging.start_one(world.service, "teacher", sent.submission_id)
    taken(world, RunType.RUN)
    before = everything(world.store)
    with pytest.raises(OperationError, match="is being judged"):
        student_data.erase(world.service, "alice")
    assert everything(world.store) == before


def test_an_erasure_is_refused_while_a_rejudging_still_makes_its_copies(world: World) -> None:
    sit(world, "alice", "hers")
    sent = send(world, "alice", "hers")
    judge_all(world)
    started = rejudging.start_one(world.service, "teacher", sent.submission_id)
    world.store.commit(Update(records.rejudging_path(started.rejudging_id), {"stage": str(Stage.PREPARING)}))
    before = everything(world.store)
    with pytest.raises(OperationError, match=f"rejudging {started.rejudging_id} is being prepared"):
        student_data.erase(world.service, "alice")
    assert everything(world.store) == before


@pytest.mark.parametrize("done", [False, True])
def test_an_erasure_interrupted_at_any_call_is_finished_by_the_next_one(open_store: StoreFactory, done: bool) -> None:
    store = FailsOnce(open_store(), done)
    world = make_world(store)

    def play(at: int) -> int:
        student = f"student {at:03}"
        fill(world, student, f"s{at:03}")
        before = everything(world.store)
        hers = {path for path, each in before.items() if each.fields.get("student") == student}
        store.arm(at)
        try:
            student_data.erase(world.service, student)
        except Unavailable:
            calls = store.disarm()
            done_already = [each.done_at is not None for each in student_data.requests(world.service, student)]
            if done_already != [True]:  # else only the answer to the last call was lost
                student_data.erase(world.service, student)
        else:
            calls = store.disarm()
        after = everything(world.store)
        assert naming(after, student, f"s{at:03}-one", f"s{at:03}-two") == [], at
        kept = other_than(before, records.REJUDGINGS, records.DATA_REQUESTS)
        assert other_than(after, records.REJUDGINGS, records.DATA_REQUESTS) == {
            path: each for path, each in kept.items() if path not in hers
        }
        [record] = student_data.requests(world.service, student)
        assert (record.kind, record.counts) == (
            "erase",
            {"rejudgings": 2, "attempts": 2, "submissions": 7, "rejudged": 2},
        ), at
        assert record.done_at is not None
        return calls

    assert every_call(play) > 15


@pytest.mark.parametrize("done", [False, True])
def test_an_export_interrupted_at_any_call_can_be_made_again(open_store: StoreFactory, done: bool) -> None:
    store = FailsOnce(open_store(), done)
    world = make_world(store)
    fill(world, "alice", "hers")
    whole = {name: exported(world, "alice")[name] for name in student_data.HELD}

    def play(at: int) -> int:
        store.arm(at)
        try:
            found = exported(world, "alice")
        except Unavailable:
            calls = store.disarm()
            found = exported(world, "alice")
        else:
            calls = store.disarm()
        assert {name: found[name] for name in student_data.HELD} == whole
        return calls

    assert every_call(play) > 8


AFTER_THE_LAST_ATTEMPT = 6
"""Calls after the one that finds no attempt: whom an operator gives a new one then has come back."""


class Meanwhile:
    """A store before whose call number ``at`` somebody else does something."""

    def __init__(self, store: DocumentStore, at: int, act: Callable[[], object]) -> None:
        self._store, self._at, self._act = store, at, act
        self.calls = 0

    def get(self, *paths: str) -> list[Document | None]:
        return self._call(lambda: self._store.get(*paths))

    def find(self, query: Query) -> list[Document]:
        return self._call(lambda: self._store.find(query))

    def count(self, query: Query) -> int:
        return self._call(lambda: self._store.count(query))

    def commit(self, *writes: Write) -> list[object]:
        return self._call(lambda: self._store.commit(*writes))

    def _call(self, call: Callable[[], T]) -> T:
        self.calls += 1
        if self.calls == self._at:
            self._act()
        return call()


@pytest.mark.parametrize("what", ["sent", "sent and claimed", "claimed", "requeued", "sits again", "rejudged"])
def test_whatever_happens_during_an_erasure_is_refused_or_erased_too(world: World, what: str) -> None:
    refused = 0

    def play(at: int) -> int:
        nonlocal refused
        student, attempt_id = f"student {at:03}", f"s{at:03}"
        sit(world, student, attempt_id)
        judged, failed = send(world, student, attempt_id), send(world, student, attempt_id)
        judge_all(world)
        fail(world, world.read(failed))
        if what == "claimed":
            send(world, student, attempt_id)

        def act() -> None:
            nonlocal refused
            try:
                if what.startswith("sent"):
                    send(world, student, attempt_id)
                if what.endswith("claimed") and look(world.service, RunType.SUBMIT) is not None:
                    taken(world, RunType.SUBMIT)
                if what == "requeued":
                    document = world.store.get(records.submission_path(failed.submission_id))[0]
                    if document is not None:
                        intake.requeue(world.service, records.submission_of(document), document.version)
                if what == "sits again":
                    sit(world, student, f"{attempt_id}-again")
                    send(world, student, f"{attempt_id}-again")
                if what == "rejudged":
                    rejudging.start_one(world.service, "teacher", judged.submission_id)
            except Refusal:
                refused += 1

        store = Meanwhile(world.store, at, act)
        try:
            student_data.erase(replace(world.service, store=store), student)
        except OperationError as error:
            assert "is being judged" in str(error), at  # noqa: PT017  # where it is not refused, that is right too
            judge_claimed(world)
            student_data.erase(world.service, student)
        assert not any(slot.submission_id for slot in read_slots(world.service)[0]), at  # none vanished in mid-judging
        if store.calls >= at:
            left = naming(everything(world.store), student)
            assert left == [] or (what == "sits again" and at > store.calls - AFTER_THE_LAST_ATTEMPT), (at, left)
        return store.calls

    assert every_call(play) >= 12
    assert refused > 0 or what in ("claimed", "requeued", "sits again")


def test_copies_that_a_rejudging_makes_meanwhile_are_waited_for(world: World) -> None:
    class DiesBeforeItsCopies:
        get, find, count = world.store.get, world.store.find, world.store.count

        def commit(self, *writes: Write) -> list[object]:
            if any(write.path.startswith(f"{records.REJUDGED}/") for write in writes):
                late.extend(writes)
                raise Unavailable("it is slow")
            return world.store.commit(*writes)

    late: list[Write] = []

    def play(at: int) -> int:
        student, attempt_id = f"student {at:03}", f"s{at:03}"
        sit(world, student, attempt_id)
        sent = send(world, student, attempt_id)
        judge_all(world)

        def act() -> None:
            with pytest.raises((Unavailable, Refusal)):
                rejudging.start_one(replace(world.service, store=DiesBeforeItsCopies()), "teacher", sent.submission_id)

        late.clear()
        store = Meanwhile(world.store, at, act)
        try:
            student_data.erase(replace(world.service, store=store), student)
        except OperationError as error:
            assert "is being prepared" in str(error), at  # noqa: PT017  # where nothing is made, it is not refused
            world.store.commit(*late)
            [started] = [each for each in rejudging.latest(world.service) if each.stage is Stage.PREPARING]
            rejudging.cancel(world.service, "teacher", started.rejudging_id)
            student_data.erase(world.service, student)
        else:
            assert not late, at
        assert naming(everything(world.store), student) == [], at
        return store.calls

    assert every_call(play) >= 12


def test_an_answer_that_was_lost_counts_nothing_twice(world: World) -> None:
    class Lost:
        """The client repeats a commit whose answer was lost, and is told of a conflict: with its own success."""

        def __init__(self, at: int) -> None:
            self.at, self.commits = at, 0
            self.get, self.find, self.count = world.store.get, world.store.find, world.store.count

        def commit(self, *writes: Write) -> list[object]:
            self.commits += 1
            versions = world.store.commit(*writes)
            if self.commits == self.at:
                raise Conflict("it changed")
            return versions

    def play(at: int) -> int:
        student = f"student {at:03}"
        fill(world, student, f"s{at:03}")
        store = Lost(at)
        erased = student_data.erase(replace(world.service, store=store), student)
        assert erased.counts == {"rejudgings": 2, "attempts": 2, "submissions": 7, "rejudged": 2}, at
        assert student_data.requests(world.service, student) == [erased]
        return store.commits

    assert every_call(play) >= 6


def test_two_that_erase_at_once_leave_nothing_and_count_nothing_twice(world: World) -> None:
    def play(at: int) -> int:
        student = f"student {at:03}"
        fill(world, student, f"s{at:03}")

        def act() -> None:
            with suppress(OperationError):  # nothing is left for it
                student_data.erase(world.service, student)

        store = Meanwhile(world.store, at, act)
        with suppress(OperationError):
            student_data.erase(replace(world.service, store=store), student)
        assert naming(everything(world.store), student) == [], at
        counts: Counter[str] = Counter()
        for record in student_data.requests(world.service, student):
            assert record.done_at is not None
            counts.update(record.counts)
        assert counts == {"rejudgings": 2, "attempts": 2, "submissions": 7, "rejudged": 2}, at
        return store.calls

    assert every_call(play) >= 12


def judge_claimed(world: World) -> None:
    """What a claim of `taken` left is judged after all: its worker died, another takes it up."""
    world.clock.sleep(20)
    sweep(world.service)
    judge_all(world)


def test_what_was_kept_of_outputs_goes_too_and_others_stay(world: World) -> None:
    world.judge.run = lambda program: replace(echo(program), stdout=b"no\n" * 5000)
    hers, his = world.submit(caller=ALICE), world.submit(caller=Caller("bob"))
    visit(world.service, Gate(world.clock, lambda: 0, world.service.rng), RunType.SUBMIT)
    assert {key.split("/")[1] for key in world.objects.objects} == {hers.submission_id, his.submission_id}
    student_data.erase(world.service, "alice")
    assert {key.split("/")[1] for key in world.objects.objects} == {his.submission_id}


def test_what_was_kept_of_a_rejudgings_copies_goes_too(world: World) -> None:
    submission = world.submit(caller=ALICE)
    visit(world.service, Gate(world.clock, lambda: 0, world.service.rng), RunType.SUBMIT)
    world.judge.run = lambda program: replace(echo(program), stdout=b"no\n" * 5000)
    identifier = rejudging.start_one(world.service, "teacher", submission.submission_id).rejudging_id
    visit(world.service, Gate(world.clock, lambda: 0, world.service.rng), RunType.RUN)
    rejudging.apply(world.service, "teacher", identifier)
    world.store.commit(Delete(records.submission_path(f"{identifier}:{submission.submission_id}")))
    assert world.objects.objects
    out = io.BytesIO()
    student_data.export(world.service, "alice", out)
    assert {each["text"] for each in json.loads(out.getvalue())["whole_outputs"]} == {"no\n" * 5000}
    student_data.erase(world.service, "alice")
    assert world.objects.objects == {}
