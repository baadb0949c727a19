"""`python -m tests.benchmarks.growth`: what one submission takes and costs among 100, 1,000 and 5,000 others.

Half of the others are judged, half wait in the same line behind those that are measured: SAMPLE are sent, and each is
judged by a visit of its own, SLOTS at once. One process over Firestore's emulator and a scripted judge that takes no
time; the others are written into the store, for to send and judge 5,000 takes longer than three minutes here. Documents
are counted on the wire of the real client. The emulator has no indexes: it looks through all documents for a query, so
beside the whole time stands that of this process alone. Writes docs/images/growth.svg.
"""

from __future__ import annotations

import logging
import math
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from functions import records
from functions.domain.exam import Attempt, Exam
from functions.domain.question import Question, TestCase
from functions.domain.submission import RunType, Status
from functions.domain.verdict import Verdict
from functions.gate import Gate
from functions.intake import Request, submit
from functions.ports import Caller, Create, Query
from functions.questions import put_question
from functions.service import Rules, Service
from functions.slots import free_slots, seed_slots
from functions.visit import End, visit
from infra import bootstrap, settings
from infra.firestore import FirestoreDocumentStore
from infra.local.clients import firestore_client
from tests.benchmarks import parts, polls
from tests.benchmarks.table import Measured, Row, show
from tests.conftest import ROOT, our_process
from tests.fakes import FakeTicketQueue

STEPS = (100, 1_000, 5_000)
SAMPLE, SLOTS = 200, 8
RULES = Rules(max_concurrent_submissions=SLOTS, turn_spacing=0.0, rate_submit_per_minute=1_000_000, visit_budget=0.0)
PICTURE = ROOT / "docs" / "images" / "growth.svg"


@dataclass(frozen=True)
class Cost:
    """Of one submission among ``others``, the mean; times in milliseconds, ``own`` of this process's core."""

    others: int
    sending: float
    judging: float
    own: float
    reads: float
    writes: float


@contextmanager
def world(address: str, judge_url: str) -> Iterator[tuple[Service, Counter[str]]]:
    """A deployment of its own, and what its store is asked for."""
    counts = Counter[str]()
    documents = firestore_client(address, f"growth-{uuid.uuid4().hex[:12]}")
    parts.count_calls(documents, counts)
    config = settings.read(parts.SETTINGS | {"JUDGE0_URL": judge_url})
    store = FirestoreDocumentStore(documents)
    service = replace(bootstrap.service_for(config, store), rules=RULES, tickets=FakeTicketQueue())
    seed_slots(service)
    put_question(service, Question("one", "one", "", (TestCase(b"1\n", b"1\n", hidden=False),), version="1"))
    store.commit(Create("exams/exam", records.exam_fields(Exam("exam", "An exam"))))
    for student in range(SAMPLE):
        attempt = Attempt(f"attempt-{student}", f"student-{student}", "exam")
        store.commit(Create(f"attempts/{attempt.attempt_id}", records.attempt_fields(attempt)))
    yield service, counts
    documents.close()  # type: ignore[no-untyped-call]


def add_others(service: Service, number: int) -> None:
    """Half of them judged a while ago, half with turns of tomorrow."""
    now = service.clock.now()
    waiting = replace(polls.waiting(0), question_id="one", turn_at=now + timedelta(days=1))
    ago = now - timedelta(hours=1)
    judged = replace(waiting, status=Status.COMPLETED, started_at=ago, finished_at=ago, verdict=Verdict.ACCEPTED)
    for start in range(0, number, 400):
        some = range(start, min(start + 400, number))
        each = [replace((waiting, judged)[n % 2], submission_id=polls.submission_id(n)) for n in some]
        service.store.commit(
            *(Create(records.submission_path(one.submission_id), records.submission_fields(one)) for one in each)
        )


