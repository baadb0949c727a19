"""The pipeline against the limit: 60 submissions of ten tests on three slots, from the first press to the last verdict.

The limit is the judge's own time for each submission with a window of BATCH_SIZE, summed, over the slots. The judge is
a scripted one with as many workers as three slots of three tests can fill. Ours runs alone, on the real local stack;
then the others do, at the same time, each at a judge of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from functions import records
from functions.domain.question import Question, TestCase
from functions.ports import Query
from functions.questions import put_question
from tests.benchmarks import peers
from tests.benchmarks.plan import BATCH_SIZE, SLOTS, TESTS, Work, in_places, limit, plan
from tests.benchmarks.table import Measured, Row, show
from tests.conftest import our_process
from tests.stack.conftest import LiveStack, Student, free_ports, plain_environment, running_stack

WARMING = 12
"""Submissions before it begins: that a process has just started is another benchmark's affair."""
JUDGE = ("infra.local.scripted_judge", "--count", str(SLOTS * BATCH_SIZE), "--max-queue-size", "1000")
SETTINGS = {
    "MAX_CONCURRENT_SUBMISSIONS": str(SLOTS),
    "BATCH_SIZE": str(BATCH_SIZE),
    "RATE_RUN_PER_MINUTE": "1000",
    "RATE_SUBMIT_PER_MINUTE": "1000",
}
PEERS = {
    "pipeline_guide": ("the guide's described design: three workers, batches with a barrier", peers.guide),
    "pipeline_original": ("the code under the guide: test after test, polls every 500 ms", peers.original),
    "pipeline_sdk": ("Judge0's own SDK in three threads, all ten tests at the judge at once", peers.sdk),
    "pipeline_sdk_in_batches": ("  the same, three of them at a time", peers.sdk_in_batches),
}


@dataclass(frozen=True)
class Judged:
    """A submission of ours, and when it was in hand, in seconds since the first press."""

    work: Work
    started: float
    finished: float


def press(live: LiveStack, works: Sequence[Work]) -> tuple[datetime, list[str]]:
    """Send all of them, each by a student of its own; when it began, and their ids."""
    students = [live.student() for _ in works]
    begun = live.service().clock.now()

    def send(student: Student, work: Work) -> str:
        answer = student.post("ten", work.source, run_type=str(work.kind))
        assert answer.status_code == 202, answer.text
        return str(answer.json()["submission_id"])

    with ThreadPoolExecutor(SLOTS) as pool:  # more at once would only change their order in the line
        return begun, list(pool.map(send, students, works))


def judged(live: LiveStack, works: Sequence[Work]) -> list[Judged]:
    store = live.service().store
    begun, ids = press(live, works)
    while store.count(Query(records.SUBMISSIONS, (("status", "in", ["queued", "processing"]),))):
        time.sleep(1.0)
    found = []
    for work, document in zip(works, store.get(*map(records.submission_path, ids)), strict=True):
        assert document is not None
        ended = records.submission_of(document)
        assert ended.verdict == "accepted", ended.status
        assert ended.started_at is not None
        assert ended.finished_at is not None
        started, finished = (ended.started_at - begun).total_seconds(), (ended.finished_at - begun).total_seconds()
        found.append(Judged(work, started, finished))
    return found


def ours(works: Sequence[Work]) -> list[Judged]:
    with our_process(*JUDGE) as url:
        given = plain_environment() | free_ports() | SETTINGS | {"JUDGE0_URL": url}
        with running_stack(given) as live:
            cases = tuple(TestCase(stdin=b"%d" % n, expected=b"%d" % n, hidden=False) for n in range(TESTS))
            put_question(live.service(), Question("ten", "ten", "", cases, version="1"))
            judged(live, plan(WARMING, seed=0))
            return judged(live, works)


def peer(judge: Callable[[str, Sequence[Work]], list[float]], works: Sequence[Work]) -> float:
    """Seconds to its last verdict."""
    with our_process(*JUDGE) as url:
        begun = time.monotonic()
        return max(judge(url, works)) - begun


def parts(found: Sequence[Judged], least: float) -> Iterator[Row]:
    """What ours took beyond the limit, as shares of it."""
    whole = SLOTS * least
    last, last_start = max(each.finished for each in found), max(each.started for each in found)
    held = sum(each.finished - each.started - each.work.judge_seconds for each in found)
    before = SLOTS * last_start - sum(min(each.finished, last_start) - each.started for each in found)
    after = SLOTS * (last - last_start) - sum(max(0.0, each.finished - last_start) for each in found)
    in_order = [each.work.judge_seconds for each in sorted(found, key=lambda each: each.started)]
    yield Row("  of it: with a slot, beside the judge's time", f"{held / whole:+.3f}")
    yield Row("  of it: slots empty up to the last start", f"{before / whole:+.3f}")
    uneven = in_places(in_order, SLOTS) / least - 1
    yield Row(
        "  of it: slots that end before the last one", f"{after / whole:+.3f}", "", f"{uneven:+.3f} in that order"
    )


def measure() -> Measured:
    works = plan()
    least = limit(works)
    found = ours(works)
    ratio = max(each.finished for each in found) / least
    rows = [Row("time to the last verdict / limit", f"{ratio:.3f}", "<= 1.05", f"limit: {least:.1f} s")]
    rows += parts(found, least)
    figures = {"pipeline": ratio}
    with ThreadPoolExecutor(len(PEERS)) as pool:
        running = {name: pool.submit(peer, judge, works) for name, (_, judge) in PEERS.items()}
        for name, (what, _) in PEERS.items():
            figures[name] = running[name].result() / least
            rows.append(Row(what, f"{figures[name]:.3f}"))
    return Measured(rows, {name: round(figure, 3) for name, figure in figures.items()})


if __name__ == "__main__":
    show(measure(), "The pipeline")
