"""`python -m tests.benchmarks.growth`: 100, 1,000 and 5,000 submissions; what one of them takes and costs stays.

First all are sent, so that the line is as long as it gets, then all are judged, by visits on SLOTS slots: one process
over Firestore's emulator and a scripted judge that takes no time. (The whole local stack has the same steps, and takes
longer than three minutes for 5,000.) Documents are counted on the wire of the real client. Writes
docs/images/growth.svg.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace

import structlog

from functions import records
from functions.domain.exam import Attempt, Exam
from functions.domain.question import Question, TestCase
from functions.domain.submission import RunType
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
from tests.benchmarks import parts
from tests.benchmarks.table import Measured, Row, show
from tests.conftest import ROOT, our_process
from tests.fakes import FakeTicketQueue

STEPS = (100, 1_000, 5_000)
SLOTS, SENDERS, STUDENTS = 8, 8, 100
RULES = Rules(
    max_concurrent_submissions=SLOTS,
    turn_spacing=0.0,
    rate_submit_per_minute=1_000_000,
    visit_budget=3600.0,
    dispatch_deadline=36_000.0,
)
PICTURE = ROOT / "docs" / "images" / "growth.svg"


@dataclass(frozen=True)
class Cost:
    """Of one of ``number`` submissions, the mean; times in milliseconds."""

    number: int
    sending: float
    judging: float
    reads: float
    writes: float

    @property
    def milliseconds(self) -> float:
        return self.sending + self.judging


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
    for student in range(STUDENTS):
        attempt = Attempt(f"attempt-{student}", f"student-{student}", "exam")
        store.commit(Create(f"attempts/{attempt.attempt_id}", records.attempt_fields(attempt)))
    yield service, counts
    documents.close()  # type: ignore[no-untyped-call]


def cost(address: str, judge_url: str, number: int) -> Cost:
    with world(address, judge_url) as (service, counts):
        gate = Gate(service.clock, lambda: len(free_slots(service)[0]), service.rng)

        def send(each: int) -> None:
            student = each % STUDENTS
            request = Request(f"attempt-{student}", "one", "python", f"print(input())  # {each}", RunType.SUBMIT)
            submit(service, Caller(f"student-{student}"), request, None)

        def serve(_: int) -> None:
            while visit(service, gate, RunType.SUBMIT) is not End.LINE_EMPTY:
                pass

        counts.clear()
        begin = time.monotonic()
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(send, range(number)))
        sent = time.monotonic()
        with ThreadPoolExecutor(SLOTS) as pool:
            list(pool.map(serve, range(SLOTS)))
        judged = time.monotonic()
        found = counts.copy()
        assert service.store.count(Query(records.SUBMISSIONS, (("verdict", "==", "accepted"),))) == number
    return Cost(
        number,
        (sent - begin) / number * 1000,
        (judged - sent) / number * 1000,
        found["firestore_reads"] / number,
        found["firestore_writes"] / number,
    )


def measure() -> Measured:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with (
        our_process("infra.local.scripted_judge", "--seconds", "0", "--max-queue-size", "1000") as judge_url,
        parts.firestore_at() as address,
    ):
        cost(address, judge_url, STEPS[0])  # whatever is slow at first
        costs = [cost(address, judge_url, number) for number in STEPS]
    draw(costs)
    rows = [
        Row(
            f"{each.number:,} submissions: one is sent and judged in",
            f"{each.sending:.1f} + {each.judging:.1f} ms, {each.reads:.1f} reads, {each.writes:.1f} writes",
            "flat" if each is not costs[0] else "",
            f"{each.milliseconds / costs[0].milliseconds:.2f} times the first",
        )
        for each in costs
    ]
    return Measured(rows)


def draw(costs: Sequence[Cost]) -> None:
    """What one submission takes, over their number, each kind as a share of what it is at the first number."""
    width, height, left, top = 760, 300, 50, 30
    most = 2.0
    last = len(costs) - 1

    def place(at: float, value: float) -> str:
        y = top + (1 - min(value, most) / most) * (height - 2 * top)
        return f"{left + at / last * (width - 2 * left):.1f},{y:.1f}"

    first = costs[0]
    curves = {
        "time": ("#1f77b4", [each.milliseconds / first.milliseconds for each in costs]),
        "documents read": ("#d62728", [each.reads / first.reads for each in costs]),
        "documents written": ("#2ca02c", [each.writes / first.writes for each in costs]),
    }
    lines = "\n".join(
        f'<polyline points="{" ".join(place(at, value) for at, value in enumerate(values))}" stroke="{color}"'
        ' stroke-width="2" fill="none"/>'
        for color, values in curves.values()
    )
    legend = ", ".join(f'<tspan fill="{color}">{name}</tspan>' for name, (color, _) in curves.items())
    axis = "".join(
        f'<text x="{place(at, 0).split(",")[0]}" y="{height - 8}" text-anchor="middle">{each.number:,}</text>'
        for at, each in enumerate(costs)
    ) + "".join(
        f'<text x="{left - 8}" y="{float(place(0, value).split(",")[1]) + 4}" text-anchor="end">{value:g}</text>'
        for value in (0, 0.5, 1, 1.5, 2)
    )
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(
        f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"
 font-family="sans-serif" font-size="12">
<rect width="{width}" height="{height}" fill="white"/>
<polyline points="{place(0, 1)} {place(last, 1)}" stroke="#999" stroke-dasharray="4" fill="none"/>
<text x="{left + 6}" y="{top + 12}">one submission of so many, as a multiple of one of {first.number:,}: {legend}</text>
{lines}
{axis}
</svg>
"""
    )


if __name__ == "__main__":
    show(measure(), "Growth")