def cost(address: str, judge_url: str, others: int) -> Cost:
    with world(address, judge_url) as (service, counts):
        add_others(service, others)
        gate = Gate(service.clock, lambda: len(free_slots(service)[0]), service.rng)

        def send(student: int) -> None:
            request = Request(f"attempt-{student}", "one", "python", f"print(input())  # {student}", RunType.SUBMIT)
            submit(service, Caller(f"student-{student}"), request, None)

        def serve(_: int) -> None:
            assert visit(service, gate, RunType.SUBMIT) is End.JUDGED

        counts.clear()
        begin, own = time.monotonic(), time.process_time()
        with ThreadPoolExecutor(SLOTS) as pool:
            list(pool.map(send, range(SAMPLE)))
            sent = time.monotonic()
            list(pool.map(serve, range(SAMPLE)))
        judged, own = time.monotonic(), time.process_time() - own
        found = counts.copy()
        accepted = Query(records.SUBMISSIONS, (("verdict", "==", "accepted"),))
        assert service.store.count(accepted) == others // 2 + SAMPLE
    return Cost(
        others,
        (sent - begin) / SAMPLE * 1000,
        (judged - sent) / SAMPLE * 1000,
        own / SAMPLE * 1000,
        found["firestore_reads"] / SAMPLE,
        found["firestore_writes"] / SAMPLE,
    )


def measure() -> Measured:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with (
        our_process("infra.local.scripted_judge", "--seconds", "0", "--max-queue-size", "1000") as judge_url,
        parts.firestore_at() as address,
    ):
        cost(address, judge_url, STEPS[0])  # whatever is slow at first
        costs = [cost(address, judge_url, others) for others in STEPS]
    draw(costs)
    rows = []
    for each in costs:
        what = f"sent and judged among {each.others:,} others: time of our core, reads, writes"
        figure = f"{each.own:.1f} ms, {each.reads:.1f}, {each.writes:.1f}"
        whole = f"{each.sending:.0f} + {each.judging:.0f} ms with the emulator's"
        rows.append(Row(what, figure, "flat", whole))
    return Measured(rows)


def draw(costs: Sequence[Cost]) -> None:
    """What one submission takes, over their number, each kind as a share of what it is at the first number."""
    width, height, left, top = 760, 300, 50, 30
    last = len(costs) - 1

    def place(at: float, value: float) -> str:
        y = top + (1 - value / most) * (height - 2 * top)
        return f"{left + at / last * (width - 2 * left):.1f},{y:.1f}"

    first = costs[0]
    curves = {
        "time of our core": ("#1f77b4", [each.own / first.own for each in costs]),
        "documents read": ("#d62728", [each.reads / first.reads for each in costs]),
        "documents written": ("#2ca02c", [each.writes / first.writes for each in costs]),
        "whole time": (
            "#7f7f7f",
            [(each.sending + each.judging) / (first.sending + first.judging) for each in costs],
        ),
    }
    most = max(2, *(math.ceil(value) for _, values in curves.values() for value in values))
    lines = "\n".join(
        f'<polyline points="{" ".join(place(at, value) for at, value in enumerate(values))}" stroke="{color}"'
        ' stroke-width="2" fill="none"/>'
        for color, values in curves.values()
    )
    legend = ", ".join(f'<tspan fill="{color}">{name}</tspan>' for name, (color, _) in curves.items())
    axis = "".join(
        f'<text x="{place(at, 0).split(",")[0]}" y="{height - 8}" text-anchor="middle">{each.others:,}</text>'
        for at, each in enumerate(costs)
    ) + "".join(
        f'<text x="{left - 8}" y="{float(place(0, value).split(",")[1]) + 4}" text-anchor="end">{value}</text>'
        for value in range(most + 1)
    )
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(
        f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"
 font-family="sans-serif" font-size="12">
<rect width="{width}" height="{height}" fill="white"/>
<polyline points="{place(0, 1)} {place(last, 1)}" stroke="#999" stroke-dasharray="4" fill="none"/>
<text x="{left + 6}" y="{top + 12}">multiples of one among {first.others:,}: {legend}</text>
{lines}
{axis}
</svg>
"""
    )


if __name__ == "__main__":
    show(measure(), "Growth")
