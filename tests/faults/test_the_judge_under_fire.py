"""The real adapter, visit and store before a judge that misbehaves in every way seen: right verdicts all the same."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from functions import asking, breaker, running
from functions.domain.breaker import State
from functions.domain.line import ONLY_JUDGE
from functions.domain.question import Limits
from functions.domain.submission import RunType, Status, Submission
from functions.domain.verdict import Verdict
from functions.gate import Gate
from functions.ports import Caller
from functions.slots import free_slots, read_slots
from functions.visit import End, visit
from infra.clock import SystemClock
from infra.judge0 import Judge0Judge
from infra.sqlite import SQLiteDocumentStore
from tests.conftest import our_process
from tests.fakes import World, make_world, one_judge
from tests.faults.proxy import Answer, Exchange, Proxy, Rule, pass_on, proxy_of

CALL_SECONDS = 1.0
"""The judge's time-out where it is waited for."""
PATIENT_SECONDS = 10.0
"""Its time-out elsewhere: a busy machine is no fault of the judge."""
DEADLINE_SECONDS = 0.7
"""When a test counts as stuck where that is waited for."""


@pytest.fixture(scope="module")
def scripted_url() -> Iterator[str]:
    with our_process("infra.local.scripted_judge", "--seconds", "0.02") as url:
        yield url


@pytest.fixture
def proxy(scripted_url: str) -> Iterator[Proxy]:
    with proxy_of(scripted_url) as proxy:
        yield proxy


@pytest.fixture
def call_seconds() -> float:
    return PATIENT_SECONDS


@pytest.fixture
def world(proxy: Proxy, call_seconds: float) -> Iterator[World]:
    """A service on real time whose judge is behind the proxy."""
    store, judge = SQLiteDocumentStore(":memory:"), Judge0Judge(proxy.url, {}, timeout=call_seconds)
    made = make_world(store, judge_timeout=call_seconds, lease_seconds=28.0, max_judgings=2)
    yield replace(made, service=replace(made.service, judges=one_judge(judge), clock=SystemClock(), kept={}))
    judge.close()
    store.close()


@pytest.fixture
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "QUEUED_AT_JUDGE_SECONDS", DEADLINE_SECONDS - Limits().wall_seconds)


@pytest.fixture
def short_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "BUDGET_SECONDS", 1.5)


def judge_next(world: World) -> End:
    gate = Gate(world.service.clock, lambda: len(free_slots(world.service)[0]), world.service.rng)
    return visit(world.service, gate, RunType.SUBMIT)


def judged(world: World) -> Submission:
    submitted = world.submit()
    judge_next(world)
    return world.read(submitted)


def at_first(break_it: Rule, times: int = 1, *, only: str = "") -> Rule:
    """``break_it`` for the first so many requests, of one method only where it is named."""
    left = [times]

    def rule(exchange: Exchange) -> None:
        if left[0] > 0 and only in ("", exchange.method):
            left[0] -= 1
            break_it(exchange)
        else:
            pass_on(exchange)

    return rule


def say(status: int, body: bytes = b"", **headers: str) -> Rule:
    return lambda exchange: exchange.answer(Answer(status, body, {k.replace("_", "-"): v for k, v in headers.items()}))


def after(break_it: Callable[[Exchange, Answer], None]) -> Rule:
    """The judge does what it was asked; its answer is what breaks."""
    return lambda exchange: break_it(exchange, exchange.forward())


def changed(change: Callable[[Any], None]) -> Rule:
    """The judge's answer, with its JSON changed."""

    def rule(exchange: Exchange) -> None:
        answer = exchange.forward()
        content = json.loads(answer.body)
        change(content)
        exchange.answer(replace(answer, body=json.dumps(content).encode()))

    return rule


def first_test(**fields: Any) -> Callable[[Any], None]:
    def change(content: Any) -> None:
        content["submissions"][0].update(fields)

    return change


def each_done(**fields: Any) -> Callable[[Any], None]:
    def change(content: Any) -> None:
        for item in content["submissions"]:
            if item["status_id"] == 3:
                item.update(fields)

    return change


