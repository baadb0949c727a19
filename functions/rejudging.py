"""Rejudging: one submission or a set is judged again by the questions as they are now.

Each is a copy in a line of its own, taken only where nobody else waits. What stands, stands until the rejudging is
applied; it can be cancelled until then. Who did what and when is recorded.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from functions import records, tickets
from functions.domain.rejudging import Compared, Rejudging, Stage, applied, copy_id, copy_of
from functions.domain.submission import RunType, Status, Submission
from functions.errors import Refusal, not_found
from functions.logs import log
from functions.ports import Condition, Conflict, Create, Document, Query, Unavailable, Update, Write
from functions.service import Service
from functions.slots import free_slots

T = TypeVar("T")

MOST = 1000
"""Submissions of one rejudging."""
CREATED_AT_ONCE = 50
APPLIED_AT_ONCE = 10
"""A batch may have 10 MiB in Firestore; code has 64 KiB at most, results may have most of a document's 1 MiB."""
LISTED = 50
READ_AT_MOST = 10
"""Pages of LISTED, where most are of somebody else's exams."""
TRIES = 20
CHOICES = ("question_id", "exam_id", "attempt_id", "language", "verdict")
"""By which fields a set may be chosen."""


def start(
    service: Service, by: str, wanted: Mapping[str, str], may: Callable[[str], bool] = lambda _: True
) -> Rejudging:
    """Have all completed Submits judged again that are as ``wanted``: field (of CHOICES) -> value.

    ``may`` says of which exams. Raises Refusal(422) where it says nothing, or too many or none are so; (403) where some
    are of another exam; (404) where a question is gone.
    """
    if not wanted:
        raise Refusal(422, "Say which submissions: a filter without any field would rejudge everything.")
    chosen: tuple[Condition, ...] = tuple((field, "==", value) for field, value in sorted(wanted.items()))
    where: tuple[Condition, ...] = (
        ("run_type", "==", str(RunType.SUBMIT)),
        ("status", "==", str(Status.COMPLETED)),
        *chosen,
    )
    found = service.store.find(Query(records.SUBMISSIONS, where, limit=MOST + 1))
    if not all(map(may, {document.fields["exam_id"] for document in found})):
        raise Refusal(403, "Some of these are of an exam that is not yours: say which exam.")
    return _start(service, by, wanted, found)


def start_one(service: Service, by: str, submission_id: str, may: Callable[[str], bool] = lambda _: True) -> Rejudging:
    """Have one submission judged again. Raises Refusal(404), also for an exam's that ``may`` denies; (409) where it is
    no completed Submit.
    """
    document = service.store.get(f"{records.SUBMISSIONS}/{submission_id}")[0]
    if document is None or not may(document.fields["exam_id"]):
        raise not_found("submission")
    submission = records.submission_of(document)
    if submission.run_type is not RunType.SUBMIT or submission.status is not Status.COMPLETED:
        what = f"a {submission.run_type}, {submission.status}"
        raise Refusal(409, f"Only a completed Submit can be rejudged: it is {what}.")
    return _start(service, by, {"submission_id": submission_id}, [document])


def _start(service: Service, by: str, wanted: Mapping[str, str], found: Sequence[Document]) -> Rejudging:
    if not found:
        raise Refusal(422, "No completed Submit is so.")
    if len(found) > MOST:
        raise Refusal(422, f"More than {MOST} submissions are so: choose fewer, for example one question's.")
    questions = _questions_now(service, found)
    now = service.clock.now()
    exam_ids = tuple(sorted({document.fields["exam_id"] for document in found}))
    rejudging = Rejudging(uuid.uuid4().hex, wanted, len(found), created_at=now, created_by=by, exam_ids=exam_ids)
    path = records.rejudging_path(rejudging.rejudging_id)
    [version] = service.store.commit(Create(path, records.rejudging_fields(rejudging)))
    # Read again, now that everybody can see what is being prepared: what was erased meanwhile must not come back.
    originals = [records.submission_of(each) for each in _again(service, found)]
    copies = [_copy(rejudging, each, questions[each.question_id]) for each in originals]
    for batch in _batches(copies, CREATED_AT_ONCE):
        service.store.commit(
            *(Create(records.submission_path(each.submission_id), records.submission_fields(each)) for each in batch)
        )
    ready = _write(service, rejudging, replace(rejudging, stage=Stage.JUDGING, total=len(copies)), version)
    for copy in copies[: max(1, len(free_slots(service)[0]))]:
        tickets.issue(service, copy.queue, copy.submission_id)
    log("info", "rejudging_started", "A rejudging was started.", rejudging_id=rejudging.rejudging_id, total=len(copies))
    return ready


def _again(service: Service, found: Sequence[Document]) -> Iterator[Document]:
    for batch in _batches(found, CREATED_AT_ONCE):
        yield from (each for each in service.store.get(*(each.path for each in batch)) if each is not None)


def _questions_now(service: Service, found: Sequence[Document]) -> dict[str, Document]:
    """As they are at this moment: what was just imported must not be missed. Raises Refusal(404) where one is gone."""
    ids = sorted({document.fields["question_id"] for document in found})
    read = dict(zip(ids, service.store.get(*(f"{records.QUESTIONS}/{each}" for each in ids)), strict=True))
    for question_id, question in read.items():
        if question is None:
            raise not_found(f"question any more: {question_id}")
    return {question_id: question for question_id, question in read.items() if question is not None}


def _copy(rejudging: Rejudging, original: Submission, question: Document) -> Submission:
    version, total, points = (question.fields[name] for name in ("version", "total", "points"))
    return copy_of(original, rejudging.rejudging_id, version, total, points, rejudging.created_at)


