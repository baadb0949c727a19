"""The line on the real stack: three judging processes, a judge that takes its time, and an operator."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from functions import records
from functions.domain.submission import RunType, Submission
from functions.slots import read_slots
from tests.conftest import our_process
from tests.stack.conftest import LEASE, LiveStack, free_ports, plain_environment, running_stack, wait_until

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def line() -> Iterator[LiveStack]:
    """A stack with three slots and three processes for each function, before a scripted judge."""
    with our_process("infra.local.scripted_judge") as judge_url:
        settings = {"JUDGE0_URL": judge_url, "WORKERS": "3", "RATE_SUBMIT_PER_MINUTE": "1000", **LEASE}
        with running_stack(plain_environment() | free_ports() | settings) as live:
            yield live


def send(live: LiveStack, kind: RunType, number: int, *, seconds: float) -> list[str]:
    """One each by so many students."""
    students = [live.student() for _ in range(number)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda s: s.post("test", f"# takes {seconds} s", run_type=str(kind)), students))
    assert [answer.status_code for answer in answers] == [202] * number
    return [answer.json()["submission_id"] for answer in answers]


def recorded(live: LiveStack, ids: Sequence[str]) -> list[Submission]:
    found = live.service().store.get(*(records.submission_path(each) for each in ids))
    return [records.submission_of(each) for each in found if each is not None]


def ended(live: LiveStack, ids: Sequence[str]) -> list[Submission]:
    """As recorded once all are judged, each of them once."""
    judged = recorded(live, ids)
    while not all(each.status.final for each in judged):
        time.sleep(0.5)
        judged = recorded(live, ids)
    assert {(each.status, each.verdict is not None, each.judgings) for each in judged} == {("completed", True, 1)}
    return judged


def at_once(judged: Sequence[Submission]) -> int:
    starts = [each.started_at for each in judged if each.started_at is not None]
    spans = [(e.started_at, e.finished_at) for e in judged if e.started_at is not None and e.finished_at is not None]
    return max(sum(begin <= moment < end for begin, end in spans) for moment in starts)


def test_three_processes_keep_the_cap_judge_once_and_take_submits_first(line: LiveStack) -> None:
    runs = send(line, RunType.RUN, 24, seconds=0.5)
    submits = send(line, RunType.SUBMIT, 9, seconds=0.5)
    all_in_line = line.service().clock.now()
    judged_submits, judged_runs = ended(line, submits), ended(line, runs)
    assert at_once(judged_submits + judged_runs) <= 3
    last_submit = max(each.started_at for each in judged_submits if each.started_at is not None)
    between = [r for r in judged_runs if r.started_at is not None and all_in_line < r.started_at < last_submit]
    # in each slot what was being claimed while the last Submit came; and a process that is paused for longer than a
    # slot is kept for its Submits loses it to a Run. Without precedence it would be about twenty.
    assert len(between) <= 6


def test_a_paused_queue_leaves_all_slots_to_the_other_and_the_table_says_so(line: LiveStack) -> None:
    assert line.admin("queues", "pause", "submit").stdout == "submit is paused\n"
    submits = send(line, RunType.SUBMIT, 3, seconds=0.1)
    runs = ended(line, send(line, RunType.RUN, 12, seconds=0.5))
    assert at_once(runs) == 3
    table = line.admin("queues", "--once").stdout
    [row] = [text for text in table.splitlines() if "submit" in text]
    assert re.findall(r"[\w.]+", row)[:3] == ["submit", "3", "0"]
    assert "PAUSED" in row
    assert {each.status for each in recorded(line, submits)} == {"queued"}
    assert line.admin("queues", "resume", "submit").stdout == "submit goes on\n"
    ended(line, submits)
    assert "PAUSED" not in line.admin("queues", "--once").stdout


def test_an_operator_grows_and_shrinks_the_slots_while_work_goes_on(line: LiveStack) -> None:
    service = line.service()

    def held() -> int:
        return sum(slot.is_held(service.clock.now()) for slot in read_slots(service)[0])

    with line.paused(RunType.SUBMIT):
        ids = send(line, RunType.SUBMIT, 30, seconds=3.0)
    wait_until(lambda: held() == 3, pause=0.02)
    line.admin("slots", "--set", "8")
    wait_until(lambda: held() == 8, pause=0.02)
    line.admin("slots", "--set", "2")
    assert at_once(ended(line, ids)) == 8
    later = ended(line, send(line, RunType.SUBMIT, 8, seconds=0.3))
    assert at_once(later) == 2
    line.admin("slots", "--set", "3")
