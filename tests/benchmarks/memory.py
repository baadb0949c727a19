"""`python -m tests.benchmarks.memory`: what each function keeps in memory, over the whole local stack.

A thousand students submit once each and poll until they have their verdict. What a process keeps of each of them, and
never lets go, shows as growth between the first two hundred and the thousand.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from functions.domain.question import Question, TestCase
from functions.questions import put_question
from tests.benchmarks.parts import resident_mb
from tests.benchmarks.table import Measured, Row, show
from tests.conftest import our_process
from tests.stack.conftest import LiveStack, free_ports, plain_environment, running_stack

STEPS = (200, 1_000)
AT_ONCE = 16
SLOTS = 8
CODE = "print(input())  # a line of code\n" * 100
FUNCTIONS = ("run_code", "judge_submission", "sweep")
SETTINGS = {"MAX_CONCURRENT_SUBMISSIONS": str(SLOTS), "SWEEP_INTERVAL": "2"}


def workers(live: LiveStack) -> dict[str, int]:
    """The process of each function that does its work: gunicorn's only child."""
    found = {}
    for pid in _children(live.process.pid):
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
        if "--target" in words:
            [found[words[words.index("--target") + 1]]] = _children(pid)
    return found


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def play(live: LiveStack, number: int) -> None:
    """So many students, each of whom sends one submission and polls until it is judged."""

    def one(student_number: int) -> None:
        student = live.student()
        answer = student.post("one", f"# {student_number}\n{CODE}")
        assert answer.status_code == 202, answer.text
        assert student.wait(answer.json()["submission_id"])["verdict"] == "accepted"

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, range(number)))


def measure() -> Measured:
    with (
        our_process("infra.local.scripted_judge", "--seconds", "0", "--max-queue-size", "1000") as judge_url,
        running_stack(plain_environment() | free_ports() | SETTINGS | {"JUDGE0_URL": judge_url}) as live,
    ):
        put_question(live.service(), Question("one", "one", "", (TestCase(b"1\n", b"1\n", hidden=False),), version="1"))
        pids = workers(live)
        sizes = {name: [resident_mb(pids[name])] for name in FUNCTIONS}
        for before, after in zip((0, *STEPS), STEPS, strict=False):
            play(live, after - before)
            time.sleep(2.0)
            for name, found in sizes.items():
                found.append(resident_mb(pids[name]))
    return Measured([_row(name, found) for name, found in sizes.items()])


def _row(name: str, sizes: Sequence[float]) -> Row:
    start, few, many = sizes
    each = (many - few) / (STEPS[1] - STEPS[0]) * 1024
    figure = f"{start:.0f}, {few:.0f}, {many:.0f} MB"
    what = f"{name}: after the start, after {STEPS[0]}, after {STEPS[1]} submissions"
    return Row(what, figure, "flat from the second on", f"{each:+.1f} KB for each submission")


if __name__ == "__main__":
    show(measure(), "Memory")
