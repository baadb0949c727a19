"""Serving Judge0's interface on 127.0.0.1 until SIGTERM or SIGINT."""

import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from threading import Event, Thread
from types import FrameType

import click
from werkzeug.serving import WSGIRequestHandler, make_server

from infra.local.judge0_runner.app import create_app
from infra.local.judge0_runner.languages import Language
from infra.local.judge0_runner.queue import Queue

HOST = "127.0.0.1"


class _Handler(WSGIRequestHandler):
    """Keeps connections open and logs nothing: a request may hold tokens or a student's code."""

    protocol_version = "HTTP/1.1"
    #: Head and body are two packets: with Nagle's algorithm the second would wait 40 ms for the first one's receipt.
    disable_nagle_algorithm = True

    def log(self, type: str, message: str, *args: object) -> None:
        pass


def until_signal() -> Event:
    """Set by the first SIGTERM or SIGINT."""
    stop = Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return stop


def listen(port: int) -> socket.socket:
    """A listening socket; where the port is taken one line says so and the process ends with 1."""
    try:
        return socket.create_server((HOST, port), backlog=128)
    except OSError as error:
        click.echo(f"cannot listen on {HOST}:{port}: {os.strerror(error.errno or 0)}", err=True)
        sys.exit(1)


def serve(
    listener: socket.socket,
    languages: Sequence[Language],
    queue: Queue,
    max_queue_size: int,
    auth_token: str | None,
    stop: Event,
    before_stopping: Callable[[], None],
) -> None:
    app = create_app(languages, queue, max_queue_size, auth_token)
    server = make_server(HOST, 0, app, threaded=True, request_handler=_Handler, fd=listener.fileno())
    queue.start()
    serving = Thread(target=server.serve_forever, name="http")
    serving.start()
    names = ", ".join(language.name for language in languages)
    click.echo(f"ready http://{HOST}:{listener.getsockname()[1]} ({names})")
    sys.stdout.flush()
    stop.wait()
    before_stopping()
    queue.stop()
    server.shutdown()
    server.server_close()
    listener.close()
