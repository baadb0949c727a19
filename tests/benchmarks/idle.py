"""What an idle system adds to the judge's own time, from the POST to the document that says `completed`.

Beside it, one by one in turns, a bare chain of the same calls: create, create_task, dispatch, one batch, one poll,
write. All moments are of this machine's clock: the sender's, and the store's own stamps of its commits. The tests'
times are not known to the service beforehand, so what it waits between two polls is part of its figure; the bare chain
knows them, and asks once, when the test is done.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median, quantiles

import requests

from functions import records
from functions.domain.question import Question, TestCase
from functions.ports import DocumentStore
from functions.questions import put_question
from tests.benchmarks.bare import Bare, bare_functions
from tests.benchmarks.table import Measured, Row, show
from tests.conftest import our_process
from tests.stack.conftest import LiveStack, free_ports, plain_environment, running_stack

SAMPLES, WARM_UP = 50, 3
SHORTEST, LONGEST = 0.1, 0.3
"""Seconds that the test takes at the judge."""
PAUSES = (0.3, 1.8)
"""Seconds in which nothing happens, before each POST: what a process keeps for a second or five is sometimes old."""
SETTLE_SECONDS = 0.1


@dataclass(frozen=True)
class Sample:
    """In seconds, the judge's own time taken off: from the POST on, and while a slot was held."""

    overhead: float
    held: float = 0.0


def measure() -> Measured:
    rng = random.Random(1)
    ours: list[Sample] = []
    bare: list[Sample] = []
    with (
        our_process("infra.local.scripted_judge") as judge_url,
        running_stack(plain_environment() | free_ports() | {"JUDGE0_URL": judge_url}) as live,
        bare_functions(live, judge_url) as beside,
    ):
        store = live.service().store
        put_question(live.service(), Question("one", "One", "", (TestCase(b"1\n", b"1\n", hidden=True),), version="1"))
        for number in range(-WARM_UP, SAMPLES):
            seconds = round(rng.uniform(SHORTEST, LONGEST), 3)
            time.sleep(rng.uniform(*PAUSES))
            through_service = _through_service(live, store, seconds)
            time.sleep(rng.uniform(*PAUSES))
            through_bare = _through_bare(beside, seconds)
            if number >= 0:
                ours.append(through_service)
                bare.append(through_bare)
    p50, p95 = _milliseconds([each.overhead for each in ours])
    bare_p50, bare_p95 = _milliseconds([each.overhead for each in bare])
    held_p50, held_p95 = _milliseconds([each.held for each in ours])
    return Measured(
        (
            Row("idle: POST to completed, median", f"{p50:.0f} ms", "< 150 ms", f"{bare_p50:.0f} ms bare chain"),
            Row("idle: POST to completed, p95", f"{p95:.0f} ms", "< 300 ms", f"{bare_p95:.0f} ms bare chain"),
            Row("idle: of it with a slot held, median", f"{held_p50:.0f} ms", "<= 70 ms", f"p95 {held_p95:.0f} ms"),
        ),
        {"idle_overhead_p50_ms": round(p50, 1), "idle_overhead_p95_ms": round(p95, 1)},
    )


def _through_service(live: LiveStack, store: DocumentStore, seconds: float) -> Sample:
    student = live.student()
    sent = time.time()
    answer = student.post("one", f"# takes {seconds:.3f} s")
    assert answer.status_code == 202, answer.text
    path = records.submission_path(answer.json()["submission_id"])
    time.sleep(seconds + SETTLE_SECONDS)  # nobody asks meanwhile
    while True:
        [document] = store.get(path)
        assert document is not None
        if document.fields["status"] == "completed":
            break
        time.sleep(SETTLE_SECONDS)
    completed, taken = document.version, document.fields["changed_at"]  # when the last, and the claim, were committed
    assert isinstance(completed, datetime)
    return Sample(completed.timestamp() - sent - seconds, (completed - taken).total_seconds() - seconds)


def _through_bare(beside: Bare, seconds: float) -> Sample:
    sent = time.time()
    answer = requests.post(beside.url, json={"code": f"# takes {seconds:.3f} s"}, timeout=30)
    document = beside.documents.collection("bare").document(answer.json()["submission_id"])
    time.sleep(seconds + SETTLE_SECONDS)
    while (found := document.get()).get("status") != "completed":
        time.sleep(SETTLE_SECONDS)
    return Sample(found.update_time.timestamp() - sent - seconds)


def _milliseconds(seconds: Sequence[float]) -> tuple[float, float]:
    """The median and the 95th percentile."""
    return 1000 * median(seconds), 1000 * quantiles(seconds, n=20)[-1]


if __name__ == "__main__":
    show(measure(), "An idle system")
