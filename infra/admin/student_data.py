"""One student's data: all of it in one file, and all of it erased. Plain functions over the service's store.

Each export and each erasure leaves a record that names nobody: it holds the student's id as a hash only, so that "was
it done for X?" can be answered by whoever knows X.
"""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import IO, Any, Literal

from functions import records
from functions.domain.rejudging import Stage
from functions.domain.submission import Status
from functions.outputs import all_of, objects_of
from functions.ports import Condition, Conflict, Create, Delete, Document, Query, Update, Write
from functions.service import Service
from infra.admin.archive.reading import SMALL_AT_ONCE, WHOLE_AT_ONCE, each
from infra.admin.operations import OperationError

HELD = (records.ATTEMPTS, records.SUBMISSIONS, records.REJUDGED)
"""What has a field `student`, in the order of erasing: without an attempt nothing more can be sent."""
CHOSEN_BY = {"attempt_id": records.ATTEMPTS, "submission_id": records.SUBMISSIONS}
"""A rejudging of one attempt or submission says so in `wanted`."""
ERASED = "(erased)"
"""Stands for an id, and can be none."""
ERASED_AT_ONCE = 100
"""Firestore counts what a batch takes out of indexes too, and bounds it."""
TRIES = 10


@dataclass(frozen=True)
class DataRequest:
    """The record of an export or an erasure. ``counts``: documents by collection; ``done_at`` None: interrupted."""

    request_id: str
    kind: Literal["export", "erase"]
    student_hash: str
    begun_at: datetime
    done_at: datetime | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"{records.DATA_REQUESTS}/{self.request_id}"


def data_request_fields(request: DataRequest) -> dict[str, Any]:
    record = asdict(request)
    del record["request_id"]
    return record


def data_request_of(document: Document) -> DataRequest:
    return DataRequest(document.document_id, **document.fields)


def student_hash(student: str) -> str:
    """SHA-256 of the id, in hex. Raises OperationError for what no document can hold."""
    try:
        return hashlib.sha256(student.encode()).hexdigest()
    except UnicodeEncodeError:
        raise OperationError("the student's id is not UTF-8") from None


def requests(service: Service, student: str | None) -> list[DataRequest]:
    """What was exported and erased of one student, or of all, the oldest first."""
    where: tuple[Condition, ...] = () if student is None else (("student_hash", "==", student_hash(student)),)
    found = each(service.store, Query(records.DATA_REQUESTS, where), SMALL_AT_ONCE)
    return sorted(map(data_request_of, found), key=lambda request: request.begun_at)


def held(service: Service, student: str) -> dict[str, int]:
    """How many documents there are of the student, by collection."""
    student_hash(student)  # says so where it can be no id
    return {collection: service.store.count(Query(collection, _of(student))) for collection in HELD}


def _begin(service: Service, kind: Literal["export", "erase"], student: str) -> tuple[DataRequest, object]:
    request = DataRequest(uuid.uuid4().hex, kind, student_hash(student), service.clock.now())
    try:
        [version] = service.store.commit(Create(request.path, data_request_fields(request)))
    except Conflict:  # nobody else makes this id: it was our own commit, its first answer lost
        document = service.store.get(request.path)[0]
        if document is None:
            raise
        version = document.version
    return request, version


# exporting


def export(service: Service, student: str, out: IO[bytes]) -> DataRequest:
    """Write all that there is of the student as one JSON object: each document, and the records of earlier requests.

    Each document is read once, so the whole is as of no single moment while the student still works. Of a hidden test
    it holds what the student sees: verdict, time and memory. Raises OperationError where there is nothing.
    """
    if not any(held(service, student).values()):
        raise _unknown(student)
    earlier = requests(service, student)
    request, _ = _begin(service, "export", student)
    counts = dict.fromkeys(HELD, 0)
    whole: list[str] = []
    out.write(b"{\n" + _json("student", student) + b",\n" + _json("exported_at", request.begun_at))
    for collection in HELD:
        out.write(f',\n "{collection}": ['.encode())
        for document in each(service.store, Query(collection, _of(student)), WHOLE_AT_ONCE):
            out.write(b",\n" if counts[collection] else b"\n")
            out.write(_json(None, {"id": document.document_id, **dict(sorted(document.fields.items()))}))
            whole += [each["full_output"] for each in document.fields.get("results", ()) if each.get("full_output")]
            counts[collection] += 1
        out.write(b"]")
    out.write(b',\n "whole_outputs": [')
    for number, (key, text) in enumerate(_texts(service, whole)):
        out.write((b",\n" if number else b"\n") + _json(None, {"key": key, "text": text}))
    out.write(b"]")
    out.write(b",\n" + _json("data_requests", [asdict(request) for request in earlier]) + b"\n}\n")
    done = replace(request, done_at=service.clock.now(), counts=counts)
    service.store.commit(Update(done.path, {"done_at": done.done_at, "counts": done.counts}))
    return done


