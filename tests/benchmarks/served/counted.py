"""`run_code` as it is deployed, what its Firestore client reads counted on the wire: GET /counted says how much."""

from __future__ import annotations

from collections import Counter

import flask
import grpc
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from werkzeug.wrappers import Response

import main
from infra import bootstrap, firestore
from tests.contract.test_costs import Counting, _channel_of

firestore.CALL_SECONDS = 600.0  # a busy machine's emulator may take its time over a line of 10,000
counts = Counter[str]()
documents = bootstrap.service().store._client  # type: ignore[attr-defined]
channel = grpc.intercept_channel(_channel_of(documents), Counting(counts))
documents._firestore_api_internal = FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))


def run_code(request: flask.Request) -> Response:
    if request.path == "/counted":
        return flask.jsonify(counts)
    return main.run_code(request)
