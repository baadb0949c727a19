"""`make bench-emulators`: how true the stand-ins are to what they stand for, and what they cost.

Cloud Tasks' emulator against the documented behaviour: rates, concurrency, backoff, deadline; enqueueing and paging
with 10 and with 5000 tasks waiting. The local runner's price for a run of `print(1)` against a bare process. Ends with
one line of JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from statistics import median
from threading import Lock, Thread
from typing import Any

from google.cloud import tasks_v2
from rich.console import Console
from rich.table import Table

from functions.domain.question import Limits
from functions.ports import Program
from infra import bootstrap, settings
from tests.conftest import our_process
from tests.emulator.conftest import LOCATION, Emulator, duration, running

EXAMPLE = (10, 20, 40, 80, 160, 240, 300)
"""Google's example of a backoff, in seconds: min_backoff 10 s, max_backoff 300 s, max_doublings 3."""
SCALE = 50.0
"""The example is played so many times faster."""
WAITING = (10, 5000)
RUNS = 25


class Target:
    """Answers after ``seconds`` with ``status`` and notes when it was asked."""

    def __init__(self, status: int = 200, seconds: float = 0.0) -> None:
        self.at: list[float] = []
        self.headers: list[dict[str, str]] = []
        self.most = self._inside = 0
        lock, outer = Lock(), self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                with lock:
                    outer.at.append(time.monotonic())
                    outer.headers.append({name.lower(): value for name, value in self.headers.items()})
                    outer._inside += 1
                    outer.most = max(outer.most, outer._inside)
                time.sleep(seconds)
                with lock:
                    outer._inside -= 1
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                except OSError:
                    pass  # the emulator gave up waiting

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def open(self) -> Iterator[Target]:
        Thread(target=self.server.serve_forever, daemon=True).start()
        yield self
        self.server.shutdown()

    def wait_for(self, count: int) -> None:
        while len(self.at) < count:
            time.sleep(0.01)

    @property
    def gaps(self) -> list[float]:
        return [later - earlier for earlier, later in pairwise(self.at)]


def queue(emulator: Emulator, name: str, rate: float = 500.0, concurrent: int = 1000, **retry: Any) -> str:
    path = f"{LOCATION}/queues/{name}"
    limits = tasks_v2.RateLimits(max_dispatches_per_second=rate, max_concurrent_dispatches=concurrent)
    made = tasks_v2.Queue(name=path, rate_limits=limits, retry_config=tasks_v2.RetryConfig(**retry))
    emulator.client.create_queue(parent=LOCATION, queue=made)
    return path


def rate(emulator: Emulator, name: str, per_second: float, tasks: int) -> float:
    """Dispatches per second, those of the first burst left out."""
    with Target().open() as target:
        path = queue(emulator, name, rate=per_second)
        for _ in range(tasks):
            emulator.task(path, target.url)
        target.wait_for(tasks)
        burst = max(1, int(per_second))
        return (tasks - burst) / (target.at[-1] - target.at[burst - 1])


def most_at_once(emulator: Emulator, concurrent: int) -> int:
    with Target(seconds=0.05).open() as target:
        path = queue(emulator, "concurrency", concurrent=concurrent)
        for _ in range(40):
            emulator.task(path, target.url)
        target.wait_for(40)
        return target.most


def backoffs(emulator: Emulator) -> list[float]:
    """The waits between attempts, at the example's own scale."""
    with Target(status=500).open() as target:
        retry: dict[str, Any] = {
            "min_backoff": duration(10 / SCALE),
            "max_backoff": duration(300 / SCALE),
            "max_doublings": 3,
            "max_attempts": -1,
        }
        path = queue(emulator, "backoff", **retry)
        emulator.task(path, target.url)
        target.wait_for(len(EXAMPLE) + 1)
        emulator.client.purge_queue(name=path)
        return [gap * SCALE for gap in target.gaps[: len(EXAMPLE)]]


def answer_past_the_deadline(emulator: Emulator) -> str:
    """What the second attempt's header says of the first, which took longer than its 15 s."""
    with Target(seconds=16.0).open() as target:
        path = queue(emulator, "deadline")
        emulator.task(path, target.url, dispatch_deadline=duration(15.0))
        target.wait_for(2)
        emulator.client.purge_queue(name=path)
        return target.headers[1]["x-cloudtasks-taskpreviousresponse"]


def per_second(call: Callable[[], object], count: int) -> float:
    begun = time.monotonic()
    for _ in range(count):
        call()
    return count / (time.monotonic() - begun)


