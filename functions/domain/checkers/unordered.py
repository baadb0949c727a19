"""Unordered lines: the default's lines, in any order, each as often as expected."""

from __future__ import annotations

from collections import Counter

from functions.domain.checkers.default import lines
from functions.domain.checkers.difference import Difference


def check(expected: bytes, actual: bytes) -> Difference | None:
    wanted, given = lines(expected), lines(actual)
    left = Counter(wanted)
    for number, line in enumerate(given, start=1):
        if not left[line]:
            return Difference(f"line {number}", None, line)
        left[line] -= 1
    missing = next((line for line in wanted if left[line] > 0), None)
    return None if missing is None else Difference("the lines", missing, None)
