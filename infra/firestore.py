"""FirestoreDocumentStore: conditional batches on Cloud Firestore (or its emulator).

No pessimistic transactions: on one hot document they stall for ten seconds and fail, where conditional batches go
through by the hundred. Every call has a time-out, so that a visit never outlives its lease inside a call.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from google.api_core import exceptions, retry
from google.api_core.gapic_v1 import method, routing_header
from google.cloud import firestore
from google.cloud.firestore_v1.types import firestore as messages

from functions.ports import Conflict, Document, Query, Unavailable, Write
from infra.firestore_wire import commit_request, document_of, moment, structured_query

CALL_SECONDS = 5.0
MOST_ID_BYTES = 1500
RETRY = retry.Retry(
    predicate=retry.if_exception_type(exceptions.ServiceUnavailable, exceptions.ResourceExhausted, exceptions.Aborted),
    initial=0.05,
    maximum=1.0,
    timeout=CALL_SECONDS,
)
SERVICE = "/google.firestore.v1.Firestore"
BatchGetRequest, BatchGetAnswer = messages.BatchGetDocumentsRequest.pb(), messages.BatchGetDocumentsResponse.pb()
QueryRequest, QueryAnswer = messages.RunQueryRequest.pb(), messages.RunQueryResponse.pb()
CountRequest, CountAnswer = messages.RunAggregationQueryRequest.pb(), messages.RunAggregationQueryResponse.pb()
CommitRequest, CommitAnswer = messages.CommitRequest.pb(), messages.CommitResponse.pb()


class FirestoreDocumentStore:
    """Of ``client`` it takes the connection: where, as whom, and kept open."""

    def __init__(self, client: firestore.Client) -> None:
        channel = client._firestore_api.transport.grpc_channel
        self._database = client._database_string
        self._documents = f"{self._database}/documents"
        self._metadata = (
            *client._rpc_metadata,
            routing_header.to_grpc_metadata((("database", self._database),)),  # type: ignore[no-untyped-call]
        )
        self._batch_get = _reading(channel, "BatchGetDocuments", BatchGetRequest, BatchGetAnswer)
        self._run_query = _reading(channel, "RunQuery", QueryRequest, QueryAnswer)
        self._aggregate = _reading(channel, "RunAggregationQuery", CountRequest, CountAnswer)
        self._commit = _insistent(channel.unary_unary(*_method("Commit", CommitRequest, CommitAnswer)))

    def get(self, *paths: str) -> list[Document | None]:
        possible = [path for path in paths if _can_exist(path)]
        found = self._read(possible) if possible else {}
        return [found.get(path) for path in paths]

    def _read(self, paths: list[str]) -> dict[str, Document]:
        request = BatchGetRequest(database=self._database, documents=[f"{self._documents}/{path}" for path in paths])
        with _told_plainly():
            answers = self._batch_get(request, metadata=self._metadata, timeout=CALL_SECONDS)
            documents = [document_of(answer.found) for answer in answers if answer.HasField("found")]
        return {document.path: document for document in documents}

    def find(self, query: Query) -> list[Document]:
        request = QueryRequest(parent=self._documents, structured_query=structured_query(self._database, query))
        with _told_plainly():
            answers = self._run_query(request, metadata=self._metadata, timeout=CALL_SECONDS)
            return [document_of(answer.document) for answer in answers if answer.HasField("document")]

    def count(self, query: Query) -> int:
        request = CountRequest(parent=self._documents)
        asked = request.structured_aggregation_query
        asked.structured_query.CopyFrom(structured_query(self._database, query))
        asked.aggregations.add(alias="number").count.SetInParent()
        with _told_plainly():
            answers = self._aggregate(request, metadata=self._metadata, timeout=CALL_SECONDS)
        return sum(answer.result.aggregate_fields["number"].integer_value for answer in answers)

    def commit(self, *writes: Write) -> list[object]:
        request = commit_request(self._database, writes)
        with _told_plainly():
            results = self._commit(request, metadata=self._metadata, timeout=CALL_SECONDS).write_results
        return [moment(result.update_time) for result in results]


def _method(name: str, request: Any, answer: Any) -> tuple[str, Any, Any]:
    return f"{SERVICE}/{name}", request.SerializeToString, answer.FromString


def _reading(channel: Any, name: str, request: Any, answer: Any) -> Any:
    """All answers at once: a stream that breaks off is read again from its beginning."""
    stream = channel.unary_stream(*_method(name, request, answer))
    return _insistent(lambda *arguments, **options: list(stream(*arguments, **options)))


def _insistent(call: Any) -> Any:
    """With our retries, and with Google's exceptions."""
    return method.wrap_method(call, default_retry=RETRY)  # type: ignore[no-untyped-call]


def _can_exist(path: str) -> bool:
    """Whether Firestore could hold a document of this id at all; asked for another it answers with an error.

    The bounds are those of its page "Quotas and limits": 1,500 bytes, not `.`, `..` or `__...__`.
    """
    document_id = path.rpartition("/")[2]
    reserved = document_id in ("", ".", "..") or re.fullmatch(r"__.*__", document_id, re.DOTALL)
    return not reserved and len(document_id.encode()) <= MOST_ID_BYTES


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Google's exceptions as the port's. Whatever is neither a conflict nor a refusal for now is a fault of ours."""
    try:
        yield
    except (exceptions.AlreadyExists, exceptions.FailedPrecondition, exceptions.NotFound) as error:
        raise Conflict(error.message) from error
    except exceptions.Aborted as error:  # after the retries: contention, not an outage
        raise Conflict(error.message) from error
    except (
        exceptions.ServerError,
        exceptions.TooManyRequests,
        exceptions.RetryError,
    ) as error:
        raise Unavailable(f"Firestore: {type(error).__name__}") from error
