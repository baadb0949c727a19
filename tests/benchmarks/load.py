"""`make load`: an exam's shape with Locust: arrivals, statements, Runs, polls every 2 s, and all Submits at the end.

On a stack of its own, with a scripted judge that sleeps for each test: this machine's cores serve and do not judge.
LOAD_URL names a deployed service instead; then LOAD_TOKENS is a file of `student,attempt,token` lines, and
LOAD_QUESTION a sample question (default sum) that was imported there. Exit code 1 where a submission was lost, a
verdict was wrong, a request was answered with 5xx or not at all, or it did not end in time.
"""

from __future__ import annotations

import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from functions import records
from functions.domain.exam import Attempt
from functions.domain.question import Question, TestCase
from functions.ports import Query
from functions.questions import put_question
from infra.admin import operations
from infra.admin.preflight import Seat, given_seats
from infra.admin.preflight_report import misses_of, stamps, summary
from infra.admin.sitting import NO_ANSWER, Look, Sent
from infra.kattis import read_package
from infra.local import tokens
from infra.local.environment import write_private
from tests.conftest import ROOT, our_process
from tests.stack.conftest import LiveStack, free_ports, plain_environment, running_stack

LOCUST = ROOT / ".venv-load" / "bin" / "locust"
QUESTIONS = ROOT / "infra" / "local" / "questions"
SAMPLES, TESTS, TEST_SECONDS = 2, 10, 0.5
WRONG_EVERY = 5
START_SECONDS = 5.0
"""What Locust takes to begin."""


@dataclass(frozen=True)
class Shape:
    """Times in seconds from the begin. ``longest``: by then all of it is over, or it is ended and fails."""

    students: int
    arrive_until: float
    runs: int
    runs_until: float
    burst_until: float
    longest: float
    slots: int


FULL = Shape(students=300, arrive_until=50, runs=2, runs_until=170, burst_until=185, longest=300, slots=8)
QUICK = Shape(students=10, arrive_until=2, runs=1, runs_until=6, burst_until=8, longest=300, slots=3)


@dataclass(frozen=True)
class Solution:
    """A program with its right verdicts."""

    question_id: str
    language: str
    code: str
    run: str
    submit: str


def plan(shape: Shape, seats: Sequence[Seat], right: Solution, wrong: Solution, rng: random.Random) -> dict[str, Any]:
    """Who does what when. The Submits come late in their span, as at an exam's end."""

    def seat(number: int, each: Seat) -> dict[str, Any]:
        read_at = rng.uniform(0.0, shape.arrive_until)
        theirs = wrong if number % WRONG_EVERY == WRONG_EVERY - 1 else right
        times = sorted(rng.uniform(max(read_at, shape.arrive_until), shape.runs_until) for _ in range(shape.runs))
        presses = [(at, "run", theirs.run) for at in times]
        presses.append(
            (rng.triangular(shape.runs_until, shape.burst_until, shape.burst_until), "submit", theirs.submit)
        )
        return {
            "attempt_id": each.attempt_id,
            "token": each.token,
            "read_at": read_at,
            "presses": [
                {
                    "at": at,
                    "question_id": theirs.question_id,
                    "language": theirs.language,
                    "code": theirs.code,
                    "run_type": run_type,
                    "expected": expected,
                }
                for at, run_type, expected in presses
            ],
        }

    return {
        "begin": time.time() + START_SECONDS,
        "patience": shape.longest,
        "seats": [seat(number, each) for number, each in enumerate(seats)],
    }


@dataclass(frozen=True)
class Played:
    """What the students saw. ``requests``: by name, how many, and p50, p95 and p99 in milliseconds."""

    sent: Sequence[Sent]
    statuses: Counter[int]
    requests: Mapping[str, Mapping[str, Any]]
    seconds: float
    most_in_a_second: int

    @property
    def accepted(self) -> list[Sent]:
        return [each for each in self.sent if each.submission_id is not None]

    @property
    def errors(self) -> int:
        """Answers 5xx, and none at all."""
        return self.statuses[NO_ANSWER] + sum(number for status, number in self.statuses.items() if status >= 500)

    @property
    def wrong(self) -> list[str]:
        """Submissions that got another verdict."""
        return [str(each.submission_id) for each in self.accepted if each.final and each.got != each.expected]

    @property
    def unseen(self) -> list[str]:
        """Accepted, and its page never saw the verdict."""
        return [str(each.submission_id) for each in self.accepted if each.final is None]

    def problems(self, pressed: int, lost: Sequence[str]) -> list[str]:
        """What must not be, in words."""
        found = {
            "answered 5xx or not at all": self.errors,
            "never accepted": pressed - len(self.accepted),
            "lost": len({*lost, *self.unseen}),
            "wrong verdicts": len(self.wrong),
        }
        return [f"{number} {what}" for what, number in found.items() if number]


def play(url: str, shape: Shape, planned: Mapping[str, Any]) -> Played:
    """Raises CalledProcessError, FileNotFoundError where Locust was killed or wrote nothing."""
    with tempfile.TemporaryDirectory() as folder:
        result, given = Path(folder, "result"), Path(folder, "plan")
        write_private(given, json.dumps(planned))  # it has tokens
        command = [
            *(str(LOCUST), "--locustfile", str(ROOT / "tests" / "benchmarks" / "exam_locust.py"), "--host", url),
            *("--headless", "--only-summary", "--exit-code-on-error", "0", "--stop-timeout", "1"),
            *("--users", str(shape.students), "--spawn-rate", str(shape.students)),
            *("--run-time", f"{shape.longest + START_SECONDS:.0f}s"),
        ]
        env = os.environ | {"PYTHONPATH": str(ROOT), "LOAD_PLAN": str(given), "LOAD_RESULT": str(result)}
        with (Path(folder, "log")).open("w") as log:
            subprocess.run(command, env=env, stdout=log, stderr=subprocess.STDOUT, check=True)
        said = json.loads(result.read_text())
    sent = [Sent(**{**each, "looks": [Look(**look) for look in each["looks"]]}) for each in said.pop("sent")]
    statuses = Counter({int(status): number for status, number in said.pop("statuses").items()})
    return Played(sent, statuses, **said)


