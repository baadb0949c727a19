"""Questions: written whole, read once per version and kept in the process."""

from __future__ import annotations

from functions import records
from functions.domain.question import Question
from functions.keeping import keep
from functions.ports import Document, Put
from functions.service import Service

HEAD_SECONDS = 5.0
"""How stale a question's own document may be: what a teacher changes is seen by all within this."""
VERSION_SECONDS = 3600.0
"""A version never changes; this only lets go of those that nobody uses."""


class QuestionDamaged(Exception):
    """The question's tests are missing or cannot be read: ours to mend, never a verdict."""


def put_question(service: Service, question: Question) -> None:
    """Write a version: its tests first, then the document that points to them."""
    for number, chunk in enumerate(records.version_chunks(question)):
        service.store.commit(Put(records.tests_path(question.question_id, question.version, number), chunk))
    path = f"{records.QUESTIONS}/{question.question_id}"
    service.store.commit(Put(path, records.question_fields(question)))


def head(service: Service, question_id: str) -> Document | None:
    """The question's own document (no hidden test in it), at most HEAD_SECONDS old; None where there is none."""

    def read() -> Document | None:
        return service.store.get(f"{records.QUESTIONS}/{question_id}")[0]

    return keep(service, f"question {question_id}", HEAD_SECONDS, read)


def question_version(service: Service, question_id: str, version: str) -> Question:
    """One version with all of its tests. Raises QuestionDamaged, Unavailable."""
    key = f"tests {question_id}@{version}"
    return keep(service, key, VERSION_SECONDS, lambda: _read_version(service, question_id, version))


def _read_version(service: Service, question_id: str, version: str) -> Question:
    path = records.tests_path(question_id, version, 0)
    first = service.store.get(path)[0]
    if first is None:
        raise QuestionDamaged(f"question {question_id}: version {version} is not stored")
    paths = [records.tests_path(question_id, version, number) for number in range(1, first.fields["chunks"])]
    chunks = [first, *(service.store.get(path)[0] for path in paths)]
    payloads = [chunk.fields["payload"] for chunk in chunks if chunk is not None]
    if len(payloads) < len(chunks):
        raise QuestionDamaged(f"question {question_id}: version {version} lacks a part of its tests")
    try:
        return records.question_of_chunks(question_id, payloads)
    except (ValueError, KeyError, TypeError) as error:
        raise QuestionDamaged(f"question {question_id}: version {version} cannot be read") from error
