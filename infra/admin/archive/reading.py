"""How an exam is read from the store of documents, a little at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from functions import records
from functions.domain.question import Question
from functions.domain.rejudging import Stage
from functions.domain.submission import Status
from functions.ports import Condition, Document, DocumentStore, Query
from functions.service import Service
from infra.admin.operations import OperationError, require_identifier

WHOLE_AT_ONCE = 20
"""Whole documents, of at most 1 MiB each."""
SMALL_AT_ONCE = 200


def each(store: DocumentStore, query: Query, at_once: int) -> Iterator[Document]:
    """All that match, in the query's order and then by id, read ``at_once`` at a time."""
    page = store.find(replace(query, limit=at_once))
    yield from page
    while len(page) == at_once:
        last = page[-1]
        after = (*(last.fields[name] for name, _ in query.order_by), last.document_id)
        page = store.find(replace(query, limit=at_once, after=after))
        yield from page


def of_exam(exam_id: str, *more: Condition) -> tuple[Condition, ...]:
    return (("exam_id", "==", exam_id), *more)


def submissions_of(attempt_id: str, select: tuple[str, ...] | None = None) -> Query:
    """An attempt's, the newest first: the order that has an index."""
    where: tuple[Condition, ...] = (("attempt_id", "==", attempt_id),)
    return Query(records.SUBMISSIONS, where, order_by=(("created_at", True),), select=select)


def require_exam(service: Service, exam_id: str) -> Document:
    """Raises OperationError where there is none."""
    require_identifier("exam", exam_id)
    document = service.store.get(f"{records.EXAMS}/{exam_id}")[0]
    if document is None:
        raise OperationError(f"no such exam: {exam_id}")
    return document


def unjudged(store: DocumentStore, exam_id: str, collection: str = records.SUBMISSIONS) -> int:
    """How many of the exam wait or are being judged."""
    return sum(
        store.count(Query(collection, of_exam(exam_id, ("status", "==", str(status)))))
        for status in Status
        if not status.final
    )


def is_being_rejudged(store: DocumentStore, exam_id: str) -> bool:
    """Whether copies of the exam's submissions are being made or judged."""
    preparing: tuple[Condition, ...] = (("stage", "==", str(Stage.PREPARING)),)
    found = store.find(Query(records.REJUDGINGS, preparing, select=("exam_ids",)))
    return (
        any(exam_id in each.fields.get("exam_ids", ()) for each in found)
        or unjudged(store, exam_id, records.REJUDGED) > 0
    )


def read_version(store: DocumentStore, question_id: str, version: str) -> Question | None:
    """One version with all of its tests, kept nowhere; None where it is not there, or damaged."""
    first = store.get(records.tests_path(question_id, version, 0))[0]
    if first is None:
        return None
    paths = [records.tests_path(question_id, version, number) for number in range(1, first.fields["chunks"])]
    chunks = [first, *(store.get(path)[0] for path in paths)]
    try:
        return records.question_of_chunks(question_id, [chunk.fields["payload"] for chunk in chunks if chunk])
    except (ValueError, KeyError, TypeError):
        return None