def _texts(service: Service, keys: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Outputs longer than their documents keep, one at a time; what is there no more is left out."""
    for key in keys:
        content = None if service.objects is None else service.objects.get(key)
        if content is not None:
            yield key, content.decode(errors="replace")


def _json(key: str | None, value: object) -> bytes:
    """A member of the object, or an item of one of its lists, indented for a person."""
    text = json.dumps(value, indent=1, ensure_ascii=False, default=_plain)
    if key is not None:
        text = f"{json.dumps(key)}: {text}"
    margin = " " if key is not None else "  "
    # JSON has line feeds only between its parts. Half a surrogate pair, which no UTF-8 can hold, becomes \uXXXX.
    return (margin + text.replace("\n", f"\n{margin}")).encode(errors="backslashreplace")


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(f"cannot be told in JSON: {type(value).__name__}")


# erasing


def to_be_erased(service: Service, student: str) -> dict[str, int]:
    """How many documents ``erase`` would take now, by collection: none where only its record is to be finished.

    Raises OperationError where it would be refused.
    """
    counts = held(service, student)
    if not any(counts.values()) and _interrupted(service, student) is None:
        raise _unknown(student)
    _require_at_rest(service, student)
    return counts


def erase(service: Service, student: str) -> DataRequest:
    """Erase all that there is of the student, and say in a record when and how much.

    Interrupted anywhere, the same call goes on with it. What waits is taken out of the line. What somebody did as
    staff, in exams and rejudgings, stays. Raises OperationError where there is nothing, and while one of the
    submissions is being judged: then nothing was done, or, where a judging just began, not all.
    """
    to_be_erased(service, student)
    found = _interrupted(service, student)
    request, version = (data_request_of(found), found.version) if found else _begin(service, "erase", student)
    for _ in range(TRIES):
        try:
            return _Erasure(service, student, request, version).run()
        except Conflict:
            # Something was sent, claimed or requeued between reading and erasing; or the first answer of our own
            # commit was lost, then the record has its count.
            document = service.store.get(request.path)[0]
            if document is None:
                raise OperationError("the erasure's record is gone: say it again") from None
            request, version = data_request_of(document), document.version
    raise OperationError(f"the data of {student} keep changing: say it again")


def _interrupted(service: Service, student: str) -> Document | None:
    """The record of an erasure that did not come to its end."""
    query = Query(records.DATA_REQUESTS, (("student_hash", "==", student_hash(student)),))
    found = each(service.store, query, SMALL_AT_ONCE)
    open_ = (
        document for document in found if document.fields["kind"] == "erase" and document.fields["done_at"] is None
    )
    return next(open_, None)


def _require_at_rest(service: Service, student: str) -> None:
    """A judging whose submission vanished could never be finished; a rejudging that is being made still writes copies.

    Raises OperationError.
    """
    for collection in HELD[1:]:
        judging: Condition = ("status", "==", str(Status.PROCESSING))
        if service.store.count(Query(collection, (*_of(student), judging))):
            raise _being_judged(student)
    preparing: Condition = ("stage", "==", str(Stage.PREPARING))
    found = service.store.find(Query(records.REJUDGINGS, (preparing,), limit=1, select=("stage",)))
    if found:
        raise OperationError(
            f"rejudging {found[0].document_id} is being prepared: say it again in a minute;"
            " or cancel that one, if it was interrupted"
        )


def _unknown(student: str) -> OperationError:
    return OperationError(f"no data of {student}")


def _being_judged(student: str) -> OperationError:
    return OperationError(f"a submission of {student} is being judged: say it again in a minute")


@dataclass
class _Erasure:
    """One try. Each commit also counts in the record, so that no interruption loses or doubles a count."""

    service: Service
    student: str
    request: DataRequest
    version: object

    def run(self) -> DataRequest:
        """Raises Conflict where something changed: read again, go on. Raises OperationError."""
        self._forget_in_rejudgings()
        while batch := self._next_batch():
            if any(document.fields.get("status") == Status.PROCESSING for document in batch):
                raise _being_judged(self.student)
            self._forget_outputs(batch)
            self._write(
                [Delete(document.path, document.version) for document in batch], batch[0].path.partition("/")[0]
            )
        _require_at_rest(self.service, self.student)
        self.request = replace(self.request, done_at=self.service.clock.now())
        self._write([])
        return self.request

    def _next_batch(self) -> list[Document]:
        """Attempts as long as there are any, even where one was made just now; then the next."""
        for collection in HELD:
            if found := self.service.store.find(self._query(collection, ERASED_AT_ONCE)):
                return found
        return []

    def _forget_outputs(self, batch: list[Document]) -> None:
        """Before their documents go: by these alone they are found."""
        objects = self.service.objects
        if objects is not None and not batch[0].path.startswith(records.ATTEMPTS):
            for document in batch:
                # one that bears a rejudging's result refers to what was kept of the copy
                for key in {*objects_of(document.fields), *objects.keys(all_of(document.document_id))}:
                    objects.delete(key)

    def _forget_in_rejudgings(self) -> None:
        """What was rejudged, by whom and when stays; whose it was goes, while there is something that tells it."""
        store = self.service.store
        hers = {
            key: {found.document_id for found in each(store, self._query(collection), SMALL_AT_ONCE)}
            for key, collection in CHOSEN_BY.items()
        }
        for document in each(store, Query(records.REJUDGINGS, select=("wanted",)), SMALL_AT_ONCE):
            wanted: Mapping[str, str] = document.fields["wanted"]
            if any(wanted.get(key) in ids for key, ids in hers.items()):
                forgotten = {key: ERASED if key in CHOSEN_BY else value for key, value in wanted.items()}
                self._write([Update(document.path, {"wanted": forgotten})], records.REJUDGINGS)

    def _query(self, collection: str, limit: int | None = None) -> Query:
        """Without reading what was written, but where it is kept."""
        return Query(collection, _of(self.student), limit=limit, select=("status", "results", "hidden_outputs"))

    def _write(self, writes: list[Write], collection: str | None = None) -> None:
        if collection is not None:
            counts = {**self.request.counts}
            counts[collection] = counts.get(collection, 0) + len(writes)
            self.request = replace(self.request, counts=counts)
        record = {"done_at": self.request.done_at, "counts": self.request.counts}
        *_, self.version = self.service.store.commit(*writes, Update(self.request.path, record, self.version))


def _of(student: str) -> tuple[Condition, ...]:
    return (("student", "==", student),)
