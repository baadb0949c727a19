"""An exam's archive, over every store of documents, in a folder and in a bucket."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions import records
from functions.domain.exam import Attempt
from functions.domain.submission import Status
from functions.ports import Delete, Document, DocumentStore, Put, Query, Unavailable, Update, Write
from functions.service import Service
from infra.admin.archive import deleting, forms, importing, verifying
from infra.admin.archive.exporting import export
from infra.admin.archive.places import Bucket, Folder, Place
from infra.admin.operations import OperationError
from infra.local.environment import ACCESS_KEY_ID, BUCKET, SECRET_ACCESS_KEY
from infra.object_store import S3ObjectStore
from infra.sqlite import SQLiteDocumentStore
from tests.conftest import our_process
from tests.contract.conftest import StoreFactory
from tests.exams import ODD_STUDENTS, empty, fill, judged, send, sit
from tests.fakes import NOON, InMemoryObjectStore, World, make_world

OF_AN_EXAM = (records.EXAMS, records.ATTEMPTS, records.SUBMISSIONS, records.REJUDGED)


@pytest.fixture(scope="module")
def objects() -> Iterator[S3ObjectStore]:
    with our_process("infra.local.object_store") as url:
        yield S3ObjectStore(
            endpoint=url,
            bucket=BUCKET,
            access_key_id=ACCESS_KEY_ID,
            secret_access_key=SECRET_ACCESS_KEY,
            region="auto",
            timeout=30.0,
        )


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "folder":
        return Folder(tmp_path / "archive")
    return Bucket(request.getfixturevalue("objects"), f"archives/{uuid.uuid4().hex}")


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "archive")


@pytest.fixture
def embedded() -> Iterator[SQLiteDocumentStore]:
    with closing(SQLiteDocumentStore(":memory:")) as store:
        yield store


@pytest.fixture
def world(embedded: SQLiteDocumentStore) -> World:
    """An exam with something of everything, in the embedded store."""
    world = make_world(embedded)
    fill(world)
    return world


def content(place: Place) -> dict[str, bytes]:
    return {path: place.get(path) or b"" for path in sorted(place.paths())}


def rows(place: Place, attempt_id: str) -> list[Any]:
    return [forms.value_of(line) for line in forms.lines_of(place.get(forms.attempt_path(attempt_id, 1)) or b"")]


def everything(store: DocumentStore, *collections: str) -> dict[str, Document]:
    return {each.path: each for name in collections for each in store.find(Query(name))}


def refused(what: str) -> Any:
    return pytest.raises(OperationError, match=what)


# there and back


def test_an_exam_comes_back_into_an_empty_store_and_its_archive_is_the_same_again(
    open_store: StoreFactory, world: World, place: Place, tmp_path: Path
) -> None:
    first = export(world.service, "exam", place)
    assert list(verifying.findings(place)) == []
    other = empty(world, open_store())
    _, tally = importing.import_archive(other, place)
    assert tally.written > 0
    assert (tally.alike, tally.different) == (0, 0)
    again = Folder(tmp_path / "again")
    assert export(other, "exam", again).manifest == first.manifest
    assert content(again) == content(place)
    _, tally = importing.import_archive(other, place)
    assert tally.written == 0
    delete(other, place)
    assert everything(other.store, *OF_AN_EXAM) == {}
    importing.import_archive(other, place)
    assert export(other, "exam", place).again


def test_what_a_store_filled_in_itself_survives_the_way_through_another(
    open_store: StoreFactory, embedded: SQLiteDocumentStore, tmp_path: Path
) -> None:
    world = make_world(open_store())
    fill(world)
    there, back = Folder(tmp_path / "there"), Folder(tmp_path / "back")
    export(world.service, "exam", there)
    other = empty(world, embedded)
    importing.import_archive(other, there)
    export(other, "exam", back)
    assert content(back) == content(there)
    _, tally = importing.import_archive(world.service, there)
    assert tally.written == 0


def test_everything_of_the_exam_is_in_it_and_nothing_of_another(world: World, place: Place) -> None:
    counts = export(world.service, "exam", place).manifest.counts
    odd = len(ODD_STUDENTS)
    assert counts == {
        "attempts": 3 + odd,
        "submissions": 8 + odd,
        "unjudged": 0,
        "questions": 3,
        "objects": 3,
        "sources": 2 + odd,
        "earlier": 5,
    }
    head, *sent = rows(place, "attempt-alice")
    assert [each["code"] for each in sent[:2]] == ["print(1)\n", "print(2)\n"]
    for each in sent:
        document = world.store.get(f"submissions/{each['submission_id']}")[0]
        assert document is not None
        assert each == {"submission_id": document.document_id, **document.fields}
    best = [sent[1]["submission_id"], sent[3]["submission_id"]]
    assert head["scores"] == {
        "echo": {"score": 80, "points": 100, "submission_id": best[0]},
        "sum": {"score": 50, "points": 100, "submission_id": best[1]},
    }
    assert rows(place, "attempt-bob")[0]["scores"] == {}
    assert len(rows(place, "attempt-bob")) == 1
    assert b"dave" not in b"".join(content(place).values())
    assert place.get(f"sources/echo/python/alice/{best[0]}.py") == b"print(2)\n"
    assert place.get(f"sources/sum/befunge-93/alice/{best[1]}.txt") == "\x00 odd\r\n\u2028 Å".encode()
    table = (place.get("scores.csv") or b"").decode().splitlines()
    assert table[:3] == [
        "attempt,student,echo (100),sum (100),total,of",
        "attempt-alice,alice,80,50,130,200",
        "attempt-bob,bob,,,0,200",
    ]


def test_two_exports_are_the_same_byte_by_byte(world: World, tmp_path: Path) -> None:
    one, two = Folder(tmp_path / "one"), Folder(tmp_path / "two")
    export(world.service, "exam", one)
    world.clock.sleep(100)
    export(world.service, "exam", two)
    assert content(one) == content(two)


def test_each_student_has_a_folder_of_their_own_that_tells_whose_it_is(world: World, folder: Folder) -> None:
    export(world.service, "exam", folder)
    folders = {rows(folder, f"odd-{number}")[0]["folder"]: name for number, name in enumerate(ODD_STUDENTS)}
    assert len(folders) == len(ODD_STUDENTS)
    found = {path.split("/")[3] for path in folder.paths() if path.startswith("sources/echo/python/")}
    assert found == {*folders, "alice"}
    for number, name in enumerate(ODD_STUDENTS):
        assert rows(folder, f"odd-{number}")[0]["attempt"]["student"] == name


def test_a_person_can_read_a_question_with_its_tests(world: World, folder: Folder) -> None:
    export(world.service, "exam", folder)
    shown = json.loads(folder.get("questions/sum@v1.json") or b"")
    assert (shown["title"], shown["statement"]) == ("Sum Å 李", "Print the input.")
    assert shown["tests"][0] == {"stdin": "1\n", "expected": "1\n", "hidden": False}
    assert folder.get(f"objects/{shown['tests'][1]['stdin']['object']}") == b"large \xff\n"


def test_a_thousand_submissions_of_one_student_come_in_parts_and_back(
    open_store: StoreFactory, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forms, "PART_BYTES", 200_000)
    store = open_store()
    busy = empty(world, store)
    importing.import_archive(busy, archived(world, tmp_path / "small"))
    sit(store, [Attempt("attempt-busy", "erin", "exam")])
    send(store, [judged(number, "erin", "attempt-busy") for number in range(1000)])
    there, back = Folder(tmp_path / "there"), Folder(tmp_path / "back")
    manifest = export(busy, "exam", there).manifest
    parts = forms.attempts_of(manifest)["attempts/attempt-busy.jsonl"]
    assert len(parts) > 3
    lines = [line for path in parts for line in forms.lines_of(there.get(path) or b"")]
    assert [forms.value_of(line)["code"] for line in lines[1:]] == [f"print({number})\n" for number in range(1000)]
    with closing(SQLiteDocumentStore(":memory:")) as third:
        other = empty(world, third)
        importing.import_archive(other, there)
        export(other, "exam", back)
    assert content(back) == content(there)


def archived(world: World, folder: Path) -> Folder:
    place = Folder(folder)
    export(world.service, "exam", place)
    return place


# what is not whole


def test_every_kind_of_damage_is_told_in_a_line_of_its_own(world: World, place: Place) -> None:
    export(world.service, "exam", place)
    source = place.get("attempts/attempt-alice.jsonl") or b""
    place.put("attempts/attempt-alice.jsonl", source.replace(b"print(1)", b"print(7)"))
    place.put("exam.json", (place.get("exam.json") or b"")[:-1])
    place.delete("scores.csv")
    place.put("sources/echo/python/mallory/1.py", b"")
    assert sorted(verifying.findings(place)) == [
        "damaged  attempts/attempt-alice.jsonl",
        "damaged  exam.json",
        "missing  scores.csv",
        "surplus  sources/echo/python/mallory/1.py",
    ]


def test_a_damaged_manifest_is_found_too(world: World, place: Place) -> None:
    export(world.service, "exam", place)
    whole = place.get(forms.MANIFEST) or b""
    unfit = "damaged  manifest.json, or manifest.sha256: they do not fit"
    for changed, found in {
        whole.replace(b'"attempts": 15', b'"attempts": 16'): [unfit],
        whole[:-5]: [unfit, "damaged  manifest.json: Expecting"],
        b"[]": [unfit, "damaged  manifest.json: list indices"],
        whole.replace(b'"format": 1', b'"format": 2'): [unfit, "damaged  manifest.json: its format is 2"],
        whole.replace(b'"scores.csv"', b'"../scores.csv"'): [unfit, "damaged  manifest.json: it names '../scores.csv'"],
    }.items():
        assert changed != whole
        place.put(forms.MANIFEST, changed)
        told = list(verifying.findings(place))
        assert len(told) == len(found)
        assert all(line.startswith(start) for line, start in zip(told, found, strict=True))
    place.delete(forms.MANIFEST)
    assert list(verifying.findings(place)) == ["missing  manifest.json: no archive is here"]
    place.put(forms.MANIFEST, whole)
    place.delete(forms.MANIFEST_HASH)
    assert list(verifying.findings(place)) == ["missing  manifest.sha256"]


def test_nothing_is_brought_back_from_a_damaged_archive(
    world: World, embedded: SQLiteDocumentStore, place: Place
) -> None:
    export(world.service, "exam", place)
    place.put("scores.csv", b"")
    with closing(SQLiteDocumentStore(":memory:")) as store:
        with refused("not whole: damaged  scores.csv"):
            importing.import_archive(empty(world, store), place)
        assert everything(store, *OF_AN_EXAM, records.TESTS) == {}


# interrupted


class Stopping:
    """A place that fails at its ``calls``-th write, as if the process had been killed there."""

    def __init__(self, inner: Place, calls: int) -> None:
        self.inner = inner
        self.left = calls
        self.put_paths: list[str] = []

    def put(self, path: str, content: bytes) -> None:
        self._call()
        self.put_paths.append(path)
        self.inner.put(path, content)

    def delete(self, path: str) -> None:
        self._call()
        self.inner.delete(path)

    def get(self, path: str) -> bytes | None:
        return self.inner.get(path)

    def paths(self) -> Iterator[str]:
        return self.inner.paths()

    def settle(self) -> None:
        self.inner.settle()

    def _call(self) -> None:
        if self.left == 0:
            raise Killed
        self.left -= 1


class Killed(Exception): ...


def test_interrupted_at_any_write_it_goes_on_to_the_very_same_archive(world: World, tmp_path: Path) -> None:
    whole = archived(world, tmp_path / "whole")
    counting = Stopping(Folder(tmp_path / "counted"), 10**6)
    export(world.service, "exam", counting)
    writes = 10**6 - counting.left
    for number in range(writes):
        place = Folder(tmp_path / f"stopped-{number}")
        stopped = Stopping(place, number)
        with pytest.raises(Killed):
            export(world.service, "exam", stopped)
        assert (place.get(forms.MANIFEST) is None) == (number <= counting.put_paths.index(forms.MANIFEST))
        assert [line for line in verifying.findings(place) if "surplus" in line or "damaged" in line] == []
        resumed = Stopping(place, 10**6)
        export(world.service, "exam", resumed)
        assert content(place) == content(whole)
        written_twice = {path for path in resumed.put_paths if path in stopped.put_paths}
        assert {path for path in written_twice if not path.startswith(".unfinished/")} <= {forms.MANIFEST_HASH}


def test_an_export_of_a_bucket_goes_on_too(world: World, place: Place, tmp_path: Path) -> None:
    for number in (1, 15, 15):
        with pytest.raises(Killed):
            export(world.service, "exam", Stopping(place, number))
    export(world.service, "exam", place)
    assert content(place) == content(archived(world, tmp_path / "whole"))


def test_what_changed_since_it_was_interrupted_is_written_as_it_is_now(
    world: World, place: Place, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        export(world.service, "exam", Stopping(place, 60))
    assert any(path.startswith("sources/echo/python/alice/") for path in place.paths())
    assert place.get(forms.attempt_path("odd-0", 1)) is not None
    [changed] = world.store.find(Query(records.SUBMISSIONS, (("student", "==", ODD_STUDENTS[0]),)))
    world.store.commit(Update(changed.path, {"score": 60}))
    send(world.store, [judged(20, "alice", "attempt-alice", score=100)])
    [erased] = world.store.find(Query(records.SUBMISSIONS, (("student", "==", ODD_STUDENTS[1]),)))
    world.store.commit(Delete(erased.path), Delete("attempts/odd-1"))
    export(world.service, "exam", place)
    assert content(place) == content(archived(world, tmp_path / "whole"))
    assert rows(place, "odd-0")[1]["score"] == 60
    assert place.get(forms.attempt_path("odd-1", 1)) is None


def test_a_file_that_was_lost_since_it_was_interrupted_is_written_again(
    world: World, place: Place, tmp_path: Path
) -> None:
    with pytest.raises(Killed):
        export(world.service, "exam", Stopping(place, 60))
    place.put(forms.attempt_path("attempt-alice", 1), b"")
    export(world.service, "exam", place)
    assert content(place) == content(archived(world, tmp_path / "whole"))


def test_what_is_sent_while_an_attempt_is_exported_is_in_it(world: World, folder: Folder) -> None:
    class Busy:
        """Alice sends once more between two readings of her attempt."""

        sent = False

        def get(self, *paths: str) -> list[Document | None]:
            if not self.sent and any(path.startswith("submissions/") for path in paths):
                self.sent = True
                document = world.store.get("attempts/attempt-alice")[0]
                assert document is not None
                send(world.store, [judged(30, "alice", "attempt-alice", score=100)])
                world.store.commit(Update(document.path, {"waiting_runs": {}}))
            return world.store.get(*paths)

        def find(self, query: Query) -> list[Document]:
            return world.store.find(query)

        def count(self, query: Query) -> int:
            return world.store.count(query)

        def commit(self, *writes: Write) -> list[object]:
            return world.store.commit(*writes)

    export(replace(world.service, store=Busy()), "exam", folder)
    assert len(rows(folder, "attempt-alice")) == 10
    assert list(verifying.findings(folder)) == []


def test_submissions_whose_attempt_is_gone_are_in_it_and_come_back(
    open_store: StoreFactory, world: World, folder: Folder, tmp_path: Path
) -> None:
    world.store.commit(Delete("attempts/attempt-alice"))
    manifest = export(world.service, "exam", folder).manifest
    assert manifest.counts["submissions"] == 8 + len(ODD_STUDENTS)
    assert rows(folder, "attempt-alice")[0]["attempt"] is None
    other = empty(world, open_store())
    importing.import_archive(other, folder)
    assert export(other, "exam", Folder(tmp_path / "again")).manifest == manifest
    delete(other, folder)
    assert everything(other.store, *OF_AN_EXAM) == {}


# what is refused


def test_an_archive_is_not_written_over_unless_it_holds_the_same(world: World, place: Place) -> None:
    first = export(world.service, "exam", place)
    before = content(place)
    again = export(world.service, "exam", place)
    assert (again.again, again.manifest) == (True, first.manifest)
    place.put("scores.csv", b"")
    with refused("not whole"):
        export(world.service, "exam", place)
    place.put("scores.csv", before["scores.csv"])
    send(world.store, [judged(40, "alice", "attempt-alice")])
    with refused("not of exam as it is now"):
        export(world.service, "exam", place)
    assert content(place) == before


def test_a_place_with_something_else_in_it_is_left_alone(world: World, place: Place) -> None:
    place.put("thesis.tex", b"mine")
    with refused("not empty"):
        export(world.service, "exam", place)
    assert content(place) == {"thesis.tex": b"mine"}


def test_an_interrupted_export_of_another_exam_is_left_alone(world: World, place: Place) -> None:
    with pytest.raises(Killed):
        export(world.service, "exam", Stopping(place, 30))
    before = content(place)
    world.store.commit(Put("exams/second", {**world.store.get("exams/exam")[0].fields}))  # type: ignore[union-attr]
    with refused("another exam"):
        export(world.service, "second", place)
    assert content(place) == before


def test_while_something_waits_nothing_is_exported_unless_one_says_so(
    open_store: StoreFactory, world: World, folder: Folder, tmp_path: Path
) -> None:
    waiting = judged(50, "alice", "attempt-alice", status=Status.QUEUED, verdict=None, score=None, results=())
    send(world.store, [waiting])
    with refused("1 submissions of exam are not judged yet"):
        export(world.service, "exam", folder)
    assert content(folder) == {}
    manifest = export(world.service, "exam", folder, anyway=True).manifest
    assert manifest.counts["unjudged"] == 1
    other = empty(world, open_store())
    importing.import_archive(other, folder)
    assert export(other, "exam", Folder(tmp_path / "again"), anyway=True).manifest == manifest


@pytest.mark.parametrize("how", ["missing", "damaged", "away", "none"])
def test_what_is_referred_to_and_not_to_be_had_ends_it_unless_one_says_so(
    world: World, folder: Folder, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.admin.archive.places.PAUSES", ())
    whole, hidden, large = objects_in(world)
    service = world.service
    if how == "missing":
        world.objects.delete(whole)
    elif how == "damaged":
        world.objects.put(large, b"other")
    elif how == "away":
        world.objects.away = True
    else:
        service = replace(service, objects=None)
    with refused("object .* of (submission|question) .*; --anyway leaves it out"):
        export(service, "exam", folder)
    world.objects.away = False
    gone = {"missing": (whole,), "damaged": (large,)}.get(how, (hidden, whole, large))
    world.objects.away = how == "away"
    manifest = export(service, "exam", folder, anyway=True).manifest
    assert sorted(manifest.missing) == sorted(gone)
    assert list(verifying.findings(folder)) == []


def objects_in(world: World) -> tuple[str, str, str]:
    """A whole output, hidden outputs and tests' data: the exam's three."""
    [first] = world.store.find(Query(records.SUBMISSIONS, (("question_version", "==", "v2"),)))
    [large] = world.objects.keys("tests/")
    return first.fields["results"][0]["full_output"], first.fields["hidden_outputs"], large


def test_a_version_that_is_gone_ends_it_unless_one_says_so(world: World, folder: Folder) -> None:
    world.store.commit(Delete(records.tests_path("echo", "v1", 0)))
    with refused("question echo, version v1, is missing or damaged; --anyway leaves it out"):
        export(world.service, "exam", folder)
    assert export(world.service, "exam", folder, anyway=True).manifest.missing == ("question echo, version v1",)


# bringing back


def test_what_is_there_and_differs_is_replaced_only_where_one_says_so(
    open_store: StoreFactory, world: World, folder: Folder
) -> None:
    export(world.service, "exam", folder)
    other = empty(world, open_store())
    importing.import_archive(other, folder)
    [mine] = other.store.find(Query(records.SUBMISSIONS, (("student", "==", ODD_STUDENTS[0]),)))
    [lost] = other.store.find(Query(records.SUBMISSIONS, (("student", "==", ODD_STUDENTS[1]),)))
    other.store.commit(
        Update(mine.path, {"score": 51}), Update("attempts/attempt-bob", {"closes_at": NOON}), Delete(lost.path)
    )
    with refused("2 of .* differ from the archive's; nothing was written"):
        importing.import_archive(other, folder)
    assert other.store.get(lost.path) == [None]
    _, tally = importing.import_archive(other, folder, overwrite=True)
    assert (tally.written, tally.different) == (3, 2)
    assert export(other, "exam", folder).again


def test_a_question_that_went_on_keeps_its_present_version(
    open_store: StoreFactory, world: World, folder: Folder
) -> None:
    export(world.service, "exam", folder)
    other = empty(world, open_store())
    other.store.commit(Put("questions/echo", {"version": "v9", "points": 1}))
    importing.import_archive(other, folder)
    document = other.store.get("questions/echo")[0]
    assert document is not None
    assert document.fields == {"version": "v9", "points": 1}
    assert other.store.get(records.tests_path("echo", "v1", 0)) != [None]


class StoppingStore:
    """A store that is away from its ``calls``-th commit on; ``lost``: that one was done all the same."""

    def __init__(self, inner: DocumentStore, calls: int, *, lost: bool) -> None:
        self.inner = inner
        self.left = calls
        self.lost = lost

    def get(self, *paths: str) -> list[Document | None]:
        return self.inner.get(*paths)

    def find(self, query: Query) -> list[Document]:
        return self.inner.find(query)

    def count(self, query: Query) -> int:
        return self.inner.count(query)

    def commit(self, *writes: Write) -> list[object]:
        if self.left == 0:
            if self.lost:
                self.inner.commit(*writes)
            raise Unavailable("killed")
        self.left -= 1
        return self.inner.commit(*writes)


@pytest.mark.parametrize("lost", [False, True])
def test_an_import_that_was_interrupted_anywhere_is_finished_by_the_next(
    world: World, tmp_path: Path, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "GROUP_DOCUMENTS", 3)
    place = archived(world, tmp_path / "archive")
    number = 0
    while True:
        with closing(SQLiteDocumentStore(":memory:")) as store:
            other = empty(world, StoppingStore(store, number, lost=lost))
            try:
                importing.import_archive(other, place)
                break
            except Unavailable:
                other = replace(other, store=store)
                importing.import_archive(other, place)
                assert export(other, "exam", place).again
        number += 1
    assert number > 20


# deleting


def delete(service: Service, place: Place) -> None:
    deletion = deleting.deletion(service, "exam", place)
    deletion.check()
    deletion.run()


def test_a_deleted_exam_leaves_the_questions_and_the_other_exams(
    open_store: StoreFactory, embedded: SQLiteDocumentStore, folder: Folder
) -> None:
    world = make_world(open_store())
    fill(world)
    kept = {
        path: each
        for path, each in everything(
            world.store, *OF_AN_EXAM, records.QUESTIONS, records.TESTS, records.REJUDGINGS
        ).items()
        if each.fields.get("exam_id") != "exam" and path != "exams/exam"
    }
    export(world.service, "exam", folder)
    counts = deleting.deletion(world.service, "exam", folder).check()
    odd = len(ODD_STUDENTS)
    assert counts == {"attempts": 3 + odd, "submissions": 8 + odd, "rejudged": 1}
    delete(world.service, folder)
    assert everything(world.store, *OF_AN_EXAM, records.QUESTIONS, records.TESTS, records.REJUDGINGS) == kept
    [large] = world.objects.keys("tests/")
    assert sorted(world.objects.objects) == ["outputs/of-another/owner/1.txt", large]
    with refused("no such exam"):
        delete(world.service, folder)


def test_without_a_whole_archive_nothing_is_deleted(world: World, place: Place, tmp_path: Path) -> None:
    before = everything(world.store, *OF_AN_EXAM)
    with refused("no archive is here"):
        delete(world.service, place)
    export(world.service, "exam", place)
    place.put("scores.csv", b"")
    with refused("damaged  scores.csv"):
        delete(world.service, place)
    with pytest.raises(Killed):
        export(world.service, "exam", Stopping(Folder(tmp_path / "half"), 40))
    with refused("did not come to its end"):
        delete(world.service, Folder(tmp_path / "half"))
    assert everything(world.store, *OF_AN_EXAM) == before
    assert len(world.objects.objects) == 6


@pytest.mark.parametrize(
    ("write", "told"),
    [
        (Update("attempts/attempt-bob", {"closes_at": NOON}), "attempt attempt-bob"),
        (Put("attempts/new", records.attempt_fields(Attempt("new", "frank", "exam"))), "1 attempts"),
        (Update("exams/exam", {"title": "Another"}), "the exam itself"),
        (Update(f"submissions/{judged(2, 'alice', 'attempt-alice').submission_id}", {"score": 81}), "submission .*"),
    ],
)
def test_what_is_newer_than_the_archive_is_not_deleted(world: World, folder: Folder, write: Write, told: str) -> None:
    export(world.service, "exam", folder)
    world.store.commit(write)
    before = everything(world.store, *OF_AN_EXAM)
    with refused(f"{told} of exam is not in the archive as it is now"):
        delete(world.service, folder)
    assert everything(world.store, *OF_AN_EXAM) == before


def test_a_submission_that_is_not_in_the_archive_is_not_deleted(world: World, folder: Folder) -> None:
    export(world.service, "exam", folder)
    for attempt_id, told in (("attempt-alice", "submission .*"), ("of-nobody", "1 submissions")):
        newer = judged(60, "alice", attempt_id)
        send(world.store, [newer])
        with refused(f"{told} of exam is not in the archive"):
            delete(world.service, folder)
        world.store.commit(Delete(f"submissions/{newer.submission_id}"))
    delete(world.service, folder)


def test_an_output_that_could_not_be_archived_is_not_deleted(world: World, folder: Folder) -> None:
    world.objects.away = True
    export(world.service, "exam", folder, anyway=True)
    world.objects.away = False
    with refused("object outputs/.* is not in the archive"):
        delete(world.service, folder)
    for key in objects_in(world)[:2]:
        world.objects.delete(key)
    delete(world.service, folder)


def test_an_exam_with_something_under_way_is_not_deleted(world: World, folder: Folder) -> None:
    waiting = judged(50, "alice", "attempt-alice", status=Status.PROCESSING)
    send(world.store, [waiting])
    export(world.service, "exam", folder, anyway=True)
    with refused("1 submissions of exam are not judged yet"):
        delete(world.service, folder)
    world.store.commit(Delete(f"submissions/{waiting.submission_id}"))
    world.store.commit(Update(records.rejudging_path("0" * 32), {"stage": "preparing"}))
    with refused("being rejudged"):
        delete(world.service, folder)


def test_the_archive_of_another_exam_is_of_no_use(world: World, folder: Folder) -> None:
    world.store.commit(Put("exams/second", {**world.store.get("exams/exam")[0].fields}))  # type: ignore[union-attr]
    export(world.service, "second", folder)
    with refused("the archive is of exam second"):
        delete(world.service, folder)


def test_what_comes_after_the_comparison_stays_with_the_exam(world: World, folder: Folder) -> None:
    export(world.service, "exam", folder)
    deletion = deleting.deletion(world.service, "exam", folder)
    deletion.check()
    newer = judged(60, "alice", "attempt-alice")
    send(world.store, [newer])
    with refused("not in the archive"):
        deletion.run()
    left = everything(world.store, *OF_AN_EXAM)
    assert f"submissions/{newer.submission_id}" in left
    assert {"attempts/attempt-alice", "exams/exam"} <= set(left)


@pytest.mark.parametrize("lost", [False, True])
def test_a_deletion_that_was_interrupted_anywhere_is_finished_by_the_next(
    world: World, tmp_path: Path, lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deleting, "AT_ONCE", 3)
    place = archived(world, tmp_path / "archive")
    number = 0
    while True:
        with closing(SQLiteDocumentStore(":memory:")) as store:
            objects = InMemoryObjectStore()
            importing.import_archive(empty(world, store, objects), place)
            whole = empty(world, store, objects)
            try:
                delete(replace(whole, store=StoppingStore(store, number, lost=lost)), place)
                break
            except Unavailable:
                if store.get("exams/exam") != [None]:
                    delete(whole, place)
                assert everything(store, *OF_AN_EXAM) == {}
                assert [key for key in objects.objects if key.startswith("outputs/")] == []
        number += 1
    assert number > 20


def test_an_interrupted_deletion_can_be_undone_by_its_archive(
    open_store: StoreFactory, world: World, folder: Folder
) -> None:
    export(world.service, "exam", folder)
    other = empty(world, open_store())
    importing.import_archive(other, folder)
    with pytest.raises(Unavailable):
        delete(replace(other, store=StoppingStore(other.store, 5, lost=False)), folder)
    importing.import_archive(other, folder)
    assert export(other, "exam", folder).again
