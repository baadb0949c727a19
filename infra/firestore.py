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
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from functions.ports import (
    Conflict,
    Create,
    Delete,
    Document,
    Fields,
    Put,
    Query,
    ServerTime,
    Unavailable,
    Update,
    Write,
)

CALL_SECONDS = 5.0
MOST_ID_BYTES = 1500
RETRY = retry.Retry(
    predicate=retry.if_exception_type(exceptions.ServiceUnavailable, exceptions.ResourceExhausted, exceptions.Aborted),
    initial=0.05,
    maximum=1.0,
    timeout=CALL_SECONDS,
)


class FirestoreDocumentStore:
    def __init__(self, client: firestore.Client) -> None:
        self._client = client

    def get(self, *paths: str) -> list[Document | None]:
        references = [self._client.document(path) for path in paths if _can_exist(path)]
        if not references:
            return [None for _ in paths]
        with _told_plainly():
            snapshots = self._client.get_all(references, retry=RETRY, timeout=CALL_SECONDS)
            found = {snapshot.reference.path: snapshot for snapshot in snapshots if snapshot.exists}
        return [_document(found[path]) if path in found else None for path in paths]

    def find(self, query: Query) -> list[Document]:
        with _told_plainly():
            return [_document(s) for s in self._query(query).get(retry=RETRY, timeout=CALL_SECONDS)]

    def count(self, query: Query) -> int:
        with _told_plainly():
            [[result]] = self._query(query).count().get(retry=RETRY, timeout=CALL_SECONDS)
            return int(result.value)

    def commit(self, *writes: Write) -> list[object]:
        batch = self._client.batch()
        for write in writes:
            reference = self._client.document(write.path)
            match write:
                case Create(fields=fields):
                    batch.create(reference, _content(fields))
                case Put(fields=fields):
                    batch.set(reference, _content(fields))
                case Update(fields=fields, version=version):
                    batch.update(reference, _content(fields), option=self._at(version))
                case Delete(version=version):
                    batch.delete(reference, option=self._at(version))
        with _told_plainly():
            results = batch.commit(retry=RETRY, timeout=CALL_SECONDS)
        return [result.update_time for result in results]

    def _at(self, version: object | None) -> Any:
        return None if version is None else self._client.write_option(last_update_time=version)

    def _query(self, query: Query) -> Any:
        built: Any = self._client.collection(query.collection)
        for name, operator, value in query.where:
            built = built.where(filter=FieldFilter(name, operator, value))
        for name, descending in query.order_by:
            built = built.order_by(name, direction="DESCENDING" if descending else "ASCENDING")
        if query.after is not None:
            *values, document_id = query.after
            direction = "DESCENDING" if query.order_by and query.order_by[-1][1] else "ASCENDING"
            built = built.order_by("__name__", direction=direction)
            cursor = {name: value for (name, _), value in zip(query.order_by, values, strict=True)}
            cursor["__name__"] = self._client.collection(query.collection).document(document_id)
            built = built.start_after(cursor)
        if query.select is not None:
            built = built.select(query.select)
        if query.limit is not None:
            built = built.limit(query.limit)
        return built


def _can_exist(path: str) -> bool:
    """Whether Firestore could hold a document of this id at all; asked for another it answers with an error.

    The bounds are those of its page "Quotas and limits": 1,500 bytes, not `.`, `..` or `__...__`.
    """
    document_id = path.rpartition("/")[2]
    reserved = document_id in ("", ".", "..") or re.fullmatch(r"__.*__", document_id, re.DOTALL)
    return not reserved and len(document_id.encode()) <= MOST_ID_BYTES


def _content(fields: Fields) -> dict[str, Any]:
    return {name: firestore.SERVER_TIMESTAMP if value is ServerTime.NOW else value for name, value in fields.items()}


def _document(snapshot: Any) -> Document:
    return Document(snapshot.reference.path, snapshot.to_dict(), snapshot.update_time)


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
