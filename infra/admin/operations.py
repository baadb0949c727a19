"""What an operator does: questions, exams, attempts. Plain functions over the service's store."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import secrets
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

from functions import records
from functions.domain.exam import Attempt, Exam, window
from functions.domain.question import Question
from functions.domain.submission import Status
from functions.errors import Refusal
from functions.intake import requeue
from functions.ports import Condition, Conflict, Create, Document, Put, Query, Update, Write
from functions.questions import HEAD_SECONDS, QuestionDamaged, judges_too_long, put_question, question_version, sealed
from functions.service import Service
from infra.kattis import Package, PackageSubmission

CSV_COLUMNS = ("student", "exam", "opens_at", "closes_at")
WRITES_PER_COMMIT = 400
"""Firestore takes 500 in one batch."""
PACKAGE_CHUNKS = 10
"""They are written in one batch, so that no half of a package is ever read; a batch takes 10 MiB."""
MOST_MINUTES = 7 * 24 * 60
TRIES = 10
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
"""What the public function takes as an id, less what Firestore keeps for itself (`__x__`)."""


class OperationError(Exception):
    """What was asked cannot be done; the message is one sentence for the operator."""


def import_package(service: Service, package: Package) -> bool:
    """Write a question with its package's own submissions; False where this very version was there already.

    Raises OperationError.
    """
    question = sealed(service, package.question)
    too_long = judges_too_long(service, question)
    if too_long is not None:
        raise OperationError(f"{question.question_id}: {too_long}")
    writes = _package_writes(service, package)
    known = service.store.get(f"{records.QUESTIONS}/{question.question_id}")[0]
    unchanged = known is not None and known.fields["version"] == question.version and _is_whole(service, question)
    if not unchanged:
        put_question(service, question)
    service.store.commit(*writes)
    return not unchanged


def _is_whole(service: Service, question: Question) -> bool:
    """Importing a question again mends it where a part of its tests was lost."""
    try:
        question_version(service, question.question_id, question.version)
    except QuestionDamaged:
        return False
    return True


def _package_writes(service: Service, package: Package) -> list[Write]:
    """Beside the question, so that `questions verify` needs no folder later."""
    question_id = package.question.question_id
    chunks = records.package_chunks([{**asdict(each), "path": each.path.as_posix()} for each in package.submissions])
    if len(chunks) > PACKAGE_CHUNKS:
        raise OperationError(f"{question_id}: its own submissions are too large to keep")
    imported_at = service.clock.now()
    return [
        Put(records.package_path(question_id, number), {**chunk, "imported_at": imported_at})
        for number, chunk in enumerate(chunks)
    ]


def load_submissions(service: Service, question_id: str) -> list[PackageSubmission]:
    """The submissions that came with the question's package; none where it had none.

    Raises OperationError where the question was not imported from a package, or its submissions are damaged.
    """
    first = _package(service, question_id)
    paths = [records.package_path(question_id, number) for number in range(1, first.fields["chunks"])]
    chunks = [first, *(service.store.get(path)[0] for path in paths)]
    try:
        kept = records.package_of_chunks([chunk.fields["payload"] for chunk in chunks if chunk is not None])
    except ValueError:
        raise OperationError(f"{question_id}: its own submissions are damaged; import it again") from None
    return [PackageSubmission(**{**each, "path": Path(each["path"])}) for each in kept]


def imported_questions(service: Service) -> list[str]:
    """The ids of all questions that were imported from a package, sorted."""
    chunks = service.store.find(Query(records.PACKAGES, select=("chunks",)))
    return sorted({chunk.document_id.rpartition("-")[0] for chunk in chunks})


def seconds_until_seen(service: Service, question_id: str) -> float:
    """How long the public function may still know an older version of the question (it keeps one for 5 s).

    Raises OperationError where the question was not imported.
    """
    imported_at: datetime = _package(service, question_id).fields["imported_at"]
    age = (service.clock.now() - imported_at).total_seconds()
    return min(HEAD_SECONDS, max(0.0, HEAD_SECONDS - age))


def _package(service: Service, question_id: str) -> Document:
    require_identifier("question", question_id)
    document = service.store.get(records.package_path(question_id, 0))[0]
    if document is None:
        raise OperationError(f"{question_id}: no such question was imported")
    return document


def create_exam(service: Service, exam: Exam) -> None:
    """Raises OperationError where it exists, names an unknown question or ends before it begins."""
    require_identifier("exam", exam.exam_id)
    _require_order(exam.opens_at, exam.closes_at, "")
    for question_id in exam.question_ids or ():
        require_identifier("question", question_id)
    paths = [f"{records.QUESTIONS}/{question_id}" for question_id in exam.question_ids or ()]
    found = service.store.get(*paths) if paths else []
    missing = [path.rpartition("/")[2] for path, document in zip(paths, found, strict=True) if document is None]
    if missing:
        raise OperationError(f"no such question: {', '.join(missing)}")
    try:
        service.store.commit(Create(f"{records.EXAMS}/{exam.exam_id}", records.exam_fields(exam)))
    except Conflict:
        raise OperationError(f"exam {exam.exam_id} exists") from None


def exams_without_a_list(service: Service) -> list[str]:
    """Exams of any question: their students can read and submit to those of exams that have not begun, too."""
    found = map(records.exam_of, service.store.find(Query(records.EXAMS)))
    return sorted(exam.exam_id for exam in found if exam.question_ids is None)


def ensure_exam(service: Service, exam_id: str) -> None:
    """Make the exam, with any question and no end, where it is missing. Raises OperationError for what is no id."""
    require_identifier("exam", exam_id)
    path = f"{records.EXAMS}/{exam_id}"
    if service.store.get(path) == [None]:
        try:
            service.store.commit(Create(path, records.exam_fields(Exam(exam_id, exam_id))))
        except Conflict:
            return  # somebody else has just made it


def create_attempt(service: Service, attempt: Attempt) -> None:
    """Raises OperationError where it exists, its exam does not, or it has no student."""
    require_identifier("attempt", attempt.attempt_id)
    if not attempt.student.strip():
        raise OperationError("an attempt needs a student")
    _existing(service, records.EXAMS, attempt.exam_id, "exam")
    try:
        service.store.commit(Create(f"{records.ATTEMPTS}/{attempt.attempt_id}", records.attempt_fields(attempt)))
    except Conflict:
        raise OperationError(f"attempt {attempt.attempt_id} exists") from None


def new_attempt_id() -> str:
    return f"attempt-{secrets.token_hex(5)}"


def import_attempts(service: Service, csv_text: str) -> list[Attempt]:
    """Make or change one attempt per line; the same student and exam always give the same attempt.

    Every line is checked before anything is written. Importing again sets the times to what the file says, an
    extension given in between included. Raises OperationError naming the line.
    """
    attempts: dict[str, Attempt] = {}
    lines: dict[str, int] = {}
    exams: dict[str, Exam] = {}
    for line, row in _rows(csv_text):
        attempt = _attempt_of(line, row)
        try:
            if attempt.exam_id not in exams:
                found = _existing(service, records.EXAMS, attempt.exam_id, "exam")
                exams[attempt.exam_id] = records.exam_of(found)
        except OperationError as error:
            raise OperationError(f"line {line}: {error}") from None
        _require_order(*window(exams[attempt.exam_id], attempt), f"line {line}: ")
        if attempt.attempt_id in attempts:
            first = lines[attempt.attempt_id]
            raise OperationError(f"line {line}: {attempt.student} has this exam already on line {first}")
        attempts[attempt.attempt_id], lines[attempt.attempt_id] = attempt, line
    wanted = list(attempts.values())
    for start in range(0, len(wanted), WRITES_PER_COMMIT):
        _write_attempts(service, wanted[start : start + WRITES_PER_COMMIT])
    return wanted


def _rows(csv_text: str) -> list[tuple[int, list[str]]]:
    """Each row that is not empty, with the line on which it ends."""
    reader = csv.reader(io.StringIO(csv_text, newline=""), strict=True)
    try:
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(map(str.strip, row))]
    except csv.Error as error:
        raise OperationError(f"line {reader.line_num}: {error}") from None
    if not rows or tuple(rows[0][1]) != CSV_COLUMNS:
        raise OperationError(f"line 1: must be {','.join(CSV_COLUMNS)}")
    return rows[1:]


def _attempt_of(line: int, row: Sequence[str]) -> Attempt:
    if len(row) != len(CSV_COLUMNS):
        raise OperationError(f"line {line}: {len(row)} columns, where {len(CSV_COLUMNS)} are right")
    student, exam_id = row[0], row[1]
    if not student or not exam_id:
        raise OperationError(f"line {line}: student and exam must not be empty")
    digest = hashlib.sha256(f"{len(student)}:{student}{exam_id}".encode()).hexdigest()[:16]
    opens_at, closes_at = (
        _time(line, name, text) if text else None for name, text in zip(CSV_COLUMNS[2:], row[2:], strict=True)
    )
    return Attempt(f"{exam_id[:64]}-{digest}", student, exam_id, opens_at, closes_at)


def _time(line: int, column: str, text: str) -> datetime:
    try:
        return parse_time(text)
    except ValueError as error:
        raise OperationError(f"line {line}: {column}: {error}") from None


def parse_time(text: str) -> datetime:
    """RFC 3339, which includes a zone; in UTC. Raises ValueError with what would be right."""
    try:
        if RFC_3339.fullmatch(text):
            return datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f"{text!r} is no RFC 3339 time with a zone, such as 2026-06-01T09:00:00+02:00")


def _write_attempts(service: Service, attempts: Sequence[Attempt]) -> None:
    paths = [f"{records.ATTEMPTS}/{attempt.attempt_id}" for attempt in attempts]
    for _ in range(TRIES):
        writes: list[Write] = []
        for attempt, path, document in zip(attempts, paths, service.store.get(*paths), strict=True):
            if document is None:
                writes.append(Create(path, records.attempt_fields(attempt)))
            else:  # these two fields alone and whatever the version: intake rewrites the others all the time
                writes.append(Update(path, {"opens_at": attempt.opens_at, "closes_at": attempt.closes_at}))
        try:
            service.store.commit(*writes)
        except Conflict:
            continue  # an attempt has just been made, perhaps by our own commit whose answer was lost
        return
    raise OperationError("the attempts keep changing while they are imported: try again")


def extend_attempt(service: Service, attempt_id: str, minutes: float) -> datetime:
    """Give one attempt more time; its new end, counted from its own end or else the exam's.

    Raises OperationError where neither has an end, or there is no such attempt.
    """
    if not 0 < minutes <= MOST_MINUTES:
        raise OperationError(f"an extension is more than 0 and at most {MOST_MINUTES} minutes")
    wanted: datetime | None = None
    for _ in range(TRIES):
        document = _existing(service, records.ATTEMPTS, attempt_id, "attempt")
        attempt = records.attempt_of(document)
        if wanted is not None and attempt.closes_at == wanted:
            return wanted  # the conflict was with our own commit, whose answer was lost
        exam = records.exam_of(_existing(service, records.EXAMS, attempt.exam_id, "exam"))
        closes_at = window(exam, attempt)[1]
        if closes_at is None:
            raise OperationError(f"attempt {attempt_id} has no end to extend, and neither has its exam")
        wanted = closes_at + timedelta(minutes=minutes)
        try:
            service.store.commit(Update(document.path, {"closes_at": wanted}, document.version))
        except Conflict:
            continue
        return wanted
    raise OperationError(f"attempt {attempt_id} keeps changing: try again")


def exam_status(service: Service, exam_id: str) -> dict[Status, int]:
    """How many of the exam's submissions are where. Raises OperationError where there is no such exam."""
    _existing(service, records.EXAMS, exam_id, "exam")
    return {
        status: service.store.count(
            Query(records.SUBMISSIONS, (("exam_id", "==", exam_id), ("status", "==", str(status))))
        )
        for status in Status
    }