def polls(rule: Rule) -> Rule:
    """``rule`` for every poll."""
    return lambda exchange: rule(exchange) if "tokens=" in exchange.path else pass_on(exchange)


def unknown(content: Any) -> None:
    content["submissions"][0] = None


def refuse_all(exchange: Exchange) -> None:
    """As Judge0 does where no item of a batch is valid."""
    refused = [{"stdin": ["is odd"]} for _ in json.loads(exchange.body)["submissions"]]
    exchange.answer(Answer(422, json.dumps(refused).encode()))


QUEUE_FULL = say(503, b'{"error": "queue is full"}', Content_Type="application/json")
HTML = b"<html><body>Bad gateway</body></html>"
IN_A_SECOND = format_datetime(datetime.now(UTC) + timedelta(seconds=1), usegmt=True)

FAULTS: dict[str, Rule] = {
    "429 without Retry-After": at_first(say(429), 2),
    "429 with Retry-After in seconds": at_first(say(429, Retry_After="1")),
    "429 with Retry-After as a date": at_first(say(429, Retry_After=IN_A_SECOND)),
    "429 with a Retry-After that is nonsense": at_first(say(429, Retry_After="soon")),
    "503, the queue is full": at_first(QUEUE_FULL, 3, only="POST"),
    "500 to a POST": at_first(say(500, b"oops"), only="POST"),
    "500 to a poll": at_first(say(500, b"oops"), 2, only="GET"),
    "502 with HTML": at_first(say(502, HTML)),
    "200 with HTML to a POST": at_first(say(200, HTML), only="POST"),
    "200 with HTML to a poll": at_first(say(200, HTML), only="GET"),
    "JSON of another shape to a POST": at_first(say(201, b'{"what": 1}'), only="POST"),
    "JSON of another shape to a poll": at_first(say(200, b"[1, 2]"), only="GET"),
    "a redirect to a POST": at_first(say(301, Location="/elsewhere"), only="POST"),
    "the connection is reset": at_first(Exchange.reset),
    "no answer within the time-out": at_first(lambda exchange: exchange.hang(5 * CALL_SECONDS)),
    "an answer that takes for ever": at_first(after(lambda e, answer: e.answer_slowly(answer, CALL_SECONDS / 10))),
    "a POST's answer is cut": at_first(after(Exchange.answer_half), only="POST"),
    "a poll's answer is cut": at_first(after(Exchange.answer_half), only="GET"),
    "a POST's answer is lost": at_first(after(lambda exchange, _: exchange.reset()), only="POST"),
    "every test of a batch is refused once": at_first(refuse_all, only="POST"),
    "a token is unknown": at_first(changed(unknown), only="GET"),
    "status 13, internal error": at_first(changed(first_test(status_id=13, message="oops")), only="GET"),
    "a status that nobody knows": at_first(changed(first_test(status_id=99)), only="GET"),
    "base64 that is none": at_first(changed(first_test(status_id=3, stdout="ab!c=d=")), only="GET"),
    "times that are none": at_first(changed(first_test(status_id=3, time="soon")), only="GET"),
}


AFTER_A_WHILE = ("no answer within the time-out", "an answer that takes for ever")


@pytest.mark.parametrize(
    ("fault", "call_seconds"),
    [(fault, CALL_SECONDS if fault in AFTER_A_WHILE else PATIENT_SECONDS) for fault in FAULTS],
)
def test_a_fault_of_the_judge_costs_time_and_nothing_else(world: World, proxy: Proxy, fault: str) -> None:
    world.service.judges()[ONLY_JUDGE].judge.languages()  # asked once an hour: not what is broken here
    proxy.rule = FAULTS[fault]
    ended = judged(world)
    assert (ended.status, ended.verdict, ended.score, ended.judgings) == (Status.COMPLETED, Verdict.ACCEPTED, 100, 1)
    assert breaker.state(world.service, ONLY_JUDGE).state is State.CLOSED
    assert not any(slot.owner for slot in read_slots(world.service)[0])


