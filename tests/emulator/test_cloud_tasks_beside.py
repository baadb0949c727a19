"""What Cloud Tasks has beside queues and tasks: policies, CMEK, locations, batches, a queue's own target, buffering."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from google.api_core.exceptions import Aborted, InvalidArgument, NotFound
from google.cloud import tasks_v2
from google.cloud.location import locations_pb2
from google.cloud.tasks_v2.types import HttpTarget, PathOverride, QueryOverride, UriOverride
from google.iam.v1 import iam_policy_pb2, policy_pb2
from google.longrunning import operations_pb2
from hypothesis import given
from hypothesis import strategies as st

from infra.local.cloud_tasks_emulator.targets import buffered, is_url, targeted
from tests.emulator.conftest import GIVE_UP_SECONDS, LOCATION, Emulator, QueueMaker, Target, running

BINDING = policy_pb2.Binding(role="roles/cloudtasks.enqueuer", members=["serviceAccount:a@example.com"])


def test_a_queues_policy_is_kept_and_a_stale_one_refused(emulator: Emulator, make_queue: QueueMaker) -> None:
    queue, client = make_queue(), emulator.client
    empty = client.get_iam_policy(iam_policy_pb2.GetIamPolicyRequest(resource=queue))
    policy = policy_pb2.Policy(bindings=[BINDING], etag=empty.etag)
    set_ = client.set_iam_policy(iam_policy_pb2.SetIamPolicyRequest(resource=queue, policy=policy))
    assert list(set_.bindings) == [BINDING]
    assert client.get_iam_policy(iam_policy_pb2.GetIamPolicyRequest(resource=queue)) == set_
    with pytest.raises(Aborted):
        client.set_iam_policy(iam_policy_pb2.SetIamPolicyRequest(resource=queue, policy=policy))
    asked = iam_policy_pb2.TestIamPermissionsRequest(resource=queue, permissions=["cloudtasks.tasks.create"])
    assert list(client.test_iam_permissions(asked).permissions) == ["cloudtasks.tasks.create"]
    with pytest.raises(NotFound):
        client.get_iam_policy(iam_policy_pb2.GetIamPolicyRequest(resource=f"{LOCATION}/queues/none"))


def test_a_policy_goes_with_its_queue(emulator: Emulator) -> None:
    name = f"{LOCATION}/queues/short-lived"
    request = iam_policy_pb2.SetIamPolicyRequest(resource=name, policy=policy_pb2.Policy(bindings=[BINDING]))
    for _ in range(2):
        emulator.client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=name))
        assert not emulator.client.get_iam_policy(iam_policy_pb2.GetIamPolicyRequest(resource=name)).bindings
        emulator.client.set_iam_policy(request)
        emulator.client.delete_queue(name=name)


def test_what_is_beside_is_there_after_a_restart(tmp_path: Any) -> None:
    state = str(tmp_path / "state.sqlite")
    name = f"{LOCATION}/queues/kept"
    key = tasks_v2.CmekConfig(name=f"{LOCATION}/cmekConfig", kms_key="projects/p/locations/l/keyRings/r/cryptoKeys/k")
    with running("--state", state, "--queue", name) as first:
        first.client.update_cmek_config(cmek_config=key)
        policy = policy_pb2.Policy(bindings=[BINDING])
        first.client.set_iam_policy(iam_policy_pb2.SetIamPolicyRequest(resource=name, policy=policy))
    with running("--state", state) as second:
        assert second.client.get_cmek_config(name=key.name) == key
        kept = second.client.get_iam_policy(iam_policy_pb2.GetIamPolicyRequest(resource=name))
        assert list(kept.bindings) == [BINDING]


def test_locations_are_those_that_have_queues_and_the_usual_ones(emulator: Emulator) -> None:
    asked = locations_pb2.ListLocationsRequest(name="projects/exam")
    assert {each.location_id for each in emulator.client.list_locations(asked).locations} >= {"us-central1"}
    elsewhere = "projects/exam/locations/asia-south1"
    emulator.client.create_queue(parent=elsewhere, queue=tasks_v2.Queue(name=f"{elsewhere}/queues/q"))
    assert "asia-south1" in {each.location_id for each in emulator.client.list_locations(asked).locations}
    emulator.client.delete_queue(name=f"{elsewhere}/queues/q")
    one = emulator.client.get_location(locations_pb2.GetLocationRequest(name=LOCATION))
    assert (one.name, one.location_id) == (LOCATION, "europe-west1")


def test_a_batch_is_an_operation_that_names_what_was_refused(
    emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    queue = make_queue()
    emulator.client.pause_queue(name=queue)
    request = tasks_v2.HttpRequest(url=target.url)
    wanted = [
        tasks_v2.CreateTaskRequest(parent=queue, task=tasks_v2.Task(name=f"{queue}/tasks/{name}", http_request=request))
        for name in ("a", "b", "a")
    ]
    batch = tasks_v2.BatchCreateTasksRequest(parent=queue, requests=wanted, request_id="one")
    done = emulator.client.batch_create_tasks(batch)
    created = done.result().tasks  # type: ignore[no-untyped-call]
    assert [task.name for task in created] == [f"{queue}/tasks/a", f"{queue}/tasks/b"]
    assert set(done.metadata.failed_requests) == {2}
    assert done.metadata.state is tasks_v2.BatchCreateTasksMetadata.State.PARTIALLY_SUCCEEDED
    again = emulator.client.batch_create_tasks(batch)  # a repeat makes nothing twice
    assert again.operation.name == done.operation.name
    assert len(list(emulator.client.list_tasks(parent=queue))) == 2
    asked = operations_pb2.GetOperationRequest(name=done.operation.name)
    assert emulator.client.get_operation(asked) == done.operation
    names = [f"{queue}/tasks/a", f"{queue}/tasks/b"]
    emulator.client.batch_delete_tasks(tasks_v2.BatchDeleteTasksRequest(parent=queue, names=names))
    assert list(emulator.client.list_tasks(parent=queue)) == []
    mixed = tasks_v2.BatchCreateTasksRequest(parent=make_queue(), requests=wanted)
    with pytest.raises(InvalidArgument, match="for the same queue"):
        emulator.client.batch_create_tasks(mixed)
    with pytest.raises(InvalidArgument, match="1 to 100"):
        emulator.client.batch_create_tasks(tasks_v2.BatchCreateTasksRequest(parent=queue))


def target_of(url: str, **fields: Any) -> HttpTarget:
    host, _, port = url.removeprefix("http://").partition(":")
    override = UriOverride(scheme=UriOverride.Scheme.HTTP, host=host, port=int(port), **fields)
    return HttpTarget(uri_override=override)


def test_a_queue_that_says_where_its_tasks_go_takes_bodies_alone(emulator: Emulator, target: Target) -> None:
    name = f"{LOCATION}/queues/buffering"
    http_target = target_of(target.url, path_override=PathOverride(path="/hook"))
    http_target.header_overrides = [HttpTarget.HeaderOverride(header=HttpTarget.Header(key="X-Team", value="exam"))]
    emulator.client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=name, http_target=http_target))
    for path in ("tasks:buffer", "tasks/:buffer", "tasks/mine:buffer"):
        answer = requests.post(f"{emulator.rest}/v2/{name}/{path}", data=b"\xff raw", timeout=GIVE_UP_SECONDS)
        assert answer.status_code == 200, answer.text
    assert answer.json()["task"]["name"] == f"{name}/tasks/mine"
    arrivals = target.wait_for(3)
    assert {(each.method, each.path, each.body, each.headers["x-team"]) for each in arrivals} == {
        ("POST", "/hook", b"\xff raw", "exam")
    }
    coded = {"body": {"data": "aGVsbG8=", "contentType": "text/plain"}}
    requests.post(f"{emulator.rest}/v2/{name}/tasks/:buffer", json=coded, timeout=GIVE_UP_SECONDS)
    last = target.wait_for(4)[-1]
    assert (last.body, last.headers["content-type"]) == (b"hello", "text/plain")
    emulator.client.delete_queue(name=name)


def test_a_queue_without_a_target_buffers_nothing(emulator: Emulator, make_queue: QueueMaker) -> None:
    answer = requests.post(f"{emulator.rest}/v2/{make_queue()}/tasks/:buffer", timeout=GIVE_UP_SECONDS)
    assert answer.status_code == 400
    assert answer.json()["error"]["status"] == "INVALID_ARGUMENT"


def test_what_the_queue_says_goes_before_what_its_tasks_say(emulator: Emulator, target: Target) -> None:
    name = f"{LOCATION}/queues/overriding"
    http_target = target_of(target.url)
    http_target.http_method = tasks_v2.HttpMethod(tasks_v2.HttpMethod.PUT)
    http_target.oidc_token = tasks_v2.OidcToken(service_account_email="queue@example.com", audience="x")
    emulator.client.create_queue(parent=LOCATION, queue=tasks_v2.Queue(name=name, http_target=http_target))
    emulator.task(name, "https://elsewhere.example/path?a=1")
    [arrival] = target.wait_for(1)
    assert (arrival.method, arrival.path) == ("PUT", "/path?a=1")
    assert arrival.headers["authorization"].startswith("Bearer ")
    emulator.client.delete_queue(name=name)


IF_NOT_EXISTS = UriOverride.UriOverrideEnforceMode.IF_NOT_EXISTS


@pytest.mark.parametrize(
    ("override", "url"),
    [
        (UriOverride(), "http://a.example:81/x?q=1"),
        (UriOverride(host="b.example"), "http://b.example/x?q=1"),
        (UriOverride(host="b.example", port=82), "http://b.example:82/x?q=1"),
        (UriOverride(port=82), "http://a.example:82/x?q=1"),
        (UriOverride(scheme=UriOverride.Scheme.HTTPS), "https://a.example:81/x?q=1"),
        (UriOverride(path_override=PathOverride(path="y")), "http://a.example:81/y?q=1"),
        (UriOverride(query_override=QueryOverride(query_params="z=2")), "http://a.example:81/x?z=2"),
        (
            UriOverride(
                host="b.example", path_override=PathOverride(path="y"), uri_override_enforce_mode=IF_NOT_EXISTS
            ),
            "http://a.example:81/x?q=1",
        ),
    ],
)
def test_each_part_of_an_address_can_be_overridden(override: UriOverride, url: str) -> None:
    request = tasks_v2.HttpRequest.pb()(url="http://a.example:81/x?q=1")
    assert targeted(request, HttpTarget.pb(HttpTarget(uri_override=override))).url == url


def test_what_the_task_lacks_the_queue_gives_it() -> None:
    override = UriOverride(
        path_override=PathOverride(path="/y"),
        query_override=QueryOverride(query_params="z=2"),
        uri_override_enforce_mode=IF_NOT_EXISTS,
    )
    request = tasks_v2.HttpRequest.pb()(url="http://a.example")
    assert targeted(request, HttpTarget.pb(HttpTarget(uri_override=override))).url == "http://a.example/y?z=2"


PARTS = st.text(alphabet="ab1:/?#[]@!%. ", max_size=20)


@given(PARTS, PARTS)
def test_no_address_and_no_override_breaks_the_emulator(text: str, url: str) -> None:
    override = HttpTarget.pb(HttpTarget(uri_override=UriOverride(host=text, path_override=PathOverride(path=text))))
    buffered(override, b"", "")
    if is_url(f"http://{url}"):  # others are refused when the task is created
        targeted(tasks_v2.HttpRequest.pb()(url=f"http://{url}"), override)


@pytest.mark.parametrize("url", ["http://[::1", "http://a:port/"])
def test_a_task_for_what_is_no_url_is_refused(emulator: Emulator, make_queue: QueueMaker, url: str) -> None:
    with pytest.raises(InvalidArgument, match="not a valid URL"):
        emulator.task(make_queue(), url)


def test_a_page_from_elsewhere_may_not_ask(emulator: Emulator) -> None:
    for origin, status in ((emulator.rest, 200), ("https://evil.example", 403)):
        answer = requests.get(f"{emulator.rest}/queues", headers={"Origin": origin}, timeout=GIVE_UP_SECONDS)
        assert answer.status_code == status


def test_the_page_for_people_and_its_data(emulator: Emulator, make_queue: QueueMaker) -> None:
    queue = make_queue()
    page = requests.get(f"{emulator.rest}/", timeout=GIVE_UP_SECONDS)
    assert page.headers["Content-Type"].startswith("text/html")
    assert "<title>Cloud Tasks emulator</title>" in page.text
    assert queue in requests.get(f"{emulator.rest}/queues", timeout=GIVE_UP_SECONDS).json()["queues"]
