"""What an operator does: questions, exams, attempts. Plain functions over the service's store."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import secrets
import zlib
from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from pathlib import Path

from functions import records
from functions.domain.exam import Attempt, Exam, window
from functions.domain.submission import Status
from functions.ports import Conflict, Create, Document, Put, Query, Update, Write
from functions.questions import put_question
from functions.service import Service
from infra.kattis import Package, PackageSubmission

PACKAGES = "question_packages"
CSV_COLUMNS = ("student", "exam", "opens_at", "closes_at")
WRITES_PER_COMMIT = 400
"""Firestore takes 500 in one batch."""
TRIES = 10


class OperationError(Exception):
    """What was asked cannot be done; the message is one sentence for the operator."""


def import_package(service: Service, package: Package, *, longest_judging: float) -> bool:
    """Write a question with its package's own submissions; False where this very version was there already.

    ``longest_judging`` in seconds: what a dispatch deadline leaves for one judging. Raises OperationError.
    """
    question = package.question
    needed = question.longest_judging_seconds(service.rules.batch_size)
    if needed > longest_judging:
        raise OperationError(
            f"{question.question_id}: judging may take {needed:.0f} s, but DISPATCH_DEADLINE - SLOT_WAIT - VISIT_BUDGET"
            f" leaves {longest_judging:.0f} s: fewer tests, shorter limits or a longer DISPATCH_DEADLINE"
        )
    known = service.store.get(f"{records.QUESTIONS}/{question.question_id}")[0]
    _put_submissions(service, package)
    if known is not None and known.fields["version"] == question.version:
        return False
    put_question(service, question)
    return True


def _put_submissions(service: Service, package: Package) -> None:
    """Beside the question, so that `questions verify` needs no folder later."""
    packed = zlib.compress(json.dumps([{**asdict(s), "path": str(s.path)} for s in package.submissions]).encode())
    if len(packed) > records.CHUNK_BYTES:
        raise OperationError(f"{package.question.question_id}: its own submissions are too large to keep")
    service.store.commit(Put(f"{PACKAGES}/{package.question.question_id}", {"submissions": packed}))


def load_submissions(service: Service, question_id: str) -> list[PackageSubmission]:
    """The submissions that came with the question's package. Raises OperationError where there is no such question."""
    document = service.store.get(f"{PACKAGES}/{question_id}")[0]
    if document is None:
        raise OperationError(f"{question_id}: no such question was imported")
    kept = json.loads(zlib.decompress(document.fields["submissions"]))
    return [PackageSubmission(**{**each, "path": Path(each["path"])}) for each in kept]


def imported_questions(service: Service) -> list[str]:
    return [document.document_id for document in service.store.find(Query(PACKAGES, select=()))]


def create_exam(service: Service, exam: Exam) -> None:
    if exam.question_ids is not None:
        missing = [q for q in exam.question_ids if service.store.get(f"{records.QUESTIONS}/{q}") == [None]]
        if missing:
            raise OperationError(f"no such question: {', '.join(missing)}")
    try:
        service.store.commit(Create(f"{records.EXAMS}/{exam.exam_id}", records.exam_fields(exam)))
    except Conflict:
        raise OperationError(f"exam {exam.exam_id} exists") from None


def ensure_exam(service: Service, exam_id: str) -> None:
    """Make the exam, with any question and no end, where it is missing."""
    if service.store.get(f"{records.EXAMS}/{exam_id}") == [None]:
        create_exam(service, Exam(exam_id, exam_id))


def create_attempt(service: Service, attempt: Attempt) -> None:
    try:
        service.store.commit(Create(f"{records.ATTEMPTS}/{attempt.attempt_id}", records.attempt_fields(attempt)))
    except Conflict:
        raise OperationError(f"attempt {attempt.attempt_id} exists") from None


def new_attempt_id() -> str:
    return f"attempt-{secrets.token_hex(5)}"


