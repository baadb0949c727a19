"""What an operator does, over the embedded store; and the command line around it."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
from click.testing import CliRunner, Result

from functions import records
from functions.domain.exam import Attempt, Exam
from functions.domain.question import version_of
from functions.domain.submission import RunType, Status
from functions.ports import Conflict, Create, Delete, Document, DocumentStore, Query, Unavailable, Update, Write
from functions.questions import question_version
from functions.service import Rules
from infra import bootstrap
from infra.admin import operations
from infra.admin.__main__ import cli
from infra.admin.client import Client, Refused
from infra.admin.operations import OperationError
from infra.kattis import Package, PackageSubmission
from infra.local import environment, tokens
from infra.settings import Settings
from infra.sqlite import SQLiteDocumentStore
from tests.fakes import NOON, FakeTicketQueue, World, make_world, question

HEADER = "student,exam,opens_at,closes_at\n"
ALL_ATTEMPTS = Query(records.ATTEMPTS)


class WatchedStore:
    """A store that counts its commits; ``before_first`` is somebody else's write that comes just before one."""

    def __init__(self, inner: DocumentStore, before_first: Callable[[DocumentStore], object] | None = None) -> None:
        self._inner = inner
        self._before_first = before_first
        self.commits: list[int] = []

    def get(self, *paths: str) -> list[Document | None]:
        return self._inner.get(*paths)

    def find(self, query: Query) -> list[Document]:
        return self._inner.find(query)

    def count(self, query: Query) -> int:
        return self._inner.count(query)

    def commit(self, *writes: Write) -> list[object]:
        rival, self._before_first = self._before_first, None
        if rival is not None:
            rival(self._inner)
        versions = self._inner.commit(*writes)
        self.commits.append(len(writes))
        return versions


class LostAnswerStore(WatchedStore):
    """The first commit succeeds, and its own repetition reports a conflict: what the port warns of."""

    def commit(self, *writes: Write) -> list[object]:
        versions = super().commit(*writes)
        if len(self.commits) == 1:
            raise Conflict("changed")
        return versions


def package(**changes: object) -> Package:
    right = PackageSubmission(Path("accepted/echo.py"), "python", "accepted", "print(input())")
    wrong = PackageSubmission(Path("wrong_answer/two.py"), "python", "wrong_answer", "print(2)")
    return Package(question(**({"version": "v2"} | changes)), (right, wrong))  # type: ignore[arg-type]


def stored(world: World, path: str) -> dict[str, object] | None:
    document = world.store.get(path)[0]
    return None if document is None else dict(document.fields)


def an_exam(world: World, exam_id: str = "algebra", **times: datetime) -> Exam:
    exam = Exam(exam_id, "Algebra", **times)  # type: ignore[arg-type]
    operations.create_exam(world.service, exam)
    return exam


# questions


def version(world: World) -> str:
    """The question's present version."""
    document = world.store.get("questions/echo")[0]
    assert document is not None
    found: str = document.fields["version"]
    return found


def test_a_version_says_nothing_of_the_hidden_tests_that_it_covers(world: World) -> None:
    """A submission names it, and its student may read that: guesses must not be tried against it."""
    operations.import_package(world.service, package())
    first = version(world)
    assert first != version_of(package().question)
    with closing(SQLiteDocumentStore(":memory:")) as store:
        other = make_world(store)
        operations.import_package(other.service, package())
        assert version(other) != first


def test_importing_a_package_writes_the_question_and_its_submissions(world: World) -> None:
    assert operations.import_package(world.service, package()) is True
    assert question_version(world.service, "echo", version(world)).tests == package().question.tests
    assert operations.load_submissions(world.service, "echo") == list(package().submissions)
    assert operations.imported_questions(world.service) == ["echo"]


def test_importing_the_same_package_again_changes_nothing(world: World) -> None:
    operations.import_package(world.service, package())
    before = world.store.get("questions/echo")[0]
    assert operations.import_package(world.service, package()) is False
    assert world.store.get("questions/echo")[0] == before


def test_importing_again_mends_a_question_whose_tests_were_lost(world: World) -> None:
    operations.import_package(world.service, package())
    world.store.commit(Delete(records.tests_path("echo", version(world), 0)))
    world.service.kept.clear()
    assert operations.import_package(world.service, package()) is True
    assert len(question_version(world.service, "echo", version(world)).tests) == 4


