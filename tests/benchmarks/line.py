"""`make bench-line`: how well the line is served, measured on the real local stack with a scripted judge.

The judge sleeps for the time that each submission names, so what is measured is the line and not this machine's
compilers. Ends with one line of JSON, all fractions: how busy the slots were between the first and the last start
(the smaller figure of 3 and 15 slots), the median error of the estimated waits with 60 waiting, and by how much the
capacity simulator's figures miss a real run's.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from functions import records
from functions.domain.question import Question, TestCase
from functions.domain.submission import RunType, Submission
from functions.ports import Query
from functions.questions import put_question
from functions.service import Rules
from infra.admin.capacity import ExamEnd, forecast, summary
from infra.admin.simulation import Stay
from tests.benchmarks.table import Measured, Row, show
from tests.conftest import our_process
from tests.stack.conftest import LiveStack, Student, free_ports, plain_environment, running_stack

SUBMISSIONS = 100
SHORTEST, LONGEST = 0.5, 2.0
"""Seconds of one judging in the busy runs."""
WAITING_AT_ETA = 60
END = ExamEnd(students=45, tests=10, service=0.5, within=10.0)
"""The exam's end that is played for real beside the simulator."""


@contextmanager
def stack_with(slots: int, judge_url: str) -> Iterator[LiveStack]:
    settings = {
        "JUDGE0_URL": judge_url,
        "MAX_CONCURRENT_SUBMISSIONS": str(slots),
        "RATE_RUN_PER_MINUTE": "1000",
        "RATE_SUBMIT_PER_MINUTE": "1000",
    }
    with running_stack(plain_environment() | free_ports() | settings) as live:
        for name, tests in (("one", 1), ("ten", END.tests)):
            cases = tuple(TestCase(stdin=b"1\n", expected=b"1\n", hidden=False) for _ in range(tests))
            put_question(live.service(), Question(name, name, "", cases, version="1"))
        yield live


@dataclass(frozen=True)
class Sent:
    student: Student
    submission_id: str


def press(live: LiveStack, plan: Sequence[tuple[float, RunType, float]], question_id: str) -> list[Sent]:
    """Send (second, kind, seconds of judging) each at its time, every one by a student of its own."""
    students = [live.student() for _ in plan]
    begin = time.monotonic() + 0.5

    def send(number: int) -> Sent:
        at, kind, seconds = plan[number]
        time.sleep(max(0.0, begin + at - time.monotonic()))
        answer = students[number].post(question_id, f"# takes {seconds:.3f} s", run_type=str(kind))
        assert answer.status_code == 202, answer.text
        return Sent(students[number], answer.json()["submission_id"])

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(send, range(len(plan))))


def wait_until(done: Callable[[], bool]) -> None:
    while not done():
        time.sleep(0.5)


def judged(live: LiveStack, sent: Sequence[Sent]) -> list[Submission]:
    """The submissions as recorded, once all have ended."""
    wait_until(lambda: live.health()["queue_length"] + live.health()["processing"] == 0)
    found = {each.document_id: each for each in live.service().store.find(Query(records.SUBMISSIONS))}
    ended = [records.submission_of(found[each.submission_id]) for each in sent]
    assert {each.verdict for each in ended} == {"accepted"}, {each.status for each in ended}
    return ended


def busy(ended: Sequence[Submission], slots: int) -> float:
    """The part of the slots' time, from the first start to the last one, in which they judged."""
    starts = [each.started_at.timestamp() for each in ended if each.started_at is not None]
    first, last = min(starts), max(starts)
    spans = [(e.started_at, e.finished_at) for e in ended if e.started_at is not None and e.finished_at is not None]
    judging = sum(max(0.0, min(finish.timestamp(), last) - start.timestamp()) for start, finish in spans)
    return judging / (slots * (last - first))


