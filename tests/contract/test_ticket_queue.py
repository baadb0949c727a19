"""One suite for the queue's port: the Cloud Tasks adapter against the emulator, and the fake of the unit tests."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from google.cloud import tasks_v2

from functions.domain.submission import RunType
from functions.ports import TicketQueue, Unavailable
from infra import bootstrap
from infra import cloud_tasks as cloud_tasks_module
from infra.cloud_tasks import CloudTasksTicketQueue, local_client
from infra.local import processes
from infra.settings import Settings
from infra.tokens import ServiceAccountVerifier
from tests.conftest import ROOT
from tests.fakes import FakeTicketQueue

ACCOUNT = "tasks@example.iam.gserviceaccount.com"
LOCATION = "europe-west1"


@dataclass
class Delivered:
    """What came out of the queue, and how to stop it."""

    tickets: Callable[[], list[tuple[RunType, str]]]
    pause: Callable[[RunType], None]


class Handler:
    """Where tickets are delivered: remembers them and answers 200."""

    def __init__(self) -> None:
        self.received: list[tuple[dict[str, str], bytes]] = []
        received = self.received

        class Receive(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                received.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Receive)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def emulator() -> Iterator[tuple[str, str]]:
    """The addresses of a running emulator: gRPC (host:port) and REST (URL)."""
    command = [sys.executable, "-m", "infra.local.cloud_tasks_emulator", "--grpc-port", "0", "--rest-port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, start_new_session=True) as started:
        assert started.stdout is not None
        ready = re.search(r"grpc (\S+) rest (\S+)", started.stdout.readline())
        assert ready is not None
        yield ready[1], ready[2]
        processes.stop([started])


@pytest.fixture
def handler() -> Iterator[Handler]:
    made = Handler()
    yield made
    made.close()


@pytest.fixture
def cloud_tasks(emulator: tuple[str, str], handler: Handler, request: pytest.FixtureRequest) -> Iterator[Any]:
    """The adapter and its client, in a project of its own."""
    client = local_client(emulator[0])
    project = f"p{abs(hash(request.node.name))}"
    parent = f"projects/{project}/locations/{LOCATION}"
    for kind in RunType:
        client.create_queue(parent=parent, queue=tasks_v2.Queue(name=f"{parent}/queues/{kind}"))
    queue = CloudTasksTicketQueue(
        client,
        project=project,
        location=LOCATION,
        handler_url=handler.url,
        service_account=ACCOUNT,
        dispatch_deadline_seconds=900,
        patient=True,
    )
    yield queue, client, parent
    client.transport.close()  # type: ignore[no-untyped-call]


@pytest.fixture(params=["cloud-tasks", "fake"])
def queue(request: pytest.FixtureRequest) -> tuple[TicketQueue, Delivered]:
    if request.param == "fake":
        fake = FakeTicketQueue()
        return fake, Delivered(lambda: list(fake.tickets), fake.paused.add)
    adapter, client, parent = request.getfixturevalue("cloud_tasks")
    handler: Handler = request.getfixturevalue("handler")

    def tickets() -> list[tuple[RunType, str]]:
        bodies = [json.loads(body) for _, body in list(handler.received)]
        return [(RunType(body["queue"]), body["submission_id"]) for body in bodies]

    return adapter, Delivered(tickets, lambda kind: client.pause_queue(name=f"{parent}/queues/{kind}"))


def wait_for(delivered: Delivered, number: int) -> list[tuple[RunType, str]]:
    while len(delivered.tickets()) < number:
        time.sleep(0.01)
    return delivered.tickets()


def test_a_ticket_is_delivered_with_its_queue_and_its_submission(queue: tuple[TicketQueue, Delivered]) -> None:
    tickets, delivered = queue
    tickets.enqueue(RunType.SUBMIT, "s1", named=True)
    assert wait_for(delivered, 1) == [(RunType.SUBMIT, "s1")]
    tickets.enqueue(RunType.RUN, "r1", named=True)
    assert wait_for(delivered, 2)[1] == (RunType.RUN, "r1")


def test_a_named_ticket_is_enqueued_once_and_unnamed_ones_each_time(queue: tuple[TicketQueue, Delivered]) -> None:
    tickets, delivered = queue
    for _ in range(3):
        tickets.enqueue(RunType.SUBMIT, "once", named=True)
    for _ in range(2):
        tickets.enqueue(RunType.SUBMIT, "again", named=False)
    wait_for(delivered, 3)
    tickets.enqueue(RunType.SUBMIT, "last", named=True)
    while (RunType.SUBMIT, "last") not in delivered.tickets():
        time.sleep(0.01)
    names = sorted(name for _, name in delivered.tickets())
    assert names == ["again", "again", "last", "once"]


def test_a_paused_queue_says_so_and_the_other_goes_on(queue: tuple[TicketQueue, Delivered]) -> None:
    tickets, delivered = queue
    delivered.pause(RunType.RUN)
    assert tickets.is_paused(RunType.RUN)
    assert not tickets.is_paused(RunType.SUBMIT)


def test_an_operator_pauses_resumes_and_limits_a_queue(cloud_tasks: Any, handler: Handler) -> None:
    queue, client, parent = cloud_tasks
    queue.pause(RunType.RUN)
    queue.enqueue(RunType.RUN, "r1", named=True)
    assert queue.is_paused(RunType.RUN)
    assert handler.received == []
    queue.resume(RunType.RUN)
    assert not queue.is_paused(RunType.RUN)
    while not handler.received:
        time.sleep(0.01)
    before = client.get_queue(name=f"{parent}/queues/run")
    queue.limit(RunType.RUN, 7)
    after = client.get_queue(name=f"{parent}/queues/run")
    assert after.rate_limits.max_concurrent_dispatches == 7
    assert after.retry_config == before.retry_config


def test_an_operators_calls_may_take_longer_than_those_that_are_made_while_a_slot_is_held(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    allowed: list[float] = []

    def answer(*_: object, timeout: float, **__: object) -> tasks_v2.Queue:
        allowed.append(timeout)
        return tasks_v2.Queue()

    for name in ("get_queue", "update_queue"):
        monkeypatch.setattr(tasks_v2.CloudTasksClient, name, answer)
    monkeypatch.setattr(cloud_tasks_module, "CALL_SECONDS", 5.0)
    config = Settings(google_cloud_project="p", tasks_location=LOCATION, tasks_address="127.0.0.1:9")
    for patient in (False, True):
        queue = bootstrap.ticket_queue(config, patient=patient)
        assert not queue.is_paused(RunType.RUN)
        queue.limit(RunType.RUN, 3)
    assert allowed == [1.0, 2.0, 5.0, 5.0]


def test_a_ticket_carries_a_token_that_the_handler_accepts(
    cloud_tasks: Any, handler: Handler, emulator: tuple[str, str]
) -> None:
    cloud_tasks[0].enqueue(RunType.RUN, "r1", named=True)
    while not handler.received:
        time.sleep(0.01)
    headers, _ = handler.received[0]
    assert headers["Content-Type"] == "application/json"
    token = headers["Authorization"].removeprefix("Bearer ")
    verifier = ServiceAccountVerifier(audience=handler.url, email=ACCOUNT, jwks_url=f"{emulator[1]}/oauth2/v3/certs")
    assert verifier.verify(token).subject == ACCOUNT
    assert jwt.decode(token, options={"verify_signature": False})["iss"] == "https://accounts.google.com"


@pytest.mark.parametrize("traceparent", [f"00-{'a' * 32}-{'b' * 16}-01", None])
def test_a_ticket_brings_the_trace_that_it_was_given(
    cloud_tasks: Any, handler: Handler, traceparent: str | None
) -> None:
    cloud_tasks[0].enqueue(RunType.RUN, "r1", named=True, traceparent=traceparent)
    while not handler.received:
        time.sleep(0.01)
    headers, _ = handler.received[0]
    assert {name.lower(): value for name, value in headers.items()}.get("traceparent") == traceparent


def test_where_nobody_answers_or_the_queue_is_missing_it_is_unavailable(cloud_tasks: Any, handler: Handler) -> None:
    client = cloud_tasks[1]
    elsewhere = CloudTasksTicketQueue(
        client,
        project="no-such-project",
        location=LOCATION,
        handler_url=handler.url,
        service_account=ACCOUNT,
        dispatch_deadline_seconds=900,
    )
    with pytest.raises(Unavailable):
        elsewhere.enqueue(RunType.RUN, "r1", named=True)
    with pytest.raises(Unavailable):
        elsewhere.is_paused(RunType.RUN)
