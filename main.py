"""The three functions of the bundle, for functions-framework: `--target run_code | judge_submission | sweep`."""

import gc
import os

import flask
from werkzeug.wrappers import Response

gc.disable()  # what is loaded now stays: looking for garbage in it takes a tenth of a start

from infra import bootstrap  # noqa: E402

TARGET = os.environ.get("FUNCTION_TARGET", "")
bootstrap.check(TARGET)
bootstrap.load(TARGET)

gc.freeze()
gc.enable()

if TARGET == "run_code" and flask.has_app_context():
    # The framework answers a few paths by itself, in HTML; these are ours, too.
    flask.current_app.register_error_handler(404, lambda _: run_code(flask.request))


def run_code(request: flask.Request) -> Response:
    """The public function: every path and method of the wire contract."""
    app = bootstrap.public_app()
    with bootstrap.following(request), app.request_context(request.environ):
        return app.full_dispatch_request()


def judge_submission(request: flask.Request) -> Response:
    """The handler: Cloud Tasks delivers tickets here, and each makes one visit to its queue's line."""
    from functions.machine import handle_ticket

    with bootstrap.following(request):
        return handle_ticket(bootstrap.service(), bootstrap.gate, bootstrap.handler_verifier(), request)


def sweep(request: flask.Request) -> Response:
    """Cloud Scheduler calls this every SWEEP_INTERVAL."""
    from functions.machine import handle_sweep

    with bootstrap.following(request):
        return handle_sweep(bootstrap.service(), bootstrap.sweep_verifier(), request)