@contextmanager
def own_stack(shape: Shape) -> Iterator[tuple[LiveStack, list[Seat]]]:
    settings = {"MAX_CONCURRENT_SUBMISSIONS": str(shape.slots)}
    judge = ("infra.local.scripted_judge", "--seconds", str(TEST_SECONDS))
    with (
        our_process(*judge) as judge_url,
        running_stack(plain_environment() | free_ports() | settings | {"JUDGE0_URL": judge_url}) as live,
    ):
        service = live.service()
        for name, last in (("echo", f"{TESTS}\n"), ("other", "something else\n")):
            cases = [TestCase(f"{n}\n".encode(), f"{n}\n".encode(), hidden=n > SAMPLES) for n in range(1, TESTS)]
            cases.append(TestCase(f"{TESTS}\n".encode(), last.encode(), hidden=True))
            put_question(service, Question(name, name, "Print the input.", tuple(cases), version="1"))
        seats = [Seat(f"load-{n}", f"load-{n}", tokens.mint(live.stack, f"load-{n}")) for n in range(shape.students)]
        for each in seats:
            operations.create_attempt(service, Attempt(each.attempt_id, each.student, "demo"))
        yield live, seats


ECHO = Solution("echo", "python", "print(input())", run="accepted", submit="accepted")
OTHER = Solution("other", "python", "print(input())", run="accepted", submit="wrong_answer")


def lost_in(live: LiveStack, played: Played) -> list[str]:
    """Accepted submissions that the store does not have as completed; and any that nobody was told of."""
    found = live.service().store.find(Query(records.SUBMISSIONS, select=("status",)))
    completed = {each.document_id for each in found if each.fields["status"] == "completed"}
    told = {str(each.submission_id) for each in played.accepted}
    return sorted((told - completed) | ({each.document_id for each in found} - told))


def play_locally(shape: Shape) -> tuple[Played, list[str]]:
    """What was seen, and what must not be."""
    with own_stack(shape) as (live, seats):
        planned = plan(shape, seats, ECHO, OTHER, random.Random(10))
        played = play(live.url, shape, planned)
        return played, played.problems(_presses(planned), lost_in(live, played))


def play_deployed(shape: Shape, url: str, seats: Sequence[Seat], question_id: str) -> tuple[Played, list[str]]:
    """Its judge is real, and its store is not looked into: lost is what no page saw judged."""
    package = read_package(QUESTIONS / question_id)

    def solution(expected: str) -> Solution:
        each = next(each for each in package.submissions if (each.expected, each.language) == (expected, "python"))
        return Solution(question_id, each.language, each.source, run=expected, submit=expected)

    right = solution("accepted")
    planned = plan(shape, seats, right, right, random.Random(10))
    played = play(url, shape, planned)
    return played, played.problems(_presses(planned), [])


def _presses(planned: Mapping[str, Any]) -> int:
    return sum(len(seat["presses"]) for seat in planned["seats"])


def show(shape: Shape, played: Played, problems: Sequence[str]) -> None:
    console = Console()
    console.print(
        f"{time.strftime('%Y-%m-%d')}, {os.cpu_count()} cores, Python {platform.python_version()},"
        f" gunicorn {version('gunicorn')}, load average {os.getloadavg()[0]:.1f}",
        highlight=False,
    )
    table = Table(
        "request", "number", "p50", "p95", "p99", title=f"{shape.students} students in {played.seconds:.0f} s"
    )
    for name, each in sorted(played.requests.items()):
        table.add_row(name, str(each["count"]), *(f"{ms:.0f} ms" for ms in each["ms"]))
    console.print(table)
    misses, true = misses_of(played.sent)
    told = f"{median(misses):.1f} s of {median(true):.1f} s" if misses else "none told"
    for name, value in {
        "requests a second, mean / most": f"{played.statuses.total() / played.seconds:.0f} / {played.most_in_a_second}",
        "asked to slow down (429)": played.statuses[429],
        "5xx or no answer": played.errors,
        "submissions accepted / judged right": f"{len(played.accepted)} / {_right(played)}",
        "wait of a Submit: expected / median / 95th / longest": _waits(played, "submit"),
        "wait of a Run": _waits(played, "run"),
        "told waits miss by, median": told,
        "wrong": ", ".join(problems) or "nothing",
    }.items():
        console.print(f"{name}: {value}", highlight=False, soft_wrap=True)


def _right(played: Played) -> int:
    return sum(each.got == each.expected for each in played.accepted)


def _waits(played: Played, run_type: str) -> str:
    found = [stamps(each) for each in played.accepted if each.run_type == run_type]
    seconds = [started - created for created, started in filter(None, found)]
    return " / ".join(f"{value:.1f}" for value in summary(seconds).values()) + " s" if seconds else "none"


def main() -> None:
    url = os.environ.get("LOAD_URL")
    if not url:
        played, problems = play_locally(FULL)
    else:
        file = os.environ.get("LOAD_TOKENS") or sys.exit("LOAD_TOKENS: name a file of student,attempt,token lines")
        seats = given_seats(Path(file), FULL.students)
        played, problems = play_deployed(FULL, url, seats, os.environ.get("LOAD_QUESTION", "sum"))
    show(FULL, played, problems)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
