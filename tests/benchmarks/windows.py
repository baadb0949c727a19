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
from tests.benchmarks.plan import BATCH_SIZE, LONGEST, SHORTEST
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


def measure() -> Measured:
    rng = random.Random(1)
    equal = [SCALE] * TESTS
    unequal = [round(SCALE * rng.uniform(SHORTEST, LONGEST), 3) for _ in range(TESTS)]
    every = range(TESTS)
    with capture_logs(), our_process("infra.local.scripted_judge") as url:
        host = bootstrap.judge(settings.read({}), url)

        def window(seconds: Sequence[float]) -> float:
            return seconds_of(host, seconds, every, BATCH_SIZE)

        def barrier(seconds: Sequence[float]) -> float:
            batches = [every[first : first + BATCH_SIZE] for first in every[::BATCH_SIZE]]
            return sum(seconds_of(host, seconds, batch, BATCH_SIZE) for batch in batches)

        window(equal)  # whatever is slow at first
        rounds = [
            (seconds_of(host, equal, every, 1), window(equal), barrier(unequal), window(unequal)) for _ in range(ROUNDS)
        ]
    one_by_one, of_equal, in_batches, of_unequal = map(median, zip(*rounds, strict=True))
    figures = {
        "window_over_one_by_one": round(one_by_one / of_equal, 2),
        "window_over_barrier": round(in_batches / of_unequal, 2),
    }
    what = "tests in a rolling window of three: times as fast as"
    rows = [
        Row(f"{TESTS} equal {what} one by one", f"{figures['window_over_one_by_one']:.2f}", ">= 2.7", "3"),
        Row(f"{TESTS} unequal {what} with a barrier", f"{figures['window_over_barrier']:.2f}"),
    ]
    return Measured(rows, figures)


if __name__ == "__main__":
    show(measure(), "The rolling window")
