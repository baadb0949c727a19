"""The public function's HTTP: routes, bearer tokens, problem documents. The rules are in the use cases."""

from __future__ import annotations

import hashlib
import re
import threading
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from http import HTTPStatus
from typing import Any

from flask import Response, g, render_template_string, request
from flask_openapi3 import Info, OpenAPI
from flask_openapi3_swagger.plugins import RegisterPlugin
from flask_openapi3_swagger.templates import swagger_html_string
from werkzeug.exceptions import HTTPException

from functions import health, intake, models, staff, views
from functions.access import ACCESS, Who, require_submission, submission_in_passing
from functions.answers import BEARER, json_answer, problem, problems, wrong_fields
from functions.body import StrictJSON, require_json
from functions.domain.submission import Status
from functions.errors import Refusal, not_found
from functions.logs import log, mark, unmark
from functions.ports import Conflict, InvalidToken, TokenVerifier, Unavailable
from functions.receipts import receipt_for
from functions.service import Service

RETRY_SECONDS = 5
"""What a client is told to wait where the store is away."""
REQUEST_ID = re.compile(r"[A-Za-z0-9._:/;=-]{1,128}")


class App(OpenAPI):
    """Its document is made when it is first asked for: its schemas take a third of the time of all the rest."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self._undescribed: list[Callable[[], object]] = []
        self._describing = threading.Lock()
        super().__init__(*args, **options)

    def _collect_openapi_info(self, rule: str, func: Callable[..., Any], **description: Any) -> Any:
        self._undescribed.append(partial(super()._collect_openapi_info, rule, func, **description))
        return super()._collect_openapi_info(rule, func, doc_ui=False)

    @property
    def api_doc(self) -> dict[str, Any]:
        with self._describing:
            while self._undescribed:
                self._undescribed.pop(0)()
            return super().api_doc


def create_app(
    service: Service,
    verifier: TokenVerifier,
    *,
    version: str,
    max_body_bytes: int,
    allowed_origins: Sequence[str] = (),
) -> OpenAPI:
    """The Flask application; `main.run_code` hands its requests over."""
    app = App(
        __name__,
        info=Info(title="run-code", version=version, description="Run and Submit for online exams."),
        security_schemes={"bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        doc_ui=False,
        validation_error_status=422,
        validation_error_model=models.Problem,
        validation_error_callback=wrong_fields,
    )
    app.config["MAX_CONTENT_LENGTH"] = max_body_bytes
    app.json = StrictJSON(app)
    app.url_map.merge_slashes = False
    _add_errors(app)
    _add_hooks(app, verifier, frozenset(allowed_origins))
    _add_submissions(app, service)
    _add_reads(app, service, version)
    staff.add_routes(app, service)
    _add_documents(app)
    return app


def _add_submissions(app: OpenAPI, service: Service) -> None:
    def submit(header: models.SubmissionHeaders, body: models.SubmissionRequest) -> Response:
        """202 with the submission; 200 where the same request had been accepted before."""
        wanted = intake.Request(**body.model_dump())
        accepted = intake.submit(service, g.caller, wanted, header.idempotency_key)
        view = views.submission(service, g.caller, accepted.submission)
        if service.receipt_key is not None:
            view.receipt = receipt_for(accepted.submission, service.receipt_key)
        answer = json_answer(view, HTTPStatus.ACCEPTED if accepted.created else HTTPStatus.OK)
        answer.headers["Location"] = f"/submissions/{view.submission_id}"
        return _retry_after(answer, view)

    for path, operation in (("/", "submit"), ("/submissions", "submit_to_collection")):
        answers: Any = {
            200: models.SubmissionView,
            202: models.SubmissionView,
            **problems(400, 401, 403, 404, 413, 415, 422, 429, 503),
        }
        app.post(
            path,
            endpoint=operation,
            operation_id=operation,
            summary="Run or Submit",
            security=BEARER,
            responses=answers,
        )(submit)

    def get_submission(path: models.SubmissionPath) -> Response:
        """Kept cheap: this is what pages poll. `Retry-After` says when to ask next; 304 on `If-None-Match`."""
        shown = submission_in_passing(service, g.caller, path.submission_id)
        view = views.submission(service, g.caller, shown)
        answer = _retry_after(json_answer(view), view)
        etag = hashlib.sha256(answer.get_data()).hexdigest()[:32]
        answer.set_etag(etag)
        answer.headers["Cache-Control"] = "private, no-cache"
        known = request.headers.get("If-None-Match", "")
        if etag in known or "*" in known:  # of what waits hardly ever: the line has moved
            answer.make_conditional({"REQUEST_METHOD": "GET", "HTTP_IF_NONE_MATCH": known})
            answer.headers.pop("Date", None)  # the server gives one, and of two a page can read neither
        return answer

    app.get(
        "/submissions/<submission_id>",
        endpoint="get_submission",
        operation_id="get_submission",
        security=BEARER,
        summary="Where a submission is, and what came out of it",
        responses={200: models.SubmissionView, 304: None, **problems(401, 404, 503)},
    )(get_submission)

    def cancel_submission(path: models.SubmissionPath) -> Response:
        """Only while it is queued, and only its student. Cancelling again changes nothing."""
        for _ in range(5):
            shown, at = require_submission(service, g.caller, path.submission_id)
            if shown.student != g.caller.subject:
                raise not_found("submission of yours")
            if shown.status is Status.CANCELLED:
                service.standing.changed(shown.submission_id)  # by us perhaps, the first answer lost
                return json_answer(views.submission(service, g.caller, shown))
            try:
                return json_answer(views.submission(service, g.caller, intake.cancel(service, shown, at)))
            except Conflict:
                continue  # it just moved: read what it is now
        raise Unavailable("the submission keeps moving")

    app.delete(
        "/submissions/<submission_id>",
        endpoint="cancel_submission",
        operation_id="cancel_submission",
        security=BEARER,
        summary="Cancel a submission",
        responses={200: models.SubmissionView, **problems(401, 404, 409, 503)},
    )(cancel_submission)


def _add_reads(app: OpenAPI, service: Service, version: str) -> None:
    started = service.clock.monotonic()

    def get_attempt(path: models.AttemptPath, query: models.AttemptQuery) -> Response:
        """Fifty submissions a page; `next_page_token` leads on."""
        return json_answer(views.attempt(service, g.caller, path.attempt_id, query.page_token))

    app.get(
        "/attempts/<attempt_id>",
        endpoint="get_attempt",
        operation_id="get_attempt",
        security=BEARER,
        summary="The exam, the scores so far, and the submissions, newest first",
        responses={200: models.AttemptView, **problems(400, 401, 403, 404, 503)},
    )(get_attempt)

    def get_question(path: models.QuestionPath) -> Response:
        """With its sample tests, never a hidden one."""
        return json_answer(views.question(service, g.caller, path.question_id))

    app.get(
        "/questions/<question_id>",
        endpoint="get_question",
        operation_id="get_question",
        security=BEARER,
        summary="A question",
        responses={200: models.QuestionView, **problems(401, 404, 503)},
    )(get_question)

    def get_languages() -> Response:
        """As the judge has them now."""
        return json_answer(models.LanguageList(views.languages(service)))

    app.get(
        "/languages",
        endpoint="get_languages",
        operation_id="get_languages",
        security=BEARER,
        summary="The languages",
        responses={200: models.LanguageList, **problems(401, 503)},
    )(get_languages)

    def get_health() -> Response:
        """Anybody may poll it: it is kept for a second. Always 200; `status` says how well the service works."""
        return json_answer(health.health(service, service.clock.monotonic() - started, version))

    app.get(
        "/health",
        endpoint="get_health",
        operation_id="get_health",
        summary="How well the service works",
        responses={200: models.HealthView},
    )(get_health)


def _add_documents(app: OpenAPI) -> None:
    app.register_blueprint(RegisterPlugin.register(doc_url="openapi.json"))  # the page's scripts, under /swagger
    app.add_url_rule("/openapi.json", "openapi", lambda: app.api_doc)
    app.add_url_rule(
        "/docs",
        "docs",
        lambda: render_template_string(
            swagger_html_string, doc_url="openapi.json", swagger_config=None, oauth_config=None
        ),
    )


def _add_hooks(app: OpenAPI, verifier: TokenVerifier, origins: frozenset[str]) -> None:
    def before() -> Response | None:
        given = request.headers.get("X-Request-Id", "")
        g.request_id = given if REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
        mark(g.request_id)
        if request.method == "OPTIONS" or request.url_rule is None:
            return None
        access = ACCESS.get(request.endpoint or "")
        if access is None:
            raise not_found("path")
        if access.who is not Who.ANYBODY:
            scheme, _, token = request.headers.get("Authorization", "").partition(" ")
            if scheme.lower() != "bearer":
                raise InvalidToken("A bearer token is needed.")
            g.caller = verifier.verify(token.strip())
        if access.who is Who.STAFF and not g.caller.staff:
            raise Refusal(403, "This is for staff.")
        if request.method in ("POST", "PUT") and request.endpoint not in staff.WITHOUT_BODY:
            require_json()
        return None

    def after(response: Response) -> Response:
        headers = response.headers
        headers.add("X-Request-Id", g.get("request_id", ""))
        headers.add("X-Content-Type-Options", "nosniff")
        headers.add("Content-Security-Policy", "frame-ancestors 'none'")
        if "caller" in g:
            headers.setdefault("Cache-Control", "no-store")  # it is about a person
        origin = request.headers.get("Origin")
        if origin is not None and origin in origins:
            headers.add("Access-Control-Allow-Origin", origin)
            headers.add("Access-Control-Expose-Headers", "Date, ETag, Location, Retry-After, X-Request-Id")
            if request.method == "OPTIONS":
                headers.add("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE, OPTIONS")
                headers.add(
                    "Access-Control-Allow-Headers",
                    "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Request-Id",
                )
                headers.add("Access-Control-Max-Age", "3600")
        if origins:
            headers.add("Vary", "Origin")
        return response

    app.before_request(before)
    app.after_request(after)
    app.teardown_request(lambda _: unmark())


def _add_errors(app: OpenAPI) -> None:
    def refused(error: Refusal) -> Response:
        return problem(error.status, error.detail, error.errors, error.retry_after)

    def unauthenticated(error: InvalidToken) -> Response:
        answer = problem(401, str(error))
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    def unavailable(error: Unavailable) -> Response:
        log("error", "store_away", "A request could not be served now.", error=error)
        return problem(503, "The service cannot record or read anything now. Send it again.", (), RETRY_SECONDS)

    def http(error: HTTPException) -> Response:
        if error.response is not None:  # a ready answer of ours, passed through abort()
            return error.response  # type: ignore[return-value]
        answer = problem(error.code or 500, error.description or "")
        if (allowed := getattr(error, "valid_methods", None)) is not None:
            answer.headers["Allow"] = ", ".join(sorted(allowed))
        return answer

    def unexpected(error: Exception) -> Response:
        log("error", "unexpected", "A request failed through a fault of ours.", error=error)
        return problem(500, "This is a fault of ours; it was recorded.")

    app.register_error_handler(Refusal, refused)
    app.register_error_handler(InvalidToken, unauthenticated)
    app.register_error_handler(Unavailable, unavailable)
    app.register_error_handler(HTTPException, http)
    app.register_error_handler(Exception, unexpected)


def _retry_after(answer: Response, view: models.SubmissionView) -> Response:
    if view.poll_after_seconds is not None:
        answer.headers["Retry-After"] = str(view.poll_after_seconds)
    return answer
