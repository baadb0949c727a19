"""`python -m infra.local.scripted_judge`: Judge0's interface with given service times, sleeping instead of computing.

For tests and benchmarks: two cores can play a judge of any size. Every program prints its input; one whose source
says `takes 1.25 s` anywhere takes so long, any other --seconds. Where it says `takes 0.3 0.5 1.25 s` the input is a
number, and picks one of them, counted from 0. With --bears 4 it has the cores for four at once: more
share them, and each of those costs a tenth besides. Exit code: 1 the port is taken.
"""

from __future__ import annotations

import re
import time
from threading import Event, Lock

import click

from infra.local.judge0_runner.judge import Result, Status, Submission
from infra.local.judge0_runner.languages import Language
from infra.local.judge0_runner.queue import Queue
from infra.local.judge0_runner.serving import listen, serve, until_signal

LANGUAGES = [
    # as a Judge0 host lists them
    Language(
        54, "C++ (GCC 9.2.0)", "main.cpp", compile_cmd="/usr/local/gcc-9.2.0/bin/g++ %s main.cpp", run_cmd="./a.out"
    ),
    Language(71, "Python (3.8.1)", "script.py", compile_cmd=None, run_cmd="/usr/local/python-3.8.1/bin/python3"),
]
STEP_SECONDS = 0.05
TAKES = re.compile(rb"\btakes ((?:\d+(?:\.\d+)? )+)s\b")


class Cores:
    """So many programs run as if alone; ``bears_later`` from ``after`` seconds behind the first program on."""

    def __init__(self, bears: float | None, bears_later: float | None = None, after: float = 0.0) -> None:
        self._bears, self._bears_later, self._after = bears, bears_later, after
        self._lock = Lock()
        self._running = 0
        self._first: float | None = None

    def spend(self, seconds: float, stopping: Event) -> float:
        """Use so many seconds of a core; how long it took."""
        begun = time.monotonic()
        with self._lock:
            self._first = begun if self._first is None else self._first
            self._running += 1
        left, before = seconds, begun
        try:
            while left > 0 and not stopping.wait(min(left, STEP_SECONDS) if self._bears else left):
                now = time.monotonic()
                left -= (now - before) * self._speed(now)
                before = now
        finally:
            with self._lock:
                self._running -= 1
        return time.monotonic() - begun

    def _speed(self, now: float) -> float:
        if self._bears is None:
            return 1.0
        later = self._first is not None and self._bears_later is not None and now - self._first >= self._after
        bears = self._bears_later if later and self._bears_later is not None else self._bears
        over = max(0.0, self._running - bears)
        return min(1.0, bears / self._running) / (1 + 0.1 * over)


def play(submission: Submission, seconds: float, cores: Cores, stopping: Event) -> Result:
    """What judging this one would have given, after the time that its source names, else ``seconds``."""
    said = TAKES.search(submission.source_code or b"")
    times = said[1].split() if said is not None else [seconds]
    needed = float(times[0] if len(times) == 1 else times[int(submission.stdin or b"0")])
    taken = cores.spend(needed, stopping)
    return Result(Status.ACCEPTED, stdout=submission.stdin, exit_code=0, time=needed, wall_time=taken, memory=1024)


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=2358, show_default=True, help="0: a free one.")
@click.option("--seconds", type=click.FloatRange(0), default=0.5, show_default=True, help="What a test takes.")
@click.option("--count", type=click.IntRange(1), default=60, show_default=True, help="Workers: so many tests at once.")
@click.option("--max-queue-size", type=click.IntRange(0), default=100, show_default=True)
@click.option("--bears", type=click.FloatRange(0.1), help="Cores: more tests at once slow each other down.")
@click.option("--bears-later", type=click.FloatRange(0.1), help="And so many --after seconds behind the first test.")
@click.option("--after", type=click.FloatRange(0), default=0.0)
def main(
    port: int,
    seconds: float,
    count: int,
    max_queue_size: int,
    bears: float | None,
    bears_later: float | None,
    after: float,
) -> None:
    """A judge that takes its time and computes nothing."""
    stop, stopping = until_signal(), Event()
    listener = listen(port)
    cores = Cores(bears, bears_later, after)
    queue = Queue(lambda submission: play(submission, seconds, cores, stopping), count, max_queue_size)
    serve(listener, LANGUAGES, queue, max_queue_size, None, stop, before_stopping=stopping.set)


if __name__ == "__main__":
    main()
