"""The forms of an archive, its command line, and what becomes of it in a process of its own: killed, and measured."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from functions import records
from functions.domain.exam import Attempt
from functions.domain.question import Limits, Question, Stored, TestCase, Validator
from functions.domain.scoring import Group
from functions.domain.submission import Status
from functions.ports import Query
from infra.admin.__main__ import cli
from infra.admin.archive import forms, verifying
from infra.admin.archive.exporting import export
from infra.admin.archive.forms import Entry, Manifest
from infra.admin.archive.places import Bucket, Folder, Nowhere
from infra.local import environment
from infra.sqlite import SQLiteDocumentStore
from tests.conftest import ROOT, our_process
from tests.exams import judged, send, sit
from tests.fakes import InMemoryObjectStore, World, make_world, question

TEXT = st.text(st.characters(exclude_categories=()), max_size=300)
FIRST, LAST = datetime(1, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001 - the zone is added
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False)
    | TEXT
    | st.binary()
    | st.datetimes(FIRST, LAST, timezones=st.just(UTC)),
    lambda inner: st.lists(inner) | st.dictionaries(TEXT.filter(lambda key: not key.startswith("$")), inner),
)
DATA = st.binary(max_size=20) | st.builds(Stored, st.just("0" * 64), st.integers(0, 10**9))


# forms


@given(TEXT, TEXT)
def test_two_texts_never_share_a_name_and_a_name_is_safe_and_can_be_read_back(one: str, two: str) -> None:
    name, other = forms.name_of(one), forms.name_of(two)
    assert (name == other) == (one == two)
    assert forms.is_safe(name)
    assert "/" not in name
    assert not name.startswith(".")
    assert name.isascii()
    assert len(name) < 255
    if "~" not in name:
        assert unquote(name, errors="surrogatepass") == one


def test_nobodys_id_is_the_name_of_anothers_folder() -> None:
    long = forms.name_of("李" * 200)
    assert forms.name_of(long) != long
    assert {forms.name_of(each) for each in ("", ".", "..", "a.", "a")} == {
        f"~{forms.name_of('').removeprefix('~')}",
        "%2E",
        "%2E%2E",
        "a%2E",
        "a",
    }


@given(VALUES)
def test_whatever_a_document_holds_is_one_line_that_says_it_again(value: object) -> None:
    line = forms.text_of(value)
    assert line.count(b"\n") == 1
    assert forms.value_of(line) == value
    assert forms.text_of(forms.value_of(line)) == line
    assert list(forms.lines_of(line * 3)) == [line] * 3


@given(st.lists(st.builds(TestCase, DATA, DATA, st.booleans()), max_size=4), TEXT)
def test_a_question_is_the_same_after_it_was_written_and_read(tests: list[TestCase], statement: str) -> None:
    written = Question(
        "q",
        "Title",
        statement,
        tuple(tests),
        Limits(cpu_seconds=1.5),
        ("cpp", "python"),
        "float_tolerance 1e-6",
        50,
        True,
        Validator("python", "exit(42)", ("a", "b")),
        (("java", 2.0),),
        Group("sum", (), (Group("min", ((0, 1.0), (1, 2.5))), Group("sum"))),
        "version",
    )
    for each in (written, question(tests=4, version="v")):
        assert forms.question_of(forms.question_text(each)) == each


@given(st.lists(st.builds(Entry, TEXT.map(forms.name_of), st.integers(0, 10**9), st.just("0" * 64)), max_size=5))
def test_a_manifest_is_the_same_after_it_was_written_and_read(files: list[Entry]) -> None:
    manifest = Manifest("exam", {"attempts": 1}, ("x",), tuple(sorted(files, key=lambda each: each.path)))
    assert forms.manifest_of(forms.manifest_text(manifest)) == manifest


@pytest.mark.parametrize("path", ["", "/etc/passwd", "a/../b", "../a", "a//b", "a/", "./a", "a\0b", "a\\b"])
def test_a_manifest_that_names_what_is_elsewhere_is_refused(path: str) -> None:
    text = forms.manifest_text(Manifest("exam", {}, (), (Entry(path, 1, "0" * 64),)))
    with pytest.raises(ValueError, match="elsewhere"):
        forms.manifest_of(text)


def test_parts_of_an_attempt_are_told_from_other_attempts() -> None:
    ids = ("a", "a-b", "ab", "b", "李" * 100)
    paths = [forms.attempt_path(name, part) for name in ids for part in (1, 2, 10)]
    manifest = Manifest("exam", {}, (), tuple(Entry(path, 0, "") for path in sorted(paths)))
    assert forms.attempts_of(manifest) == {
        forms.attempt_path(name, 1): [forms.attempt_path(name, part) for part in (1, 2, 10)] for name in ids
    }


# places


def test_a_folder_that_is_made_here_is_for_nobody_elses_eyes(tmp_path: Path) -> None:
    place = Folder(tmp_path / "new" / "archive")
    place.put("a/b.txt", b"x")
    assert (tmp_path / "new" / "archive").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "new" / "archive" / "a" / "b.txt").stat().st_mode & 0o777 == 0o600
    assert place.get("a") is None
    place.delete("a/b.txt")
    assert not (tmp_path / "new" / "archive" / "a").exists()
    place.delete("a/b.txt")


def test_a_bucket_keeps_to_its_prefix_and_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    objects = InMemoryObjectStore({"archivesque": b""})
    place = Bucket(objects, "/archive/")
    place.put("a", b"x")
    assert set(objects.objects) == {"archive/a", "archivesque"}
    assert list(place.paths()) == ["a"]
    objects.away = True

    def comes_back(seconds: float) -> None:
        objects.away = False

    monkeypatch.setattr(time, "sleep", comes_back)
    assert place.get("a") == b"x"


def test_nowhere_keeps_nothing() -> None:
    place = Nowhere()
    place.put("a", b"x")
    place.delete("a")
    place.settle()
    assert (place.get("a"), list(place.paths())) == (None, [])


# the command line


@dataclass
class LocalStack:
    """A stack that was started, as the command line finds it."""

    root: Path
    path: str
    world: World

    def run(self, *words: str, answer: str | None = None) -> Result:
        return CliRunner().invoke(cli, words, input=answer)


@pytest.fixture
def local(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalStack]:
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setenv("PORT", "18090")
    stack = environment.read({"PORT": "18090"})
    store = str(stack.state / "store.sqlite")
    made = environment.functions_environment(stack, {"SQLITE_PATH": store})
    environment.write_environment_file(
        stack, {name: value for name, value in made.items() if not name.startswith("OBJECT_STORE")}
    )
    opened: list[SQLiteDocumentStore] = []

    def open_store(config: object) -> SQLiteDocumentStore:
        opened.append(SQLiteDocumentStore(store))
        return opened[-1]

    monkeypatch.setattr(environment, "document_store", open_store)
    with closing(SQLiteDocumentStore(store)) as kept:
        yield LocalStack(tmp_path, store, make_world(kept))
    for each in opened:
        each.close()


def test_an_exam_is_exported_verified_deleted_and_brought_back(local: LocalStack, tmp_path: Path) -> None:
    send(local.world.store, [judged(number, "alice", "attempt-alice") for number in range(3)])
    place = str(tmp_path / "archive")
    exported = local.run("export", "--exam", "exam", "--to", place)
    counts = "2 attempts, 3 submissions, 0 unjudged, 1 questions, 0 objects, 1 sources, 2 earlier"
    assert (exported.exit_code, exported.stdout) == (0, f"exported exam: {counts}\n")
    assert local.run("export", "--verify", place).stdout == f"{place} is whole\n"
    again = local.run("export", "--exam", "exam", "--to", place)
    assert (again.exit_code, again.stdout) == (0, f"{place} holds just that already, whole: {counts}\n")
    kept = local.run("exams", "delete", "exam", "--archive", place, answer="n\n")
    assert kept.exit_code == 1
    assert "Delete exam exam for good (2 attempts, 3 submissions, 0 rejudged)?" in kept.stderr
    assert local.run("exams", "status", "exam").exit_code == 0
    deleted = local.run("exams", "delete", "exam", "--archive", place, "--yes")
    assert deleted.stdout == "deleted exam exam: 2 attempts, 3 submissions, 0 rejudged\n"
    gone = local.run("exams", "delete", "exam", "--archive", place, "--yes")
    assert (gone.exit_code, gone.stderr) == (1, "Error: no such exam: exam\n")
    back = local.run("import-archive", place)
    assert back.stdout == "imported exam: 6 written, 1 were there already\n"
    assert local.run("import-archive", place).stdout == "imported exam: 0 written, 7 were there already\n"


def test_what_an_archive_holds_can_be_left_to_firestore_to_delete(local: LocalStack, tmp_path: Path) -> None:
    store = local.world.store
    send(store, [judged(number, "alice", "attempt-alice") for number in range(2)])
    place = str(tmp_path / "archive")
    marking = ("exams", "delete", "exam", "--archive", place, "--submissions-in-days", "90")
    assert local.run(*marking).exit_code == 1, "there is no archive yet"
    local.run("export", "--exam", "exam", "--to", place)
    marked = local.run(*marking)
    assert marked.stdout.startswith("2 submissions of exam go by themselves after 2")
    found = store.find(Query(records.SUBMISSIONS))
    assert {(each.fields[records.DELETE_AT] - datetime.now(UTC)).days for each in found} <= {89, 90}
    assert [records.submission_of(each).status for each in found] == [Status.COMPLETED] * 2
    assert local.run(*marking).exit_code == 0, "said again, also of what is marked already"
    assert "holds just that already" in local.run("export", "--exam", "exam", "--to", place).stdout
    send(store, [judged(7, "alice", "attempt-alice")])
    newer = local.run(*marking)
    assert (newer.exit_code, "is not in the archive" in newer.stderr) == (1, True)


def test_damage_is_told_line_by_line_and_in_the_exit_code(local: LocalStack, tmp_path: Path) -> None:
    local.run("export", "--exam", "exam", "--to", str(tmp_path / "archive"))
    (tmp_path / "archive" / "scores.csv").unlink()
    (tmp_path / "archive" / "more\n").touch()
    result = local.run("export", "--verify", str(tmp_path / "archive"))
    assert (result.exit_code, result.stdout) == (1, "missing  scores.csv\nsurplus  'more\\n'\n")
    assert result.stderr.endswith("is not whole: 2 findings\n")


def test_what_is_missing_is_told(local: LocalStack, tmp_path: Path) -> None:
    send(local.world.store, [judged(1, "alice", "attempt-alice", question_version="v0")])
    words = ("export", "--exam", "exam", "--to", str(tmp_path / "archive"))
    refused = local.run(*words)
    missing = "question echo, version v0"
    assert refused.stderr == f"Error: {missing}, is missing or damaged; --anyway leaves it out\n"
    assert local.run(*words, "--anyway").stderr == f"missing  {missing}\n"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--exam", "exam"],
        ["--to", "x"],
        ["--to", "x", "--verify", "x"],
        ["--exam", "exam", "--verify", "x"],
        ["--verify", "s3://"],
    ],
)
def test_half_a_command_is_refused(local: LocalStack, words: list[str]) -> None:
    assert local.run("export", *words).exit_code == 2


def test_a_bucket_needs_the_settings_of_one(local: LocalStack) -> None:
    result = local.run("export", "--verify", "s3://bucket/prefix")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: not set: OBJECT_STORE_ENDPOINT")


def test_a_bucket_is_a_place_too(local: LocalStack) -> None:
    send(local.world.store, [judged(1, "alice", "attempt-alice")])
    with our_process("infra.local.object_store") as url:
        stack = environment.read({"PORT": "18090"})
        made = environment.functions_environment(stack, {"SQLITE_PATH": local.path})
        environment.write_environment_file(stack, {**made, "OBJECT_STORE_ENDPOINT": url})
        place = f"s3://{environment.BUCKET}/archives/exam"
        for words, told in (
            (["export", "--exam", "exam", "--to", place], "exported exam: 2 attempts"),
            (["export", "--verify", place], f"{place} is whole"),
            (["exams", "delete", "exam", "--archive", place, "--yes"], "deleted exam exam: 2 attempts"),
            (["import-archive", place], "imported exam: 4 written"),
        ):
            result = local.run(*words)
            assert (result.exit_code, result.stdout[: len(told)]) == (0, told)


# a process of its own


PROCESS = """
import sys
from pathlib import Path
from infra.local import environment
environment.ROOT = Path(sys.argv[1])
from infra.admin.__main__ import cli
for line in sys.argv[2:]:
    cli(line.split(), standalone_mode=False)
