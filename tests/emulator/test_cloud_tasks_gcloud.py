"""What an operator types: the real `gcloud`, pointed at the emulator's REST port. Few calls: each takes a second."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.emulator.conftest import GIVE_UP_SECONDS, LOCATION, Emulator, QueueMaker, Target

pytestmark = pytest.mark.skipif(shutil.which("gcloud") is None, reason="gcloud is not installed")

Gcloud = Callable[..., str]


@pytest.fixture
def gcloud(emulator: Emulator, tmp_path: Path) -> Gcloud:
    environment = os.environ | {
        "CLOUDSDK_CONFIG": str(tmp_path),  # never the person's own
        "CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDTASKS": f"{emulator.rest}/",
        "CLOUDSDK_AUTH_DISABLE_CREDENTIALS": "true",
        "CLOUDSDK_CORE_PROJECT": "exam",
        "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
        "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "true",
    }

    def run(*arguments: str, located: bool = True) -> str:
        command = ["gcloud", "tasks", *arguments, *(("--location", "europe-west1") if located else ())]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=GIVE_UP_SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    return run


def test_an_operator_looks_at_pauses_and_resumes_a_queue(
    gcloud: Gcloud, emulator: Emulator, make_queue: QueueMaker, target: Target
) -> None:
    queue = make_queue(max_concurrent_dispatches=8, max_dispatches_per_second=2.5)
    name = queue.rpartition("/")[2]
    assert f"Paused queue [europe-west1/{name}]" in gcloud("queues", "pause", name)
    emulator.task(queue, target.url, "waiting")
    rows = [row.split() for row in gcloud("queues", "list").splitlines()]
    assert [name, "PAUSED", "8", "2.5", "100"] in rows
    assert "tasksCount: '1'" in gcloud("queues", "describe", name)
    (task,) = json.loads(gcloud("list", "--queue", name, "--format", "json"))
    assert task["name"] == f"{queue}/tasks/waiting"
    assert target.arrivals == []
    assert f"Resumed queue [europe-west1/{name}]" in gcloud("queues", "resume", name)
    target.wait_for(1)


def test_every_command_of_gcloud_tasks_works(gcloud: Gcloud, emulator: Emulator, target: Target) -> None:
    gcloud(
        "queues",
        "create",
        "everything",
        "--max-dispatches-per-second=5",
        "--max-concurrent-dispatches=2",
        "--max-attempts=4",
        "--min-backoff=0.5s",
        "--http-uri-override=scheme:http,host:127.0.0.1,port:" + target.url.rpartition(":")[2],
    )
    name = f"{LOCATION}/queues/everything"
    gcloud("queues", "update", "everything", "--max-concurrent-dispatches=3")
    described = json.loads(gcloud("queues", "describe", "everything", "--format", "json"))
    assert described["rateLimits"]["maxConcurrentDispatches"] == 3
    assert described["rateLimits"]["maxDispatchesPerSecond"] == 5
    assert described["retryConfig"]["minBackoff"] == "0.500s"
    assert "etag" in gcloud("queues", "get-iam-policy", "everything")
    gcloud("queues", "pause", "everything")
    gcloud(
        "create-http-task",
        "one",
        "--queue=everything",
        f"--url={target.url}/one",
        "--method=PUT",
        "--body-content={}",
        "--header=Content-Type:application/json",
    )
    assert (
        json.loads(gcloud("describe", "one", "--queue=everything", "--format", "json"))["name"] == f"{name}/tasks/one"
    )
    gcloud("run", "one", "--queue=everything")
    assert target.wait_for(1)[0].method == "PUT"
    gcloud("buffer", "--queue=everything")
    gcloud("buffer", "--queue=everything", "--task-id=mine")
    gcloud("delete", "mine", "--queue=everything")
    left = json.loads(gcloud("list", "--queue=everything", "--format", "json"))
    assert f"{name}/tasks/mine" not in {task["name"] for task in left}
    gcloud("queues", "purge", "everything")
    assert json.loads(gcloud("list", "--queue=everything", "--format", "json")) == []
    gcloud("queues", "resume", "everything")
    assert "everything" in gcloud("queues", "list")
    gcloud("queues", "delete", "everything")
    assert "everything" not in gcloud("queues", "list")
    assert "europe-west1" in gcloud("locations", "list", located=False)
