"""The Cloud Tasks emulator as a program of its own: `python -m infra.local.cloud_tasks_emulator --help`."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

import click
from google.cloud import tasks_v2

from infra.local.cloud_tasks_emulator import grpc_server, oidc, rest_server
from infra.local.cloud_tasks_emulator.engine import Engine
from infra.local.cloud_tasks_emulator.service import CloudTasks, CloudTasksError
from infra.local.cloud_tasks_emulator.storage import Storage

STOP_SECONDS = 0.5


@click.command(help="Cloud Tasks v2 on 127.0.0.1, over gRPC and REST, with real deliveries.")
@click.option("--grpc-port", default=8123, show_default=True, help="0 takes a free one.")
@click.option("--rest-port", default=8124, show_default=True, help="0 takes a free one.")
@click.option("--state", default=":memory:", show_default=True, help="An SQLite file that keeps queues and tasks.")
@click.option("--signing-key", type=click.Path(path_type=Path), help="The key of the OIDC tokens, made if missing.")
@click.option("--queue", "queues", multiple=True, help="projects/P/locations/L/queues/Q: made if missing.")
def main(grpc_port: int, rest_port: int, state: str, signing_key: Path | None, queues: tuple[str, ...]) -> None:
    ending = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ending.set())
    signer = oidc.load_or_make(signing_key)
    engine = Engine(Storage(state), signer)
    tasks = CloudTasks(engine)
    try:
        rest, rest_port = rest_server.serve(tasks, signer, rest_port)
        grpc, grpc_port = grpc_server.serve(tasks, grpc_port)
    except (OSError, SystemExit):
        sys.exit(f"cannot listen: 127.0.0.1:{grpc_port} or 127.0.0.1:{rest_port} is taken")
    engine.start()
    for name in queues:
        _make_queue(tasks, name)
    print(f"ready grpc 127.0.0.1:{grpc_port} rest http://127.0.0.1:{rest_port}", flush=True)
    ending.wait()
    engine.stop()
    grpc.stop(STOP_SECONDS)
    rest.shutdown()
    os._exit(0)  # deliveries may last for minutes more; they are repeated after a restart


def _make_queue(tasks: CloudTasks, name: str) -> None:
    queue = tasks_v2.Queue.pb()(name=name)
    try:
        tasks.create_queue(tasks_v2.CreateQueueRequest.pb()(parent=name.rpartition("/queues/")[0], queue=queue))
    except CloudTasksError as error:
        if error.code != "ALREADY_EXISTS":
            sys.exit(f"--queue {name}: {error}")


if __name__ == "__main__":
    main()
