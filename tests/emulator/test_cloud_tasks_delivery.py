"""What is delivered, when, and what becomes of it: the real client over gRPC, a real HTTP target."""

from __future__ import annotations

import datetime
import itertools
import socket
import time
from collections import Counter
from contextlib import closing
from typing import Any

import jwt
import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2

from infra.local import processes
from infra.local.cloud_tasks_emulator import oidc
from infra.local.cloud_tasks_emulator.engine import Engine
from infra.local.cloud_tasks_emulator.model import QueueMessage, TaskMessage, with_defaults
from infra.local.cloud_tasks_emulator.storage import Storage
from tests.emulator.conftest import GIVE_UP_SECONDS, Arrival, Emulator, QueueMaker, Target, duration, wait_until


def moment(timestamp: Any) -> float:
    """The client gives datetimes, though its types say otherwise."""
    return float(timestamp.timestamp())


def gone(emulator: Emulator, name: str) -> bool:
    try:
        emulator.client.get_task(name=name)
    except exceptions.NotFound:
        return True
    return False


def test_body_method_path_and_headers_arrive_as_they_were_given(
    emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    body = bytes(range(256))
    headers = {
        "Content-Type": "application/x-test",
        "X-Own": "ä".encode().decode("latin-1"),
        "Authorization": "Basic eA==",
    }
    emulator.task(
        make_queue(), f"{target.url}/a/b?c=d%20e&f=", body=body, headers=headers, http_method=tasks_v2.HttpMethod.PUT
    )
    (arrival,) = target.wait_for(1)
    assert (arrival.method, arrival.path, arrival.body) == ("PUT", "/a/b?c=d%20e&f=", body)
    assert {name: arrival.headers[name.lower()] for name in headers} == headers


def test_the_headers_are_those_recorded_from_cloud_tasks(
    emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    queue = make_queue()
    task = emulator.task(queue, target.url, "first")
    (arrival,) = target.wait_for(1)
    assert arrival.method == "POST"
    own = {name: value for name, value in arrival.headers.items() if name.startswith("x-")}
    assert own == {
        "x-cloudtasks-queuename": queue.rpartition("/")[2],
        "x-cloudtasks-taskname": "first",
        "x-cloudtasks-taskretrycount": "0",
        "x-cloudtasks-taskexecutioncount": "0",
        "x-cloudtasks-tasketa": f"{moment(task.schedule_time):.6f}",
    }
    assert arrival.headers["user-agent"] == "Google-Cloud-Tasks"
    assert "content-type" not in arrival.headers
    assert "authorization" not in arrival.headers


def test_what_a_task_says_of_cloud_tasks_own_headers_is_replaced(
    emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    headers = {
        "user-agent": "mine",
        "HOST": "elsewhere",
        "Content-Length": "7",
        "X-Google-Any": "1",
        "X-AppEngine-Any": "1",
        "x-cloudtasks-taskname": "forged",
        "X-CloudTasks-TaskPreviousResponse": "200",
    }
    emulator.task(make_queue(), target.url, "true-name", headers=headers, body=b"abc")
    (arrival,) = target.wait_for(1)
    assert arrival.headers["user-agent"] == "Google-Cloud-Tasks"
    assert arrival.headers["host"] == target.url.removeprefix("http://")
    assert arrival.headers["content-length"] == "3"
    assert arrival.headers["x-cloudtasks-taskname"] == "true-name"
    assert not {"x-google-any", "x-appengine-any", "x-cloudtasks-taskpreviousresponse"} & set(arrival.headers)


@pytest.mark.parametrize("audience", ["", "https://judge.example"])
def test_a_task_carries_a_token_that_the_published_keys_verify(
    emulator: Emulator, make_queue: QueueMaker, target: Target, audience: str
) -> None:
    url = f"{target.url}/judge"
    token = tasks_v2.OidcToken(service_account_email="tasks@exam.iam.gserviceaccount.com", audience=audience)
    emulator.task(make_queue(), url, oidc_token=token, headers={"authorization": "replaced"})
    (arrival,) = target.wait_for(1)
    scheme, _, bearer = arrival.headers["authorization"].partition(" ")
    assert scheme == "Bearer"
    key = jwt.PyJWKClient(f"{emulator.rest}/oauth2/v3/certs").get_signing_key_from_jwt(bearer)
    claims = jwt.decode(
        bearer, key, algorithms=["RS256"], audience=audience or url, issuer="https://accounts.google.com"
    )
    assert claims["email"] == "tasks@exam.iam.gserviceaccount.com"
    assert claims["email_verified"] is True
    assert claims["sub"]
    assert claims["iat"] < claims["exp"]


def test_a_retry_tells_how_often_it_was_tried_and_what_came_last(
    emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    answers = iter([500, 409, 302, 204])
    target.answer = lambda _arrival: (next(answers), {})
    task = emulator.task(make_queue(min_backoff=0.001), target.url, body=b"same")
    arrivals = target.wait_for(4)
    names = ("retrycount", "executioncount", "previousresponse", "retryreason")
    assert [[arrival.headers.get(f"x-cloudtasks-task{name}") for name in names] for arrival in arrivals] == [
        ["0", "0", None, None],
        ["1", "0", "500", ""],  # a 5xx is no execution
        ["2", "1", "409", ""],
        ["3", "2", "302", ""],
    ]
    assert {arrival.body for arrival in arrivals} == {b"same"}
    wait_until(lambda: gone(emulator, task.name), "the task's end after a 2xx")


def test_a_retry_comes_no_earlier_than_its_backoff(emulator: Emulator, make_queue: QueueMaker, target: Target) -> None:
    target.answer = lambda arrival: (200 if arrival.retries == 3 else 500, {})
    emulator.task(make_queue(min_backoff=0.1, max_backoff=10.0, max_doublings=1), target.url)
    arrivals = target.wait_for(4)
    waits = [later.at - earlier.at for earlier, later in itertools.pairwise(arrivals)]
    assert [wait >= least for wait, least in zip(waits, (0.1, 0.2, 0.4), strict=True)] == [True] * 3, waits


def test_a_failed_task_shows_its_attempts(emulator: Emulator, make_queue: QueueMaker, target: Target) -> None:
    target.answer = lambda _arrival: (500, {})
    name = emulator.task(make_queue(min_backoff=60.0), target.url).name
    wait_until(lambda: emulator.client.get_task(name=name).response_count, "the answer on the task")
    task = emulator.client.get_task(name=name)
    assert (task.dispatch_count, task.response_count) == (1, 1)
    assert task.last_attempt.response_status.code == 13
    assert task.last_attempt.response_status.message == "INTERNAL(13): HTTP status code 500"
    last = task.last_attempt
    assert moment(last.schedule_time) <= moment(last.dispatch_time) <= moment(last.response_time)
    assert task.first_attempt == tasks_v2.Attempt(dispatch_time=last.dispatch_time)
    assert moment(task.schedule_time) - moment(last.response_time) == pytest.approx(60, abs=1e-4)


def test_while_a_retry_is_under_way_the_last_attempt_has_no_response(
    emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    target.held, target.answer = True, lambda _arrival: (500, {})
    name = emulator.task(make_queue(min_backoff=0.001), target.url).name
    target.wait_for(1)
    target.let()
    target.wait_for(2)
    task = emulator.client.get_task(name=name)
    assert (task.dispatch_count, task.response_count) == (2, 1)
    assert "response_time" not in task.last_attempt
    assert moment(task.first_attempt.dispatch_time) < moment(task.last_attempt.dispatch_time)


def test_a_target_that_is_not_there_counts_as_unavailable_and_as_no_response(
    emulator: Emulator, make_queue: QueueMaker
) -> None:
    name = emulator.task(make_queue(min_backoff=60.0), f"http://127.0.0.1:{processes.free_port()}").name
    wait_until(lambda: emulator.client.get_task(name=name).last_attempt.response_status.code, "the failure")
    task = emulator.client.get_task(name=name)
    assert (task.dispatch_count, task.response_count) == (1, 0)
    assert task.last_attempt.response_status.code == 14


def test_a_task_is_given_up_silently_after_its_last_attempt(
    emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    target.answer = lambda _arrival: (404, {})
    task = emulator.task(make_queue(max_attempts=3, min_backoff=0.001), target.url)
    wait_until(lambda: gone(emulator, task.name), "the task's end")
    assert [arrival.retries for arrival in target.arrivals] == [0, 1, 2]


def test_unlimited_attempts_go_past_the_default_of_a_hundred(
    emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    target.answer = lambda arrival: (200 if arrival.retries == 120 else 400, {})
    emulator.task(make_queue(max_attempts=-1, min_backoff=0.001, max_backoff=0.001), target.url)
    assert [arrival.retries for arrival in target.wait_for(121)] == list(range(121))


def test_no_more_than_max_concurrent_dispatches_are_in_flight_and_each_answer_admits_the_next(
    emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    target.held = True
    queue = make_queue(max_concurrent_dispatches=3)
    for _ in range(9):
        emulator.task(queue, target.url)
    for admitted in range(3, 10):
        target.wait_for(admitted)
        assert emulator.stats(queue)["concurrentDispatchesCount"] == "3"
        assert len(target.arrivals) == admitted
        target.let()
    target.let(2)
    wait_until(lambda: emulator.stats(queue)["tasksCount"] == "0", "the queue's end")
    assert target.most_inside == 3
    assert emulator.stats(queue)["executedLastMinuteCount"] == "9"


def test_a_raised_limit_holds_at_once(emulator: Emulator, make_queue: QueueMaker, target: Target) -> None:
    target.held = True
    queue = make_queue(max_concurrent_dispatches=1)
    for _ in range(3):
        emulator.task(queue, target.url)
    target.wait_for(1)
    limits = tasks_v2.RateLimits(max_concurrent_dispatches=3)
    emulator.client.update_queue(queue=tasks_v2.Queue(name=queue, rate_limits=limits))
    target.wait_for(3)


def test_a_long_delivery_holds_up_no_other_queue(emulator: Emulator, make_queue: QueueMaker, target: Target) -> None:
    slow, quick = make_queue(max_concurrent_dispatches=1), make_queue()
    target.held = True
    emulator.task(slow, target.url, "long")
    target.wait_for(1)
    target.held = False
    for _ in range(20):
        emulator.task(quick, target.url)
    target.wait_for(21)
    assert not gone(emulator, f"{slow}/tasks/long")


def test_a_paused_queue_delivers_nothing_until_it_is_resumed(
    emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    paused, other = make_queue(), make_queue()
    assert emulator.client.pause_queue(name=paused).state == tasks_v2.Queue.State.PAUSED
    emulator.task(paused, target.url, "kept")
    emulator.task(other, target.url, "free")
    assert [arrival.headers["x-cloudtasks-taskname"] for arrival in target.wait_for(1)] == ["free"]
    assert emulator.stats(paused)["tasksCount"] == "1"
    assert emulator.client.resume_queue(name=paused).state == tasks_v2.Queue.State.RUNNING
    assert target.wait_for(2)[1].headers["x-cloudtasks-taskname"] == "kept"


def test_run_task_goes_past_pause_schedule_and_concurrency_and_even_beside_itself(
    emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    target.held = True
    queue = make_queue(max_concurrent_dispatches=1)
    emulator.task(queue, target.url, "in-flight")
    target.wait_for(1)
    emulator.client.pause_queue(name=queue)
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    task = emulator.task(queue, target.url, "forced", schedule_time=later)
    assert emulator.client.run_task(name=task.name).dispatch_count == 1
    assert emulator.client.run_task(name=task.name).dispatch_count == 2
    names = Counter(arrival.headers["x-cloudtasks-taskname"] for arrival in target.wait_for(3))
    assert names == {"in-flight": 1, "forced": 2}
    target.let(3)
    wait_until(lambda: gone(emulator, task.name), "the task's end")
    with pytest.raises(exceptions.NotFound):
        emulator.client.run_task(name=task.name)


def test_a_task_that_run_task_failed_is_due_its_backoff_after_the_call(
    emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    queue = make_queue(min_backoff=60.0)
    emulator.client.pause_queue(name=queue)
    task = emulator.task(queue, target.url)
    target.held, target.answer = True, lambda _arrival: (500, {})
    emulator.client.run_task(name=task.name)
    target.wait_for(1)
    time.sleep(0.2)  # between the call and the answer
    target.let()
    wait_until(lambda: emulator.client.get_task(name=task.name).response_count, "the answer on the task")
    failed = emulator.client.get_task(name=task.name)
    assert moment(failed.schedule_time) - 60 <= moment(failed.last_attempt.response_time) - 0.2


def test_a_scheduled_task_comes_no_earlier_than_its_time_and_holds_nothing_up(
    emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    queue = make_queue()
    now = datetime.datetime.now(datetime.UTC)
    due, much_later = now + datetime.timedelta(seconds=1.5), now + datetime.timedelta(hours=1)
    emulator.task(queue, target.url, "much-later", schedule_time=much_later)
    later = emulator.task(queue, target.url, "later", schedule_time=due)
    emulator.task(queue, target.url, "now")
    arrivals = {arrival.headers["x-cloudtasks-taskname"]: arrival for arrival in target.wait_for(2)}
    assert set(arrivals) == {"now", "later"}
    assert arrivals["later"].at >= due.timestamp()
    assert arrivals["later"].headers["x-cloudtasks-tasketa"] == f"{moment(later.schedule_time):.6f}"


def test_dispatches_keep_to_a_fractional_rate_after_the_burst(
    emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    queue = make_queue(max_dispatches_per_second=2.5)
    emulator.client.pause_queue(name=queue)
    for _ in range(6):
        emulator.task(queue, target.url)
    resumed = time.time()
    emulator.client.resume_queue(name=queue)
    arrivals = target.wait_for(6)
    early = [arrival.at - resumed for arrival in arrivals[3:]]
    assert [at >= least - 0.01 for at, least in zip(early, (0.4, 0.8, 1.2), strict=True)] == [True] * 3, early


@pytest.mark.parametrize("status", [429, 503])
def test_refusals_slow_the_whole_queue_until_they_cease(
    emulator: Emulator, make_queue: QueueMaker, target: Target, status: int
) -> None:
    target.answer = lambda _arrival: (status, {})
    queue = make_queue(min_backoff=0.001, max_backoff=0.001, max_dispatches_per_second=8)
    emulator.task(queue, target.url)
    wait_until(lambda: emulator.stats(queue)["effectiveExecutionRate"] == 1.0, "the slowest rate")
    assert emulator.client.get_queue(name=queue).rate_limits.max_dispatches_per_second == 8
    target.answer = lambda _arrival: (200, {})
    wait_until(lambda: emulator.stats(queue)["effectiveExecutionRate"] == 8.0, "the recovery")


def test_another_failure_leaves_the_queues_rate_alone(
    emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    target.answer = lambda _arrival: (409, {})
    queue = make_queue(max_attempts=1)
    emulator.task(queue, target.url)
    wait_until(lambda: emulator.stats(queue)["tasksCount"] == "0", "the failure")
    assert emulator.stats(queue)["effectiveExecutionRate"] == 500.0


def test_retry_after_puts_a_retry_off_but_not_past_max_backoff(
    emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    def answer(arrival: Arrival) -> tuple[int, dict[str, str]]:
        return (503, {"Retry-After": "3600"}) if arrival.retries == 0 else (200, {})

    target.answer = answer
    emulator.task(make_queue(min_backoff=0.001, max_backoff=1.0), target.url)
    first, second = target.wait_for(2)
    assert second.at - first.at >= 1.0


@pytest.mark.parametrize("how", ["delete_task", "purge_queue"])
def test_a_task_removed_in_flight_is_not_repeated(
    emulator: Emulator, make_queue: QueueMaker, target: Target, how: str
) -> None:
    target.held, target.answer = True, lambda _arrival: (500, {})
    queue = make_queue(min_backoff=0.001)
    name = emulator.task(queue, target.url, "removed").name
    target.wait_for(1)
    getattr(emulator.client, how)(name=name if how == "delete_task" else queue)
    assert gone(emulator, name)
    target.let(10)
    wait_until(lambda: emulator.stats(queue)["executedLastMinuteCount"] == "1", "the delivery's end")
    assert gone(emulator, name)
    assert len(target.arrivals) == 1
    with pytest.raises(exceptions.AlreadyExists):
        emulator.task(queue, target.url, "removed")


def task_and_queue(url: str) -> tuple[Any, Any]:
    """For the engine itself, without the service's checks."""
    queue = with_defaults(QueueMessage(name="projects/p/locations/l/queues/q", state=tasks_v2.Queue.State.RUNNING))
    task = TaskMessage(name=f"{queue.name}/tasks/t", dispatch_deadline=duration(600))
    task.http_request.url, task.http_request.http_method = url, tasks_v2.HttpMethod.POST
    return task, queue


def test_past_its_deadline_a_delivery_is_cancelled_and_counts_as_deadline_exceeded(target: Target) -> None:
    """On the engine itself: the shortest deadline that the service takes is 15 s."""
    target.held = True
    task, queue = task_and_queue(target.url)
    task.dispatch_deadline.CopyFrom(duration(0.2))
    queue.retry_config.min_backoff.seconds = 60
    with closing(Storage(":memory:")) as storage:
        engine = Engine(storage, oidc.load_or_make(None))
        engine.put_queue(queue)
        engine.start()
        engine.add_task(task)
        wait_until(lambda: task.last_attempt.response_status.code, "the deadline")
        engine.stop()
    assert (task.last_attempt.response_status.code, task.dispatch_count, task.response_count) == (4, 1, 0)
    wait_until(lambda: target.arrivals, "the delivery at the target")
    assert target.inside == 1, "whether the handler stops is its own affair"


def drip(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(int(GIVE_UP_SECONDS / 0.05)):
        connection.sendall(b"1\r\n.\r\n")
        time.sleep(0.05)


def test_an_answer_that_drips_past_the_deadline_is_cancelled() -> None:
    """Each read would be in time; all of them together are not."""
    with socket.create_server(("127.0.0.1", 0)) as listener, closing(Storage(":memory:")) as storage:
        task, queue = task_and_queue(f"http://127.0.0.1:{listener.getsockname()[1]}")
        task.dispatch_deadline.CopyFrom(duration(0.5))
        queue.retry_config.min_backoff.seconds = 60
        engine = Engine(storage, oidc.load_or_make(None))
        engine.put_queue(queue)
        engine.start()
        engine.add_task(task)
        listener.settimeout(GIVE_UP_SECONDS)
        connection, _ = listener.accept()
        with connection, pytest.raises(ConnectionError):  # the emulator hangs up
            drip(connection)
        wait_until(lambda: task.last_attempt.response_status.code, "the deadline")
        engine.stop()
    assert (task.last_attempt.response_status.code, task.response_count) == (4, 0)


def test_an_error_of_the_emulators_own_is_logged(target: Target, caplog: pytest.LogCaptureFixture) -> None:
    target.held = True
    task, queue = task_and_queue(target.url)
    with closing(Storage(":memory:")) as storage:
        engine = Engine(storage, oidc.load_or_make(None))
        engine.put_queue(queue)
        engine.start()
        engine.add_task(task)
        target.wait_for(1)
    target.let()
    wait_until(lambda: "Cannot operate on a closed database" in caplog.text, "the error's line")
    engine.stop()
