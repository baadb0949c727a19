"""The students of `make load`, for Locust in an environment of its own.

`tests.benchmarks.load` starts it with a LOAD_PLAN. Each student reads a question and presses Run and Submit at the
times of the plan, as a page does. What came of it is written to LOAD_RESULT once all are done.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from locust import HttpUser, events, task
from locust.exception import StopUser

from infra.admin import sitting
from infra.admin.sitting import CALL_SECONDS, Page, Sent

PLAN = json.loads(Path(os.environ["LOAD_PLAN"]).read_text())
SENT: list[Sent] = []
STATUSES: Counter[int] = Counter()
SECONDS: Counter[int] = Counter()
"""Requests by the second in which they were answered."""
NUMBERS = count()
FINISHED = count(1)
PERCENTILES = (0.5, 0.95, 0.99)


class Student(HttpUser):  # type: ignore[misc]
    @task  # type: ignore[untyped-decorator]
    def sit(self) -> None:
        seat = PLAN["seats"][next(NUMBERS)]
        sitting.mount(self.client)
        page = Page(self._ask, seat["token"], seat["attempt_id"], PLAN["patience"])
        time.sleep(max(0.0, PLAN["begin"] + seat["read_at"] - time.time()))
        page.read(seat["presses"][0]["question_id"])
        for press in seat["presses"]:
            time.sleep(max(0.0, PLAN["begin"] + press.pop("at") - time.time()))
            SENT.append(page.press(**press))
        STATUSES.update(page.statuses)
        if next(FINISHED) == len(PLAN["seats"]):
            self.environment.runner.quit()
        raise StopUser

    def _ask(self, method: str, path: str, name: str, /, **how: Any) -> Any:
        answer = self.client.request(method, path, name=name, timeout=CALL_SECONDS, **how)
        SECONDS[int(time.time())] += 1
        return answer


@events.test_stop.add_listener  # type: ignore[untyped-decorator]
def write(environment: Any, **_: Any) -> None:
    stats = environment.stats
    result = {
        "sent": [asdict(each) for each in SENT],
        "statuses": STATUSES,
        "requests": {
            entry.name: {
                "count": entry.num_requests,
                "ms": [entry.get_response_time_percentile(part) for part in PERCENTILES],
            }
            for entry in stats.entries.values()
        },
        "seconds": stats.total.last_request_timestamp - stats.total.start_time,
        "most_in_a_second": max(SECONDS.values(), default=0),
    }
    Path(os.environ["LOAD_RESULT"]).write_text(json.dumps(result))
