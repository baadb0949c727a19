"""An exam's scores as a table: `python -m infra.admin scores`, and the archive's scores.csv."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from functions import records
from functions.domain.exam import Exam
from functions.domain.scoring import Scored, counting
from functions.domain.submission import RunType, Status
from functions.ports import Condition, Query
from functions.service import Service
from infra.admin.archive.reading import SMALL_AT_ONCE, each, of_exam

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet may take a cell for that begins so (OWASP, "CSV Injection")."""
NOT_IN_XLSX = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")

JUDGED: tuple[Condition, ...] = (("run_type", "==", str(RunType.SUBMIT)), ("status", "==", str(Status.COMPLETED)))

Cell = str | int | None


@dataclass(frozen=True)
class Row:
    """One attempt; ``scores`` holds (score, points) of the Submit that counts, by question."""

    attempt_id: str
    student: str
    scores: Mapping[str, tuple[int, int]]


def counted(completed: Iterable[Scored], counts: str) -> dict[str, Scored]:
    """Of one attempt's completed Submits those that count, by question."""
    by_question: dict[str, list[Scored]] = {}
    for scored in completed:
        by_question.setdefault(scored.question_id, []).append(scored)
    found = {question_id: counting(those, counts) for question_id, those in sorted(by_question.items())}
    return {question_id: best for question_id, best in found.items() if best is not None}


def points_of(service: Service, question_ids: Sequence[str]) -> dict[str, int]:
    """What each question can give now; 0 where it is not there. In the order of ``question_ids``."""
    paths = [f"{records.QUESTIONS}/{question_id}" for question_id in question_ids]
    found = service.store.get(*paths) if paths else []
    return {
        question_id: 0 if document is None else document.fields["points"]
        for question_id, document in zip(question_ids, found, strict=True)
    }


def table(points: Mapping[str, int], rows: Iterable[Row]) -> Iterator[list[Cell]]:
    """A head, and a line for each attempt. An empty cell: nothing was judged; it gives no points, as a 0.

    What is possible is, for a question with a score, what it gave when that was sent.
    """
    yield ["attempt", "student", *(f"{question_id} ({most})" for question_id, most in points.items()), "total", "of"]
    for row in rows:
        cells = [row.scores.get(question_id, (None, most)) for question_id, most in points.items()]
        total = sum(score or 0 for score, _ in cells)
        yield [row.attempt_id, row.student, *(score for score, _ in cells), total, sum(most for _, most in cells)]


def csv_bytes(lines: Iterable[Sequence[Cell]]) -> bytes:
    """UTF-8, as RFC 4180 says. An apostrophe stands before what would be a formula."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")  # Python's writer quotes only those line ends that it makes
    for line in lines:
        writer.writerow(f"'{cell}" if isinstance(cell, str) and cell.startswith(FORMULA) else cell for cell in line)
    return text.getvalue().encode(errors="backslashreplace")


def write_xlsx(lines: Iterable[Sequence[Cell]], title: str, file: Path) -> None:
    """All texts as texts, whatever they look like; what XML cannot hold becomes U+FFFD."""
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell
    from openpyxl.styles import Font

    book = Workbook(write_only=True)
    sheet = book.create_sheet(re.sub(r"[\\*?:/\[\]]", "_", title)[:31] or "scores")
    sheet.freeze_panes = "C2"
    sheet.column_dimensions["A"].width = sheet.column_dimensions["B"].width = 30
    for number, line in enumerate(lines):
        cells = []
        for value in line:
            cell = WriteOnlyCell(sheet, NOT_IN_XLSX.sub("\ufffd", value) if isinstance(value, str) else value)
            if isinstance(value, str):
                cell.data_type = "s"  # else "=1+1" were a formula and "#N/A" an error
            if number == 0:
                cell.font = Font(bold=True)
            cells.append(cell)
        sheet.append(cells)
    book.save(file)


def asked_in(service: Service, exam: Exam) -> list[str]:
    """The exam's questions in its order; where it names none, those that have a judged Submit, sorted."""
    if exam.question_ids is not None:
        return list(exam.question_ids)
    query = Query(records.SUBMISSIONS, of_exam(exam.exam_id, *JUDGED), select=("question_id",))
    return sorted({document.fields["question_id"] for document in each(service.store, query, SMALL_AT_ONCE)})


def rows_of(service: Service, exam: Exam) -> Iterator[Row]:
    """Each attempt by its id, one after the other."""
    for attempt in each(service.store, Query(records.ATTEMPTS, of_exam(exam.exam_id)), SMALL_AT_ONCE):
        query = Query(
            records.SUBMISSIONS,
            (("attempt_id", "==", attempt.document_id), *JUDGED),
            select=("question_id", "score", "points", "created_at"),
        )
        best = counted(map(records.scored_of, each(service.store, query, SMALL_AT_ONCE)), exam.counts)
        scores = {question_id: (scored.score, scored.points) for question_id, scored in best.items()}
        yield Row(attempt.document_id, attempt.fields["student"], scores)
