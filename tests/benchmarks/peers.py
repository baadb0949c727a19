"""What a user would otherwise do with the same submissions and the same judge, three submissions at a time.

Each function judges all of them and returns the monotonic second at which each one's verdict was there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import judge0
import requests

from functions.domain.submission import RunType
from tests.benchmarks.plan import BATCH_SIZE, SLOTS, Work

PYTHON = 71
POLL_SECONDS = 0.5
MOST_POLLS = 30
IN_PROGRESS, ACCEPTED = (1, 2), 3
SDK_MOST = 20
"""So many tests it sends in one call."""


def guide(url: str, works: Sequence[Work]) -> list[float]:
    """The guide's described design: a queue in memory, Submits first, three workers, each three tests and a barrier.

    How its workers learn that a batch is done is not described: they ask as often as the code that stood under it did,
    which is in its favour. The two seconds that are described are the page's.
    """
    order = sorted(range(len(works)), key=lambda number: works[number].kind is not RunType.SUBMIT)

    def one(session: requests.Session, work: Work) -> None:
        tests = range(len(work.tests))
        for first in tests[::BATCH_SIZE]:
            items = [_item(work, test) for test in tests[first : first + BATCH_SIZE]]
            created = _json(session.post(f"{url}/submissions/batch", json={"submissions": items}))
            tokens = {"tokens": ",".join(each["token"] for each in created), "fields": "status_id"}
            while True:
                time.sleep(POLL_SECONDS)
                answer = _json(session.get(f"{url}/submissions/batch", params=tokens))
                statuses = [each["status_id"] for each in answer["submissions"]]
                if not any(each in IN_PROGRESS for each in statuses):
                    break
            assert set(statuses) == {ACCEPTED}

    done_at = dict(zip(order, _with_sessions(one, [works[number] for number in order]), strict=True))
    return [done_at[number] for number in range(len(works))]


def original(url: str, works: Sequence[Work]) -> list[float]:
    """The code that stood under the guide: one test after the other, and asked for every 500 ms, at most 30 times."""

    def one(session: requests.Session, work: Work) -> None:
        for test in range(len(work.tests)):
            token = _json(session.post(f"{url}/submissions", json=_item(work, test)))["token"]
            for _ in range(MOST_POLLS):
                time.sleep(POLL_SECONDS)
                status = _json(session.get(f"{url}/submissions/{token}"))["status"]["id"]
                if status not in IN_PROGRESS:
                    break
            assert status == ACCEPTED

    return _with_sessions(one, works)


def sdk(url: str, works: Sequence[Work]) -> list[float]:
    """Judge0's own Python SDK as its documentation shows it, in three threads.

    It sends all tests of a submission at once: what the judge has no place for yet waits inside it. So no place is
    ever empty, and what is done in this way is no longer bound by a window of BATCH_SIZE.
    """
    return _sdk(url, works, at_once=SDK_MOST)


def sdk_in_batches(url: str, works: Sequence[Work]) -> list[float]:
    """The same, but no more than BATCH_SIZE tests of a submission at the judge at a time."""
    return _sdk(url, works, at_once=BATCH_SIZE)


def _sdk(url: str, works: Sequence[Work], at_once: int) -> list[float]:
    client = judge0.Client(url)
    with closing(client.client):

        def one(work: Work) -> float:
            cases = [judge0.TestCase(str(test), str(test)) for test in range(len(work.tests))]
            for first in range(0, len(cases), at_once):
                batch = cases[first : first + at_once]
                done = judge0.run(client=client, source_code=work.source, language=judge0.PYTHON, test_cases=batch)
                assert all(each.status is judge0.Status.ACCEPTED for each in done)
            return time.monotonic()

        with ThreadPoolExecutor(SLOTS) as threads:
            return list(threads.map(one, works))


def _with_sessions(one: Callable[[requests.Session, Work], None], works: Sequence[Work]) -> list[float]:
    with requests.Session() as session, ThreadPoolExecutor(SLOTS) as threads:

        def timed(work: Work) -> float:
            one(session, work)
            return time.monotonic()

        return list(threads.map(timed, works))


def _item(work: Work, test: int) -> dict[str, Any]:
    return {"source_code": work.source, "language_id": PYTHON, "stdin": str(test), "expected_output": str(test)}


def _json(answer: requests.Response) -> Any:
    answer.raise_for_status()
    return answer.json()
