"""Whole exams, written into a store directly: what archives and scores are tested on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

from functions import records, stored_data
from functions.domain.exam import Attempt, LastTurn
from functions.domain.question import TestCase
from functions.domain.rejudging import Rejudging, Stage, copy_of
from functions.domain.submission import RunType, Status, Submission, submission_id
from functions.domain.verdict import TestResult, Verdict
from functions.ports import Create, DocumentStore, ObjectStore
from functions.questions import put_question
from functions.service import Service
from tests.fakes import NOON, InMemoryObjectStore, World, question

WRITES = 400
ODD_STUDENTS = (
    "../../etc/passwd",
    "..",
    ".hidden.",
    "a/b\\c",
    'O\'Hara "Åsa" 李 😀\u2028\n',
    "x" * 200,
    "李" * 200,
    "李" * 199 + "四",
    "=1+1",
    "-Rf",
    "CON:*?<>|%2e~",
    " ",
)


def judged(number: int, student: str, attempt_id: str, **changes: object) -> Submission:
    """A Submit of ``echo``, sent ``number`` seconds after noon, with 50 of 100 points; or what ``changes`` say."""
    created_at = NOON + timedelta(seconds=number, microseconds=number)
    made = Submission(
        submission_id=submission_id(attempt_id, str(number)),
        attempt_id=attempt_id,
        exam_id="exam",
        question_id="echo",
        question_version="v1",
        student=student,
        language="python",
        code=f"print({number})\n",
        stdin=None,
        run_type=RunType.SUBMIT,
        payload_hash="0" * 64,
        created_at=created_at,
        turn_at=created_at,
        total=4,
        points=100,
        status=Status.COMPLETED,
        started_at=created_at,
        finished_at=created_at + timedelta(seconds=1),
        finished_tests=2,
        judgings=1,
        owner="owner",
        verdict=Verdict.WRONG_ANSWER,
        score=50,
        passed=1,
        results=(
            TestResult(1, False, Verdict.ACCEPTED, 0.01, 1000, "1\n", "1\n", "1\n", ""),
            TestResult(2, True, Verdict.WRONG_ANSWER, 1.0, None),
        ),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def sit(store: DocumentStore, attempts: Iterable[Attempt]) -> None:
    _create(store, [Create(f"attempts/{each.attempt_id}", records.attempt_fields(each)) for each in attempts])


def send(store: DocumentStore, submissions: Iterable[Submission]) -> None:
    writes = [
        Create(records.submission_path(each.submission_id), records.submission_fields(each)) for each in submissions
    ]
    _create(store, writes)


def _create(store: DocumentStore, writes: Sequence[Create]) -> None:
    for start in range(0, len(writes), WRITES):
        store.commit(*writes[start : start + WRITES])


def fill(world: World) -> None:
    """Of everything that an exam may have something; alice and bob are there already, and bob sends nothing."""
    large = stored_data.store(world.objects, b"large \xff\n")
    tests = (TestCase(b"1\n", b"1\n", False), TestCase(large, b"not UTF-8 \xff", True))
    put_question(world.service, question(tests=4, version="v2"))
    put_question(world.service, replace(question(version="v1"), question_id="sum", tests=tests, title="Sum Å 李"))
    last = {RunType.SUBMIT: LastTurn("x", NOON)}
    sit(
        world.store,
        [
            Attempt(
                "attempt-late", "carol", "exam", NOON, NOON + timedelta(hours=1), last, {RunType.RUN: (NOON, NOON)}
            ),
            Attempt("another", "dave", "other-exam"),
            *(Attempt(f"odd-{number}", student, "exam") for number, student in enumerate(ODD_STUDENTS)),
        ],
    )
    alice = "attempt-alice"
    first, last_sent, copied = judged(1, "alice", alice), judged(9, "alice", alice), judged(2, "alice", alice, score=80)
    whole, hidden = (f"outputs/{first.submission_id}/owner/{name}" for name in ("1.txt", "hidden.json"))
    world.objects.put(whole, b"the whole output")
    world.objects.put(hidden, b"[]")
    world.objects.put(f"outputs/{first.submission_id}/abandoned/1.txt", b"of a judging that was abandoned")
    world.objects.put("outputs/of-another/owner/1.txt", b"another exam's")
    kept = replace(first.results[0], full_output=whole, truncated=True)
    send(
        world.store,
        [
            replace(first, results=(kept, first.results[1]), hidden_outputs=hidden, question_version="v2"),
            copied,
            judged(3, "alice", alice, score=80, language="cpp", code="int main() {}"),
            judged(4, "alice", alice, question_id="sum", code="\x00 odd\r\n\u2028 Å", language="befunge-93"),
            judged(5, "alice", alice, run_type=RunType.RUN, score=None, stdin='{"$time": "mine"}'),
            judged(6, "alice", alice, status=Status.FAILED, verdict=None, score=None, results=(), failure="ours"),
            judged(7, "alice", alice, status=Status.CANCELLED, verdict=None, score=None, results=()),
            last_sent,
            judged(1, "dave", "another", exam_id="other-exam"),
            *(judged(1, student, f"odd-{number}") for number, student in enumerate(ODD_STUDENTS)),
        ],
    )
    rejudging = Rejudging("0" * 32, {"exam_id": "exam"}, 1, NOON, "teacher", ("exam",), Stage.APPLIED, NOON, "teacher")
    copy = copy_of(copied, rejudging.rejudging_id, "v2", 4, 100, NOON)
    send(world.store, [replace(copy, status=Status.COMPLETED, verdict=Verdict.ACCEPTED, score=100)])
    world.objects.put(f"outputs/{copy.submission_id}/owner/hidden.json", b"[]")
    world.store.commit(
        Create(records.rejudging_path(rejudging.rejudging_id), records.rejudging_fields(rejudging)),
        Create("exams/other-exam", {"title": "Other", "question_ids": [], "counts": "last", "staff": None}),
    )


def empty(world: World, store: DocumentStore, objects: ObjectStore | None = None) -> Service:
    """A service like the world's over another store, with nothing in it."""
    return replace(world.service, store=store, objects=objects or InMemoryObjectStore(), kept={})
