"""Starting programs and ending them, so that nothing is left behind."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

STOP_SECONDS = 3.0
PORTS = range(10_000, 32_000)
"""Below those that systems give to outgoing connections."""
_given: set[int] = set()


def start(command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start ``command`` in a process group of its own, so that Ctrl-C reaches it only through us; output to ``log``.

    Where `setpriv` is (Linux), it dies with us even if we are killed with SIGKILL. That is asked for by a program and
    not between fork and exec: gRPC's fork handlers, run there where gRPC is in use, now and then break the child.
    """
    setpriv = shutil.which("setpriv")
    dying_with_us = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv is not None else []
    with log.open("ab") as output:
        return subprocess.Popen(
            [*dying_with_us, *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env) if env is not None else None,
            start_new_session=True,
        )


def stop(processes: Sequence[subprocess.Popen[Any]], seconds: float = STOP_SECONDS) -> None:
    """SIGTERM to each process's whole group, SIGKILL to what is left of it after ``seconds``."""
    for process in processes:
        _signal(process, signal.SIGTERM)
    until = time.monotonic() + seconds
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, until - time.monotonic()))
    for process in processes:
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[Any], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def free_port(following: int = 0) -> int:
    """A port of PORTS that is free now, as are so many behind it: no outgoing connection takes them next.

    Each is given out once.
    """
    while True:
        port = random.choice(PORTS)
        ports = range(port, port + following + 1)
        if ports[-1] in PORTS and _given.isdisjoint(ports) and all(map(is_free, ports)):
            _given.update(ports)
            return port


def is_free(port: int) -> bool:
    """Whether a server could listen here now. Connections in TIME_WAIT do not count, as for the servers themselves."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    with socket.socket() as client:
        client.settimeout(0.5)
        return client.connect_ex(("127.0.0.1", port)) == 0


def wait_until_answers(
    port: int, process: subprocess.Popen[bytes], seconds: float, stopping: Callable[[], bool] = lambda: False
) -> bool:
    """Whether ``port`` took a connection before ``seconds`` were over, the process ended or we are ``stopping``."""
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None and not stopping():
        if answers(port):
            return True
        time.sleep(0.05)
    return False
