"""Clients that nobody here wrote: Node's official one over both wires, Python's over REST and with asyncio."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from google.api_core.exceptions import Conflict, NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import tasks_v2
from google.cloud.tasks_v2.services.cloud_tasks.transports import (
    CloudTasksGrpcAsyncIOTransport,
    CloudTasksRestTransport,
)
from google.protobuf import field_mask_pb2
from grpc import aio

from tests.conftest import missing
from tests.emulator.conftest import GIVE_UP_SECONDS, LOCATION, Emulator, QueueMaker, Target, wait_until

NODE = Path(__file__).with_name("node")
INSTALL_SECONDS = 300.0


@pytest.fixture(scope="session")
def node() -> str:
    """The `node` command, with the official client installed from the project's own lock file."""
    command, npm = shutil.which("node"), shutil.which("npm")
    if command is None or npm is None:
        missing("node and npm are not installed")
    if not (NODE / "node_modules/.package-lock.json").exists():
        install = [npm or "", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(install, cwd=NODE, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
        if done.returncode != 0:
            missing(f"npm ci: {done.stderr[-500:]}")
    return command or ""


@pytest.mark.parametrize("wire", ["grpc", "rest"])
def test_nodes_official_client_is_served(node: str, emulator: Emulator, target: Target, wire: str) -> None:
    address = emulator.address if wire == "grpc" else emulator.rest
    queue = f"node-{wire}"
    command = [node, "client.mjs", wire, address.rpartition(":")[2], queue, target.url]
    done = subprocess.run(command, cwd=NODE, capture_output=True, text=True, timeout=GIVE_UP_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    name = f"projects/node/locations/europe-west1/queues/{queue}"
    assert json.loads(done.stdout) == {
        "queue": name,
        "again": 6,  # ALREADY_EXISTS
        "paused": "PAUSED",
        "task": f"{name}/tasks/one",
        "bodies": ['{"n": 1}'] * 2,
        "paged": 2,
        "missing": 5,  # NOT_FOUND
        "bindings": 0,
        "rates": [20, 3],
        "resumed": "RUNNING",
    }
    arrivals = target.wait_for(2)
    assert {arrival.method for arrival in arrivals} == {"POST", "PUT"}
    assert {arrival.body for arrival in arrivals} == {b'{"n": 1}'}


@pytest.fixture
def rest(emulator: Emulator) -> Iterator[tasks_v2.CloudTasksClient]:
    """Python's client over REST: it sends and wants enums as integers."""
    transport = CloudTasksRestTransport(
        host=emulator.rest.removeprefix("http://"),
        url_scheme="http",
        credentials=AnonymousCredentials(),  # type: ignore[no-untyped-call]
    )
    with tasks_v2.CloudTasksClient(transport=transport) as client:
        yield client


def test_pythons_client_over_rest_does_all_that_it_does_over_grpc(
    rest: tasks_v2.CloudTasksClient, emulator: Emulator, target: Target
) -> None:
    name = f"{LOCATION}/queues/over-rest"
    queue = tasks_v2.Queue(name=name, rate_limits=tasks_v2.RateLimits(max_dispatches_per_second=7.5))
    made = rest.create_queue(parent=LOCATION, queue=queue)
    assert made.state is tasks_v2.Queue.State.RUNNING
    with pytest.raises(Conflict, match="Queue already exists"):
        rest.create_queue(parent=LOCATION, queue=queue)
    assert rest.pause_queue(name=name).state is tasks_v2.Queue.State.PAUSED
    assert made in [*rest.list_queues(parent=LOCATION), made]
    request = tasks_v2.HttpRequest(url=target.url, body=b"\xff\x00", http_method=tasks_v2.HttpMethod.PUT)
    task = rest.create_task(parent=name, task=tasks_v2.Task(name=f"{name}/tasks/t", http_request=request))
    assert task.view is tasks_v2.Task.View.BASIC
    full = rest.get_task(request={"name": task.name, "response_view": tasks_v2.Task.View.FULL})
    assert (full.http_request.body, full.http_request.http_method) == (b"\xff\x00", tasks_v2.HttpMethod.PUT)
    assert [each.name for each in rest.list_tasks(parent=name)] == [task.name]
    mask = field_mask_pb2.FieldMask(paths=["retry_config.max_attempts"])
    changed = tasks_v2.Queue(name=name, retry_config=tasks_v2.RetryConfig(max_attempts=3))
    updated = rest.update_queue(queue=changed, update_mask=mask)
    assert (updated.retry_config.max_attempts, updated.rate_limits.max_dispatches_per_second) == (3, 7.5)
    assert rest.run_task(name=task.name).name == task.name  # though the queue is paused
    target.wait_for(1)
    wait_until(lambda: task.name not in {each.name for each in rest.list_tasks(parent=name)}, "it was delivered")
    with pytest.raises(NotFound, match="no longer exists"):
        rest.get_task(name=task.name)
    other = rest.create_task(parent=name, task=tasks_v2.Task(http_request=request))
    rest.delete_task(name=other.name)
    rest.purge_queue(name=name)
    assert rest.resume_queue(name=name).state is tasks_v2.Queue.State.RUNNING
    rest.delete_queue(name=name)
    with pytest.raises(NotFound, match="Queue does not exist"):
        rest.get_queue(name=name)


def test_pythons_asyncio_client_is_served(emulator: Emulator, make_queue: QueueMaker, target: Target) -> None:
    queue = make_queue()

    async def play() -> list[str]:
        async with aio.insecure_channel(emulator.address) as channel:
            client = tasks_v2.CloudTasksAsyncClient(transport=CloudTasksGrpcAsyncIOTransport(channel=channel))
            await client.pause_queue(name=queue)
            request = tasks_v2.HttpRequest(url=target.url)
            made = [client.create_task(parent=queue, task=tasks_v2.Task(http_request=request)) for _ in range(20)]
            await asyncio.gather(*made)
            found = [task.name async for task in await client.list_tasks(request={"parent": queue, "page_size": 7})]
            await client.resume_queue(name=queue)
            return found

    with ThreadPoolExecutor(1) as pool:  # a loop of its own, whatever else this process runs
        found = pool.submit(asyncio.run, play()).result()
    assert len(set(found)) == 20
    target.wait_for(20)
