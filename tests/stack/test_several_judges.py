"""Two judges on the real stack: one is added and one is killed under load."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from functions.domain.submission import Submission
from functions.questions import put_question
from infra.local import processes
from tests.conftest import our_process
from tests.fakes import question
from tests.stack.conftest import LEASE, LiveStack, free_ports, plain_environment, running_stack, wait_until
from tests.stack.test_the_line import at_once, recorded

pytestmark = pytest.mark.stack

NAME = "judges.test"
SLOTS, BATCH = {"first": 2, "second": 3}, 2
TAKES = 0.4
"""Seconds a test: so long that the judges set the pace, not this machine."""
MANY = 240
LATER = timedelta(hours=1)


@dataclass
class Watched:
    """A scripted judge, and the most tests that it ever had at once, by its own `/workers`."""

    url: str
    most: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        while not self.stop.wait(0.05):
            try:
                queues = requests.get(f"{self.url}/workers", timeout=5).json()
            except (requests.RequestException, ValueError):
                continue
            self.most = max([self.most, *(queue["size"] + queue["working"] for queue in queues)])

    @property
    def name(self) -> str:
        return urlsplit(self.url).netloc


@contextmanager
def judge(*options: str) -> Iterator[Watched]:
    with our_process("infra.local.scripted_judge", *options) as url:
        found = Watched(url)
        watcher = threading.Thread(target=found.watch)
        watcher.start()
        try:
            yield found
        finally:
            found.stop.set()
            watcher.join()


def throughput(judged: list[Submission], begins: datetime, ends: datetime) -> float:
    """How many were finished a second in that time."""
    finished = [each.finished_at for each in judged if each.finished_at is not None]
    last = min(ends, max(finished))
    return sum(begins <= each < last for each in finished) / (last - begins).total_seconds()


def send(live: LiveStack, number: int) -> list[str]:
    """By twenty students; what they print is right."""
    put_question(live.service(), question(tests=4))
    students = [live.student() for _ in range(20)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda n: students[n % 20].post("echo", f"# takes {TAKES} s, {n}"), range(number)))
    assert [answer.status_code for answer in answers] == [202] * number
    return [answer.json()["submission_id"] for answer in answers]


def wait_until_done(live: LiveStack, ids: list[str], number: int) -> None:
    while sum(each.status.final for each in recorded(live, ids)) < number:
        time.sleep(0.5)


def wait_until_it_has_slots(live: LiveStack, judge: Watched) -> None:
    while not any(each["name"] == judge.name and each["slots"] for each in live.health()["judges"]):
        time.sleep(0.2)


def test_one_judge_is_added_and_one_killed_under_load(tmp_path: Path) -> None:
    """The first is the setting's. The second starts under load, and the name server names it; then the first dies."""
    port = processes.free_port()
    names = tmp_path / "names"
    names.write_text("")
    with ExitStack() as second_lives, ExitStack() as first_lives:
        first = first_lives.enter_context(judge())
        given = {
            "JUDGE0_URL": f"{first.url}={SLOTS['first']}",
            "JUDGE0_DISCOVERY": f"{NAME}:{port}={SLOTS['second']}",
            "PYTHONPATH": str(Path(__file__).with_name("names")),
            "JUDGES_FILE": str(names),
            "WORKERS": "2",
            "BATCH_SIZE": str(BATCH),
            "RATE_SUBMIT_PER_MINUTE": "1000",
            "SWEEP_INTERVAL": "5",
            **LEASE,
        }
        with running_stack(plain_environment() | free_ports() | given) as live:
            ids = send(live, MANY)
            wait_until_done(live, ids, 40)
            second = second_lives.enter_context(judge("--port", str(port)))
            named = live.service().clock.now()
            names.write_text("127.0.0.1")
            wait_until_it_has_slots(live, second)
            added = live.service().clock.now()
            wait_until_done(live, ids, 140)
            killed = live.service().clock.now()
            first_lives.close()
            dead = live.service().clock.now()
            wait_until_done(live, ids, MANY)
            judged = recorded(live, ids)
            wait_until(lambda: len(live.health()["judges"]) == 2)
            health = live.health()
    begun = min(each.started_at for each in judged if each.started_at is not None)
    spans = ((begun, named), (added, killed), (dead, dead + LATER))
    one, both, other = (throughput(judged, *span) for span in spans)
    print(f"judged a second: one judge {one:.1f}, both {both:.1f}, the other alone {other:.1f}")
    assert Counter((each.status, each.verdict, each.score) for each in judged) == {("completed", "accepted", 100): MANY}
    states = {each["name"]: (each["state"] == "closed", each["slots"]) for each in health["judges"]}
    assert states == {first.name: (False, SLOTS["first"]), second.name: (True, SLOTS["second"])}
    assert 0 < first.most <= SLOTS["first"] * BATCH
    assert 0 < second.most <= SLOTS["second"] * BATCH
    held = [
        at_once([each for each in judged if each.started_at is not None and begin <= each.started_at < end])
        for begin, end in spans
    ]
    assert held == [SLOTS["first"], SLOTS["first"] + SLOTS["second"], SLOTS["second"]]
