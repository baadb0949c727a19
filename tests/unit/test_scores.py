"""An exam's scores as a table."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from zipfile import ZipFile

import pytest
from openpyxl import load_workbook

from functions import records
from functions.domain.exam import Attempt, Exam
from functions.domain.submission import RunType, Status
from functions.ports import Put
from infra.admin import scores
from infra.admin.scores import Row
from tests.exams import judged, send, sit
from tests.fakes import World

FORMULAS = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0")


def table(world: World) -> list[list[scores.Cell]]:
    document = world.store.get("exams/exam")[0]
    assert document is not None
    exam = records.exam_of(document)
    points = scores.points_of(world.service, scores.asked_in(world.service, exam))
    return list(scores.table(points, scores.rows_of(world.service, exam)))


def set_exam(world: World, **changes: object) -> None:
    world.store.commit(Put("exams/exam", records.exam_fields(Exam("exam", "An exam", **changes))))  # type: ignore[arg-type]


def test_each_attempt_has_a_line_with_what_counts_and_what_was_possible(world: World) -> None:
    alice = "attempt-alice"
    send(
        world.store,
        [
            judged(1, "alice", alice, score=80),
            judged(2, "alice", alice, score=30),
            judged(3, "alice", alice, question_id="sum", score=0, points=10),
            judged(4, "alice", alice, score=100, status=Status.FAILED),
            judged(5, "alice", alice, score=100, run_type=RunType.RUN),
        ],
    )
    assert table(world) == [
        ["attempt", "student", "echo (100)", "sum (0)", "total", "of"],
        [alice, "alice", 80, 0, 80, 110],
        ["attempt-bob", "bob", None, None, 0, 100],
    ]
    set_exam(world, counts="last", question_ids=("sum", "echo"))
    assert table(world)[:2] == [
        ["attempt", "student", "sum (0)", "echo (100)", "total", "of"],
        [alice, "alice", 0, 30, 30, 110],
    ]


def test_more_attempts_and_submissions_than_are_read_at_once_are_all_there(world: World) -> None:
    sit(world.store, [Attempt(f"a{number:03}", f"s{number}", "exam") for number in range(401)])
    send(world.store, [judged(number, "s0", "a000", score=number % 100) for number in range(401)])
    lines = table(world)
    assert len(lines) == 1 + 401 + 2
    assert lines[1] == ["a000", "s0", 99, 99, 100]


@pytest.mark.parametrize("text", FORMULAS)
def test_what_a_spreadsheet_would_compute_is_text_in_csv(text: str) -> None:
    written = scores.csv_bytes(scores.table({text: 5}, [Row("a", text, {text: (-1, 5)})])).decode()
    head, line = csv.reader(io.StringIO(written, newline=""))
    assert head[2] == f"'{text} (5)"
    assert line == ["a", f"'{text}", "-1", "-1", "5"]


def test_what_a_spreadsheet_would_compute_is_text_in_xlsx(tmp_path: Path) -> None:
    file = tmp_path / "scores.xlsx"
    odd = (*FORMULAS, "#N/A", "Åsa 李 😀", "\x00\ud800", "007", "TRUE", "x" * 200)
    rows = [Row(f"a{number}", text, {"echo": (50, 100)} if number else {}) for number, text in enumerate(odd)]
    scores.write_xlsx(scores.table({"=echo": 100, "echo": 100}, rows), "a/b[c]:d*" * 9, file)
    sheet = load_workbook(file).active
    assert sheet is not None
    cells = list(sheet.iter_rows(values_only=False))
    assert [cell.value for cell in cells[0]] == ["attempt", "student", "=echo (100)", "echo (100)", "total", "of"]
    assert {cell.data_type for line in cells for cell in line[:2]} == {"s"}
    shown = [str(line[1].value).replace("\r", "\n") for line in cells[1:]]
    assert shown == [each.replace("\x00\ud800", "\ufffd\ufffd").replace("\r", "\n") for each in odd]
    assert [cell.value for cell in cells[1][2:]] == [None, None, 0, 200]
    assert [cell.value for cell in cells[2][2:]] == [None, 50, 50, 200]
    assert b"<f>" not in ZipFile(file).read("xl/worksheets/sheet1.xml")
