"""`make load` in its short form, with ten students."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from infra.admin.sitting import Sent
from tests.benchmarks.load import LOCUST, QUICK, Played, play_locally
from tests.conftest import missing

pytestmark = pytest.mark.stack


def test_ten_students_run_and_submit_and_nothing_is_lost() -> None:
    if not LOCUST.exists():
        missing("Locust: make .venv-load/installed")
    played, problems = play_locally(QUICK)
    assert problems == []
    assert len(played.accepted) == QUICK.students * (QUICK.runs + 1)
    assert {each.got for each in played.sent} == {"accepted", "wrong_answer"}
    assert played.requests["GET /submissions/{id}"]["count"] >= len(played.accepted)


RIGHT = Sent("submit", "accepted", "s1", final={"status": "completed", "verdict": "accepted"})
PLAYED = Played([RIGHT], Counter({202: 1, 200: 2}), {}, 10.0, 1)


@pytest.mark.parametrize(
    ("played", "pressed", "lost", "problems"),
    [
        (PLAYED, 1, [], []),
        (PLAYED, 1, ["s1"], ["1 lost"]),
        (PLAYED, 2, [], ["1 never accepted"]),
        (replace(PLAYED, statuses=Counter({503: 1, 0: 2})), 1, [], ["3 answered 5xx or not at all"]),
        (replace(PLAYED, sent=[replace(RIGHT, expected="wrong_answer")]), 1, [], ["1 wrong verdicts"]),
        (replace(PLAYED, sent=[replace(RIGHT, final=None)]), 1, [], ["1 lost"]),
    ],
)
def test_what_must_not_be_is_told(played: Played, pressed: int, lost: list[str], problems: list[str]) -> None:
    assert played.problems(pressed, lost) == problems
