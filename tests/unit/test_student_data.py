"""The commands around one student's data; what they do over every store is in `tests/contract/test_student_data.py`."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from functions import records
from functions.claims import claim, look
from functions.domain.submission import RunType
from functions.ports import Create, Document, Query, Unavailable
from infra.admin import student_data
from infra.admin.__main__ import cli
from infra.admin.context import Context
from tests.fakes import World

Run = Callable[..., Result]
RECORDS = Query(records.DATA_REQUESTS)


@pytest.fixture
def run(world: World, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setattr(Context, "service", world.service)

    def invoke(*words: str, typed: str | None = None) -> Result:
        return CliRunner().invoke(cli, ["student", *words], input=typed, env={"COLUMNS": "120"})

    return invoke


def everything(world: World) -> list[Document]:
    return [each for name in student_data.HELD for each in world.store.find(Query(name))]


def test_an_export_is_one_json_object_that_a_person_can_read(world: World, run: Run) -> None:
    sent = world.submit(code="print('Zoë')\n")
    result = run("export", "alice")
    assert (result.exit_code, result.stderr) == (0, "exported 1 attempts, 1 submissions, 0 rejudged\n")
    export = json.loads(result.stdout)
    assert list(export) == [
        "student",
        "exported_at",
        "attempts",
        "submissions",
        "rejudged",
        "whole_outputs",
        "data_requests",
    ]
    assert (export["student"], export["exported_at"]) == ("alice", "2026-06-01T12:00:00Z")
    [submission] = export["submissions"]
    assert submission["id"] == sent.submission_id
    assert (submission["code"], submission["created_at"]) == ("print('Zoë')\n", "2026-06-01T12:00:00Z")
    lines = result.stdout.splitlines()
    assert '   "code": "print(\'Zoë\')\\n",' in lines
    assert (lines[0], lines[-1]) == ("{", "}")


def test_whatever_a_document_can_hold_comes_out_of_an_export_as_it_was(world: World, run: Run) -> None:
    odd = 'a"b\\c\n\r\t\x00\x1f\x7f\x85\u2028\u2029\ufeff😀 \ud800 {"x": [1,\n2]}'
    fields: dict[str, Any] = {"student": "alice", "status": "completed", "odd": odd, odd[:5]: [odd, {"deep": [odd]}]}
    world.store.commit(Create("submissions/odd", {**fields, "raw": b"\x00\xff", "when": world.clock.now()}))
    result = run("export", "alice")
    [submission] = json.loads(result.stdout_bytes)["submissions"]
    raw, when = submission.pop("raw"), submission.pop("when")
    assert (base64.b64decode(raw["base64"]), when) == (b"\x00\xff", "2026-06-01T12:00:00Z")
    assert submission == {"id": "odd", **fields}


def test_an_export_tells_of_the_students_earlier_ones(world: World, run: Run) -> None:
    run("export", "bob")
    run("export", "alice")
    world.clock.sleep(60)
    [earlier] = json.loads(run("export", "alice").stdout)["data_requests"]
    assert (earlier["kind"], earlier["begun_at"], earlier["done_at"]) == ("export", *["2026-06-01T12:00:00Z"] * 2)
    assert earlier["counts"] == {"attempts": 1, "submissions": 0, "rejudged": 0}
    assert len(world.store.find(RECORDS)) == 3


def test_a_file_takes_its_name_once_it_is_whole_and_nobody_else_can_read_it(
    world: World, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / f"{'é' * 125}.json"
    assert run("export", "alice", "--to", str(file)).stdout == ""
    assert file.stat().st_mode & 0o777 == 0o600
    first = file.read_bytes()
    assert json.loads(first)["student"] == "alice"

    def away(query: Query) -> list[Document]:
        if query.collection == records.REJUDGED:
            raise Unavailable("the store is away")
        return find(query)

    find = world.store.find
    monkeypatch.setattr(world.store, "find", away)
    result = run("export", "alice", "--to", str(file))
    assert (result.exit_code, result.stderr) == (1, "Error: the store is away\n")
    assert file.read_bytes() == first
    assert list(tmp_path.iterdir()) == [file]
    monkeypatch.setattr(world.store, "find", find)
    run("export", "alice", "--to", str(file))
    assert len(json.loads(file.read_bytes())["data_requests"]) == 2


@pytest.mark.parametrize("place", ["", "no such folder/a.json"])
def test_where_no_file_can_be_one_line_says_so_and_nothing_is_recorded(
    world: World, run: Run, tmp_path: Path, place: str
) -> None:
    result = run("export", "alice", "--to", str(tmp_path / place))
    assert result.exit_code in (1, 2)
    assert "Traceback" not in result.output
    assert world.store.find(RECORDS) == []


@pytest.mark.parametrize("words", [["export", "nobody"], ["erase", "nobody"], ["erase", "nobody", "--yes"]])
def test_a_student_whom_nobody_knows_is_told_in_one_line(world: World, run: Run, words: list[str]) -> None:
    result = run(*words)
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", "Error: no data of nobody\n")
    assert world.store.find(RECORDS) == []


def test_what_can_be_no_id_is_told_in_one_line(run: Run) -> None:
    for words in (["export", "\udcff"], ["erase", "\udcff"], ["requests", "\udcff"]):
        result = run(*words)
        assert (result.exit_code, result.stderr) == (1, "Error: the student's id is not UTF-8\n")


def test_erasing_asks_first_and_says_what_would_go(world: World, run: Run) -> None:
    world.submit()
    before = everything(world)
    question = "Erase for good all data of alice (1 attempts, 1 submissions, 0 rejudged)? [y/N]: "
    for typed in ("n\n", "\n", ""):
        result = run("erase", "alice", typed=typed)
        assert (result.exit_code, result.stdout) == (1, "")
        assert result.stderr.startswith(question)
    assert everything(world) == before
    assert world.store.find(RECORDS) == []
    result = run("erase", "alice", typed="y\n")
    assert (result.exit_code, result.stdout) == (0, "erased 1 attempts, 1 submissions\n")
    assert {each.fields["student"] for each in everything(world)} == {"bob"}


def test_what_was_erased_is_unknown_but_that_it_was_done_is_not(world: World, run: Run) -> None:
    assert run("requests").stdout == "nothing was exported or erased\n"
    run("export", "alice")
    world.clock.sleep(60)
    assert run("erase", "alice", "--yes").exit_code == 0
    assert run("export", "alice").stderr == "Error: no data of alice\n"
    run("export", "bob")
    digest = hashlib.sha256(b"alice").hexdigest()
    asked, all_of_them = run("requests", "alice").stdout, run("requests").stdout
    assert asked.count(digest[:16]) == 2
    assert "2026-06-01 12:01:00Z" in asked
    assert "1 attempts" in asked
    assert (all_of_them.count("export"), all_of_them.count("erase ")) == (2, 1)
    assert run("requests", "carol").stdout == "nothing was exported or erased\n"
    kept = world.store.find(RECORDS)
    assert "alice" not in str(kept)
    assert {each.fields["student_hash"] for each in kept} == {digest, hashlib.sha256(b"bob").hexdigest()}


def test_an_erasure_that_was_interrupted_is_shown_and_finished(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.submit()
    commit, commits = world.store.commit, iter(range(100))

    def interrupted(*writes: Any) -> list[object]:
        if next(commits) == 3:  # after the record, the attempt and the submission
            raise Unavailable("the store is away")
        return commit(*writes)

    monkeypatch.setattr(world.store, "commit", interrupted)
    assert run("erase", "alice", "--yes").stderr == "Error: the store is away\n"
    assert {each.fields["student"] for each in everything(world)} == {"bob"}
    assert "interrupted: erase it again" in run("requests", "alice").stdout
    world.clock.sleep(60)
    assert run("erase", "alice", "--yes").stdout == "erased 1 attempts, 1 submissions\n"
    [record] = student_data.requests(world.service, "alice")
    assert record.done_at is not None
    assert (record.done_at - record.begun_at).total_seconds() == 60


def test_an_export_that_was_interrupted_is_no_erasure_to_be_finished(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setattr(student_data, "_json", lambda *_: 1 / 0)
        assert isinstance(run("export", "alice").exception, ZeroDivisionError)
    assert " interrupted " in run("requests", "alice").stdout
    world.clock.sleep(1)
    run("erase", "alice", "--yes")
    assert [(each.kind, each.done_at is None) for each in student_data.requests(world.service, "alice")] == [
        ("export", True),
        ("erase", False),
    ]


def test_requests_come_in_the_order_in_which_they_were_made(world: World, run: Run) -> None:
    for _ in range(8):
        run("export", "alice")
        world.clock.sleep(1)
    begun = [each.begun_at for each in student_data.requests(world.service, None)]
    assert begun == sorted(begun)
    assert len(begun) == 8


def test_what_is_being_judged_is_said_before_anything_is_asked(world: World, run: Run) -> None:
    world.submit()
    seen = look(world.service, RunType.SUBMIT)
    assert seen is not None
    assert claim(world.service, seen) is not None
    result = run("erase", "alice")
    assert result.exit_code == 1
    assert result.stderr == "Error: a submission of alice is being judged: say it again in a minute\n"


def test_an_id_that_looks_like_an_option_comes_after_two_dashes(run: Run) -> None:
    assert run("export", "--", "--yes").stderr == "Error: no data of --yes\n"
