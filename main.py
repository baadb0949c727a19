"""The three functions of the bundle, for functions-framework: `--target run_code | judge_submission | sweep`."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

import flask
from werkzeug.wrappers import Response

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

gc.disable()  # what is loaded now stays: looking for garbage in it takes a tenth of a start

from infra import bootstrap  # noqa: E402

TARGET = os.environ.get("FUNCTION_TARGET", "")
bootstrap.check(TARGET)
bootstrap.load(TARGET)

gc.freeze()
gc.enable()


def run_code(request: flask.Request) -> Response:
    """The public function: every path and method of the wire contract."""
    with bootstrap.following(request.environ):
        return flask.Response.from_app(bootstrap.public_app(), request.environ)


def _serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The same, without the framework's own application around it."""
    with bootstrap.following(environ):
        return bootstrap.public_app()(environ, start_response)


if TARGET == "run_code" and flask.has_app_context():
    # It would answer a few paths by itself, in HTML, and takes a sixth of the time of each poll.
    flask.current_app.wsgi_app = _serve  # type: ignore[method-assign]
    # Requests are short and many: waiting threads need not wake every 5 ms to see whether it is their turn.
    sys.setswitchinterval(0.02)


def judge_submission(request: flask.Request) -> Response:
    """The handler: Cloud Tasks delivers tickets here, and each makes one visit to its queue's line."""
    from functions.machine import handle_ticket

    with bootstrap.following(request.environ):
        return handle_ticket(bootstrap.service(), bootstrap.gate, bootstrap.handler_verifier(), request)


def sweep(request: flask.Request) -> Response:
    """Cloud Scheduler calls this every SWEEP_INTERVAL."""
    from functions.machine import handle_sweep

    with bootstrap.following(request.environ):
        return handle_sweep(bootstrap.service(), bootstrap.sweep_verifier(), request)
