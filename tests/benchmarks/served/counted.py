"""`run_code` as it is deployed, what its Firestore client reads counted on the wire: GET /counted says how much."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import flask
from google.cloud import firestore as cloud
from werkzeug.wrappers import Response

import main
from infra import firestore
from tests.benchmarks.parts import count_calls

counts = Counter[str]()


class CountedClient(cloud.Client):
    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        count_calls(self, counts)


cloud.Client = CountedClient  # type: ignore[misc,assignment]
firestore.CALL_SECONDS = 600.0  # a busy machine's emulator may take its time over a line of 10,000


serve = flask.current_app.wsgi_app


def counted(environ: dict[str, Any], start_response: Any) -> Any:
    if environ["PATH_INFO"] == "/counted":
        return Response(json.dumps(counts))(environ, start_response)
    return serve(environ, start_response)


flask.current_app.wsgi_app = counted  # type: ignore[method-assign]
run_code = main.run_code