def import_attempts(service: Service, csv_text: str) -> list[Attempt]:
    """Make or change one attempt per line; the same student and exam always give the same attempt.

    Every line is checked before anything is written. Raises OperationError naming the line.
    """
    reader = csv.DictReader(io.StringIO(csv_text))
    if tuple(reader.fieldnames or ()) != CSV_COLUMNS:
        raise OperationError(f"the first line must be: {','.join(CSV_COLUMNS)}")
    attempts = [_attempt_of(number, row) for number, row in enumerate(reader, start=2)]
    for exam_id in dict.fromkeys(attempt.exam_id for attempt in attempts):
        if service.store.get(f"{records.EXAMS}/{exam_id}") == [None]:
            raise OperationError(f"no such exam: {exam_id}")
    by_id = {attempt.attempt_id: attempt for attempt in attempts}
    ids = list(by_id)
    for start in range(0, len(ids), WRITES_PER_COMMIT):
        chunk = [by_id[each] for each in ids[start : start + WRITES_PER_COMMIT]]
        _write_attempts(service, chunk)
    return list(by_id.values())


def _attempt_of(line: int, row: dict[str, str | None]) -> Attempt:
    student, exam_id = (row["student"] or "").strip(), (row["exam"] or "").strip()
    if not student or not exam_id:
        raise OperationError(f"line {line}: student and exam must not be empty")
    digest = hashlib.sha256(f"{len(student)}:{student}{exam_id}".encode()).hexdigest()[:10]
    opens_at, closes_at = (_time(line, name, row[name]) for name in ("opens_at", "closes_at"))
    if opens_at is not None and closes_at is not None and closes_at <= opens_at:
        raise OperationError(f"line {line}: closes_at must be after opens_at")
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", exam_id)
    return Attempt(f"{slug}-{digest}", student, exam_id, opens_at, closes_at)


def _time(line: int, column: str, text: str | None) -> datetime | None:
    if not (text or "").strip():
        return None
    try:
        return parse_time((text or "").strip())
    except ValueError as error:
        raise OperationError(f"line {line}: {column}: {error}") from None


def parse_time(text: str) -> datetime:
    """RFC 3339 with a zone. Raises ValueError with what would be right."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time; right is 2026-06-01T09:00:00+02:00") from None
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no zone; right is {text}+02:00, or {text}Z for UTC")
    return moment


def _write_attempts(service: Service, attempts: Sequence[Attempt]) -> None:
    for _ in range(TRIES):
        paths = [f"{records.ATTEMPTS}/{attempt.attempt_id}" for attempt in attempts]
        writes: list[Write] = []
        for attempt, path, document in zip(attempts, paths, service.store.get(*paths), strict=True):
            if document is None:
                writes.append(Create(path, records.attempt_fields(attempt)))
            else:  # what intake keeps there is left alone
                times = {"opens_at": attempt.opens_at, "closes_at": attempt.closes_at}
                writes.append(Update(path, times, document.version))
        try:
            service.store.commit(*writes)
        except Conflict:
            continue
        return
    raise OperationError("the attempts keep changing while they are imported: try again")


def extend_attempt(service: Service, attempt_id: str, minutes: float) -> datetime:
    """Give one attempt more time; its new end. Raises OperationError where it has no end, or does not exist."""
    for _ in range(TRIES):
        document = _existing(service, f"{records.ATTEMPTS}/{attempt_id}", "attempt")
        attempt = records.attempt_of(document)
        exam = records.exam_of(_existing(service, f"{records.EXAMS}/{attempt.exam_id}", "exam"))
        closes_at = window(exam, attempt)[1]
        if closes_at is None:
            raise OperationError(f"attempt {attempt_id} has no end to extend")
        extended = replace(attempt, closes_at=closes_at + timedelta(minutes=minutes))
        try:
            service.store.commit(Update(document.path, {"closes_at": extended.closes_at}, document.version))
        except Conflict:
            continue
        return closes_at + timedelta(minutes=minutes)
    raise OperationError(f"attempt {attempt_id} keeps changing: try again")


def exam_status(service: Service, exam_id: str) -> dict[Status, int]:
    """How many of the exam's submissions are where. Raises OperationError where there is no such exam."""
    _existing(service, f"{records.EXAMS}/{exam_id}", "exam")
    return {
        status: service.store.count(
            Query(records.SUBMISSIONS, (("exam_id", "==", exam_id), ("status", "==", str(status))))
        )
        for status in Status
    }


def owner_of(service: Service, attempt_id: str) -> str:
    """The attempt's student. Raises OperationError where there is no such attempt."""
    return records.attempt_of(_existing(service, f"{records.ATTEMPTS}/{attempt_id}", "attempt")).student


def _existing(service: Service, path: str, what: str) -> Document:
    document = service.store.get(path)[0]
    if document is None:
        raise OperationError(f"no such {what}: {path.rpartition('/')[2]}")
    return document
