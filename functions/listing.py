"""Submissions for staff: those of their exams, newest first, by question, attempt and status."""

from __future__ import annotations

from collections.abc import Mapping

from functions import records
from functions.access import supervises
from functions.ports import Caller, Condition, Query
from functions.service import Service
from functions.staff_models import SubmissionLine, SubmissionList
from functions.views import PAGE_SIZE, after, page_token_of

READ_AT_MOST = 10
"""Pages read for one answer, where most of what is found is of somebody else's exams; the answer leads on."""
SHOWN = tuple(name for name in SubmissionLine.model_fields if name != "submission_id")


def submissions(service: Service, caller: Caller, wanted: Mapping[str, str], page_token: str | None) -> SubmissionList:
    """A page of what is as ``wanted``: field -> value. Reads no source code. Raises Refusal(400)."""
    where: tuple[Condition, ...] = tuple((name, "==", value) for name, value in wanted.items())
    found: list[SubmissionLine] = []
    behind = after(page_token) if page_token else None
    for _ in range(READ_AT_MOST):
        read = service.store.find(
            Query(
                records.SUBMISSIONS,
                where,
                order_by=(("created_at", True),),
                limit=PAGE_SIZE,
                after=behind,
                select=SHOWN,
            )
        )
        found += [
            SubmissionLine(submission_id=each.document_id, **each.fields)
            for each in read
            if supervises(service, caller, each.fields["exam_id"])
        ]
        if len(read) < PAGE_SIZE:
            return SubmissionList(submissions=found, next_page_token=None)
        behind = (read[-1].fields["created_at"], read[-1].document_id)
        if found:
            break
    return SubmissionList(submissions=found, next_page_token=page_token_of(*behind) if behind else None)