def test_new_submissions_of_an_unchanged_question_replace_the_old_ones(world: World) -> None:
    operations.import_package(world.service, package())
    fewer = replace(package(), submissions=package().submissions[:1])
    assert operations.import_package(world.service, fewer) is False
    assert operations.load_submissions(world.service, "echo") == list(fewer.submissions)


def test_submissions_larger_than_a_document_are_kept_in_chunks(world: World) -> None:
    noise = random.Random(1).randbytes(1_200_000).hex()  # does not shrink below its randomness
    large = replace(package(), submissions=(PackageSubmission(Path("accepted/a.py"), "python", "accepted", noise),))
    operations.import_package(world.service, large)
    assert stored(world, records.package_path("echo", 1)) is not None
    assert operations.load_submissions(world.service, "echo") == list(large.submissions)
    assert operations.imported_questions(world.service) == ["echo"]


def test_submissions_that_fit_no_batch_are_refused_before_anything_is_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "CHUNK_BYTES", 10)
    with pytest.raises(OperationError, match="too large"):
        operations.import_package(world.service, package())
    assert world.store.get("questions/echo")[0].fields["version"] == "v1"  # type: ignore[union-attr]


def test_a_question_that_may_take_too_long_is_refused_with_both_figures(world: World) -> None:
    with pytest.raises(OperationError, match=r"^echo: judging may take 21 s, but .* leaves 20 s"):
        operations.import_package(replace(world.service, rules=Rules(dispatch_deadline=380.0)), package())
    assert operations.import_package(replace(world.service, rules=Rules(dispatch_deadline=381.0)), package())


def test_a_question_without_a_package_has_no_submissions_to_load(world: World) -> None:
    with pytest.raises(OperationError, match="echo: no such question was imported"):
        operations.load_submissions(world.service, "echo")


def test_damaged_submissions_are_told_in_a_sentence(world: World) -> None:
    operations.import_package(world.service, package())
    world.store.commit(Update(records.package_path("echo", 0), {"payload": b"x"}))
    with pytest.raises(OperationError, match="damaged"):
        operations.load_submissions(world.service, "echo")


def test_a_new_version_is_seen_by_all_once_the_old_one_is_forgotten(world: World) -> None:
    operations.import_package(world.service, package())
    assert operations.seconds_until_seen(world.service, "echo") == 5.0
    world.clock.sleep(4.0)
    assert operations.seconds_until_seen(world.service, "echo") == 1.0
    world.clock.sleep(60.0)
    assert operations.seconds_until_seen(world.service, "echo") == 0.0


# exams


def test_an_exam_is_made_once(world: World) -> None:
    exam = Exam("algebra", "Algebra", ("echo",), NOON, NOON + timedelta(hours=2), "last", ("carol",))
    operations.create_exam(world.service, exam)
    assert records.exam_of(world.store.get("exams/algebra")[0]) == exam  # type: ignore[arg-type]
    with pytest.raises(OperationError, match="exam algebra exists"):
        operations.create_exam(world.service, Exam("algebra", "Another"))


def test_an_exam_names_only_questions_that_exist(world: World) -> None:
    with pytest.raises(OperationError, match="no such question: nothing"):
        operations.create_exam(world.service, Exam("algebra", "Algebra", ("echo", "nothing")))
    assert stored(world, "exams/algebra") is None


def test_an_exam_must_not_end_before_it_begins(world: World) -> None:
    with pytest.raises(OperationError, match="must be after"):
        operations.create_exam(world.service, Exam("algebra", "A", opens_at=NOON, closes_at=NOON))


@pytest.mark.parametrize("name", ["", "a/b", "../exams", "ä", "x" * 129])
def test_what_is_no_id_is_refused(world: World, name: str) -> None:
    with pytest.raises(OperationError, match="an id has"):
        operations.create_exam(world.service, Exam(name, "Algebra"))
    with pytest.raises(OperationError, match="an id has"):
        operations.create_attempt(world.service, Attempt(name, "alice", "exam"))
    with pytest.raises(OperationError, match="an id has"):
        operations.load_submissions(world.service, name)


