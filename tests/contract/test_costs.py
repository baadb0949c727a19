"""What one submission costs in documents, tasks and calls to the judge: counted on the wire of the real clients.

infra/admin/costs.toml has the upper bounds that are held here, and the prices.
"""

from __future__ import annotations

import math
import re
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest
from google.cloud import tasks_v2
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

from functions import records
from functions.api import create_app
from functions.domain.exam import Attempt, Exam
from functions.domain.submission import RunType
from functions.gate import Gate
from functions.ports import Caller, Create
from functions.questions import put_question
from functions.service import Draining, Rules, Service
from functions.slots import free_slots, seed_slots
from functions.standing import FRESH_SECONDS
from functions.visit import End, visit
from infra.admin.costs import read_costs
from infra.clock import SystemClock
from infra.cloud_tasks import CloudTasksTicketQueue
from infra.firestore import FirestoreDocumentStore
from infra.judge0 import Judge0Judge
from infra.local import processes
from infra.local.clients import firestore_client
from tests.conftest import ROOT, our_process
from tests.fakes import one_judge, question

TESTS, POLLS, POLL_SECONDS, COMPANY = 10, 20, 2.0, 30
PARENT = "projects/costs/locations/europe-west1"


class Counting(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):  # type: ignore[misc]
    """Counts what Google bills of the calls that pass: documents, and Cloud Tasks' calls.

    A query costs a read for each document and at least one; an aggregation one for each 1,000 index entries.
    """

    def __init__(self, counts: Counter[str]) -> None:
        self._counts = counts

    def intercept_unary_unary(self, go_on: Any, details: Any, request: Any) -> Any:
        service, method = details.method.strip("/").split("/")
        if service.endswith("CloudTasks"):
            self._counts["tasks_operations"] += 1
        elif method == "Commit":
            deleted = sum(bool(write.delete) for write in request.writes)
            self._counts["firestore_deletes"] += deleted
            self._counts["firestore_writes"] += len(request.writes) - deleted
        else:
            raise AssertionError(f"not known what {details.method} costs")
        return go_on(details, request)

    def intercept_unary_stream(self, go_on: Any, details: Any, request: Any) -> Any:
        read = {
            "BatchGetDocuments": lambda answers: sum(bool(each.found.name or each.missing) for each in answers),
            "RunQuery": lambda answers: max(1, sum(bool(each.document.name) for each in answers)),
            "RunAggregationQuery": _entries,
        }[details.method.rpartition("/")[2]]
        return _Read(go_on(details, request), read, self._counts)


def _entries(answers: list[Any]) -> int:
    values = [value.integer_value for each in answers for value in each.result.aggregate_fields.values()]
    return sum(max(1, math.ceil(value / 1000)) for value in values)


class _Read:
    """The stream as it is, counted at its end."""

    def __init__(self, call: Any, read: Callable[[list[Any]], int], counts: Counter[str]) -> None:
        self._call, self._read, self._counts = call, read, counts
        self._answers: list[Any] = []

    def __iter__(self) -> _Read:
        return self

    def __next__(self) -> Any:
        try:
            answer = next(self._call)
        except StopIteration:
            self._counts["firestore_reads"] += self._read(self._answers)
            raise
        self._answers.append(answer)
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)


