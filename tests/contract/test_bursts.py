"""One student at once, over every store: what passes is the rate, the others are told when to come again.

Two things could go wrong: a request slips past the rate, or so many get into each other's way at the attempt's document
that they give up with a 503. How soon that is depends on the machine; how often they collide does not.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest

from functions import intake, records
from functions.domain.submission import RunType, Status, Submission
from functions.errors import Refusal
from functions.gate import Gate
from functions.intake import Intake, Request, submit
from functions.ports import Update
from functions.service import Service
from functions.visit import visit
from infra.clock import SystemClock
from tests.contract.conftest import StoreFactory
from tests.contract.test_line import Counting, all_at_once, process
from tests.fakes import ALICE, World, make_world

PROCESSES = 4
EACH = 200
PASS = {RunType.RUN: 20, RunType.SUBMIT: 6}
"""The default rates."""


@dataclass(frozen=True)
class Post:
    kind: RunType
    key: str

    def send(self, service: Service) -> Intake | Refusal:
        request = Request("attempt-alice", "echo", "python", f"print('{self.key}')", self.kind)
        try:
            return submit(service, ALICE, request, self.key)
        except Refusal as refusal:
            return refusal


@dataclass
class Burst:
    """Four processes of the service on one store."""

    world: World
    stores: list[Counting]
    services: list[Service]

    def send(self, posts: list[Post]) -> list[Intake | Refusal]:
        """All at the same moment."""

        def sending(number: int, post: Post) -> Callable[[], Intake | Refusal]:
            return lambda: post.send(self.services[number % PROCESSES])

        return all_at_once([sending(number, post) for number, post in enumerate(posts)])

    def judge_everything(self) -> None:
        service = replace(self.services[0], clock=SystemClock())
        for kind in RunType:
            visit(service, Gate(service.clock, lambda: 0, service.rng), kind)

    def close_attempt(self) -> None:
        ended = self.services[0].clock.now() - timedelta(hours=1)
        self.world.store.commit(Update("attempts/attempt-alice", {"closes_at": ended}))


class StandingClock(SystemClock):
    """All bursts of a test are in one minute, whatever they take: its time of day stands still."""

    def __init__(self) -> None:
        self._now = super().now()

    def now(self) -> datetime:
        return self._now


@pytest.fixture
def burst(open_store: StoreFactory, monkeypatch: pytest.MonkeyPatch) -> Burst:
    monkeypatch.setattr(intake, "COMMIT_SECONDS", 600.0)  # nobody's time is up
    world = make_world(open_store())
    stores = [Counting(open_store()) for _ in range(PROCESSES)]
    clock = StandingClock()
    services = [replace(process(world, store, number), clock=clock) for number, store in enumerate(stores)]
    return Burst(world, stores, services)


def shuffled(*kinds: RunType) -> list[Post]:
    posts = [Post(kind, f"{kind}-{number}") for kind in kinds for number in range(EACH)]
    random.Random(1).shuffle(posts)
    return posts


def test_of_200_runs_and_200_submits_at_once_exactly_the_rate_passes_and_is_judged(burst: Burst) -> None:
    posts = shuffled(*RunType)
    answers = burst.send(posts)
    accepted = [answer.submission for answer in answers if isinstance(answer, Intake)]
    assert Counter(each.run_type for each in accepted) == PASS
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert {refusal.status for refusal in refused} == {429}
    assert all(refusal.retry_after is not None and 1 <= refusal.retry_after <= 60 for refusal in refused)

    # what one process commits may come before what each of the others was about to, no more
    assert sum(store.committed for store in burst.stores) == sum(PASS.values())
    assert sum(store.failed for store in burst.stores) <= (PROCESSES - 1) * sum(PASS.values())

    burst.judge_everything()
    ended = [burst.world.read(each) for each in accepted]
    assert Counter((each.run_type, each.status) for each in ended) == {
        (RunType.SUBMIT, Status.COMPLETED): PASS[RunType.SUBMIT],
        (RunType.RUN, Status.COMPLETED): 1,
        (RunType.RUN, Status.SUPERSEDED): PASS[RunType.RUN] - 1,  # by the newer ones of the same question
    }


def test_repeats_are_answered_with_the_rate_used_up_and_after_the_end_and_cost_nothing(burst: Burst) -> None:
    posts = shuffled(RunType.SUBMIT)
    first = dict(zip(posts, burst.send(posts), strict=True))
    known = {post: answer.submission for post, answer in first.items() if isinstance(answer, Intake)}
    assert len(known) == PASS[RunType.SUBMIT]
    arrivals = arrived(burst)

    assert_repeats(burst, known)
    others = [post for post in posts if post not in known]
    assert refusals(burst.send(others)) == {429}
    burst.close_attempt()
    assert_repeats(burst, known)
    assert refusals(burst.send(others)) == {403}
    assert arrived(burst) == arrivals


def test_200_requests_under_one_key_are_one_submission_and_cost_one(burst: Burst) -> None:
    answers = burst.send([Post(RunType.SUBMIT, "the same")] * EACH)
    accepted = [answer for answer in answers if isinstance(answer, Intake)]
    assert len(accepted) == EACH
    assert len({answer.submission.submission_id for answer in accepted}) == 1
    assert sum(answer.created for answer in accepted) == 1
    assert arrived(burst) == 1


def refusals(answers: list[Intake | Refusal]) -> set[int]:
    """The statuses; where one was let in, 202 is among them."""
    return {answer.status if isinstance(answer, Refusal) else 202 for answer in answers}


def assert_repeats(burst: Burst, known: dict[Post, Submission]) -> None:
    """Many times each, all at once: the same submissions, and nothing new."""
    posts = list(known) * 20
    for post, answer in zip(posts, burst.send(posts), strict=True):
        assert isinstance(answer, Intake), answer
        assert not answer.created
        assert answer.submission.submission_id == known[post].submission_id


def arrived(burst: Burst) -> int:
    """How many Submits count towards the rate."""
    document = burst.world.store.get("attempts/attempt-alice")[0]
    assert document is not None
    return len(records.attempt_of(document).arrivals[RunType.SUBMIT])