def test_ensuring_an_exam_makes_a_missing_one_and_leaves_another_as_it_is(world: World) -> None:
    before = stored(world, "exams/exam")
    operations.ensure_exam(world.service, "exam")
    assert stored(world, "exams/exam") == before
    operations.ensure_exam(world.service, "demo")
    assert records.exam_of(world.store.get("exams/demo")[0]) == Exam("demo", "demo")  # type: ignore[arg-type]


def test_an_exams_status_counts_its_own_submissions_by_status(world: World) -> None:
    world.submit()
    cancelled = world.submit()
    world.store.commit(Update(records.submission_path(cancelled.submission_id), {"status": "cancelled"}))
    elsewhere = world.submit()
    world.store.commit(Update(records.submission_path(elsewhere.submission_id), {"exam_id": "another"}))
    counts = operations.exam_status(world.service, "exam")
    assert {status: count for status, count in counts.items() if count} == {Status.QUEUED: 1, Status.CANCELLED: 1}
    assert set(counts) == set(Status)
    with pytest.raises(OperationError, match="no such exam: nothing"):
        operations.exam_status(world.service, "nothing")


# attempts


def test_an_attempt_is_made_once(world: World) -> None:
    operations.create_attempt(world.service, Attempt("mine", "alice", "exam"))
    with pytest.raises(OperationError, match="attempt mine exists"):
        operations.create_attempt(world.service, Attempt("mine", "bob", "exam"))
    assert operations.owner_of(world.service, "mine") == "alice"


def test_an_attempt_needs_an_exam_and_a_student(world: World) -> None:
    with pytest.raises(OperationError, match="no such exam: nothing"):
        operations.create_attempt(world.service, Attempt("mine", "alice", "nothing"))
    with pytest.raises(OperationError, match="needs a student"):
        operations.create_attempt(world.service, Attempt("mine", " ", "exam"))


def test_new_attempt_ids_differ_and_are_ids() -> None:
    ids = {operations.new_attempt_id() for _ in range(100)}
    assert len(ids) == 100
    for each in ids:
        operations.require_identifier("attempt", each)


def test_imported_attempts_have_the_times_of_the_file_or_else_the_exams(world: World) -> None:
    text = HEADER + "dora,exam,,\n\n  emil , exam ,2026-06-01T09:00:00+02:00,2026-06-01T10:30:00Z\n"
    dora, emil = operations.import_attempts(world.service, text)
    assert (dora.student, dora.opens_at, dora.closes_at) == ("dora", None, None)
    assert emil.opens_at == datetime(2026, 6, 1, 7, tzinfo=UTC)
    assert emil.closes_at == datetime(2026, 6, 1, 10, 30, tzinfo=UTC)
    for attempt in (dora, emil):
        document = world.store.get(f"attempts/{attempt.attempt_id}")[0]
        assert document is not None
        assert records.attempt_of(document) == attempt


def test_importing_attempts_again_updates_their_times_and_keeps_what_intake_wrote(world: World) -> None:
    [before] = operations.import_attempts(world.service, HEADER + "alice,exam,,\n")
    path = f"attempts/{before.attempt_id}"
    intake = {"waiting_runs": {"echo": "some-run"}, "arrivals": {str(RunType.RUN): [NOON]}}
    world.store.commit(Update(path, intake))
    [after] = operations.import_attempts(world.service, HEADER + "alice,exam,,2026-06-01T18:00:00Z\n")
    assert after.attempt_id == before.attempt_id
    fields = stored(world, path)
    assert fields is not None
    assert fields["closes_at"] == datetime(2026, 6, 1, 18, tzinfo=UTC)
    assert {name: fields[name] for name in intake} == intake


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("dora,exam,,\n,exam,,\n", "line 3: student and exam must not be empty"),
        ("dora,exam,,\nemil,nothing,,\n", "line 3: no such exam: nothing"),
        ("dora,exam,,\nemil,a/b,,\n", "line 3: exam 'a/b': an id has"),
        ("dora,exam,,\n\n\nemil,exam,soon,\n", "line 5: opens_at: 'soon' is no RFC 3339 time"),
        ("dora,exam,,\nemil,exam,,2026-06-01T09:00:00\n", "line 3: closes_at: .* is no RFC 3339 time with a zone"),
        ("dora,exam,,\nemil,exam,,2026-06-01\n", "line 3: closes_at"),
        ("dora,exam,,\nemil,exam,,0001-01-01T00:00:00+02:00\n", "line 3: closes_at"),
        ("dora,exam,,\nemil,exam,2026-06-01T09:00:00Z,2026-06-01T09:00:00Z\n", "line 3: closes_at .* must be after"),
        ("dora,exam,,\nemil,exam\n", "line 3: 2 columns, where 4 are right"),
        ("dora,exam,,\nemil,exam,,,\n", "line 3: 5 columns"),
        ("dora,exam,,\nemil,exam,,\ndora,exam,,\n", "line 4: dora has this exam already on line 2"),
        ('dora,exam,,\n"emil,exam,,\n', "line 3: unexpected end of data"),
    ],
)
def test_a_wrong_line_is_named_and_nothing_is_written(world: World, lines: str, message: str) -> None:
    before = world.store.count(ALL_ATTEMPTS)
    with pytest.raises(OperationError, match=message):
        operations.import_attempts(world.service, HEADER + lines)
    assert world.store.count(ALL_ATTEMPTS) == before


