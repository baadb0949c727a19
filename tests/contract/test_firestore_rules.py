"""What a page may do that listens with the Firebase SDK: `infra/firestore.rules`, on Google's emulator, over the wire.

The emulator takes tokens without a signature. It looks at neither their end nor their audience, as Firebase does
before any rule is asked: what the rules themselves see is whom a token names, if anybody.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
import uuid
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any

import grpc
import pytest
import requests
from google.api_core import exceptions
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from google.cloud.firestore_v1.types import ListenRequest

from functions import records
from functions.domain.submission import RunType, Status, Submission
from functions.ports import Create, DocumentStore, Update
from infra.firestore import FirestoreDocumentStore
from infra.local.clients import firestore_client
from infra.local.firestore_emulator import RULES

ALICE, BOB = "alice", "bob"
COLLECTIONS = sorted(
    {
        value
        for name, value in vars(records).items()
        if name.isupper() and isinstance(value, str) and re.fullmatch("[a-z_]+", value)
    }
)
"""All that the service keeps, and whatever is added to it."""
BELOW = f"{records.SUBMISSIONS}/{ALICE}/files"
CLOSED = [*(name for name in COLLECTIONS if name != records.SUBMISSIONS), "unknown", BELOW]
REFUSED, UNREADABLE = 403, 400
STREAMS = 5
"""A busy emulator has been seen to end one by itself, or to say nothing more; as the SDK, we then listen again."""
WHOLE = "whole"
Filter = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """A page by the calls that it can make; ``token`` None: nobody is signed in."""

    address: str
    project: str
    token: str | None

    @property
    def root(self) -> str:
        return f"projects/{self.project}/databases/(default)/documents"

    def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """``path`` continues that of the documents."""
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        url = f"http://{self.address}/v1/{self.root}{path}"
        answer = requests.request(method, url, json=body, headers=headers, timeout=30)
        return answer.status_code, answer.json()

    def get(self, path: str) -> int:
        status, document = self.call("GET", f"/{path}")
        assert status != 200 or document["name"] == f"{self.root}/{path}"
        return status

    def query(self, collection: str, where: Filter | None, **more: Any) -> tuple[int, list[str]]:
        """The status, and the ids found."""
        parent, _, name = collection.rpartition("/")
        query = {"from": [{"collectionId": name}], **({"where": where} if where else {}), **more}
        status, found = self.call("POST", f"{'/' + parent if parent else ''}:runQuery", {"structuredQuery": query})
        return status, [each["document"]["name"].rpartition("/")[2] for each in found if "document" in each]

    def count(self, where: Filter | None) -> tuple[int, int | None]:
        query = {"from": [{"collectionId": records.SUBMISSIONS}], **({"where": where} if where else {})}
        counting = {"structuredQuery": query, "aggregations": [{"alias": "n", "count": {}}]}
        status, found = self.call("POST", ":runAggregationQuery", {"structuredAggregationQuery": counting})
        return status, int(found[0]["result"]["aggregateFields"]["n"]["integerValue"]) if status == 200 else None

    def changes(self, student: str) -> Generator[str, None, None]:
        """As the SDK listens for the submissions of ``student``: each change as "id status", or "refused".

        And WHOLE where all is told that there is. The emulator has been seen to send a message that cannot be read when
        something was changed before that.
        """
        database = self.root.removesuffix("/documents")
        field_filter = {"field": {"field_path": "student"}, "op": "EQUAL", "value": {"string_value": student}}
        query = {"from_": [{"collection_id": records.SUBMISSIONS}], "where": {"field_filter": field_filter}}
        target = {"target_id": 1, "query": {"parent": self.root, "structured_query": query}}
        metadata = [("google-cloud-resource-prefix", database)]
        if self.token is not None:
            metadata.append(("authorization", f"Bearer {self.token}"))
        with grpc.insecure_channel(self.address) as channel:
            client = FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))
            for _ in range(STREAMS):
                asked: SimpleQueue[ListenRequest | None] = SimpleQueue()
                asked.put(ListenRequest(database=database, add_target=target))
                answers: Any = client.listen(iter(asked.get, None), metadata=metadata, timeout=30)
                try:
                    yield from filter(None, map(_change, answers))
                except (exceptions.Cancelled, exceptions.DeadlineExceeded, exceptions.InternalServerError):
                    continue
                finally:
                    answers.cancel()
                    asked.put(None)


def _change(answer: Any) -> str | None:
    if answer.target_change.cause.code:
        assert answer.target_change.cause.code == grpc.StatusCode.PERMISSION_DENIED.value[0]
        return "refused"
    if answer.target_change.read_time and not answer.target_change.target_ids:
        return WHOLE
    document = answer.document_change.document
    return f"{document.name.rpartition('/')[2]} {document.fields['status'].string_value}" if document.name else None


def unsigned(project: str, **claims: object) -> str:
    now = int(time.time())
    issuer = f"https://securetoken.google.com/{project}"
    whole = {"iss": issuer, "aud": project, "iat": now, "exp": now + 3600, **claims}
    return ".".join(_part(part) for part in ({"alg": "none", "typ": "JWT"}, whole)) + "."


def _part(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def of(student: str, field: str = "student", operator: str = "EQUAL") -> Filter:
    return {"fieldFilter": {"field": {"fieldPath": field}, "op": operator, "value": {"stringValue": student}}}


@dataclass(frozen=True)
class Rooms:
    """A project with a document of Alice's and one of Bob's in every collection; each is named as its owner."""

    address: str
    project: str
    store: DocumentStore

    def page(self, student: str, **claims: object) -> Page:
        return Page(self.address, self.project, unsigned(self.project, sub=student, user_id=student, **claims))

    def page_with(self, token: str | None) -> Page:
        return Page(self.address, self.project, token)


def submission(student: str) -> Submission:
    now = datetime(2026, 6, 1, 12, tzinfo=UTC)
    return Submission(
        submission_id=student,
        attempt_id=f"attempt-of-{student}",
        exam_id="demo",
        question_id="sum",
        question_version="1",
        student=student,
        language="python",
        code="print(1)",
        stdin=None,
        run_type=RunType.SUBMIT,
        payload_hash="",
        created_at=now,
        turn_at=now,
        total=1,
        points=100,
    )


def set_rules(address: str, project: str, rules: str) -> tuple[int, Any]:
    url = f"http://{address}/emulator/v1/projects/{project}:securityRules"
    body = {"rules": {"files": [{"name": RULES.name, "content": rules}]}}
    answer = requests.put(url, json=body, timeout=30)
    return answer.status_code, answer.json()


@pytest.fixture
def rooms(firestore_address: str) -> Rooms:
    project = f"test-{uuid.uuid4().hex[:12]}"
    if os.environ.get("FIRESTORE_EMULATOR_HOST"):  # somebody else's, which was started with other rules or none
        assert set_rules(firestore_address, project, RULES.read_text()) == (200, {})
    store = FirestoreDocumentStore(firestore_client(firestore_address, project))
    for student in (ALICE, BOB):
        fields = records.submission_fields(submission(student))
        store.commit(*(Create(f"{name}/{student}", fields) for name in (records.SUBMISSIONS, *CLOSED)))
    return Rooms(firestore_address, project, store)


def test_the_owner_gets_a_submission(rooms: Rooms) -> None:
    assert rooms.page(ALICE).get("submissions/alice") == 200
    assert rooms.page(BOB).get("submissions/bob") == 200


def test_another_students_submission_is_refused_as_one_that_does_not_exist(rooms: Rooms) -> None:
    assert rooms.page(ALICE).get("submissions/bob") == REFUSED
    assert rooms.page(ALICE).get("submissions/none") == REFUSED
    both = {"documents": [f"{rooms.page(ALICE).root}/submissions/{name}" for name in (ALICE, BOB)]}
    assert rooms.page(ALICE).call("POST", ":batchGet", both)[0] == REFUSED


def test_an_instructor_reads_no_more_here_than_a_student(rooms: Rooms) -> None:
    staff = rooms.page("teacher", role="instructor", admin=True)
    assert staff.get("submissions/alice") == REFUSED
    assert staff.query("submissions", of(ALICE))[0] == REFUSED


def test_who_is_not_signed_in_gets_and_finds_nothing(rooms: Rooms) -> None:
    nameless = [unsigned(rooms.project), unsigned(rooms.project, sub=""), unsigned(rooms.project, sub=None)]
    for token in (None, *nameless):
        page = rooms.page_with(token)
        assert page.get("submissions/alice") == REFUSED
        assert page.query("submissions", None)[0] == REFUSED
        assert page.query("submissions", of(ALICE))[0] == REFUSED
        assert page.count(of(ALICE))[0] == REFUSED
    for token in ("nonsense", "a.b.c"):
        assert rooms.page_with(token).get("submissions/alice") == UNREADABLE


def test_a_document_that_names_no_student_is_nobodys(rooms: Rooms) -> None:
    rooms.store.commit(Create("submissions/none", {}))
    for token in (None, unsigned(rooms.project), rooms.page(ALICE).token):
        assert rooms.page_with(token).get("submissions/none") == REFUSED


def test_a_query_for_ones_own_submissions_finds_these(rooms: Rooms) -> None:
    page = rooms.page(ALICE)
    assert page.query("submissions", of(ALICE)) == (200, [ALICE])
    assert page.count(of(ALICE)) == (200, 1)
    newest = [{"field": {"fieldPath": "created_at"}, "direction": "DESCENDING"}]
    assert page.query("submissions", of(ALICE), orderBy=newest, limit=50) == (200, [ALICE])
    of_attempt = {"compositeFilter": {"op": "AND", "filters": [of(ALICE), of("attempt-of-alice", "attempt_id")]}}
    assert page.query("submissions", of_attempt) == (200, [ALICE])


def test_a_query_that_could_find_somebody_elses_is_refused_whatever_it_would_find(rooms: Rooms) -> None:
    page = rooms.page(ALICE)
    either = {"compositeFilter": {"op": "OR", "filters": [of(ALICE), of(BOB)]}}
    some: list[Filter | None] = [
        None,
        of(BOB),
        of("attempt-of-alice", "attempt_id"),
        of("sum", "question_id"),
        of("a", operator="GREATER_THAN_OR_EQUAL"),
        of(BOB, operator="NOT_EQUAL"),
        either,
    ]
    for where in some:
        assert page.query("submissions", where) == (REFUSED, []), where
        assert page.count(where) == (REFUSED, None), where
    assert page.call("GET", "/submissions")[0] == REFUSED
    everywhere = [{"collectionId": "submissions", "allDescendants": True}]
    assert page.query("submissions", of(ALICE), **{"from": everywhere}) == (REFUSED, [])
    assert page.call("POST", ":listCollectionIds", {})[0] == REFUSED


@pytest.mark.parametrize("collection", CLOSED)
def test_everything_else_is_closed_also_what_bears_the_readers_name(rooms: Rooms, collection: str) -> None:
    assert records.SUBMISSIONS in COLLECTIONS
    assert rooms.store.get(f"{collection}/{ALICE}") != [None]
    for page in (rooms.page(ALICE), rooms.page(BOB), rooms.page_with(None)):
        assert page.get(f"{collection}/{ALICE}") == REFUSED
        assert page.get(f"{collection}/none") == REFUSED
        assert page.call("GET", f"/{collection}")[0] == REFUSED
        assert page.query(collection, None) == (REFUSED, [])
        assert page.query(collection, of(ALICE)) == (REFUSED, [])


@pytest.mark.parametrize("collection", [records.SUBMISSIONS, *CLOSED])
def test_nobody_writes_anything(rooms: Rooms, collection: str) -> None:
    path = f"{collection}/{ALICE}"
    name = f"{rooms.page(ALICE).root}/{path}"
    mine = {"fields": {"student": {"stringValue": ALICE}, "score": {"integerValue": "100"}}}
    score = {"fieldPath": "score", "setToServerValue": "REQUEST_TIME"}
    writes: list[dict[str, Any]] = [
        {"update": {"name": name, **mine}},
        {"update": {"name": name, **mine}, "updateMask": {"fieldPaths": ["score"]}},
        {"update": {"name": name + "-new", **mine}, "currentDocument": {"exists": False}},
        {"transform": {"document": name, "fieldTransforms": [score]}},
        {"delete": name},
        {"delete": name + "-new"},
    ]
    before = rooms.store.get(path)
    for page in (rooms.page(ALICE), rooms.page(BOB), rooms.page("teacher", role="instructor"), rooms.page_with(None)):
        assert page.call("POST", f"/{collection}?documentId=new", mine)[0] == REFUSED
        assert page.call("PATCH", f"/{path}-new", mine)[0] == REFUSED
        assert page.call("PATCH", f"/{path}?updateMask.fieldPaths=score", mine)[0] == REFUSED
        assert page.call("DELETE", f"/{path}")[0] == REFUSED
        for write in writes:
            for call in (":commit", ":batchWrite"):
                assert page.call("POST", call, {"writes": [write]})[0] == REFUSED, (call, write)
    assert rooms.store.get(path, f"{path}-new", f"{collection}/new") == [*before, None, None]


def test_a_page_that_listens_is_told_of_its_students_submissions(rooms: Rooms) -> None:
    with closing(rooms.page(ALICE).changes(ALICE)) as changes:
        assert [next(changes), next(changes)] == ["alice queued", WHOLE]
        changed = {BOB: Status.FAILED, ALICE: Status.PROCESSING}
        rooms.store.commit(*(Update(f"submissions/{name}", {"status": str(now)}) for name, now in changed.items()))
        while (change := next(changes)) != "alice processing":
            assert change in ("alice queued", WHOLE)  # the emulator may say it twice


def test_a_page_that_listens_for_another_student_is_refused(rooms: Rooms) -> None:
    for page in (rooms.page(BOB), rooms.page_with(None)):
        with closing(page.changes(ALICE)) as changes:
            assert next(changes) == "refused"


def test_the_rules_are_understood_and_broken_ones_would_be_reported(rooms: Rooms) -> None:
    rules = RULES.read_text()
    assert set_rules(rooms.address, rooms.project, rules) == (200, {})
    unclosed = rules.rpartition("}")[0]
    assert set_rules(rooms.address, rooms.project, unclosed)[0] == UNREADABLE
    misspelt = rules.replace("resource.data.student ==", "resorce.data.student ==")
    assert misspelt != rules
    assert "issues" in set_rules(rooms.address, rooms.project, misspelt)[1]