def eta_error(live: LiveStack, sent: Sequence[Sent]) -> Callable[[Sequence[Submission]], float]:
    """Ask those who wait for their estimates once WAITING_AT_ETA do; the result compares them with the true waits."""
    store = live.service().store
    waiting = Query(records.SUBMISSIONS, (("status", "==", "queued"),), select=("status",))
    wait_until(lambda: store.count(waiting) <= WAITING_AT_ETA)
    still = {each.document_id for each in store.find(waiting)}
    asked: dict[str, tuple[float, float]] = {}

    def ask(each: Sent) -> None:
        now = time.time()
        estimate = each.student.get(each.submission_id)["estimated_wait_seconds"]
        if estimate is not None:
            asked[each.submission_id] = now, estimate

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, [each for each in sent if each.submission_id in still]))

    def errors(ended: Sequence[Submission]) -> float:
        relative = []
        for each in ended:
            if each.submission_id in asked and each.started_at is not None:
                now, estimate = asked[each.submission_id]
                true = each.started_at.timestamp() - now
                relative.append(abs(estimate - true) / max(true, 0.1))
        return median(relative)

    return errors


def warm_up(live: LiveStack) -> None:
    """A process that has just started imports and connects: that is not the line's affair."""
    rng = random.Random(0)
    kinds = [RunType.SUBMIT, RunType.RUN] * (SUBMISSIONS // 2)
    judged(live, press(live, [(0.0, kind, rng.uniform(SHORTEST, LONGEST)) for kind in kinds], "one"))


def measure_busy(live: LiveStack, slots: int, mix: Sequence[RunType], seed: int) -> tuple[float, float]:
    rng = random.Random(seed)
    kinds = [mix[number % len(mix)] for number in range(SUBMISSIONS)]
    sent = press(live, [(0.0, kind, rng.uniform(SHORTEST, LONGEST)) for kind in kinds], "one")
    errors = eta_error(live, sent)
    ended = judged(live, sent)
    return busy(ended, slots), errors(ended)


def measure_simulator(live: LiveStack) -> float:
    """The largest relative difference between the forecast and a real run, over expected and 95th percentile waits."""
    rng = random.Random(7)
    plan = sorted((rng.uniform(0.0, END.within), RunType.SUBMIT, END.service) for _ in range(END.students))
    ended = judged(live, press(live, plan, "ten"))
    stays = [
        Stay(each.created_at.timestamp(), each.started_at.timestamp(), each.finished_at.timestamp())
        for each in ended
        if each.started_at is not None and each.finished_at is not None
    ]
    real, expected = summary(stays), forecast(END, 3, Rules())
    print("simulator:", expected, "\nreal:     ", real, flush=True)
    pairs = [*zip(expected.in_line, real.in_line, strict=True), *zip(expected.in_all, real.in_all, strict=True)]
    pairs += zip(expected.judging, real.judging, strict=True)
    return max(abs(ours - true) / true for ours, true in pairs)


MIXES = {
    "busy_runs": ("Runs", (RunType.RUN,)),
    "busy_submits": ("Submits", (RunType.SUBMIT,)),
    "busy_mixed": ("both", (RunType.RUN, RunType.SUBMIT)),
}


def measure() -> Measured:
    figures: dict[str, float] = {}
    rows: list[Row] = []
    errors: list[float] = []
    with our_process("infra.local.scripted_judge", "--max-queue-size", "1000") as judge_url:
        for slots in (3, 15):
            with stack_with(slots, judge_url) as live:
                warm_up(live)
                if slots == 3:
                    figures["simulator_error"] = measure_simulator(live)
                for name, (what, mix) in MIXES.items():
                    share, error = measure_busy(live, slots, mix, seed=slots)
                    rows.append(Row(f"{slots} slots, {what}: busy", f"{share:.4f}", "", "1"))
                    rows.append(Row(f"{slots} slots, {what}: error of the estimated waits", f"{error:.3f}"))
                    figures[name] = min(share, figures.get(name, 1.0))
                    errors.append(error)
    figures["eta_median_error"] = max(errors)
    rows.append(Row("largest error of the simulated capacity", f"{figures['simulator_error']:.3f}"))
    order = (*MIXES, "eta_median_error", "simulator_error")
    return Measured(rows, {name: round(figures[name], 4) for name in order})


if __name__ == "__main__":
    show(measure(), "The line")