@pytest.mark.parametrize("text", ["", "student,exam\n", "dora,exam,,\n"])
def test_a_file_without_its_header_is_refused(world: World, text: str) -> None:
    with pytest.raises(OperationError, match="line 1: must be student,exam,opens_at,closes_at"):
        operations.import_attempts(world.service, text)


def test_an_attempts_own_end_must_be_after_its_exams_beginning(world: World) -> None:
    an_exam(world, opens_at=NOON)
    with pytest.raises(OperationError, match="line 2: closes_at"):
        operations.import_attempts(world.service, HEADER + "dora,algebra,,2026-06-01T11:00:00Z\n")


def test_a_large_file_is_written_in_batches_that_firestore_takes(world: World) -> None:
    store = WatchedStore(world.store)
    lines = "".join(f"student-{number},exam,,\n" for number in range(1001))
    made = operations.import_attempts(replace(world.service, store=store), HEADER + lines)
    assert store.commits == [400, 400, 201]
    assert len({attempt.attempt_id for attempt in made}) == 1001


def test_students_and_exams_that_read_alike_when_joined_get_different_attempts(world: World) -> None:
    shorter, longer = "x" * 65, "x" * 66  # an attempt's id shows only the beginning of its exam's
    an_exam(world, shorter)
    an_exam(world, longer)
    lines = HEADER + f"annax,{shorter},,\nanna,{longer},,\n"
    assert len({attempt.attempt_id for attempt in operations.import_attempts(world.service, lines)}) == 2


def test_an_attempt_made_by_somebody_else_meanwhile_is_updated(world: World) -> None:
    text = HEADER + "dora,exam,,2026-06-01T18:00:00Z\n"
    [planned] = operations.import_attempts(world.service, text)
    path = f"attempts/{planned.attempt_id}"
    world.store.commit(Delete(path))
    rival = Create(path, records.attempt_fields(replace(planned, closes_at=None)))
    store = WatchedStore(world.store, before_first=lambda inner: inner.commit(rival))
    operations.import_attempts(replace(world.service, store=store), text)
    assert stored(world, path) == records.attempt_fields(planned)


def test_an_extension_counts_from_the_exams_end(world: World) -> None:
    an_exam(world, closes_at=NOON)
    operations.create_attempt(world.service, Attempt("mine", "alice", "algebra"))
    assert operations.extend_attempt(world.service, "mine", 15) == NOON + timedelta(minutes=15)
    assert stored(world, "attempts/mine")["closes_at"] == NOON + timedelta(minutes=15)  # type: ignore[index]


def test_a_second_extension_counts_from_the_attempts_own_end(world: World) -> None:
    an_exam(world, closes_at=NOON)
    operations.create_attempt(world.service, Attempt("mine", "alice", "algebra", closes_at=NOON + timedelta(hours=1)))
    operations.extend_attempt(world.service, "mine", 15)
    assert operations.extend_attempt(world.service, "mine", 15) == NOON + timedelta(hours=1, minutes=30)


def test_only_what_has_an_end_can_be_extended(world: World) -> None:
    with pytest.raises(OperationError, match="has no end to extend"):
        operations.extend_attempt(world.service, "attempt-alice", 15)
    with pytest.raises(OperationError, match="no such attempt: nothing"):
        operations.extend_attempt(world.service, "nothing", 15)


