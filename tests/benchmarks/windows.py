"""The rolling window: twelve tests, three at the judge at a time, against one after the other and against a barrier.

A barrier is what sending in batches means: three tests, and the next three once the slowest of them is done. The judge
is a scripted one; the submission goes through the service's own judging each time.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from statistics import median

from structlog.testing import capture_logs

from functions.domain.question import Question, TestCase
from functions.domain.verdict import Verdict
from functions.ports import Judge
from functions.service import Rules
from infra import bootstrap, settings
from tests.benchmarks.plan import BATCH_SIZE, LONGEST, SHORTEST, in_places
from tests.benchmarks.table import Measured, Row, show
from tests.conftest import our_process
from tests.judging import judged_at

TESTS = 12
ROUNDS = 3
SCALE = 0.5
"""Of the pipeline's times of a test, so that this stays short."""


def seconds_of(host: Judge, seconds: Sequence[float], tests: Sequence[int], batch_size: int) -> float:
    """How long these tests of a submission take."""
    cases = tuple(TestCase(stdin=b"%d" % n, expected=b"%d" % n, hidden=False) for n in tests)
    question = Question("window", "window", "", cases, version="1")
    source = "# takes " + " ".join(map(str, seconds)) + " s"
    begun = time.monotonic()
    judged = judged_at(host, question, "python", source, rules=Rules(batch_size=batch_size))
    assert judged.verdict is Verdict.ACCEPTED
    return time.monotonic() - begun


def times(host: Judge, seconds: Sequence[float]) -> tuple[float, float, float]:
    """One after the other, in batches with a barrier, in a rolling window: medians of rounds in turn."""
    every = range(TESTS)

    def one_round() -> tuple[float, float, float]:
        batches = [every[first : first + BATCH_SIZE] for first in every[::BATCH_SIZE]]
        return (
            seconds_of(host, seconds, every, 1),
            sum(seconds_of(host, seconds, batch, BATCH_SIZE) for batch in batches),
            seconds_of(host, seconds, every, BATCH_SIZE),
        )

    one, barrier, window = zip(*(one_round() for _ in range(ROUNDS)), strict=True)
    return median(one), median(barrier), median(window)


def measure() -> Measured:
    rng = random.Random(1)
    equal = [SCALE] * TESTS
    unequal = [round(SCALE * rng.uniform(SHORTEST, LONGEST), 3) for _ in range(TESTS)]
    rows: list[Row] = []
    figures: dict[str, float] = {}
    with capture_logs(), our_process("infra.local.scripted_judge") as url:
        host = bootstrap.judge(settings.read({}), url)
        seconds_of(host, equal, range(1), 1)
        for name, seconds in (("equal", equal), ("unequal", unequal)):
            one, barrier, window = times(host, seconds)
            least = sum(seconds) / in_places(seconds, BATCH_SIZE)
            goal = ">= 2.7" if name == "equal" else ""
            what = f"{TESTS} {name} tests, three at a time: times as fast as"
            rows.append(Row(f"{what} one by one", f"{one / window:.2f}", goal, f"{least:.2f}"))
            rows.append(Row(f"{what} with a barrier", f"{barrier / window:.2f}"))
            figures[f"window_{name}"] = round(one / window, 2)
            figures[f"window_{name}_barrier"] = round(barrier / window, 2)
    return Measured(rows, figures)


if __name__ == "__main__":
    show(measure(), "The rolling window")
