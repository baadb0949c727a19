"""A real emulator on free ports, the unmodified client, and a small HTTP target that the tasks are delivered to."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from google.cloud import tasks_v2
from google.protobuf import duration_pb2

from infra.cloud_tasks import local_client

ROOT = Path(__file__).resolve().parents[2]
LOCATION = "projects/exam/locations/europe-west1"
GIVE_UP_SECONDS = 120.0
"""After this a test stops waiting for what should have come long ago."""

Answer = tuple[int, dict[str, str]]


def wait_until(condition: Callable[[], object], what: str) -> None:
    give_up = time.monotonic() + GIVE_UP_SECONDS
    while not condition():
        assert time.monotonic() < give_up, f"never happened: {what}"
        time.sleep(0.005)


def duration(seconds: float) -> duration_pb2.Duration:
    made = duration_pb2.Duration()
    made.FromMicroseconds(round(seconds * 1e6))
    return made


@dataclass(frozen=True)
class Arrival:
    """One request at the target; header names in lower case."""

    at: float
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def retries(self) -> int:
        return int(self.headers["x-cloudtasks-taskretrycount"])


@dataclass
class Target:
    """What the tasks are delivered to. ``answer`` decides; held requests wait until they are let go."""

    answer: Callable[[Arrival], Answer] = lambda _arrival: (200, {})
    held: bool = False
    arrivals: list[Arrival] = field(default_factory=list)
    inside: int = 0
    most_inside: int = 0
    url: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _let: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def let(self, count: int = 1) -> None:
        self._let.release(count)

    def take(self, arrival: Arrival) -> Answer:
        with self._lock:
            held = self.held  # as it is before anyone can see this arrival
            self.arrivals.append(arrival)
            self.inside += 1
            self.most_inside = max(self.most_inside, self.inside)
        if held:
            self._let.acquire(timeout=GIVE_UP_SECONDS)
        with self._lock:  # before the answer: the next delivery may begin as soon as it is read
            self.inside -= 1
        return self.answer(arrival)

    def wait_for(self, count: int) -> list[Arrival]:
        wait_until(lambda: len(self.arrivals) >= count, f"{count} deliveries (there were {len(self.arrivals)})")
        return list(self.arrivals)


@pytest.fixture
def target() -> Iterator[Target]:
    found = Target()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, answered = found.take(Arrival(time.time(), self.command, self.path, headers, body))
            self.send_response(status)
            for name, value in {**answered, "Content-Length": "0"}.items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = respond

        def log_message(self, *_arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_arguments: object) -> None:
            """An emulator that was killed does not read its answers."""

    with Server(("127.0.0.1", 0), Handler) as server:
        found.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield found
        found.let(1000)
        server.shutdown()


@dataclass(frozen=True)
class Emulator:
    """A process of its own, and the real client of it."""

    process: subprocess.Popen[str]
    address: str
    rest: str
    client: tasks_v2.CloudTasksClient

    def task(self, queue: str, url: str, name: str = "", **more: Any) -> tasks_v2.Task:
        """Create a task: schedule_time and dispatch_deadline are its own, the rest is for its http_request."""
        own = {key: more.pop(key) for key in ("schedule_time", "dispatch_deadline") if key in more}
        request = tasks_v2.HttpRequest(url=url, **more)
        task = tasks_v2.Task(name=f"{queue}/tasks/{name}" if name else "", http_request=request, **own)
        return self.client.create_task(parent=queue, task=task)

    def stats(self, queue: str) -> dict[str, Any]:
        answer = requests.get(f"{self.rest}/v2/{queue}", timeout=GIVE_UP_SECONDS)
        stats: dict[str, Any] = answer.json()["stats"]
        return stats

    def keys(self) -> list[dict[str, str]]:
        answer = requests.get(f"{self.rest}/oauth2/v3/certs", timeout=GIVE_UP_SECONDS)
        keys: list[dict[str, str]] = answer.json()["keys"]
        return keys


def launch(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "infra.local.cloud_tasks_emulator", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def running(*arguments: str) -> Iterator[Emulator]:
    """An emulator on free ports; killed at the end where a test has not ended it."""
    with launch("--grpc-port", "0", "--rest-port", "0", *arguments) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            words = process.stdout.readline().split()
            assert words[:1] == ["ready"], process.stderr.read()
            with local_client(words[2]) as client:
                yield Emulator(process, words[2], words[4], client)
        finally:
            process.kill()


@pytest.fixture(scope="session")
def emulator() -> Iterator[Emulator]:
    with running() as found:
        yield found


QueueMaker = Callable[..., str]
_numbers = itertools.count(1)


@pytest.fixture
def make_queue(emulator: Emulator) -> Iterator[QueueMaker]:
    """Make a queue from fields of RateLimits and RetryConfig, durations in seconds; its name."""
    made: list[str] = []

    def make(**fields: Any) -> str:
        limits = {name: fields.pop(name) for name in list(fields) if name.startswith("max_concurrent")}
        limits |= {name: fields.pop(name) for name in list(fields) if name.startswith("max_dispatches")}
        retry = {name: duration(value) if isinstance(value, float) else value for name, value in fields.items()}
        queue = tasks_v2.Queue(
            name=f"{LOCATION}/queues/q{next(_numbers)}",
            rate_limits=tasks_v2.RateLimits(**limits),
            retry_config=tasks_v2.RetryConfig(**retry),
        )
        emulator.client.create_queue(parent=LOCATION, queue=queue)
        made.append(queue.name)
        return str(queue.name)

    yield make
    for name in made:
        emulator.client.delete_queue(name=name)
