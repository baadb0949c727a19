"""What the public function's routes have in common: JSON answers, problem documents, who may call."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

from flask import Response, g
from flask_openapi3 import OpenAPI
from pydantic import BaseModel, ValidationError

from functions import models
from functions.errors import Refusal

BEARER: list[dict[str, list[Any]]] = [{"bearer": []}]


def protected(app: OpenAPI, view: Callable[..., Response], endpoint: str | None = None) -> Callable[..., Response]:
    """Ask for a bearer token before this endpoint validates anything else."""
    app.extensions.setdefault("protected", set()).add(endpoint or view.__name__)
    return view


def wrong_fields(error: ValidationError) -> Response:
    """Pydantic's findings, each with its field; never the value that was sent (it may be source code)."""
    found = tuple(
        (".".join(map(str, each["loc"])) or "body", each["msg"]) for each in error.errors(include_input=False)
    )
    return problem(422, "The request is well-formed, but a value in it is wrong.", found)


def problem(
    status: int, detail: str, errors: Sequence[tuple[str, str]] = (), retry_after: int | None = None
) -> Response:
    problem = models.Problem(
        type="about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=[models.FieldError(field=field, message=message) for field, message in errors],
    )
    answer = json_answer(problem, HTTPStatus(status))
    answer.mimetype = "application/problem+json"
    if retry_after is not None:
        answer.headers["Retry-After"] = str(retry_after)
    return answer


def problems(*statuses: int) -> dict[int | str, type[BaseModel] | dict[Any, Any] | None]:
    schema = {"$ref": "#/components/schemas/Problem"}
    return {status: {"content": {"application/problem+json": {"schema": schema}}} for status in statuses}


def json_answer(view: BaseModel, status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Unset fields are left out: a hidden test's texts are not null, they are absent."""
    return Response(view.model_dump_json(exclude_unset=True), status=status, mimetype="application/json")


def for_staff(app: OpenAPI, view: Callable[..., Response]) -> Callable[..., Response]:
    """As `protected`, and only a token with the role of staff will do."""
    app.extensions.setdefault("staff", set()).add(view.__name__)
    return protected(app, view)


def require_staff() -> None:
    if not g.caller.staff:
        raise Refusal(403, "This is for staff.")