FAILED_COLUMNS = ("finished_at", "run_type", "question_id", "attempt_id", "judgings", "failure")


def failed_submissions(service: Service, exam_id: str | None) -> list[Document]:
    """What could not be judged, of one exam or of all, oldest first; FAILED_COLUMNS of each."""
    if exam_id is not None:
        _existing(service, records.EXAMS, exam_id, "exam")
    exam: tuple[Condition, ...] = (("exam_id", "==", exam_id),) if exam_id is not None else ()
    where: tuple[Condition, ...] = (("status", "==", str(Status.FAILED)), *exam)
    found = service.store.find(Query(records.SUBMISSIONS, where, select=FAILED_COLUMNS))
    return sorted(found, key=lambda document: document.fields["finished_at"])


def requeue_failed(service: Service, submission_id: str) -> None:
    """Have a `failed` submission judged again. Raises OperationError."""
    document = _existing(service, records.SUBMISSIONS, submission_id, "submission")
    try:
        requeue(service, records.submission_of(document), document.version)
    except Refusal as error:
        raise OperationError(f"{submission_id}: {error.detail}") from None
    except Conflict:
        raise OperationError(f"{submission_id}: somebody else requeued it just now") from None


def owner_of(service: Service, attempt_id: str) -> str:
    """The attempt's student. Raises OperationError where there is no such attempt."""
    return records.attempt_of(_existing(service, records.ATTEMPTS, attempt_id, "attempt")).student


def require_identifier(what: str, text: str) -> None:
    """Raises OperationError: another id would be a path elsewhere in the store, or be refused by every request."""
    if not IDENTIFIER.fullmatch(text):
        raise OperationError(f"{what} {text!r}: an id has letters, digits, _ and -, at most 128")


def _require_order(opens_at: datetime | None, closes_at: datetime | None, where: str) -> None:
    if opens_at is not None and closes_at is not None and closes_at <= opens_at:
        raise OperationError(f"{where}closes_at ({closes_at.isoformat()}) must be after {opens_at.isoformat()}")


def _existing(service: Service, collection: str, document_id: str, what: str) -> Document:
    require_identifier(what, document_id)
    document = service.store.get(f"{collection}/{document_id}")[0]
    if document is None:
        raise OperationError(f"no such {what}: {document_id}")
    return document