# Not resource.getrusage: Linux counts there what the parent had before it became this program.
high = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
print("peak", high[0].split()[1])
"""


def start(local: LocalStack, *lines: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(local.root), *lines], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )


def test_killed_again_and_again_it_goes_on_to_the_very_same_archive(local: LocalStack, tmp_path: Path) -> None:
    store = local.world.store
    sit(store, [Attempt(f"a{number:03}", f"student {number}", "exam") for number in range(100)])
    send(store, [judged(number, f"student {number % 100}", f"a{number % 100:03}") for number in range(600)])
    whole, place = tmp_path / "whole", tmp_path / "killed"
    export(replace(local.world.service, objects=None), "exam", Folder(whole))
    rng, killed = random.Random(7), 0
    for number in range(5):
        wanted = (number + rng.random()) * 100  # of about 800 files
        with start(local, f"export --exam exam --to {place}") as process:
            while process.poll() is None and files_under(place) < wanted:
                time.sleep(rng.uniform(0.001, 0.01))
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
    assert killed >= 3
    with start(local, f"export --exam exam --to {place}") as process:
        assert process.wait() == 0
    assert trees(place) == trees(whole)
    assert list(verifying.findings(Folder(place))) == []


def files_under(folder: Path) -> int:
    return sum(len(names) for _, _, names in os.walk(folder))


def trees(folder: Path) -> dict[str, bytes]:
    place = Folder(folder)
    return {path: place.get(path) or b"" for path in place.paths()}


def test_an_export_of_ten_thousand_submissions_takes_no_more_memory_than_one_of_a_thousand(
    local: LocalStack, tmp_path: Path
) -> None:
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of a process's memory is read from Linux's /proc")
    store = local.world.store
    code = "# a program of three kilobytes\n" + "print('line')\n" * 220
    peaks, seconds = {}, {}
    for first, last in ((0, 1_000), (1_000, 10_000)):
        sit(store, [Attempt(f"a{number:03}", f"s{number}", "exam") for number in range(first // 20, last // 20)])
        send(store, (judged(n, f"s{n // 20}", f"a{n // 20:03}", code=code) for n in range(first, last)))
        begun = time.monotonic()
        place = tmp_path / str(last)
        with start(local, f"export --exam exam --to {place}", f"export --verify {place}") as process:
            printed = process.communicate()[0]
        seconds[last] = time.monotonic() - begun
        assert f"{last} submissions" in printed
        assert f"{place} is whole" in printed
        peaks[last] = int(printed.rpartition("peak ")[2])
    for number, peak in peaks.items():
        print(f"{number} submissions exported and verified: {peak / 1024:.1f} MiB at most, {seconds[number]:.1f} s")
    assert peaks[10_000] < 1.3 * peaks[1_000]
