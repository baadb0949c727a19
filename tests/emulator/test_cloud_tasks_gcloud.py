"""What an operator types: the real `gcloud`, pointed at the emulator's REST port. Few calls: each takes a second."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.emulator.conftest import GIVE_UP_SECONDS, Emulator, QueueMaker, Target

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

    def run(*arguments: str) -> str:
        command = ["gcloud", "tasks", *arguments, "--location", "europe-west1"]
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