def stuck_first(status_id: int, times: int = 1) -> Rule:
    """The first ``times`` tokens that are polled stay at ``status_id`` for ever: their worker died."""
    stuck: set[str] = set()

    def change(content: Any) -> None:
        for item in content["submissions"]:
            if len(stuck) < times or item["token"] in stuck:
                stuck.add(item["token"])
                item.update(status_id=status_id, stdout=None, time=None, memory=None)

    return polls(changed(change))


@pytest.mark.usefixtures("short_deadline")
@pytest.mark.parametrize("status_id", [1, 2])
def test_a_test_that_stays_at_the_judge_for_ever_is_sent_again(world: World, proxy: Proxy, status_id: int) -> None:
    proxy.rule = stuck_first(status_id)
    begun = time.monotonic()
    ended = judged(world)
    assert (ended.verdict, ended.passed, ended.judgings) == (Verdict.ACCEPTED, 4, 1)
    assert time.monotonic() - begun >= DEADLINE_SECONDS


@pytest.mark.usefixtures("short_deadline")
@pytest.mark.parametrize("always", [stuck_first(2, 1000), polls(changed(first_test(status_id=13)))])
def test_what_the_judge_never_finishes_fails_without_a_verdict_after_max_judgings(
    world: World, proxy: Proxy, always: Rule
) -> None:
    proxy.rule = always
    ended = judged(world)
    assert (ended.status, ended.verdict, ended.score, ended.judgings) == (Status.FAILED, None, None, 2)
    assert "sent 3 times" in str(ended.failure)


@pytest.mark.usefixtures("short_budget")
def test_one_that_the_judge_refuses_for_ever_fails_alone_and_does_not_open_the_breaker(
    world: World, proxy: Proxy
) -> None:
    def refuse_one(exchange: Exchange) -> None:
        if exchange.method == "POST" and b"cG9pc29u" in exchange.body:  # "poison" in base64
            exchange.answer(Answer(500, b"oops"))
        else:
            pass_on(exchange)

    proxy.rule = refuse_one
    poison, good = world.submit(code="poison"), world.submit(caller=Caller("bob"))
    judge_next(world)
    ended, neighbour = world.read(poison), world.read(good)
    assert (ended.status, ended.judgings) == (Status.FAILED, 2)
    assert (neighbour.verdict, neighbour.judgings) == (Verdict.ACCEPTED, 1)
    assert breaker.state(world.service, ONLY_JUDGE).state is State.CLOSED


@pytest.mark.usefixtures("short_budget")
def test_a_judge_that_is_away_is_asked_by_one_probe_at_a_time_and_nobody_is_blamed(world: World, proxy: Proxy) -> None:
    world.service.judges()[ONLY_JUDGE].judge.languages()
    proxy.rule = Exchange.reset
    calls = proxy.calls
    submitted = world.submit()
    assert judge_next(world) is End.JUDGE_AWAY
    waiting = world.read(submitted)
    assert (waiting.status, waiting.judgings, waiting.turn_at) == (Status.QUEUED, 0, submitted.turn_at)
    assert proxy.calls - calls <= 4, "the call, its probe, and a second and a third later"
    proxy.rule = pass_on
    while judge_next(world) is End.JUDGE_AWAY:
        time.sleep(0.2)
    ended = world.read(submitted)
    assert (ended.verdict, ended.judgings) == (Verdict.ACCEPTED, 1)


def test_a_judge_that_comes_back_after_a_while_finds_the_submission_where_it_was(world: World, proxy: Proxy) -> None:
    proxy.rule = at_first(Exchange.reset, 2, only="POST")  # the call and its probe
    ended = judged(world)
    assert (ended.verdict, ended.judgings) == (Verdict.ACCEPTED, 1)


def test_outputs_that_are_no_text_and_outputs_that_are_missing_are_compared_as_bytes(
    world: World, proxy: Proxy
) -> None:
    for output in (None, "//79Cg=="):  # base64 of bytes that are not UTF-8
        proxy.rule = polls(changed(each_done(stdout=output)))
        ended = judged(world)
        assert ended.verdict is Verdict.WRONG_ANSWER
    assert "\N{REPLACEMENT CHARACTER}" in str(ended.results[0].stdout)
