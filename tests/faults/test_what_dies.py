"""Processes that die: whatever does, everything accepted is judged once and rightly, and nobody else pays for it."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from functions.domain.submission import Status
from functions.domain.verdict import Verdict
from tests.faults.rig import Rig, rig
from tests.stack.conftest import wait_until

pytestmark = pytest.mark.stack

FULL = bool(os.environ.get("FULL"))
"""`make faults` plays the whole of it; the short form is the same with less of everything."""


@pytest.fixture(scope="module")
def broken() -> Iterator[Rig]:
    with rig() as made:
        yield made


def test_a_handler_that_is_killed_again_and_again(broken: Rig) -> None:
    submissions, kills = (100, 20) if FULL else (24, 4)
    rng = random.Random(4)
    sent = broken.send(submissions, takes=1.0)
    killed = 0
    while killed < kills:
        time.sleep(rng.uniform(0.5, 4.0))
        if broken.unfinished() < 6:
            sent += broken.send(6, takes=1.0)
        if broken.in_hand():
            killed += broken.kill(broken.handler)
    ended = broken.assert_right(sent)
    assert max(broken.times_judged(sent)) == 1
    begun = [each.judgings for each in ended]
    assert sum(begun) > len(sent), "the kills hit nothing"
    print(f"\n{killed} kills: {len(sent)} judged, {sum(begun)} judgings begun, {max(begun)} at most for one")


def test_one_that_kills_its_worker_every_time_fails_alone(broken: Rig) -> None:
    good = broken.send(50 if FULL else 15, takes=0.1)
    poison = broken.send_one(Verdict.ACCEPTED, takes=10.0)  # so that its killer can find it
    good += broken.send(10, takes=0.1)
    over = threading.Event()

    def kill_its_workers() -> None:
        dead_owner = ""
        while not over.is_set():
            owner = broken.in_hand().get(poison.submission_id, dead_owner)
            if owner != dead_owner and broken.kill(broken.handler):
                dead_owner = owner
            over.wait(0.05)

    killer = threading.Thread(target=kill_its_workers)
    killer.start()
    try:
        wait_until(lambda: broken.recorded([poison])[0].status is Status.FAILED)
    finally:
        over.set()
        killer.join()
    failed = broken.recorded([poison])[0]
    assert (failed.verdict, failed.score, failed.judgings) == (None, None, 5)
    shown = poison.student.get(poison.submission_id)
    assert "our fault" in shown["message"]
    ended = broken.assert_right(good)
    hit = sum(each.judgings > 1 for each in ended)
    print(f"\na killer among {len(good)}: failed after {failed.judgings} judgings, {hit} others were hit, each once")
    assert {each.judgings for each in ended} <= {1, 2}, "nobody was killed beside it twice"

    assert poison.submission_id in broken.live.admin("failed", "list").stdout
    broken.live.admin("failed", "requeue", poison.submission_id)
    broken.assert_right([poison])


def test_a_handler_that_is_told_to_end_finishes_or_puts_back_and_blames_nobody(broken: Rig) -> None:
    sent = broken.send_while_judging(9, takes=0.5)
    assert broken.kill(broken.handler, signal.SIGTERM)
    ended = broken.assert_right(sent)
    assert {each.judgings for each in ended} == {1}


def test_a_cloud_tasks_that_is_killed_and_started_again(broken: Rig) -> None:
    sent = broken.send(9, takes=0.2)
    assert broken.kill(broken.cloud_tasks)
    sent += broken.send(9, takes=0.2)
    broken.assert_right(sent)


def test_a_firestore_that_stands_still_for_ten_seconds(broken: Rig) -> None:
    sent = broken.send_while_judging(9, takes=0.3)
    assert broken.kill(broken.firestore, signal.SIGSTOP)
    goes_on = threading.Timer(10.0, lambda: broken.kill(broken.firestore, signal.SIGCONT))
    goes_on.start()
    try:
        time.sleep(11.0)
    finally:
        goes_on.join()
    sent += broken.send(3)
    broken.assert_right(sent)
    assert max(broken.times_judged(sent)) == 1


def test_a_judge_that_is_killed_in_the_middle(broken: Rig) -> None:
    sent = broken.send_while_judging(9, takes=0.5)
    assert broken.kill(broken.judge)
    ended = broken.assert_right(sent)
    assert {each.judgings for each in ended} == {1}
