"""The Cloud Tasks emulator as a program of its own: `python -m infra.local.cloud_tasks_emulator --help`."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
import threading
from pathlib import Path
from typing import NoReturn

import click
from google.cloud import tasks_v2

from infra.local.cloud_tasks_emulator import grpc_server, oidc, rest_server
from infra.local.cloud_tasks_emulator.beside import Beside
from infra.local.cloud_tasks_emulator.engine import Engine
from infra.local.cloud_tasks_emulator.metrics import QueueMetrics, exposition
from infra.local.cloud_tasks_emulator.model import RpcCode
from infra.local.cloud_tasks_emulator.service import CloudTasks, CloudTasksError
from infra.local.cloud_tasks_emulator.storage import Storage
from infra.local.log_metrics import LogMetrics

STOP_SECONDS = 0.5
PORT = click.IntRange(0, 65_535)
PATH = click.Path(path_type=Path)


@click.command(help="Cloud Tasks v2 on 127.0.0.1, over gRPC and REST, with real deliveries.")
@click.option("--grpc-port", type=PORT, default=8123, show_default=True, help="0 takes a free one.")
@click.option("--rest-port", type=PORT, default=8124, show_default=True, help="0 takes a free one.")
@click.option("--state", default=":memory:", show_default=True, help="An SQLite file that keeps queues and tasks.")
@click.option("--signing-key", type=PATH, help="The key of the OIDC tokens, made if missing.")
@click.option("--queue", "queues", multiple=True, help="projects/P/locations/L/queues/Q: made if missing.")
@click.option("--log", "logs", type=PATH, multiple=True, help="A log of run-code: /metrics counts what it tells.")
def main(
    grpc_port: int,
    rest_port: int,
    state: str,
    signing_key: Path | None,
    queues: tuple[str, ...],
    logs: tuple[Path, ...],
) -> None:
    ending = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ending.set())
    try:
        signer = oidc.load_or_make(signing_key)
    except (OSError, ValueError) as error:
        _fail(f"--signing-key {signing_key}: {error}")
    try:
        storage = Storage(state)
    except sqlite3.Error as error:
        _fail(f"--state {state}: {error}")
    engine = Engine(storage, signer)
    engine.load()
    tasks = CloudTasks(engine)
    operations = {**tasks.operations(), **Beside(tasks, storage).operations()}
    for name in queues:
        _make_queue(tasks, name)
    metrics = exposition(QueueMetrics(engine), *([LogMetrics(logs)] if logs else []))
    try:
        _, rest_port = rest_server.serve(tasks, operations, signer, metrics, rest_port)
    except OSError as error:
        _fail(f"--rest-port: 127.0.0.1:{rest_port}: {error.strerror or error}")
    try:
        grpc, grpc_port = grpc_server.serve(operations, grpc_port)
    except OSError as error:
        _fail(f"--grpc-port: 127.0.0.1:{grpc_port}: {error.strerror or error}")
    engine.start()  # last, so that an emulator that cannot start has delivered nothing
    print(f"ready grpc 127.0.0.1:{grpc_port} rest http://127.0.0.1:{rest_port}", flush=True)
    ending.wait()
    grpc.stop(STOP_SECONDS).wait()
    engine.stop()
    storage.close()
    os._exit(0)  # deliveries may last for minutes more; they are repeated after a restart


def _make_queue(tasks: CloudTasks, name: str) -> None:
    queue = tasks_v2.Queue.pb()(name=name)
    try:
        tasks.create_queue(tasks_v2.CreateQueueRequest.pb()(parent=name.rpartition("/queues/")[0], queue=queue))
    except CloudTasksError as error:
        if error.code is not RpcCode.ALREADY_EXISTS:
            _fail(f"--queue {name}: {error}")


def _fail(why: str) -> NoReturn:
    print(f"cannot start: {why}", file=sys.stderr, flush=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