@pytest.mark.parametrize("minutes", [0, -5, float("nan"), float("inf"), 1e9])
def test_an_extension_is_a_reasonable_number_of_minutes(world: World, minutes: float) -> None:
    an_exam(world, closes_at=NOON)
    operations.create_attempt(world.service, Attempt("mine", "alice", "algebra"))
    with pytest.raises(OperationError, match="an extension is"):
        operations.extend_attempt(world.service, "mine", minutes)


def test_an_extension_survives_an_intake_that_comes_first(world: World) -> None:
    an_exam(world, closes_at=NOON)
    operations.create_attempt(world.service, Attempt("mine", "alice", "algebra"))
    intake = Update("attempts/mine", {"waiting_runs": {"echo": "some-run"}})
    store = WatchedStore(world.store, before_first=lambda inner: inner.commit(intake))
    operations.extend_attempt(replace(world.service, store=store), "mine", 15)
    fields = stored(world, "attempts/mine")
    assert fields is not None
    assert (fields["closes_at"], fields["waiting_runs"]) == (NOON + timedelta(minutes=15), {"echo": "some-run"})


def test_an_extension_whose_answer_was_lost_is_not_given_twice(world: World) -> None:
    an_exam(world, closes_at=NOON)
    operations.create_attempt(world.service, Attempt("mine", "alice", "algebra"))
    service = replace(world.service, store=LostAnswerStore(world.store))
    assert operations.extend_attempt(service, "mine", 15) == NOON + timedelta(minutes=15)
    assert stored(world, "attempts/mine")["closes_at"] == NOON + timedelta(minutes=15)  # type: ignore[index]


# the command line


@dataclass
class LocalStack:
    """A stack that was started, as the command line finds it: its environment file, the embedded store behind it."""

    stack: environment.Stack
    store: SQLiteDocumentStore
    opened: list[SQLiteDocumentStore] = field(default_factory=list)

    def run(self, *words: str) -> Result:
        return CliRunner().invoke(cli, words)


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalStack]:
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setenv("PORT", "18080")
    monkeypatch.setenv("GOOGLE_CLOUD_PROJECT", "a-real-project")
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", "127.0.0.1:1")
    monkeypatch.setenv("RUN_CODE_URL", "https://deployed.example")
    monkeypatch.setenv("RUN_CODE_TOKEN", "a-deployed-token")
    stack = environment.read({"PORT": "18080"})
    path = stack.state / "store.sqlite"
    environment.write_environment_file(stack, environment.functions_environment(stack, {"SQLITE_PATH": str(path)}))
    opened: list[SQLiteDocumentStore] = []

    def open_store(config: Any) -> SQLiteDocumentStore:
        opened.append(SQLiteDocumentStore(config.sqlite_path))
        return opened[-1]

    monkeypatch.setattr(environment, "document_store", open_store)
    with closing(SQLiteDocumentStore(str(path))) as store:
        yield LocalStack(stack, store, opened)
    for each in opened:
        each.close()


def claims_of(printed: str) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(printed.strip(), options={"verify_signature": False})
    return claims


