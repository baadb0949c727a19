"""A question as a teacher gave it: limits, languages, tests. A change makes a new version."""

from __future__ import annotations

import math
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """What one run of the student's program may use. The names follow Judge0's attributes."""

    cpu_seconds: float = 2.0
    memory_kb: int = 128_000
    output_kb: int = 1024

    @property
    def wall_seconds(self) -> float:
        """Waiting costs no processor time, so a sleeping program is stopped by this clock (Judge0: at most 20 s)."""
        return min(20.0, max(3.0, 3 * self.cpu_seconds))


@dataclass(frozen=True)
class TestCase:
    """One input with what a right program prints. Bytes, because a test need not be text."""

    __test__ = False  # the word belongs to judging; pytest must not collect it

    stdin: bytes
    expected: bytes
    hidden: bool


@dataclass(frozen=True)
class Question:
    """One version of a question.

    ``languages`` holds names such as ``python`` or ``cpp``; empty means all that the judge has.
    ``version`` is a hash of everything else, so an unchanged import changes nothing.
    """

    question_id: str
    title: str
    statement: str  # Markdown
    tests: tuple[TestCase, ...]
    limits: Limits = field(default_factory=Limits)
    languages: tuple[str, ...] = ()
    checker: str = "default"
    points: int = 100
    run_stops_early: bool = False
    version: str = ""

    @property
    def samples(self) -> tuple[TestCase, ...]:
        return tuple(test for test in self.tests if not test.hidden)

    def longest_judging_seconds(self, batch_size: int) -> float:
        """An upper bound of the judge's own time for all tests: every test runs into its wall clock."""
        return math.ceil(len(self.tests) / batch_size) * (self.limits.wall_seconds + 1)
