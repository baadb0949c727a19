"""`python -m infra.local.judge0_runner`: starts the runner on 127.0.0.1 until SIGTERM or SIGINT.

Exit codes: 1 the port is taken, 3 programs cannot be sandboxed here.
"""

import os
import sys
from functools import partial
from threading import Event

import click

from infra.local.judge0_runner.judge import judge
from infra.local.judge0_runner.languages import find_languages
from infra.local.judge0_runner.queue import Queue
from infra.local.judge0_runner.sandbox import SandboxUnavailable, open_sandbox
from infra.local.judge0_runner.serving import listen, serve, until_signal

UNSAFE = """\
SANDBOX=unsafe: programs run as {user} with resource limits only. Not protected: your files and the network,
the total memory and disk, your own process count, and cleaning up after this runner is killed."""


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=2358, show_default=True, help="0: a free one.")
@click.option("--count", type=click.IntRange(1), envvar="COUNT", show_envvar=True, help="Workers; default: 2 x cores.")
@click.option(
    "--max-queue-size",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    envvar="MAX_QUEUE_SIZE",
    show_envvar=True,
    help="Counts the waiting ones.",
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
    stop = until_signal()
    listener = listen(port)
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
    if kind == "unsafe":
        click.echo(UNSAFE.format(user="uid 65534" if sandbox.uid else "you"))
    serve(listener, languages, queue, max_queue_size, auth_token, stop, before_stopping=shutdown.set)


if __name__ == "__main__":
    main()
