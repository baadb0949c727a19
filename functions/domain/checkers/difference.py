"""What a checker finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Difference:
    """The first place at which an output is wrong. None stands for what is not there."""

    place: str
    """For example "line 3"."""
    expected: bytes | None
    actual: bytes | None


Checker = Callable[[bytes, bytes], Difference | None]
"""(expected, actual) -> the first difference, or None where the output is right."""


def first_difference(unit: str, expected: list[bytes], actual: list[bytes]) -> Difference | None:
    """Of two lists of ``unit``s ("line"), counted from 1."""
    for number, (wanted, given) in enumerate(zip(expected, actual, strict=False), start=1):
        if wanted != given:
            return Difference(f"{unit} {number}", wanted, given)
    shorter = min(len(expected), len(actual))
    if len(expected) == len(actual):
        return None
    missing = expected[shorter] if len(expected) > shorter else None
    return Difference(f"{unit} {shorter + 1}", missing, actual[shorter] if missing is None else None)
