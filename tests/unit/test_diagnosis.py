"""What `diagnose` makes of what it reads; that it reads it is a test on the stack (tests/stack/test_symptoms.py)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from functions.domain import breaker
from functions.domain.line import Slot
from functions.domain.submission import RunType
from infra.admin.diagnosis import Facts, Page, Times, findings
from infra.admin.queues import QueueRow

NOW = datetime(2026, 6, 1, 9, tzinfo=UTC)
FREE = Slot(1, NOW, NOW)
HELD = Slot(2, NOW, NOW, owner="a worker", submission_id="0123")
SUBMIT = QueueRow(RunType.SUBMIT, waiting=0, in_hand=1, oldest_seconds=None, paused=False)
RUN = replace(SUBMIT, kind=RunType.RUN)
AWAY = breaker.opened(breaker.closed(NOW), NOW)
WELL = Facts(
    queues=[SUBMIT, RUN],
    judges={"judge0": breaker.closed(NOW)},
    slots=[FREE, HELD],
    overdue=[],
    tickets={RunType.SUBMIT: True, RunType.RUN: True},
    failed=0,
    times=Times(judged=50, slot=2.0, programs=1.5),
    page=Page("https://run-code.example", None),
    submission=None,
    ahead=0,
)


def test_where_all_is_well_nothing_is_called_trouble() -> None:
    assert [each.says for each in findings(WELL) if each.trouble] == []


@pytest.mark.parametrize(
    ("facts", "says", "do"),
    [
        (replace(WELL, page=Page("https://x", None, error="ConnectionError")), "does not answer", "run_code's log"),
        (replace(WELL, overdue=[HELD]), "slot 2 is held by a worker that is gone", "the scheduler"),
        (
            replace(WELL, judges={"judge0": AWAY}),
            "the judge judge0 does not answer since 09:00:00Z; everything",
            "mend it",
        ),
        (replace(WELL, judges={"a": breaker.closed(NOW), "b": AWAY}), "the judge b does not answer", "mend it"),
        (replace(WELL, slots=[]), "there is no slot", "slots --set"),
        (replace(WELL, failed=2), "2 could not be judged", "failed list"),
        (replace(WELL, queues=[replace(SUBMIT, paused=None), RUN]), "submit cannot be asked", ""),
        (
            replace(WELL, queues=[replace(SUBMIT, waiting=4, in_hand=0), RUN], tickets={RunType.SUBMIT: False}),
            "4 wait for submit without a ticket",
            "the sweep",
        ),
        (
            replace(WELL, slots=[HELD], queues=[replace(SUBMIT, waiting=40, oldest_seconds=61.0), RUN]),
            "all 1 slots are busy, 40 wait, the first for 61 s",
            "slots --set",
        ),
        (replace(WELL, times=Times(50, slot=9.0, programs=1.5)), "wait inside the judge", "fewer slots"),
    ],
)
def test_each_trouble_is_named_with_what_to_do_and_nothing_else_is(facts: Facts, says: str, do: str) -> None:
    [only] = [each for each in findings(facts) if each.trouble]
    assert says in only.says
    assert do in only.do


def test_a_long_wait_with_a_free_slot_or_a_paused_queue_is_not_put_down_to_the_number_of_slots() -> None:
    waits = [replace(SUBMIT, waiting=40, oldest_seconds=61.0), RUN]
    assert not any(each.trouble for each in findings(replace(WELL, queues=waits)))
    paused = findings(replace(WELL, slots=[HELD], queues=[replace(waits[0], paused=True), RUN]))
    assert [each.says for each in paused if each.trouble] == ["the queue submit is paused; 40 wait in it"]
