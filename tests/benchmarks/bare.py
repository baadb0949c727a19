"""Starting `bare_functions` beside a stack: on its Firestore, its Cloud Tasks and its judge."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from google.cloud import firestore, tasks_v2

from infra.cloud_tasks import local_client
from infra.local import environment, processes
from infra.local.clients import firestore_client
from tests.conftest import ROOT
from tests.stack.conftest import LiveStack

START_SECONDS = 30.0


@dataclass(frozen=True)
class Bare:
    url: str
    documents: firestore.Client
    tasks: tasks_v2.CloudTasksClient
    queue: str


@contextmanager
def bare_functions(live: LiveStack, judge_url: str) -> Iterator[Bare]:
    """Served as the stack serves its own, with as many threads."""
    stack = live.stack
    variables = environment.read_environment_file(stack) or {}
    parent = f"projects/{environment.PROJECT}/locations/{environment.LOCATION}"
    queue = f"{parent}/queues/bare"
    tasks = local_client(f"127.0.0.1:{stack.tasks_port}")
    tasks.create_queue(parent=parent, queue=tasks_v2.Queue(name=queue))
    ports = {"intake": processes.free_port(), "judge": processes.free_port()}
    environ = {
        **os.environ,
        **{name: variables[name] for name in ("GOOGLE_CLOUD_PROJECT", "TASKS_ADDRESS", "TASKS_SERVICE_ACCOUNT")},
        "FIRESTORE_EMULATOR_HOST": f"127.0.0.1:{stack.firestore_port}",
        "BARE_QUEUE": queue,
        "BARE_HANDLER_URL": f"http://127.0.0.1:{ports['judge']}/",
        "BARE_JUDGE_URL": judge_url,
    }
    framework = str(Path(sys.executable).with_name("functions-framework"))
    source = str(ROOT / "tests" / "benchmarks" / "bare_functions.py")
    started = []
    try:
        for (target, port), threads in zip(ports.items(), ("16", "64"), strict=True):
            command = [framework, "--target", target, "--source", source, "--host", "127.0.0.1", "--port", str(port)]
            log = stack.state / f"bare-{target}.log"
            started.append(processes.start(command, log, environ | {"THREADS": threads}))
            if not processes.wait_until_answers(port, started[-1], START_SECONDS):
                raise RuntimeError(f"{target} did not start: {log.read_text()}")
        client = firestore_client(environ["FIRESTORE_EMULATOR_HOST"], environment.PROJECT)
        yield Bare(f"http://127.0.0.1:{ports['intake']}/", client, tasks, queue)
    finally:
        processes.stop(started)
        tasks.transport.close()  # type: ignore[no-untyped-call]
