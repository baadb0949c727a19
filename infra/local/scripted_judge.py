"""`python -m infra.local.scripted_judge`: Judge0's interface with given service times, sleeping instead of computing.

For tests and benchmarks: two cores can play a judge of any size. Every program prints its input; one whose source
says `takes 1.25 s` anywhere takes so long, any other --seconds. Exit code: 1 the port is taken.
"""

from __future__ import annotations

import re
from threading import Event

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
TAKES = re.compile(rb"\btakes (\d+(?:\.\d+)?) s\b")


def play(submission: Submission, seconds: float, stopping: Event) -> Result:
    """What judging this one would have given, after the time that its source names, else ``seconds``."""
    said = TAKES.search(submission.source_code or b"")
    taken = float(said[1]) if said is not None else seconds
    stopping.wait(taken)
    return Result(Status.ACCEPTED, stdout=submission.stdin, exit_code=0, time=taken, wall_time=taken, memory=1024)


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=2358, show_default=True, help="0: a free one.")
@click.option("--seconds", type=click.FloatRange(0), default=0.5, show_default=True, help="What a test takes.")
@click.option("--count", type=click.IntRange(1), default=60, show_default=True, help="Workers: so many tests at once.")
@click.option("--max-queue-size", type=click.IntRange(0), default=100, show_default=True)
def main(port: int, seconds: float, count: int, max_queue_size: int) -> None:
    """A judge that takes its time and computes nothing."""
    stop, stopping = until_signal(), Event()
    listener = listen(port)
    queue = Queue(lambda submission: play(submission, seconds, stopping), count, max_queue_size)
    serve(listener, LANGUAGES, queue, max_queue_size, None, stop, before_stopping=stopping.set)


if __name__ == "__main__":
    main()
