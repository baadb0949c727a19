"""A question as a teacher gave it: limits, languages, tests. A change makes a new version."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace

from functions.domain.scoring import Group, equal_points

MAX_CPU_SECONDS = 15.0
MAX_WALL_SECONDS = 20.0
MIN_MEMORY_KB, MAX_MEMORY_KB = 2048, 512_000
MAX_OUTPUT_KB = 4096
"""Judge0's own bounds in its default configuration (cpu_time_limit, wall_time_limit, memory_limit, max_file_size)."""
MAX_TESTS = 1000
MAX_POINTS = 10_000
MAX_TIME_MULTIPLIER = 10
MAX_SHOWN_BYTES = 700_000
"""Statement and samples together: they share one Firestore document, which holds 1 MiB in all."""


@dataclass(frozen=True)
class Limits:
    """What one run of the student's program may use. The names follow Judge0's attributes."""

    cpu_seconds: float = 2.0
    memory_kb: int = 128_000
    output_kb: int = 1024

    @property
    def wall_seconds(self) -> float:
        """Waiting costs no processor time, so a sleeping program is stopped by this clock."""
        return min(MAX_WALL_SECONDS, max(3.0, 3 * self.cpu_seconds))

    def times(self, multiplier: float) -> Limits:
        """For a language that needs ``multiplier`` times as long."""
        return replace(self, cpu_seconds=min(MAX_CPU_SECONDS, self.cpu_seconds * multiplier))


VALIDATOR_LIMITS = Limits(cpu_seconds=5.0, memory_kb=256_000, output_kb=64)


@dataclass(frozen=True)
class Stored:
    """Data too large for a document: an object, found and verified by its SHA-256 (hex). ``size`` in bytes."""

    sha256: str
    size: int

    def __len__(self) -> int:
        return self.size


Data = bytes | Stored


@dataclass(frozen=True)
class TestCase:
    """One input with what a right program prints. Bytes, because a test need not be text.

    Of a hidden test either may be `Stored`; what a student is shown never is.
    """

    __test__ = False  # the word belongs to judging; pytest must not collect it

    stdin: Data
    expected: Data
    hidden: bool


@dataclass(frozen=True)
class Validator:
    """A program that says whether an output is right, where comparing will not do; as Kattis' output validators.

    It is called with the names of files with the input and the expected output and of a folder, then ``flags``; the
    output is its standard input. It ends with 42 (right) or 43 (wrong).
    """

    language: str
    source: str
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """One version of a question.

    ``languages`` holds names such as ``python`` or ``cpp``; empty means all that the judge has.
    ``checker`` holds flags for ``functions.domain.checkers``; a ``validator`` takes its place.
    ``time_multipliers`` by language, where one needs longer. ``groups`` is how the score is made where not all tests
    count alike. ``version`` is a hash of everything else, so an unchanged import changes nothing.
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
    validator: Validator | None = None
    time_multipliers: tuple[tuple[str, float], ...] = ()
    groups: Group | None = None
    version: str = ""

    @property
    def samples(self) -> tuple[TestCase, ...]:
        return tuple(test for test in self.tests if not test.hidden)

    @property
    def shown_bytes(self) -> int:
        """Of statement and samples."""
        return len(self.statement.encode()) + sum(len(test.stdin) + len(test.expected) for test in self.samples)

    @property
    def grading(self) -> Group:
        return self.groups or equal_points(len(self.tests))

    def limits_for(self, language: str, multipliers: Mapping[str, float]) -> Limits:
        """``multipliers`` are the service's; the question's own come first."""
        return self.limits.times(dict(self.time_multipliers).get(language, multipliers.get(language, 1.0)))

    def longest_judging_seconds(self, batch_size: int, multipliers: Mapping[str, float]) -> float:
        """An upper bound of the judge's own time for all tests: every test runs into its wall clock.

        One of them once more alone; and where outputs are validated, these runs too.
        """
        languages = {*multipliers, *dict(self.time_multipliers)} & set(
            self.languages or (*multipliers, *dict(self.time_multipliers))
        )
        limits = [self.limits, *(self.limits_for(each, multipliers) for each in languages)]
        rounds = math.ceil(len(self.tests) / batch_size)
        validating = rounds * (VALIDATOR_LIMITS.wall_seconds + 1) if self.validator else 0.0
        return (rounds + 1) * (max(each.wall_seconds for each in limits) + 1) + validating


def version_of(question: Question) -> str:
    """16 hex digits over everything but the version itself: alike on every platform and Python."""
    return hashlib.sha256(_canonical(replace(question, version=""))).hexdigest()[:16]


def _canonical(value: object) -> bytes:
    """Type, length, content: two values never share an encoding."""
    if is_dataclass(value):
        kind, content = (
            "d",
            b"".join(_canonical((each.name, getattr(value, each.name))) for each in fields(value)),
        )
    elif isinstance(value, tuple):
        kind, content = "t", b"".join(map(_canonical, value))
    elif isinstance(value, bytes):
        kind, content = "b", value
    elif isinstance(value, str):
        kind, content = "s", value.encode()
    else:
        kind, content = type(value).__name__, repr(value).encode()
    return f"{kind}{len(content)}:".encode() + content