def write_package(folder: Path, *, expected: str = "1\n") -> Path:
    for name, text in {
        "problem.yaml": "name: One\n",
        "problem_statement/problem.en.md": "Print 1.\n",
        "data/sample/1.in": "",
        "data/sample/1.ans": expected,
        "submissions/accepted/one.py": "print(1)\n",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def test_without_a_stack_one_line_says_what_to_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setenv("PORT", "18081")
    for words in (["slots"], ["token", "--student", "alice"], ["exams", "status", "demo"]):
        result = CliRunner().invoke(cli, words)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr == "Error: no stack was started on PORT 18081: run make run\n"


def test_creating_an_attempt_prints_its_id_alone_and_makes_the_exam(local: LocalStack) -> None:
    result = local.run("attempts", "create", "--student", "alice")
    assert result.exit_code == 0
    attempt_id = result.stdout.removesuffix("\n")
    document = local.store.get(f"attempts/{attempt_id}")[0]
    assert document is not None
    assert records.attempt_of(document) == Attempt(attempt_id, "alice", "demo")
    assert local.store.get("exams/demo") != [None]


def test_what_cannot_be_done_is_one_line_on_stderr_and_exit_code_1(local: LocalStack) -> None:
    local.run("exams", "create", "algebra")
    result = local.run("exams", "create", "algebra")
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: exam algebra exists\n")


@pytest.mark.parametrize(
    "words",
    [
        ["exams", "create", "algebra", "--opens-at", "soon"],
        ["exams", "create", "algebra", "--opens-at", "2026-06-01T09:00:00"],
        ["attempts", "extend", "mine", "--minutes", "0"],
        ["attempts", "extend", "mine", "--minutes", "nan"],
        ["attempts", "import", "no-such-file.csv"],
        ["token", "--student", "alice", "--hours", "0"],
        ["questions", "verify"],
        ["questions", "verify", "echo", "--all"],
        ["slots", "--set", "0"],
        ["slots", "--set", "2", "--judge", "b.example"],
        ["slots", "--judge", "judge0"],
    ],
)
def test_a_wrong_usage_exits_with_2(local: LocalStack, words: list[str]) -> None:
    assert local.run(*words).exit_code == 2


def test_an_exams_times_are_kept_in_utc(local: LocalStack) -> None:
    local.run("exams", "create", "algebra", "--title", "Algebra", "--opens-at", "2026-06-01T09:00:00+02:00")
    document = local.store.get("exams/algebra")[0]
    assert document is not None
    assert records.exam_of(document).opens_at == datetime(2026, 6, 1, 7, tzinfo=UTC)


def test_an_exams_status_ends_with_whether_everything_is_judged(local: LocalStack) -> None:
    local.run("exams", "create", "algebra")
    result = local.run("exams", "status", "algebra")
    assert (result.exit_code, result.stdout.splitlines()[-1]) == (0, "everything is judged")
    for number, status in enumerate(("queued", "failed", "completed", "cancelled")):
        local.store.commit(Create(f"submissions/{number}", {"exam_id": "algebra", "status": status}))
    result = local.run("exams", "status", "algebra")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[-1].startswith("not everything is judged: 1 on their way, 1 failed")


def test_a_bad_package_does_not_stop_the_others(local: LocalStack, tmp_path: Path) -> None:
    good, bad = write_package(tmp_path / "one"), write_package(tmp_path / "two")
    (bad / "data" / "sample" / "1.ans").unlink()
    result = local.run("questions", "import", str(tmp_path / "none"), str(bad), str(good))
    assert result.exit_code == 1
    assert result.stdout == "imported   one: 1 tests\n"
    refused = result.stderr.splitlines()
    assert refused[0].startswith("refused    none: ")
    assert refused[1].startswith("refused    two: ")
    assert refused[2:] == ["Error: 2 of 3 refused"]
    again = local.run("questions", "import", str(good))
    assert (again.exit_code, again.stdout) == (0, "unchanged  one: 1 tests\n")


def test_a_file_that_is_no_text_is_refused(local: LocalStack, tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_bytes(b"\xff\xfe")
    for words in (["attempts", "import", str(file)], ["submit", str(file), "--question", "q", "--attempt", "a"]):
        result = local.run(*words)
        assert result.exit_code == 1
        assert result.stderr.endswith("a.py: not UTF-8\n")


def test_a_spreadsheets_file_is_imported_whatever_its_first_bytes_and_line_ends(
    local: LocalStack, tmp_path: Path
) -> None:
    local.run("exams", "create", "algebra")
    file = tmp_path / "attempts.csv"
    file.write_bytes(b"\xef\xbb\xbfstudent,exam,opens_at,closes_at\r\nalice,algebra,,\r\n")
    result = local.run("attempts", "import", str(file))
    assert result.exit_code == 0, result.output
    assert local.store.count(ALL_ATTEMPTS) == 1


class OperatorsQueues(FakeTicketQueue):
    """What an operator can do with the queues beside the service."""

    def __init__(self) -> None:
        super().__init__()
        self.limits: dict[RunType, int] = {}

    def pause(self, queue: RunType) -> None:
        self.paused.add(queue)

    def resume(self, queue: RunType) -> None:
        self.paused.discard(queue)

    def limit(self, queue: RunType, concurrent: int) -> None:
        if self.away:
            raise Unavailable("Cloud Tasks: ServiceUnavailable")
        self.limits[queue] = concurrent


@pytest.fixture
def cloud_tasks(monkeypatch: pytest.MonkeyPatch) -> OperatorsQueues:
    made = OperatorsQueues()

    def ticket_queue(_: Settings, *, patient: bool) -> OperatorsQueues:
        assert patient, "an operator holds no slot"
        return made

    monkeypatch.setattr(bootstrap, "ticket_queue", ticket_queue)
    return made


def test_the_queues_are_shown_with_who_waits_and_whether_they_are_paused(
    local: LocalStack, cloud_tasks: OperatorsQueues
) -> None:
    world = make_world(local.store)
    for _ in range(2):
        world.submit(RunType.SUBMIT)
    assert local.run("queues", "pause", "submit").stdout == "submit is paused\n"
    submit, run = (line.split() for line in local.run("queues").stdout.splitlines()[3:5])
    assert (submit[1], submit[3], submit[5], submit[-2]) == ("submit", "2", "0", "PAUSED")
    assert (run[1], run[3], run[5], run[-2]) == ("run", "0", "0", "running")
    assert local.run("queues", "resume", "submit").stdout == "submit goes on\n"
    assert "PAUSED" not in local.run("queues", "--once").stdout
    assert local.run("queues", "pause", "everything").exit_code == 2


def test_a_queue_that_cannot_be_asked_is_shown_as_unknown(local: LocalStack, cloud_tasks: OperatorsQueues) -> None:
    make_world(local.store)
    cloud_tasks.away = True
    result = local.run("queues")
    assert (result.exit_code, result.stdout.count("unknown")) == (0, 2)


def test_slots_that_were_set_without_the_queues_are_told_in_one_line(
    local: LocalStack, cloud_tasks: OperatorsQueues
) -> None:
    cloud_tasks.away = True
    result = local.run("slots", "--set", "2")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: the slots are set, but not the queues' limits")


def test_slots_are_set_and_shown(local: LocalStack, cloud_tasks: OperatorsQueues) -> None:
    assert local.run("slots", "--set", "2").stdout.splitlines() == ["  1  free", "  2  free"]
    assert local.run("slots", "--set", "1").stdout.splitlines() == ["  1  free", "  2  free (retired)"]
    assert cloud_tasks.limits == {RunType.SUBMIT: 1, RunType.RUN: 1}


def test_a_token_names_the_student_and_the_role(local: LocalStack) -> None:
    claims = claims_of(local.run("token", "--student", "carol", "--role", "instructor", "--hours", "2").stdout)
    assert claims["exp"] - claims["iat"] == 2 * 3600
    named = {name: claims[name] for name in ("sub", "role", "iss", "aud")}
    assert named == {"sub": "carol", "role": "instructor", "iss": "run-code-local", "aud": "run-code"}
    assert "role" not in claims_of(local.run("token", "--student", "alice").stdout)


def test_a_token_is_signed_with_what_the_stack_was_started_with(
    local: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not with what the shell of the command line says."""
    given = {"AUTH_JWT_SECRET": "the secret that the stack was started with", "AUTH_ROLE_CLAIM": "user_role"}
    environment.write_environment_file(local.stack, given)
    monkeypatch.setenv("AUTH_JWT_SECRET", "a secret that belongs to something else")
    printed = tokens.mint(environment.read({"PORT": "18080"}), "carol", "instructor")
    claims = jwt.decode(printed, given["AUTH_JWT_SECRET"], algorithms=["HS256"])
    assert (claims["sub"], claims["user_role"]) == ("carol", "instructor")


def test_a_stack_with_somebody_elses_keys_mints_no_token(local: LocalStack) -> None:
    environment.write_environment_file(
        local.stack, {"AUTH_JWKS_URL": "https://keys.example", "GOOGLE_CLOUD_PROJECT": "run-code-local"}
    )
    result = local.run("token", "--student", "alice")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "AUTH_JWKS_URL" in result.stderr


def test_no_token_is_minted_for_a_deployed_service(local: LocalStack) -> None:
    result = local.run("--deployed", "token", "--student", "alice")
    assert (result.exit_code, result.stdout) == (1, "")


def test_deployed_never_means_a_store_of_this_machine(local: LocalStack) -> None:
    result = local.run("--deployed", "exams", "status", "demo")
    assert result.exit_code == 1
    assert "FIRESTORE_EMULATOR_HOST" in result.stderr
    assert not local.opened


# the client


@dataclass
class ScriptedService:
    """Gives its answers in order, the last one for ever; remembers what was asked."""

    url: str
    answers: list[tuple[int, dict[str, str], Any]]
    asked: list[tuple[str, str, dict[str, str], bytes]]
    slept: list[float] = field(default_factory=list)

    def client(self) -> Client:
        return Client(self.url, "a-token", local=True, sleep=self.slept.append)


@pytest.fixture
def scripted() -> Iterator[ScriptedService]:
    answers: list[tuple[int, dict[str, str], Any]] = []
    asked: list[tuple[str, str, dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked.append((self.command, self.path, dict(self.headers), body))
            status, headers, content = answers.pop(0) if len(answers) > 1 else answers[0]
            sent = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            for name, value in (headers | {"Content-Length": str(len(sent))}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = answer

        def log_message(self, *words: Any) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield ScriptedService(f"http://127.0.0.1:{server.server_port}", answers, asked)
        server.shutdown()
        thread.join()


def test_a_submission_is_sent_again_under_the_same_key_after_the_time_that_was_asked_for(
    scripted: ScriptedService,
) -> None:
    scripted.answers += [
        (429, {"Retry-After": "7"}, {"detail": "Too many."}),
        (503, {}, b"not even JSON"),
        (202, {}, {"submission_id": "s"}),
    ]
    assert scripted.client().submit({"code": "x"}) == {"submission_id": "s"}
    assert len({headers["Idempotency-Key"] for _, _, headers, _ in scripted.asked}) == 1
    assert [headers["Authorization"] for _, _, headers, _ in scripted.asked] == ["Bearer a-token"] * 3
    assert len(scripted.slept) == 2
    assert scripted.slept[0] >= 7


def test_two_submissions_have_two_keys(scripted: ScriptedService) -> None:
    scripted.answers.append((202, {}, {"submission_id": "s"}))
    client = scripted.client()
    client.submit({"code": "x"})
    client.submit({"code": "x"})
    assert len({headers["Idempotency-Key"] for _, _, headers, _ in scripted.asked}) == 2


def test_waiting_asks_as_often_as_the_service_says_until_the_submission_is_final(scripted: ScriptedService) -> None:
    scripted.answers += [
        (200, {"Retry-After": "2"}, {"status": "queued"}),
        (200, {"Retry-After": "3"}, {"status": "processing"}),
        (200, {}, {"status": "completed"}),
    ]
    told: list[str] = []
    final = scripted.client().wait("s", lambda shown: told.append(shown["status"]))
    assert final == {"status": "completed"}
    assert told == ["queued", "processing", "completed"]
    assert scripted.slept == [2.0, 3.0]
    assert {path for _, path, _, _ in scripted.asked} == {"/submissions/s"}


def test_a_refusal_is_told_in_the_services_own_words_and_not_repeated(scripted: ScriptedService) -> None:
    problem = {"detail": "A value is wrong.", "errors": [{"field": "language", "message": "must be python"}]}
    scripted.answers.append((422, {}, problem))
    with pytest.raises(Refused, match=r"^A value is wrong.; language: must be python$"):
        scripted.client().submit({})
    assert len(scripted.asked) == 1


def test_something_that_is_no_run_code_service_is_recognized(scripted: ScriptedService) -> None:
    scripted.answers.append((200, {}, b"<html>"))
    with pytest.raises(Refused, match="is no run-code service"):
        scripted.client().languages()
    with pytest.raises(Refused, match="nonsense"):
        Client("nonsense", "a-token", local=True).languages()
    with pytest.raises(Refused, match="token"):
        Client(scripted.url, "ü", local=True)


def test_a_proxy_of_the_shell_is_not_asked_for_the_local_stack(
    scripted: ScriptedService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")
    scripted.answers.append((200, {}, [{"name": "python"}]))
    assert scripted.client().languages() == ["python"]


def test_exams_of_any_question_are_named_where_a_later_one_is_made(world: World) -> None:
    assert operations.exams_without_a_list(world.service) == ["exam"]
    operations.create_exam(world.service, Exam("later", "Later", ("echo",), opens_at=NOON + timedelta(days=1)))
    assert operations.exams_without_a_list(world.service) == ["exam"]
