"""`python -m infra.local.judge0_runner`: starts the runner on 127.0.0.1 until SIGTERM or SIGINT.

Exit codes: 1 the port is taken, 3 programs cannot be sandboxed here.
"""

import os
import signal
import socket
import sys
from functools import partial
from threading import Event, Thread
from types import FrameType

import click
from werkzeug.serving import WSGIRequestHandler, make_server

from infra.local.judge0_runner.app import create_app
from infra.local.judge0_runner.judge import judge
from infra.local.judge0_runner.languages import find_languages
from infra.local.judge0_runner.queue import Queue
from infra.local.judge0_runner.sandbox import SandboxUnavailable, open_sandbox

HOST = "127.0.0.1"

UNSAFE = """\
SANDBOX=unsafe: programs run as {user} with resource limits only. Not protected: your files and the network,
the total memory and disk, your own process count, and cleaning up after this runner is killed."""


class _Handler(WSGIRequestHandler):
    """Keeps connections open and logs nothing: a request may hold tokens or a student's code."""

    protocol_version = "HTTP/1.1"
    #: Head and body are two packets: with Nagle's algorithm the second would wait 40 ms for the first one's receipt.
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: object) -> None:
        pass


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=2358, show_default=True, help="0: a free one.")
@click.option("--count", type=click.IntRange(1), help="Workers; default: 2 x cores.")
@click.option(
    "--max-queue-size", type=click.IntRange(0), default=100, show_default=True, help="Counts the waiting ones."
)
@click.option("--auth-token", help="Asked for in X-Auth-Token.")
@click.option(
    "--sandbox",
    "kind",
    type=click.Choice(["bubblewrap", "unsafe"]),
    default="bubblewrap",
    show_default=True,
    envvar="SANDBOX",
)
def main(port: int, count: int | None, max_queue_size: int, auth_token: str | None, kind: str) -> None:
    """A Judge0-compatible runner for this machine."""
    stop = Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    try:
        listener = socket.create_server((HOST, port), backlog=128)
    except OSError as error:
        click.echo(f"cannot listen on {HOST}:{port}: {os.strerror(error.errno or 0)}", err=True)
        sys.exit(1)
    try:
        sandbox = open_sandbox(kind)
    except SandboxUnavailable as unavailable:
        click.echo(unavailable, err=True)
        sys.exit(3)
    languages = find_languages(sandbox)
    shutdown = Event()
    queue = Queue(
        partial(judge, sandbox=sandbox, shutdown=shutdown), count or 2 * (os.cpu_count() or 1), max_queue_size
    )
    app = create_app(languages, queue, max_queue_size, auth_token)
    server = make_server(HOST, port, app, threaded=True, request_handler=_Handler, fd=listener.fileno())
    if kind == "unsafe":
        click.echo(UNSAFE.format(user="uid 65534" if sandbox.uid else "you"))
    queue.start()
    serving = Thread(target=server.serve_forever, name="http")
    serving.start()
    click.echo(
        f"ready http://{HOST}:{listener.getsockname()[1]} ({', '.join(language.name for language in languages)})"
    )
    sys.stdout.flush()
    stop.wait()
    shutdown.set()
    queue.stop()
    server.shutdown()
    server.server_close()
    listener.close()


if __name__ == "__main__":
    main()
