"""Tickets that are lost or come three times, and a judge that is away, or that never finishes a test."""

from __future__ import annotations

import itertools
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from functions.slots import read_slots
from tests.conftest import our_process
from tests.faults.proxy import Answer, Exchange, Proxy, pass_on, proxy_of
from tests.faults.rig import Rig, rig
from tests.stack.conftest import LEASE, free_ports, wait_until

pytestmark = pytest.mark.stack

FULL = bool(os.environ.get("FULL"))
AWAY_SECONDS = 60 if FULL else 10


@dataclass(frozen=True)
class Between:
    """A stack with one proxy before its judge and one before its handler."""

    rig: Rig
    judge: Proxy
    handler: Proxy


@pytest.fixture(scope="module")
def runner_url() -> Iterator[str]:
    with our_process("infra.local.judge0_runner") as url:
        yield url


@pytest.fixture(scope="module")
def module_between(runner_url: str) -> Iterator[Between]:
    ports = free_ports()
    with (
        proxy_of(runner_url) as judge,
        proxy_of(f"http://127.0.0.1:{int(ports['PORT']) + 1}") as handler,
        rig(**ports, **LEASE, JUDGE0_URL=judge.url, HANDLER_URL=handler.url) as made,
    ):
        yield Between(made, judge, handler)


@pytest.fixture
def between(module_between: Between) -> Iterator[Between]:
    yield module_between
    module_between.judge.rule = module_between.handler.rule = pass_on


def test_every_ticket_three_times_two_at_the_same_moment_and_every_third_lost(between: Between) -> None:
    numbers = itertools.count(1)
    late: list[threading.Thread] = []

    def deliver(exchange: Exchange) -> None:
        if next(numbers) % 3 == 0:
            exchange.answer(Answer(200, b"lost on the way"))
            return
        twin, third = (threading.Thread(target=exchange.forward) for _ in range(2))
        late.extend((twin, third))
        twin.start()
        answer = exchange.forward()
        third.start()
        exchange.answer(answer)

    between.handler.rule = deliver
    sent = between.rig.send(30, takes=0.1)
    ended = between.rig.assert_right(sent)
    assert {each.judgings for each in ended} == {1}
    wait_until(lambda: 0 not in between.rig.times_judged(sent))
    assert set(between.rig.times_judged(sent)) == {1}
    between.handler.rule = pass_on
    wait_until(lambda: between.rig.tickets_left() == 0)
    print(f"\n{len(sent)} judged once each by {next(numbers) - 1} deliveries")
    for thread in late:
        thread.join()


def test_a_judge_that_is_away_for_a_while_in_the_middle(between: Between) -> None:
    sent = between.rig.send_while_judging(12, takes=0.3)
    most_held = [0]
    over = threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            slots = read_slots(between.rig.service)[0]
            most_held[0] = max(most_held[0], sum(slot.is_held(between.rig.service.clock.now()) for slot in slots))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        between.judge.rule = Exchange.reset
        calls, since = between.judge.calls, time.monotonic()
        wait_until(lambda: between.rig.live.health()["judge"]["state"] != "closed")
        later = between.rig.send(6, takes=0.3)
        last = later[-1]
        wait_until(lambda: "not answering" in last.student.get(last.submission_id)["message"])
        time.sleep(AWAY_SECONDS)
        made, away = between.judge.calls - calls, time.monotonic() - since
        between.judge.rule = pass_on
        ended = between.rig.assert_right(sent + later)
    finally:
        over.set()
        watcher.join()
    print(f"\nthe judge away for {away:.0f} s: {made} calls, at most {most_held[0]} slots held")
    assert made < 40, "a dead judge is left alone: without the breaker 91 were made"
    assert {each.judgings for each in ended} == {1}, "the judge's absence is not counted"
    assert most_held[0] == 3
    turns = [each.turn_at for each in ended]
    assert turns == [each.created_at for each in ended], "all kept their turn"
    assert between.rig.live.health()["judge"]["state"] == "closed"


@pytest.mark.long
@pytest.mark.parametrize("status", [1, 2])
def test_a_test_that_stays_at_the_judge_for_ever_because_its_worker_was_killed(between: Between, status: int) -> None:
    stuck: set[str] = set()

    def hold_one(exchange: Exchange) -> None:
        answer = exchange.forward()
        if "tokens=" in exchange.path:
            content = json.loads(answer.body)
            for item in content["submissions"]:
                if not stuck or item["token"] in stuck:
                    stuck.add(item["token"])
                    item.update(status_id=status, stdout=None, time=None, memory=None)
            answer = Answer(answer.status, json.dumps(content).encode(), answer.headers)
        exchange.answer(answer)

    between.judge.rule = hold_one
    sent = between.rig.send(3)
    ended = between.rig.assert_right(sent)
    assert len(stuck) == 1
    assert {each.judgings for each in ended} == {1}
