"""The three complaints of an exam day (stuck, silent, slow): each is provoked, and `diagnose` says what it is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from functions.domain.question import Limits, Question, TestCase
from functions.questions import put_question
from tests.conftest import our_process
from tests.faults.proxy import Answer, Exchange, Proxy, pass_on, proxy_of
from tests.stack.conftest import LiveStack, free_ports, plain_environment, running_stack, wait_until

pytestmark = pytest.mark.stack

ORIGIN = "https://exam.example.org"
NINE = Question(
    "nine",
    "Nine",
    "Print the input.",
    tuple(TestCase(f"{n}\n".encode(), f"{n}\n".encode(), hidden=n > 1) for n in range(9)),
    limits=Limits(cpu_seconds=5.0),
    version="1",
)


@pytest.fixture(scope="module")
def judge() -> Iterator[Proxy]:
    """One worker only: tests that are sent together wait for one another inside the judge."""
    with our_process("infra.local.scripted_judge", "--count", "1", "--seconds", "0.01") as url, proxy_of(url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def live(judge: Proxy) -> Iterator[LiveStack]:
    given = {"JUDGE0_URL": judge.url, "ALLOWED_ORIGINS": ORIGIN}
    with running_stack(plain_environment() | free_ports() | given) as stack:
        put_question(stack.service(), NINE)
        yield stack


def diagnosed(live: LiveStack, *words: str, trouble: bool) -> str:
    said: subprocess.CompletedProcess[str] = live.admin("diagnose", *words, check=False)
    assert (said.returncode, said.stderr) == (int(trouble), ""), said.stdout + said.stderr
    return said.stdout


def test_nothing_is_wrong(live: LiveStack) -> None:
    student = live.student()
    for _ in range(3):  # the first finds a cold handler
        judged = student.post("nine", "print(input())").json()["submission_id"]
        student.wait(judged)
    said = diagnosed(live, judged, "--origin", ORIGIN, trouble=False)
    assert "TROUBLE" not in said
    assert f"{judged} is judged: accepted" in said


def test_stuck_in_queue_because_somebody_paused_it(live: LiveStack) -> None:
    live.admin("queues", "pause", "submit")
    try:
        waiting = live.student().post("nine", "print(input())").json()["submission_id"]
        said = diagnosed(live, waiting, trouble=True)
    finally:
        live.admin("queues", "resume", "submit")
    assert f"{waiting} is in the line of submit, 0 before it" in said
    assert "TROUBLE  the queue submit is paused; 1 wait in it" in said
    assert "`queues resume submit`" in said
    assert "TROUBLE  the queue run" not in said


def test_stuck_in_queue_because_the_judge_is_away(live: LiveStack, judge: Proxy) -> None:
    def away(exchange: Exchange) -> None:
        exchange.answer(Answer(502))

    judge.rule = away
    try:
        student = live.student()
        waiting = student.post("nine", "print(input())").json()["submission_id"]
        wait_until(lambda: live.health()["judge"]["state"] != "closed")
        said = diagnosed(live, waiting, trouble=True)
    finally:
        judge.rule = pass_on
    assert "TROUBLE  the judge judge0 does not answer since" in said
    assert "mend it" in said
    assert student.wait(waiting)["verdict"] == "accepted"


def test_the_status_never_changes_on_a_page_whose_origin_is_not_allowed(live: LiveStack) -> None:
    said = diagnosed(live, "--origin", "https://other.example.org", trouble=True)
    assert "TROUBLE  a page at https://other.example.org may not read the answers" in said
    assert "ALLOWED_ORIGINS" in said
    assert "TROUBLE" not in diagnosed(live, "--origin", ORIGIN, trouble=False)


def test_slow_because_programs_wait_for_one_another_inside_the_judge(live: LiveStack) -> None:
    students = [live.student() for _ in range(6)]  # more than the fast ones before: the median decides
    sent = [each.post("nine", "# takes 0.3 s").json()["submission_id"] for each in students]
    for student, submission_id in zip(students, sent, strict=True):
        student.wait(submission_id)
    said = diagnosed(live, trouble=True)
    assert "they wait inside the judge" in said
    assert "fewer slots" in said


def test_what_does_not_exist_is_said_in_a_line(live: LiveStack) -> None:
    said = live.admin("diagnose", "0" * 32, check=False)
    assert (said.returncode, said.stderr) == (1, f"Error: no such submission: {'0' * 32}\n")
