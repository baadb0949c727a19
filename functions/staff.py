"""The public function's routes for staff."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from flask import Response, g
from flask_openapi3 import OpenAPI

from functions import models, rejudging
from functions.answers import BEARER, for_staff, json_answer, problems
from functions.domain.rejudging import Rejudging
from functions.service import Service

WITHOUT_BODY = ("rejudge_submission", "apply_rejudging", "cancel_rejudging")


def add_routes(app: OpenAPI, service: Service) -> None:
    def view(found: Rejudging) -> models.RejudgingView:
        return models.rejudging_view(found, rejudging.compared(service, found.rejudging_id))

    def started(found: Rejudging) -> Response:
        answer = json_answer(view(found), HTTPStatus.ACCEPTED)
        answer.headers["Location"] = f"/rejudgings/{found.rejudging_id}"
        return answer

    def rejudge_submission(path: models.SubmissionPath) -> Response:
        """A rejudging of this one alone. What stands, stands until it is applied."""
        return started(rejudging.start_one(service, g.caller.subject, path.submission_id))

    def rejudge(body: models.RejudgingRequest) -> Response:
        """All completed Submits that the filter names, by the questions as they are now, when nobody else waits."""
        return started(
            rejudging.start(service, g.caller.subject, body.filter.model_dump(mode="json", exclude_none=True))
        )

    def list_rejudgings() -> Response:
        """The newest first, without their differences."""
        return json_answer(models.RejudgingList([models.rejudging_line(each) for each in rejudging.latest(service)]))

    def get_rejudging(path: models.RejudgingPath) -> Response:
        """How far it is, and the differences."""
        return json_answer(view(rejudging.read(service, path.rejudging_id)[0]))

    def apply_rejudging(path: models.RejudgingPath) -> Response:
        """Have the new results count, once all are judged. Those that could not be judged keep what they have."""
        return json_answer(view(rejudging.apply(service, g.caller.subject, path.rejudging_id)))

    def cancel_rejudging(path: models.RejudgingPath) -> Response:
        """Forget the new results."""
        return json_answer(view(rejudging.cancel(service, g.caller.subject, path.rejudging_id)))

    def add(
        method: Callable[..., Callable[..., object]],
        path: str,
        route: Callable[..., Response],
        summary: str,
        answer: type,
        status: int,
        *refusals: int,
    ) -> None:
        method(
            path,
            endpoint=route.__name__,
            operation_id=route.__name__,
            summary=summary,
            security=BEARER,
            responses={status: answer, **problems(401, 403, *refusals, 503)},
        )(for_staff(app, route))

    one, all_ = models.RejudgingView, models.RejudgingList
    add(app.post, "/submissions/<submission_id>/rejudge", rejudge_submission, "Rejudge one", one, 202, 404, 409)
    add(app.post, "/rejudgings", rejudge, "Rejudge a set", one, 202, 400, 404, 413, 415, 422)
    add(app.get, "/rejudgings", list_rejudgings, "The rejudgings", all_, 200)
    add(app.get, "/rejudgings/<rejudging_id>", get_rejudging, "A rejudging and its differences", one, 200, 404)
    add(app.post, "/rejudgings/<rejudging_id>/apply", apply_rejudging, "Apply a rejudging", one, 200, 404, 409)
    add(app.post, "/rejudgings/<rejudging_id>/cancel", cancel_rejudging, "Cancel a rejudging", one, 200, 404, 409)
