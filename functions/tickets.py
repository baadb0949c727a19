"""Tickets: each makes one visit to its queue's line happen."""

from __future__ import annotations

from functions.domain.submission import RunType
from functions.keeping import keep
from functions.logs import log
from functions.ports import Unavailable
from functions.service import Service

PAUSE_SECONDS = 1.0
"""How stale the answer may be whether a queue is paused."""


def issue(service: Service, kind: RunType, submission_id: str, *, named: bool = False) -> bool:
    """Put a ticket on the queue; False where the queue refuses: the sweep issues what is missing.

    Only the first ticket of a submission is named, for a used name is blocked for a day.
    """
    try:
        with service.tracer.span("enqueue", queue=str(kind), submission_id=submission_id):
            service.tickets.enqueue(kind, submission_id, named=named, traceparent=service.tracer.traceparent())
    except Unavailable as error:
        log("warning", "ticket_refused", "A ticket could not be issued.", submission_id=submission_id, error=error)
        return False
    return True


def is_paused(service: Service, kind: RunType) -> bool | None:
    """Whether an operator paused the queue, as of a second ago at most; None where the queue cannot be asked."""

    def ask() -> bool | None:
        try:
            return service.tickets.is_paused(kind)
        except Unavailable:
            return None

    return keep(service, f"paused {kind}", PAUSE_SECONDS, ask)