def read(service: Service, rejudging_id: str) -> tuple[Rejudging, object]:
    """The rejudging and its version. Raises Refusal(404)."""
    document = service.store.get(records.rejudging_path(rejudging_id))[0]
    if document is None:
        raise not_found("rejudging")
    return records.rejudging_of(document), document.version


def latest(service: Service, may: Callable[[Rejudging], bool] = lambda _: True) -> list[Rejudging]:
    """The newest first, as many as LISTED of those that ``may`` be shown."""
    found: list[Rejudging] = []
    behind: tuple[Any, ...] | None = None
    for _ in range(READ_AT_MOST):
        query = Query(records.REJUDGINGS, order_by=(("created_at", True),), limit=LISTED, after=behind)
        page = [records.rejudging_of(document) for document in service.store.find(query)]
        found += filter(may, page)
        if len(page) < LISTED or len(found) >= LISTED:
            break
        behind = (page[-1].created_at, page[-1].rejudging_id)
    return found[:LISTED]


def compared(service: Service, rejudging_id: str) -> list[Compared]:
    """Each submission of it with what stood and what came out."""
    copies = service.store.find(_copies(rejudging_id, select=records.COMPARED))
    return sorted(map(records.compared_of, copies), key=lambda each: (each.question_id, each.student))


def apply(service: Service, by: str, rejudging_id: str) -> Rejudging:
    """Have the new results count. Those that could not be judged keep what they have.

    Raises Refusal(409) where some are not judged yet, or it was cancelled; Unavailable where the store is away: then
    applying again goes on with it.
    """
    rejudging, version = read(service, rejudging_id)
    if rejudging.stage is Stage.APPLIED:
        return rejudging
    if rejudging.stage not in (Stage.JUDGING, Stage.APPLYING):
        raise Refusal(409, f"It cannot be applied: it is {rejudging.stage}.")
    found = compared(service, rejudging_id)
    open_ = sum(not each.status.final for each in found)
    if open_:
        raise Refusal(409, f"{open_} of {len(found)} are not judged yet.")
    if rejudging.stage is Stage.JUDGING:
        rejudging = _write(service, rejudging, replace(rejudging, stage=Stage.APPLYING), version)
        version = None
    done = [each.submission_id for each in found if each.status is Status.COMPLETED]
    for batch in _batches(done, APPLIED_AT_ONCE):
        _apply(service, rejudging_id, batch)
    after = replace(rejudging, stage=Stage.APPLIED, closed_at=service.clock.now(), closed_by=by)
    log("info", "rejudging_applied", "A rejudging was applied.", rejudging_id=rejudging_id, total=len(done))
    return _write(service, rejudging, after, version)


def _apply(service: Service, rejudging_id: str, submission_ids: Sequence[str]) -> None:
    """In one batch, each on the condition that its submission is what it was read as."""
    copies = [records.submission_path(copy_id(rejudging_id, each)) for each in submission_ids]
    originals = [records.submission_path(each) for each in submission_ids]
    for _ in range(TRIES):
        found = service.store.get(*copies, *originals)
        writes: list[Write] = []
        for copied, document in zip(found[: len(copies)], found[len(copies) :], strict=True):
            if copied is not None and document is not None:
                before = records.submission_of(document)
                changes = records.submission_changes(before, applied(before, records.submission_of(copied)))
                writes += [Update(document.path, changes, document.version)] if changes else []
        try:
            if writes:
                service.store.commit(*writes)
            return
        except Conflict:
            continue  # another rejudging was applied to one of them just now, or our first answer was lost
    raise Unavailable("the submissions keep changing")


def cancel(service: Service, by: str, rejudging_id: str) -> Rejudging:
    """Have what is not judged yet not be judged, and nothing of it ever count. Raises Refusal(409) once applied."""
    rejudging, version = read(service, rejudging_id)
    if rejudging.stage is Stage.CANCELLED:
        return rejudging
    if rejudging.stage in (Stage.APPLYING, Stage.APPLIED):
        raise Refusal(409, f"It cannot be cancelled: it is {rejudging.stage}.")
    after = replace(rejudging, stage=Stage.CANCELLED, closed_at=service.clock.now(), closed_by=by)
    cancelled = _write(service, rejudging, after, version)
    for document in service.store.find(_copies(rejudging_id, status=Status.QUEUED)):
        copy = records.submission_of(document)
        changes = records.submission_changes(copy, replace(copy, status=Status.CANCELLED, finished_at=after.closed_at))
        try:
            service.store.commit(Update(document.path, changes, document.version))
        except Conflict:
            continue  # its judging just began: it ends, and counts as little
    log("info", "rejudging_cancelled", "A rejudging was cancelled.", rejudging_id=rejudging_id)
    return cancelled


def _copies(rejudging_id: str, status: Status | None = None, select: tuple[str, ...] | None = None) -> Query:
    only: tuple[Condition, ...] = (("status", "==", str(status)),) if status is not None else ()
    return Query(records.REJUDGED, (("rejudging_id", "==", rejudging_id), *only), select=select)


def _write(service: Service, before: Rejudging, after: Rejudging, version: object | None) -> Rejudging:
    """Raises Refusal(409) where somebody else was faster."""
    old, new = records.rejudging_fields(before), records.rejudging_fields(after)
    changes = {key: value for key, value in new.items() if old[key] != value}
    try:
        service.store.commit(Update(records.rejudging_path(after.rejudging_id), changes, version))
    except Conflict:
        if read(service, after.rejudging_id)[0] != after:  # else it was our own commit, its first answer lost
            raise Refusal(409, "Somebody else has just changed it: look again.") from None
    return after


def _batches(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))
