"""What the public function's routes have in common: JSON answers and problem documents."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from flask import Response, request
from pydantic import BaseModel, ValidationError

from functions import models

BEARER: list[dict[str, list[Any]]] = [{"bearer": []}]


def wrong_fields(error: ValidationError) -> Response:
    """Pydantic's findings, each with its field; never the value that was sent (it may be source code)."""
    found = tuple(
        (".".join(map(str, each["loc"])) or "body", each["msg"]) for each in error.errors(include_input=False)
    )
    if request.method == "GET":
        return problem(400, "The query is not one that can be asked.", found)
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
