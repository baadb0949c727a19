"""The public function's routes for staff."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from flask import Response, g
from flask_openapi3 import OpenAPI
from pydantic import BaseModel

from functions import editing, health, intake, listing, models, rejudging, staff_models, views
from functions.access import require_supervised, supervises, supervises_all
from functions.answers import BEARER, json_answer, problems
from functions.domain.rejudging import Rejudging
from functions.errors import Refusal, not_found
from functions.ports import Conflict
from functions.service import Service

WITHOUT_BODY = ("requeue_submission", "rejudge_submission", "apply_rejudging", "cancel_rejudging")


def add_routes(app: OpenAPI, service: Service) -> None:
    _add_overseeing(app, service)
    _add_rejudging(app, service)


def _add_overseeing(app: OpenAPI, service: Service) -> None:
    def get_overview() -> Response:
        """Both queues, the slots, the judge, waits and counts. Kept for two seconds."""
        return json_answer(health.overview(service))

    def list_submissions(query: staff_models.SubmissionsQuery) -> Response:
        """Of the exams that are yours, newest first, about fifty a page; `next_page_token` leads on."""
        wanted = query.model_dump(mode="json", exclude_none=True, exclude={"page_token"})
        return json_answer(listing.submissions(service, g.caller, wanted, query.page_token))

    def requeue_submission(path: models.SubmissionPath) -> Response:
        """Have one that `failed` judged again, with all its judgings."""
        submission, version = require_supervised(service, g.caller, path.submission_id)
        try:
            requeued = intake.requeue(service, submission, version)
        except Conflict:
            raise Refusal(409, "Somebody else has just requeued it.") from None
        return json_answer(views.submission(service, g.caller, requeued))

    def put_question(path: staff_models.StoredQuestionPath, body: staff_models.QuestionRequest) -> Response:
        """Write a question whole: a new one (201), or a new version (200). What was sent before keeps its version."""
        created = editing.put(service, g.caller, path.question_id, body)
        view = views.question(service, g.caller, path.question_id)
        return json_answer(view, HTTPStatus.CREATED if created else HTTPStatus.OK)

    overview, listed = staff_models.OverviewView, staff_models.SubmissionList
    one, question = models.SubmissionView, models.QuestionView
    _add(app.get, "/overview", get_overview, "Queues, slots, waits", {200: overview})
    _add(app.get, "/submissions", list_submissions, "Submissions", {200: listed}, 400)
    _add(app.post, "/submissions/<submission_id>/requeue", requeue_submission, "Judge it again", {200: one}, 404, 409)
    written = {200: question, 201: question}
    refusals = (400, 409, 413, 415, 422)
    _add(app.put, "/questions/<question_id>", put_question, "Write a question", written, *refusals)


def _add_rejudging(app: OpenAPI, service: Service) -> None:
    def view(found: Rejudging) -> staff_models.RejudgingView:
        return staff_models.rejudging_view(found, rejudging.compared(service, found.rejudging_id))

    def started(found: Rejudging) -> Response:
        answer = json_answer(view(found), HTTPStatus.ACCEPTED)
        answer.headers["Location"] = f"/rejudgings/{found.rejudging_id}"
        return answer

    def mine(exam_id: str) -> bool:
        return supervises(service, g.caller, exam_id)

    def require(rejudging_id: str) -> Rejudging:
        found = rejudging.read(service, rejudging_id)[0]
        if not supervises_all(service, g.caller, found.exam_ids):
            raise not_found("rejudging")
        return found

    def rejudge_submission(path: models.SubmissionPath) -> Response:
        """A rejudging of this one alone. What stands, stands until it is applied."""
        return started(rejudging.start_one(service, g.caller.subject, path.submission_id, mine))

    def rejudge(body: staff_models.RejudgingRequest) -> Response:
        """All completed Submits that the filter names, by the questions as they are now, when nobody else waits."""
        wanted = body.filter.model_dump(mode="json", exclude_none=True)
        return started(rejudging.start(service, g.caller.subject, wanted, mine))

    def list_rejudgings() -> Response:
        """The newest first, without their differences."""
        found = rejudging.latest(service, lambda each: supervises_all(service, g.caller, each.exam_ids))
        return json_answer(staff_models.RejudgingList([staff_models.rejudging_line(each) for each in found]))

    def get_rejudging(path: staff_models.RejudgingPath) -> Response:
        """How far it is, and the differences."""
        return json_answer(view(require(path.rejudging_id)))

    def apply_rejudging(path: staff_models.RejudgingPath) -> Response:
        """Have the new results count, once all are judged. Those that could not be judged keep what they have."""
        require(path.rejudging_id)
        return json_answer(view(rejudging.apply(service, g.caller.subject, path.rejudging_id)))

    def cancel_rejudging(path: staff_models.RejudgingPath) -> Response:
        """Forget the new results."""
        require(path.rejudging_id)
        return json_answer(view(rejudging.cancel(service, g.caller.subject, path.rejudging_id)))

    one, all_ = staff_models.RejudgingView, staff_models.RejudgingList
    path = "/rejudgings/<rejudging_id>"
    _add(app.post, "/submissions/<submission_id>/rejudge", rejudge_submission, "Rejudge one", {202: one}, 404, 409)
    _add(app.post, "/rejudgings", rejudge, "Rejudge a set", {202: one}, 400, 404, 413, 415, 422)
    _add(app.get, "/rejudgings", list_rejudgings, "The rejudgings", {200: all_})
    _add(app.get, path, get_rejudging, "A rejudging and its differences", {200: one}, 404)
    _add(app.post, f"{path}/apply", apply_rejudging, "Apply a rejudging", {200: one}, 404, 409)
    _add(app.post, f"{path}/cancel", cancel_rejudging, "Cancel a rejudging", {200: one}, 404, 409)


def _add(
    method: Callable[..., Callable[..., object]],
    path: str,
    route: Callable[..., Response],
    summary: str,
    answers: Mapping[int, type[BaseModel]],
    *refusals: int,
) -> None:
    method(
        path,
        endpoint=route.__name__,
        operation_id=route.__name__,
        summary=summary,
        security=BEARER,
        responses={**answers, **problems(401, 403, *refusals, 503)},
    )(route)