class SkippingClock(SystemClock):
    """It stands still but for what is slept and skipped: what a busy machine takes costs no document."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._begun = super().now(), super().monotonic()

    def now(self) -> datetime:
        return self._begun[0] + timedelta(seconds=self.ahead)

    def monotonic(self) -> float:
        return self._begun[1] + self.ahead

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.ahead += seconds


class NameIsToken:
    def verify(self, token: str) -> Caller:
        return Caller(token)


@dataclass
class Counted:
    """A service over the real clients, its counts, and what one does with it."""

    service: Service
    clock: SkippingClock
    counts: Counter[str]
    gate: Gate = field(init=False)
    web: Any = field(init=False)

    def __post_init__(self) -> None:
        self.gate = Gate(self.clock, lambda: len(free_slots(self.service)[0]), self.service.rng)
        self.web = create_app(self.service, NameIsToken(), version="0", max_body_bytes=262_144).test_client()

    def press(self, student: str) -> str:
        body = {
            "attempt_id": f"attempt-{student}",
            "question_id": "echo",
            "language": "python",
            "code": "takes 0.1 s",
            "run_type": "submit",
        }
        answer = self.web.post("/", json=body, headers={"Authorization": f"Bearer {student}"})
        assert answer.status_code == 202, answer.text
        return str(answer.json["submission_id"])

    def poll(self, student: str, submission_id: str) -> dict[str, Any]:
        answer = self.web.get(f"/submissions/{submission_id}", headers={"Authorization": f"Bearer {student}"})
        assert answer.status_code == 200, answer.text
        shown: dict[str, Any] = answer.json
        return shown

    def judge(self) -> End:
        return visit(self.service, self.gate, RunType.SUBMIT)

    @contextmanager
    def counting(self) -> Iterator[Counter[str]]:
        """What is counted in between."""
        before, found = self.counts.copy(), Counter[str]()
        yield found
        found.update(self.counts - before)


@contextmanager
def tasks_emulator() -> Iterator[str]:
    command = [sys.executable, "-m", "infra.local.cloud_tasks_emulator", "--grpc-port", "0", "--rest-port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as started:
        assert started.stdout is not None
        ready = re.search(r"grpc (\S+) ", started.stdout.readline())
        assert ready is not None
        yield ready[1]
        processes.stop([started])


def _channel_of(client: Any) -> Any:
    return client._emulator_channel(FirestoreGrpcTransport)


def _tasks_client(address: str, interceptor: Counting) -> tasks_v2.CloudTasksClient:
    channel = grpc.intercept_channel(grpc.insecure_channel(address), interceptor)
    tasks = tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=channel))
    for kind in RunType:
        tasks.create_queue(parent=PARENT, queue=tasks_v2.Queue(name=f"{PARENT}/queues/{kind}"))
    return tasks


@contextmanager
def counted_service(firestore_address: str) -> Iterator[Counted]:
    """A service that has just judged one submission, and the students of one exam."""
    counts = Counter[str]()
    interceptor = Counting(counts)
    documents = firestore_client(firestore_address, f"costs-{uuid.uuid4().hex[:12]}")
    channel = grpc.intercept_channel(_channel_of(documents), interceptor)
    documents._firestore_api_internal = FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))
    clock = SkippingClock()
    with tasks_emulator() as tasks_address, our_process("infra.local.scripted_judge") as judge_url:
        tasks = _tasks_client(tasks_address, interceptor)
        tickets = CloudTasksTicketQueue(
            tasks,
            project="costs",
            location="europe-west1",
            handler_url="http://127.0.0.1:9",  # nobody there: the visits are made by the test
            service_account="tasks@costs.iam.gserviceaccount.com",
            dispatch_deadline_seconds=900,
        )
        judge = Judge0Judge(judge_url, {}, timeout=600.0)
        judge._session.hooks["response"].append(lambda answer, **_: counts.update(judge_calls=1))
        service = Service(FirestoreDocumentStore(documents), tickets, one_judge(judge), clock, Rules(), Draining(clock))
        made = Counted(service, clock, counts)
        seed_slots(service)
        put_question(service, question(tests=TESTS))
        service.store.commit(Create("exams/exam", records.exam_fields(Exam("exam", "An exam"))))
        for student in ("warm", *(f"s{number}" for number in range(COMPANY))):
            attempt = Attempt(f"attempt-{student}", student, "exam")
            service.store.commit(Create(f"attempts/{attempt.attempt_id}", records.attempt_fields(attempt)))
        first = made.press("warm")
        made.poll("warm", first)
        assert made.judge() is End.JUDGED
        clock.ahead += FRESH_SECONDS
        assert made.poll("warm", first)["verdict"] == "accepted"
        yield made
        judge.close()
        tasks.transport.close()  # type: ignore[no-untyped-call]
    documents.close()  # type: ignore[no-untyped-call]


@pytest.fixture
def counted(firestore_address: str) -> Iterator[Counted]:
    with counted_service(firestore_address) as made:
        yield made


@dataclass(frozen=True)
class Cost:
    """``submission``: from the press to the result, each; ``poll``: each while waiting; ``final``: when it is done."""

    submission: Mapping[str, float]
    poll: Mapping[str, float]
    final: Mapping[str, float] = field(default_factory=dict)


def alone(counted: Counted) -> Cost:
    """Twenty polls are over before the visit: a poll of what is being judged or done reads its document alone."""
    counted.clock.ahead += 60.0  # nothing that was kept is new enough: nobody else is there
    with counted.counting() as found:
        mine = counted.press("s0")
    with counted.counting() as polling:
        for _ in range(POLLS):
            counted.clock.ahead += POLL_SECONDS
            assert counted.poll("s0", mine)["status"] == "queued"
    with counted.counting() as judging:
        assert counted.judge() is End.JUDGED
    counted.clock.ahead += FRESH_SECONDS
    assert counted.poll("s0", mine)["verdict"] == "accepted"
    with counted.counting() as final:
        assert counted.poll("s0", mine)["verdict"] == "accepted"
    print("intake", dict(found), "judging", dict(judging))
    delivery = Counter(tasks_operations=1, requests=2)  # Cloud Tasks delivers the ticket; the press and the ticket
    return Cost(found + judging + delivery, _each(polling, POLLS), final)


def in_company(counted: Counted) -> Cost:
    """Thirty press within a few seconds; each ticket makes its visit, most of which find the line empty."""
    with counted.counting() as found:
        waiting = {f"s{number}": counted.press(f"s{number}") for number in range(COMPANY)}
    counted.clock.ahead += 10.0
    counted.poll("s0", waiting["s0"])  # has what came read for the last time
    with counted.counting() as polling:
        for _ in range(POLLS):
            for student, submission_id in waiting.items():
                counted.clock.ahead += POLL_SECONDS / COMPANY
                counted.poll(student, submission_id)
    with counted.counting() as judging:
        for _ in waiting:
            counted.judge()
    counted.clock.ahead += FRESH_SECONDS
    assert {counted.poll(*each)["verdict"] for each in waiting.items()} == {"accepted"}
    found += judging + Counter(tasks_operations=COMPANY, requests=2 * COMPANY)
    return Cost(_each(found, COMPANY), _each(polling, POLLS * COMPANY))


def _each(counts: Counter[str], number: int) -> dict[str, float]:
    return {name: count / number for name, count in counts.items()}


def above(found: Mapping[str, float], bounds: Mapping[str, float]) -> dict[str, float]:
    """What costs more than is written down, or is not written down at all."""
    return {name: number for name, number in found.items() if number > bounds.get(name, 0)}


def test_a_submission_and_its_polls_cost_what_is_written_down(counted: Counted) -> None:
    costs, found = read_costs(), alone(counted)
    print(found)
    assert above(found.submission, costs.submission) == {}
    assert above(found.poll, costs.poll) == {}
    assert found.final == {"firestore_reads": 1}


def test_in_company_it_costs_less(counted: Counted) -> None:
    costs, found = read_costs(), in_company(counted)
    print(found)
    assert above(found.submission, costs.submission_in_company) == {}
    assert above(found.poll, costs.poll_in_company) == {}
