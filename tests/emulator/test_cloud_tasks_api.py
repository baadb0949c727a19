"""The operations as the unmodified client sees them, over gRPC and over REST."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
import requests
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksRestTransport
from google.protobuf import field_mask_pb2

from tests.emulator.conftest import GIVE_UP_SECONDS, LOCATION, Emulator, QueueMaker, Target, duration, wait_until

URL = "http://127.0.0.1:9/"
RUNNING, PAUSED = tasks_v2.Queue.State.RUNNING, tasks_v2.Queue.State.PAUSED


@pytest.fixture(params=["grpc", "rest"])
def client(request: pytest.FixtureRequest, emulator: Emulator) -> tasks_v2.CloudTasksClient:
    """The same client over both wires; its own defaults for neither."""
    if request.param == "grpc":
        return emulator.client
    nobody = AnonymousCredentials()  # type: ignore[no-untyped-call]
    host = emulator.rest.removeprefix("http://")
    transport = CloudTasksRestTransport(host=host, url_scheme="http", credentials=nobody)
    return tasks_v2.CloudTasksClient(transport=transport)


@pytest.fixture
def paused(emulator: Emulator, make_queue: QueueMaker) -> str:
    name = make_queue()
    emulator.client.pause_queue(name=name)
    return name


def http_task(name: str = "", **fields: Any) -> tasks_v2.Task:
    request = {"url": URL, **fields.pop("http_request", {})}
    return tasks_v2.Task(name=name, http_request=tasks_v2.HttpRequest(**request), **fields)


def test_a_new_queue_has_the_services_defaults(client: tasks_v2.CloudTasksClient, make_queue: QueueMaker) -> None:
    queue = client.get_queue(name=make_queue())
    assert queue.state == RUNNING
    assert queue.rate_limits == tasks_v2.RateLimits(
        max_dispatches_per_second=500, max_burst_size=500, max_concurrent_dispatches=1000
    )
    assert queue.retry_config == tasks_v2.RetryConfig(
        max_attempts=100, min_backoff=duration(0.1), max_backoff=duration(3600), max_doublings=16
    )


def test_a_queue_goes_through_its_life(client: tasks_v2.CloudTasksClient) -> None:
    name = f"{LOCATION}/queues/life"
    limits = tasks_v2.RateLimits(max_dispatches_per_second=0.5, max_burst_size=77)
    made = client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=name, rate_limits=limits, state=PAUSED))
    assert (made.state, made.rate_limits.max_burst_size) == (RUNNING, 1), "both are output only"
    assert name in [queue.name for queue in client.list_queues(parent=LOCATION)]
    assert client.pause_queue(name=name).state == PAUSED
    client.create_task(parent=name, task=http_task())
    assert client.purge_queue(name=name).purge_time is not None
    assert list(client.list_tasks(parent=name)) == []
    assert client.get_queue(name=name).state == PAUSED
    assert client.resume_queue(name=name).state == RUNNING
    client.delete_queue(name=name)
    assert name not in [queue.name for queue in client.list_queues(parent=LOCATION)]


def test_an_update_with_a_mask_changes_that_and_nothing_else(
    client: tasks_v2.CloudTasksClient, make_queue: QueueMaker
) -> None:
    name = make_queue(max_dispatches_per_second=7, max_attempts=5)
    client.pause_queue(name=name)
    given = tasks_v2.Queue(
        name=name,
        rate_limits=tasks_v2.RateLimits(max_concurrent_dispatches=2, max_dispatches_per_second=99),
        retry_config=tasks_v2.RetryConfig(max_attempts=1),
    )
    mask = field_mask_pb2.FieldMask(paths=["rate_limits.max_concurrent_dispatches"])
    queue = client.update_queue(queue=given, update_mask=mask)
    assert (queue.rate_limits.max_concurrent_dispatches, queue.rate_limits.max_dispatches_per_second) == (2, 7)
    assert (queue.retry_config.max_attempts, queue.state) == (5, PAUSED)


def test_an_update_without_a_mask_replaces_every_setting_and_makes_a_missing_queue(
    client: tasks_v2.CloudTasksClient,
) -> None:
    name = f"{LOCATION}/queues/updated"
    retry = tasks_v2.RetryConfig(max_attempts=-1, max_backoff=duration(10))
    first = client.update_queue(queue=tasks_v2.Queue(name=name, retry_config=retry))
    assert (first.state, first.retry_config.max_attempts) == (RUNNING, -1)
    limits = tasks_v2.RateLimits(max_concurrent_dispatches=4)
    second = client.update_queue(queue=tasks_v2.Queue(name=name, rate_limits=limits))
    assert (second.rate_limits.max_concurrent_dispatches, second.retry_config.max_attempts) == (4, 100)
    client.delete_queue(name=name)


def test_a_task_goes_through_its_life(client: tasks_v2.CloudTasksClient, paused: str) -> None:
    name = f"{paused}/tasks/one_Two-3"
    request = {"body": b"\x00\xff", "headers": {"A": "b"}, "oidc_token": {"service_account_email": "a@b.c"}}
    task = client.create_task(parent=paused, task=http_task(name, http_request=request))
    assert (task.name, task.http_request.http_method) == (name, tasks_v2.HttpMethod.POST)
    assert task.http_request.body == b"", "the basic view has no body"
    assert task.view == tasks_v2.Task.View.BASIC
    assert tasks_v2.Task.pb(task).dispatch_deadline.seconds == 600
    assert tasks_v2.Task.pb(task).create_time.nanos == 0
    full = client.get_task(request={"name": name, "response_view": tasks_v2.Task.View.FULL})
    assert (full.http_request.body, full.http_request.headers["A"]) == (b"\x00\xff", "b")
    assert [found.name for found in client.list_tasks(parent=paused)] == [name]
    client.delete_task(name=name)
    assert list(client.list_tasks(parent=paused)) == []


def test_lists_come_in_pages(client: tasks_v2.CloudTasksClient, paused: str) -> None:
    for number in range(5):
        client.create_task(parent=paused, task=http_task(f"{paused}/tasks/t{number}"))
    pages = client.list_tasks(request={"parent": paused, "page_size": 2}).pages
    assert [[task.name[-2:] for task in page.tasks] for page in pages] == [["t0", "t1"], ["t2", "t3"], ["t4"]]
    queues = client.list_queues(request={"parent": LOCATION, "page_size": 1})
    assert paused in [queue.name for queue in queues]
    assert list(client.list_queues(parent="projects/exam/locations/us-central1")) == []


def test_a_used_name_stays_blocked_whether_the_task_was_done_or_deleted(
    emulator: Emulator, client: tasks_v2.CloudTasksClient, make_queue: QueueMaker, target: Target
) -> None:
    queue = make_queue()
    done = f"{queue}/tasks/done"
    client.create_task(parent=queue, task=http_task(done, http_request={"url": target.url}))
    wait_until(lambda: emulator.stats(queue)["executedLastMinuteCount"] == "1", "the delivery")
    client.pause_queue(name=queue)
    deleted = f"{queue}/tasks/deleted"
    client.create_task(parent=queue, task=http_task(deleted))
    with pytest.raises(exceptions.Conflict, match="Requested entity already exists"):
        client.create_task(parent=queue, task=http_task(deleted))
    client.delete_task(name=deleted)
    for name in (done, deleted):
        with pytest.raises(exceptions.Conflict, match="a task with this name existed too recently"):
            client.create_task(parent=queue, task=http_task(name))
        with pytest.raises(exceptions.NotFound, match="The task no longer exists, though a task with this name"):
            client.get_task(name=name)


def test_unnamed_tasks_get_names_of_their_own(client: tasks_v2.CloudTasksClient, paused: str) -> None:
    names = {client.create_task(parent=paused, task=http_task()).name for _ in range(3)}
    assert len(names) == 3
    assert all(name.removeprefix(f"{paused}/tasks/").isdigit() for name in names)


MISSING = f"{LOCATION}/queues/missing"
Call = Callable[[tasks_v2.CloudTasksClient], object]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda client: client.get_queue(name=MISSING), "Queue does not exist. If you just created the queue"),
        (lambda client: client.create_task(parent=MISSING, task=http_task()), "Queue does not exist."),
        (lambda client: client.list_tasks(parent=MISSING), "Queue does not exist."),
        (lambda client: client.pause_queue(name=MISSING), "Queue does not exist."),
        (lambda client: client.delete_queue(name=MISSING), "Queue does not exist."),
        (lambda client: client.get_task(name=f"{MISSING}/tasks/t"), "Requested entity was not found."),
        (lambda client: client.run_task(name=f"{MISSING}/tasks/t"), "Requested entity was not found."),
    ],
)
def test_what_is_not_there_is_not_found(client: tasks_v2.CloudTasksClient, call: Call, message: str) -> None:
    with pytest.raises(exceptions.NotFound, match=message):
        call(client)


def test_a_queue_that_is_there_cannot_be_created_again(
    client: tasks_v2.CloudTasksClient, make_queue: QueueMaker
) -> None:
    with pytest.raises(exceptions.Conflict, match="Queue already exists"):
        client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=make_queue()))


NOW = datetime.datetime.now(datetime.UTC)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"http_request": {"url": "127.0.0.1/x"}}, "must start with 'http://' or 'https://'"),
        ({"http_request": {"url": URL + "x" * 2083}}, "longer than 2083 characters"),
        ({"http_request": {"body": b"x", "http_method": tasks_v2.HttpMethod.GET}}, "POST, PUT and PATCH only"),
        ({"http_request": {"body": b"x" * 1_048_569}}, "Task size too large"),
        ({"http_request": {"headers": {"a": "x" * 81_920}}}, "less than 80KB"),
        ({"http_request": {"oauth_token": {"service_account_email": "a@b.c"}}}, "OIDC tokens only"),
        ({"http_request": {"oidc_token": {"audience": "x"}}}, "service_account_email must be set"),
        ({"schedule_time": NOW + datetime.timedelta(days=31)}, "at most 30 days"),
        ({"dispatch_deadline": duration(14)}, r"between \[15s, 30m\]"),
        ({"dispatch_deadline": duration(1801)}, r"between \[15s, 30m\]"),
        ({"name": "/tasks/with space"}, "Task name must be formatted"),
        ({"name": "/tasks/" + "x" * 501}, "Task name must be formatted"),
    ],
)
def test_a_task_that_cloud_tasks_would_refuse_is_refused(
    client: tasks_v2.CloudTasksClient, paused: str, fields: dict[str, Any], message: str
) -> None:
    name = paused + fields["name"] if "name" in fields else ""
    with pytest.raises(exceptions.BadRequest, match=message):
        client.create_task(parent=paused, task=http_task(**{**fields, "name": name}))
    assert list(client.list_tasks(parent=paused)) == []


def test_the_longest_name_deadline_and_schedule_are_taken(client: tasks_v2.CloudTasksClient, paused: str) -> None:
    later = NOW + datetime.timedelta(days=29, hours=23)
    task = http_task(f"{paused}/tasks/{'x' * 500}", schedule_time=later, dispatch_deadline=duration(1800))
    made = client.create_task(parent=paused, task=task)
    assert made.schedule_time == later
    assert tasks_v2.Task.pb(made).dispatch_deadline.seconds == 1800


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"name": f"{LOCATION}/queues/under_score"}, "Queue name must be formatted"),
        ({"name": "projects/other/locations/europe-west1/queues/q"}, "must match the parent"),
        ({"rate_limits": {"max_dispatches_per_second": 501}}, "between 0 and 500"),
        ({"rate_limits": {"max_concurrent_dispatches": 5001}}, "between 0 and 5000"),
        ({"retry_config": {"max_attempts": -2}}, "-1 or at least 1"),
        ({"retry_config": {"min_backoff": duration(3601)}}, "must not be greater than"),
        ({"retry_config": {"max_backoff": duration(-1)}}, "must not be negative"),
    ],
)
def test_a_queue_that_cloud_tasks_would_refuse_is_refused(
    client: tasks_v2.CloudTasksClient, fields: dict[str, Any], message: str
) -> None:
    queue = tasks_v2.Queue({"name": f"{LOCATION}/queues/refused", **fields})
    with pytest.raises(exceptions.BadRequest, match=message):
        client.create_queue(parent=LOCATION, queue=queue)


def test_an_unknown_field_of_an_update_mask_is_refused(emulator: Emulator, make_queue: QueueMaker) -> None:
    mask = field_mask_pb2.FieldMask(paths=["rate_limits.nonsense"])
    with pytest.raises(exceptions.BadRequest, match="update mask names an unknown field"):
        emulator.client.update_queue(queue=tasks_v2.Queue(name=make_queue()), update_mask=mask)


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"{", 400), (b"[1]", 400), (b'{"task": {"nonsense": 1}}', 400), (b'{"task": {"httpRequest": 1}}', 400)],
)
def test_a_body_that_is_no_request_is_a_google_like_error(
    emulator: Emulator, paused: str, body: bytes, status: int
) -> None:
    answer = requests.post(f"{emulator.rest}/v2/{paused}/tasks", data=body, timeout=GIVE_UP_SECONDS)
    assert answer.status_code == status
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"
    assert answer.json()["error"]["code"] == status


@pytest.mark.parametrize("path", ["/v3", "/v2/projects/p", "/v1/projects/p/locations/l/queues"])
def test_what_is_no_route_is_not_found(emulator: Emulator, path: str) -> None:
    answer = requests.get(emulator.rest + path, timeout=GIVE_UP_SECONDS)
    assert (answer.status_code, answer.json()["error"]["status"]) == (404, "NOT_FOUND")


def test_rest_writes_enums_as_names_unless_integers_are_asked_for(emulator: Emulator, paused: str) -> None:
    url = f"{emulator.rest}/v2/{paused}"
    assert requests.get(url, timeout=GIVE_UP_SECONDS).json()["state"] == "PAUSED"
    asked = requests.get(url, params={"$alt": "json;enum-encoding=int"}, timeout=GIVE_UP_SECONDS)
    assert asked.json()["state"] == int(PAUSED)


def test_a_queue_over_rest_tells_what_waits_and_since_when(emulator: Emulator, paused: str) -> None:
    assert emulator.stats(paused) == {
        "tasksCount": "0",
        "executedLastMinuteCount": "0",
        "concurrentDispatchesCount": "0",
        "effectiveExecutionRate": 500.0,
    }
    first = emulator.task(paused, URL)
    emulator.task(paused, URL)
    stats = emulator.stats(paused)
    assert stats["tasksCount"] == "2"
    assert stats["oldestEstimatedArrivalTime"] == tasks_v2.Task.pb(first).schedule_time.ToJsonString()
