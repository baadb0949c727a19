"""`run_code` as it is deployed, what its Firestore client reads counted on the wire: GET /counted says how much."""

from __future__ import annotations

from collections import Counter

import flask
from werkzeug.wrappers import Response

import main
from infra import bootstrap, firestore
from tests.benchmarks.parts import count_calls

firestore.CALL_SECONDS = 600.0  # a busy machine's emulator may take its time over a line of 10,000
counts = Counter[str]()
count_calls(bootstrap.service().store._client, counts)  # type: ignore[attr-defined]


def run_code(request: flask.Request) -> Response:
    if request.path == "/counted":
        return flask.jsonify(counts)
    return main.run_code(request)