def resident(emulator: Emulator) -> int:
    """KB."""
    status = Path(f"/proc/{emulator.process.pid}/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


def waiting(emulator: Emulator) -> dict[int, tuple[float, float]]:
    """(enqueued, pages of 10 read) per second, with so many waiting; each the best of three."""
    found = {}
    for number in WAITING:
        path = queue(emulator, f"waiting-{number}")
        emulator.client.pause_queue(name=path)
        request = tasks_v2.ListTasksRequest(parent=path, page_size=10)
        for _ in range(number):
            emulator.task(path, "http://127.0.0.1:9/")

        def once(path: str = path) -> None:
            emulator.client.delete_task(name=emulator.task(path, "http://127.0.0.1:9/").name)

        enqueued = max(per_second(once, 300) for _ in range(3))

        def page(request: tasks_v2.ListTasksRequest = request) -> None:
            next(iter(emulator.client.list_tasks(request).pages))

        paged = max(per_second(page, 300) for _ in range(3))
        found[number] = (enqueued, paged)
        emulator.client.delete_queue(name=path)
    return found


def growth(emulator: Emulator) -> float:
    """Resident memory after five times 5000 tasks came and went, against after the first time."""
    path = queue(emulator, "memory")
    emulator.client.pause_queue(name=path)
    seen = []
    for _ in range(5):
        for _ in range(WAITING[1]):
            emulator.task(path, "http://127.0.0.1:9/")
        emulator.client.purge_queue(name=path)
        seen.append(resident(emulator))
    return seen[-1] / seen[0]


def overhead() -> tuple[float, float]:
    """Milliseconds of one `print(1)`: as a bare process, and through the local runner, compare and all."""
    bare = []
    for _ in range(RUNS):
        begun = time.monotonic()
        subprocess.run([sys.executable, "-S", "-c", "print(1)"], capture_output=True, check=True)
        bare.append(time.monotonic() - begun)
    judged = []
    with our_process("infra.local.judge0_runner") as url:
        judge = bootstrap.judge(settings.read({}), url)
        program = Program(b"print(1)", "python", b"", Limits())
        for _ in range(RUNS):
            begun = time.monotonic()
            [token] = judge.create([program])
            while token is not None and judge.poll([token])[token] is None:
                time.sleep(0.002)
            judged.append(time.monotonic() - begun)
    return 1000 * median(bare), 1000 * median(judged)


def main() -> None:
    console = Console(width=100)
    table = Table("Cloud Tasks emulator", "documented", "measured")
    with running() as emulator:
        two, half = rate(emulator, "two", 2.0, 14), rate(emulator, "half", 0.5, 5)
        table.add_row("dispatches of a queue at 2/s", "2 per second", f"{two:.2f} per second")
        table.add_row("dispatches of a queue at 0.5/s", "one every 2 s", f"one every {1 / half:.2f} s")
        most = most_at_once(emulator, 2)
        table.add_row("in flight at concurrency 2", "2", str(most))
        waits = backoffs(emulator)
        table.add_row(
            f"backoff (played {SCALE:.0f} times faster)",
            " ".join(map(str, EXAMPLE)),
            " ".join(f"{each:.0f}" for each in waits),
        )
        past = answer_past_the_deadline(emulator)
        table.add_row("the attempt after a deadline of 15 s", "504", past)
        rates = waiting(emulator)
        few, many = rates[WAITING[0]], rates[WAITING[1]]
        enqueueing, paging = many[0] / few[0], many[1] / few[1]
        table.add_row("enqueueing at 5000 waiting, of that at 10", "0.8 or more", f"{enqueueing:.2f}")
        table.add_row("paging at 5000 waiting, of that at 10", "0.8 or more", f"{paging:.2f}")
        memory = growth(emulator)
        table.add_row("memory after 25,000 tasks, of that after 5000", "flat", f"{memory:.2f}")
    console.print(table)
    bare, judged = overhead()
    console.print(
        f"print(1): {bare:.0f} ms as a bare process, {judged:.0f} ms at the local runner, wire and sandbox included"
    )
    worst = max(abs(wait / wanted - 1) for wait, wanted in zip(waits, EXAMPLE, strict=True))
    result = {
        "rate_2": two,
        "rate_half": half,
        "most_in_flight": most,
        "backoff_error": worst,
        "enqueueing_5000": enqueueing,
        "paging_5000": paging,
        "memory_growth": memory,
        "run_overhead": judged / bare,
    }
    print(json.dumps({name: round(value, 3) for name, value in result.items()}))


if __name__ == "__main__":
    main()
