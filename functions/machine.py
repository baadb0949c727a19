"""What Cloud Tasks and Cloud Scheduler call: an HTTP request in, a status out."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import Request, Response
from pydantic import BaseModel, ValidationError

from functions.domain.submission import RunType
from functions.gate import Gate
from functions.logs import log
from functions.ports import InvalidToken, TokenVerifier, Unavailable
from functions.service import Service
from functions.sweeping import sweep
from functions.visit import End, visit


class Ticket(BaseModel):
    """The body of a task. The visit serves the queue; the id is for the console's and the log's sake."""

    queue: RunType
    submission_id: str


STATUS_OF_END = {
    End.JUDGED: HTTPStatus.OK,
    End.LINE_EMPTY: HTTPStatus.OK,
    End.NO_SLOT: HTTPStatus.CONFLICT,
    End.JUDGE_AWAY: HTTPStatus.SERVICE_UNAVAILABLE,
}


def handle_ticket(service: Service, gate: Callable[[], Gate], verifier: TokenVerifier, request: Request) -> Response:
    """200 judged at least one or the line is empty; 409 no slot within the wait; 503 the judge or the store is away.

    ``gate`` is asked for only once the caller is known: the first asking makes the slots.
    """
    refusal = _refuse(verifier, request)
    if refusal is not None:
        return refusal
    try:
        ticket = Ticket.model_validate_json(request.get_data())
    except ValidationError:
        # A task that can never be understood is not worth repeating: 200 takes it off the queue.
        log("error", "ticket_unreadable", "A ticket could not be read.")
        return _answer(HTTPStatus.OK, "unreadable ticket")
    try:
        end = visit(service, gate(), ticket.queue)
    except Unavailable as error:
        log("error", "visit_interrupted", "The store did not answer during a visit.", error=error)
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "store away")
    return _answer(STATUS_OF_END[end], end.value)


def handle_sweep(service: Service, verifier: TokenVerifier, request: Request) -> Response:
    refusal = _refuse(verifier, request)
    if refusal is not None:
        return refusal
    try:
        findings = sweep(service)
    except Unavailable as error:
        log("error", "sweep_interrupted", "The store did not answer during a sweep.", error=error)
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "store away")
    return _answer(HTTPStatus.OK, f"put back {findings.put_back}, failed {findings.failed}, tickets {findings.tickets}")


def _refuse(verifier: TokenVerifier, request: Request) -> Response | None:
    if request.method != "POST":
        return _answer(HTTPStatus.METHOD_NOT_ALLOWED, "POST only")
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        verifier.verify(token if scheme.lower() == "bearer" else "")
    except InvalidToken as error:
        return _answer(HTTPStatus.UNAUTHORIZED, str(error))
    except Unavailable:
        return _answer(HTTPStatus.SERVICE_UNAVAILABLE, "keys away")
    return None


def _answer(status: HTTPStatus, text: str) -> Response:
    return Response(text + "\n", status=status, mimetype="text/plain")
