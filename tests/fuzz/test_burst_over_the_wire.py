"""One student's 400 requests at once through real processes: what passes is the rate, and what passed is judged."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
import requests

from functions.ports import Update
from infra.settings import Settings
from tests.stack.conftest import LiveStack, Student

pytestmark = pytest.mark.stack

EACH = 200
PASS = {"run": Settings().rate_run_per_minute, "submit": Settings().rate_submit_per_minute}


def all_at_once(student: Student, keys: list[str]) -> dict[str, requests.Response]:
    """A key says what is sent under it: `run-17` a Run."""
    barrier = threading.Barrier(len(keys))

    def post(key: str) -> requests.Response:
        body = {"attempt_id": student.attempt_id, "question_id": "test", "language": "python"}
        body |= {"run_type": key.partition("-")[0], "code": f"print(1) # {key}"}
        barrier.wait()
        return requests.post(student.url, json=body, headers={**student.headers, "Idempotency-Key": key}, timeout=120)

    with ThreadPoolExecutor(len(keys)) as pool:
        return dict(zip(keys, pool.map(post, keys), strict=True))


def test_of_400_requests_at_once_exactly_the_rate_passes_and_repeats_are_always_answered(live: LiveStack) -> None:
    student = live.student()
    answers = all_at_once(student, [f"{kind}-{number}" for number in range(EACH) for kind in PASS])
    assert {answer.status_code for answer in answers.values()} == {202, 429}
    accepted = {key: answer.json()["submission_id"] for key, answer in answers.items() if answer.status_code == 202}
    times = {kind: sorted(_created(answers[key]) for key in accepted if key.startswith(kind)) for kind in PASS}
    for kind, rate in PASS.items():
        assert len(times[kind]) >= rate
        passed = zip(times[kind], times[kind][rate:], strict=False)  # more only where it took over a minute
        assert all(later - earlier >= timedelta(minutes=1) for earlier, later in passed)
    refused = [answer for answer in answers.values() if answer.status_code == 429]
    assert all(1 <= int(answer.headers["Retry-After"]) <= 60 for answer in refused)
    assert all(answer.json()["detail"] for answer in refused)

    used_up = {kind: [datetime.now(UTC)] * rate for kind, rate in PASS.items()}
    live.service().store.commit(Update(f"attempts/{student.attempt_id}", {"arrivals": used_up}))
    assert_known(student, accepted)
    others = [key for key in answers if key not in accepted]
    assert {answer.status_code for answer in all_at_once(student, others[:20]).values()} == {429}
    ended = datetime.now(UTC) - timedelta(hours=1)
    live.service().store.commit(Update(f"attempts/{student.attempt_id}", {"closes_at": ended}))
    assert_known(student, accepted)  # after the end
    assert {answer.status_code for answer in all_at_once(student, others[:20]).values()} == {403}

    ends = Counter((shown["run_type"], shown["status"]) for shown in map(student.wait, accepted.values()))
    assert ends["submit", "completed"] == len(times["submit"])
    assert ends["run", "completed"] >= 1
    assert ends["run", "completed"] + ends["run", "superseded"] == len(times["run"])
    assert len(student.attempt()["submissions"]) == min(50, len(accepted))


def _created(answer: requests.Response) -> datetime:
    return datetime.fromisoformat(answer.json()["created_at"])


def assert_known(student: Student, accepted: dict[str, str]) -> None:
    repeats = all_at_once(student, list(accepted))
    assert {answer.status_code for answer in repeats.values()} == {200}
    assert {key: answer.json()["submission_id"] for key, answer in repeats.items()} == accepted
