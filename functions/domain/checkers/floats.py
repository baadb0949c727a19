"""Numbers within a tolerance; other words as in `tokens`. As Kattis' default validator with a float tolerance."""

from __future__ import annotations

import math
import re

from functions.domain.checkers.difference import Difference

NUMBER = re.compile(rb"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,9})?")
"""Kattis' grammar of a number; no `nan`, `inf`, `0x10` or `1_000`."""


def check(
    expected: bytes, actual: bytes, *, absolute: float | None, relative: float | None, keep_case: bool = False
) -> Difference | None:
    """A number is right within ``absolute``, or within ``relative`` times the expected one; None allows nothing."""
    wanted, given = expected.split(), actual.split()
    for number in range(max(len(wanted), len(given))):
        one = wanted[number] if number < len(wanted) else None
        other = given[number] if number < len(given) else None
        if one is None or other is None or not _alike(one, other, absolute, relative, keep_case):
            return Difference(f"word {number + 1}", one, other)
    return None


def _alike(wanted: bytes, given: bytes, absolute: float | None, relative: float | None, keep_case: bool) -> bool:
    if wanted == given or (not keep_case and wanted.lower() == given.lower()):
        return True
    if not (NUMBER.fullmatch(wanted) and NUMBER.fullmatch(given)):
        return False
    one, other = float(wanted), float(given)
    if not (math.isfinite(one) and math.isfinite(other)):
        return False
    error = abs(one - other)
    return (absolute is not None and error <= absolute) or (relative is not None and error <= relative * abs(one))
