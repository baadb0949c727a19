"""`make bench-adaptive`: how `MAX_CONCURRENT_SUBMISSIONS=auto` finds out what a judge bears, on the local stack.

A scripted judge bears four tests at once, and from a moment on a third of that. First fixed numbers of slots are
measured on it, then `auto`. Ends with one line of JSON: submissions judged a second by the best fixed number; by `auto`
in the second minute as a share of that; and how many seconds after the judge slowed down the slots were near what it
bears then. Writes docs/images/adaptive.svg.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from functions.domain.question import Question, TestCase
from functions.ports import Query
from functions.questions import put_question
from functions.service import Service
from functions.slots import read_slots
from tests.conftest import ROOT, our_process
from tests.stack.conftest import LiveStack, free_ports, plain_environment, running_stack

BEARS, LATER = 4.0, 4.0 / 3
TEST_SECONDS = 2.0
FIXED, FIXED_SECONDS = (3, 4, 5, 6), 30.0
SLOWS_AT, ENDS_AT = 150.0, 210.0
STUDENTS = 20
PICTURE = ROOT / "docs" / "images" / "adaptive.svg"


@contextmanager
def stack(slots: str, *options: str) -> Iterator[LiveStack]:
    judge = ("--bears", str(BEARS), "--max-queue-size", "1000", *options)
    with our_process("infra.local.scripted_judge", *judge) as url:
        given = {"JUDGE0_URL": url, "MAX_CONCURRENT_SUBMISSIONS": slots, "BATCH_SIZE": "1"}
        rates = {"RATE_SUBMIT_PER_MINUTE": "10000", "TURN_SPACING": "0"}
        with running_stack(plain_environment() | free_ports() | given | rates) as live:
            tests = (TestCase(stdin=b"1\n", expected=b"1\n", hidden=False),)
            put_question(live.service(), Question("one", "one", "", tests, version="1"))
            yield live


def send(live: LiveStack, number: int) -> None:
    students = [live.student() for _ in range(STUDENTS)]
    with ThreadPoolExecutor(8) as pool:
        code = f"# takes {TEST_SECONDS} s"
        answers = list(pool.map(lambda n: students[n % STUDENTS].post("one", code), range(number)))
    assert all(answer.status_code == 202 for answer in answers)


def finished(service: Service) -> list[datetime]:
    found = service.store.find(Query("submissions", (("status", "==", "completed"),), select=("finished_at",)))
    return sorted(document.fields["finished_at"] for document in found)


def rate(moments: list[datetime], begins: datetime, seconds: float) -> float:
    return sum(begins <= each < begins + timedelta(seconds=seconds) for each in moments) / seconds


def fixed_rates() -> dict[int, float]:
    """Judged a second, by the number of slots."""
    with stack(str(FIXED[0])) as live:
        service = live.service()
        send(live, int((1.2 * len(FIXED) * FIXED_SECONDS + 20) * BEARS / TEST_SECONDS))
        begins = {}
        for slots in FIXED:
            live.admin("slots", "--set", str(slots))
            time.sleep(2 * TEST_SECONDS)
            begins[slots] = service.clock.now()
            time.sleep(FIXED_SECONDS)
        moments = finished(service)
    return {slots: rate(moments, begun, FIXED_SECONDS) for slots, begun in begins.items()}


@dataclass
class Course:
    """What `auto` did: (seconds since the first judging, slots), and when judgings ended in the same seconds."""

    slots: list[tuple[float, int]] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)


def adaptive() -> Course:
    with stack("auto", "--bears-later", str(LATER), "--after", str(SLOWS_AT)) as live:
        service, course = live.service(), Course()
        with ThreadPoolExecutor(1) as sender:
            sending = sender.submit(send, live, int(1.1 * SLOWS_AT * BEARS / TEST_SECONDS))
            while not any(slot.is_held(service.clock.now()) for slot in read_slots(service)[0]):
                time.sleep(0.1)
            begun = service.clock.now()
            while (at := (service.clock.now() - begun).total_seconds()) < ENDS_AT:
                course.slots.append((at, sum(not slot.retired for slot in read_slots(service)[0])))
                time.sleep(1.0)
            sending.result()
        course.ended = [(each - begun).total_seconds() for each in finished(service)]
    return course


def draw(course: Course, best: float) -> None:
    """Two curves over time by hand: the slots as steps, and what was judged a second in steps of ten."""
    width, height, left, top = 760, 300, 50, 30
    most = max([8, *(slots for _, slots in course.slots)])

    def place(at: float, value: float) -> str:
        return f"{left + at / ENDS_AT * (width - 2 * left):.1f},{top + (1 - value / most) * (height - 2 * top):.1f}"

    steps: list[str] = []
    for (at, slots), (until, _) in zip(course.slots, [*course.slots[1:], (ENDS_AT, 0)], strict=True):
        steps += [place(at, slots), place(until, slots)]
    rates = [
        place(at + 5, sum(at <= each < at + 10 for each in course.ended) / 10 * TEST_SECONDS)
        for at in range(0, int(ENDS_AT), 10)
    ]
    axis = "".join(
        f'<text x="{place(at, 0).split(",")[0]}" y="{height - 8}" text-anchor="middle">{at} s</text>'
        for at in range(0, int(ENDS_AT) + 1, 30)
    ) + "".join(
        f'<text x="{left - 8}" y="{float(place(0, value).split(",")[1]) + 4}" text-anchor="end">{value}</text>'
        for value in range(0, most + 1, 2)
    )
    slow = place(SLOWS_AT, most).split(",")[0]
    PICTURE.parent.mkdir(exist_ok=True)
    PICTURE.write_text(
        f"""<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"
 font-family="sans-serif" font-size="12">
<rect width="{width}" height="{height}" fill="white"/>
<line x1="{slow}" x2="{slow}" y1="{top}" y2="{height - top}" stroke="#999" stroke-dasharray="4"/>
<text x="{slow}" y="{top - 8}" text-anchor="middle" fill="#666">the judge slows to a third</text>
<polyline points="{place(0, best * TEST_SECONDS)} {place(SLOWS_AT, best * TEST_SECONDS)}" stroke="#999" fill="none"/>
<text x="{left + 6}" y="{top + 12}"><tspan fill="#1f77b4">slots</tspan>, <tspan fill="#d62728">tests judged at once
(throughput x {TEST_SECONDS:g} s)</tspan>, <tspan fill="#666">the best fixed number</tspan></text>
<polyline points="{" ".join(steps)}" stroke="#1f77b4" stroke-width="2" fill="none"/>
<polyline points="{" ".join(rates)}" stroke="#d62728" stroke-width="2" fill="none"/>
{axis}
</svg>
"""
    )


def main() -> None:
    fixed = fixed_rates()
    best = max(fixed.values())
    print("judged a second by a fixed number of slots:", {slots: round(each, 2) for slots, each in fixed.items()})
    course = adaptive()
    draw(course, best)
    second_minute = sum(60 <= each < 120 for each in course.ended) / 60
    near = [at - SLOWS_AT for at, slots in course.slots if at >= SLOWS_AT and slots <= 2]
    figures = {
        "best_fixed_per_second": round(best, 2),
        "auto_share_of_best": round(second_minute / best, 2),
        "backed_off_after_seconds": round(min(near), 1) if near else None,
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
