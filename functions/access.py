"""Who may do what: one table of all operations, and the questions that it asks.

A student has what is theirs. An instructor has besides it the exams whose `staff` names them, or names nobody. What is
not in the table cannot be called.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from functions import records
from functions.domain.exam import Attempt, Exam, has_begun
from functions.domain.submission import COPY_OF, Submission
from functions.errors import Refusal, not_found
from functions.keeping import keep
from functions.ports import Caller, Document, Query
from functions.service import Service

EXAM_SECONDS = 5.0
"""How stale an exam, or who sits it, may be: an extension is seen by all within this."""


class Who(Enum):
    """Which callers an operation takes at all; others get a 401 or 403 before anything else is looked at."""

    ANYBODY = "anybody, without a token"
    PERSON = "whoever has a token"
    STAFF = "instructors"


class Whose(Enum):
    """Of what is named in the path or the body."""

    NOBODYS = "no person's"
    OWN = "the caller's own"
    OWN_OR_SUPERVISED = "the caller's own, or of an exam of the instructor's"
    SUPERVISED = "of an exam of the instructor's"
    SAT = "of an exam that the caller sits and that has begun, or of the instructor's"


@dataclass(frozen=True)
class Access:
    who: Who
    whose: Whose = Whose.NOBODYS


ACCESS: Mapping[str, Access] = {
    "submit": Access(Who.PERSON, Whose.OWN),
    "submit_to_collection": Access(Who.PERSON, Whose.OWN),
    "get_submission": Access(Who.PERSON, Whose.OWN_OR_SUPERVISED),
    "cancel_submission": Access(Who.PERSON, Whose.OWN),
    "get_attempt": Access(Who.PERSON, Whose.OWN_OR_SUPERVISED),
    "get_question": Access(Who.PERSON, Whose.SAT),
    "get_languages": Access(Who.PERSON),
    "get_health": Access(Who.ANYBODY),
    "get_overview": Access(Who.STAFF),
    "list_submissions": Access(Who.STAFF, Whose.SUPERVISED),
    "requeue_submission": Access(Who.STAFF, Whose.SUPERVISED),
    "put_question": Access(Who.STAFF, Whose.SUPERVISED),
    "rejudge_submission": Access(Who.STAFF, Whose.SUPERVISED),
    "rejudge": Access(Who.STAFF, Whose.SUPERVISED),
    "list_rejudgings": Access(Who.STAFF, Whose.SUPERVISED),
    "get_rejudging": Access(Who.STAFF, Whose.SUPERVISED),
    "apply_rejudging": Access(Who.STAFF, Whose.SUPERVISED),
    "cancel_rejudging": Access(Who.STAFF, Whose.SUPERVISED),
    # the contract as a document and as a page
    "openapi": Access(Who.ANYBODY),
    "docs": Access(Who.ANYBODY),
    "swagger.static": Access(Who.ANYBODY),
}
"""By operation id. ``whose`` is what the functions below and the use cases ask; a test holds every route to it."""


def find_exam(service: Service, exam_id: str) -> Exam | None:
    """The exam, at most EXAM_SECONDS old; None where there is none."""

    def read() -> Document | None:
        return service.store.get(f"{records.EXAMS}/{exam_id}")[0]

    document = keep(service, f"exam {exam_id}", EXAM_SECONDS, read)
    return None if document is None else records.exam_of(document)


def supervises(service: Service, caller: Caller, exam_id: str) -> bool:
    """Whether the exam is one of this instructor's."""
    if not caller.staff:
        return False
    exam = find_exam(service, exam_id)
    return exam is not None and exam.is_supervised_by(caller.subject)


def require_submission(service: Service, caller: Caller, submission_id: str) -> tuple[Submission, object]:
    """A submission that the caller may see, and its version. Raises Refusal(404), for somebody else's too."""
    document = _find_submission(service, submission_id)
    submission = None if document is None else records.submission_of(document)
    return _shown_to(service, caller, submission), None if document is None else document.version


def submission_in_passing(service: Service, caller: Caller, submission_id: str) -> Submission:
    """The same for who only looks: one that waits may be a second old. Raises Refusal(404)."""
    found = service.standing.submission(submission_id, lambda: _find_submission(service, submission_id))
    return _shown_to(service, caller, found)


def _find_submission(service: Service, submission_id: str) -> Document | None:
    """No copy of a rejudging's."""
    return None if COPY_OF in submission_id else service.store.get(records.submission_path(submission_id))[0]


def _shown_to(service: Service, caller: Caller, submission: Submission | None) -> Submission:
    if submission is None:
        raise not_found("submission")
    if submission.student != caller.subject and not supervises(service, caller, submission.exam_id):
        raise not_found("submission")
    return submission


def require_supervised(service: Service, caller: Caller, submission_id: str) -> tuple[Submission, object]:
    """A submission of an exam of this instructor's, and its version. Raises Refusal(404)."""
    submission, version = require_submission(service, caller, submission_id)
    if not supervises(service, caller, submission.exam_id):
        raise not_found("submission")
    return submission, version


def supervises_all(service: Service, caller: Caller, exam_ids: Iterable[str]) -> bool:
    """Of no exam at all nobody does."""
    asked = list(exam_ids)
    return bool(asked) and all(supervises(service, caller, exam_id) for exam_id in asked)


def require_question(service: Service, caller: Caller, question_id: str) -> None:
    """Raises Refusal(404) where the caller may not read the question (yet), as if there were none."""
    if not (_may_read_as_staff(service, caller, question_id) or _may_read(service, caller.subject, question_id)):
        raise not_found("question")


def require_questions_exams(service: Service, caller: Caller, question_id: str) -> None:
    """Raises Refusal(403) where the question is also one of an exam that is not this instructor's."""
    theirs = [exam for exam in _naming(service, question_id) if not exam.is_supervised_by(caller.subject)]
    if theirs or not caller.staff:
        raise Refusal(403, "This question is one of an exam that is not yours.")


def _naming(service: Service, question_id: str) -> list[Exam]:
    """The exams that name this question: read anew, for what depends on it is rare and matters."""
    exams = map(records.exam_of, service.store.find(Query(records.EXAMS)))
    return [exam for exam in exams if exam.question_ids is not None and question_id in exam.question_ids]


def _may_read_as_staff(service: Service, caller: Caller, question_id: str) -> bool:
    """What no exam names is every instructor's."""
    naming = _naming(service, question_id) if caller.staff else []
    return caller.staff and (not naming or any(exam.is_supervised_by(caller.subject) for exam in naming))


def _may_read(service: Service, student: str, question_id: str) -> bool:
    """Whether it is of an exam that the student sits, once that has begun for them; also after it ended."""

    def read() -> list[Attempt]:
        found = service.store.find(Query(records.ATTEMPTS, (("student", "==", student),)))
        return [records.attempt_of(document) for document in found]

    now = service.clock.now()
    for attempt in keep(service, f"attempts of {student}", EXAM_SECONDS, read):
        exam = find_exam(service, attempt.exam_id)
        if exam is not None and exam.has(question_id) and has_begun(exam, attempt, now):
            return True
    return False
