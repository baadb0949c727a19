"""Is the program's output right? Compared here, so that expected outputs never leave for the judge (rule 8).

A question chooses its checker by flags, the words of Kattis' `validator_flags` where the format has one:

    (nothing)                               as Judge0 compares: lines right-trimmed, final blank lines ignored
    exact                                   byte for byte
    tokens | case_sensitive                 white space only separates
    case_insensitive                        the same, and `Yes` is `yes`
    float_tolerance E                       the same, and numbers may be off by E, absolutely or relatively
    float_absolute_tolerance E, float_relative_tolerance E    each by itself; with case_sensitive words keep their case
    unordered_lines                         the default, with the lines in any order
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache, partial

from functions.domain.checkers import default, exact, floats, tokens, unordered
from functions.domain.checkers.difference import Checker, Difference

__all__ = ["Checker", "Difference", "checker_of"]

DEFAULT = "default"
WORDS: dict[frozenset[str], Checker] = {
    frozenset(): default.check,
    frozenset({DEFAULT}): default.check,
    frozenset({"exact"}): exact.check,
    frozenset({"case_sensitive", "space_change_sensitive"}): exact.check,
    frozenset({"tokens"}): tokens.check,
    frozenset({"case_sensitive"}): tokens.check,
    frozenset({"case_insensitive"}): tokens.check_without_case,
    frozenset({"unordered_lines"}): unordered.check,
}
TOLERANCES = ("float_tolerance", "float_absolute_tolerance", "float_relative_tolerance")


@lru_cache(maxsize=256)
def checker_of(flags: str) -> Checker:
    """The checker that ``flags`` choose. Raises ValueError, with a sentence, where there is none."""
    words, tolerances = _parsed(flags.split())
    if tolerances and words <= {"case_sensitive"}:
        both = tolerances.get("float_tolerance")
        absolute = tolerances.get("float_absolute_tolerance", both)
        relative = tolerances.get("float_relative_tolerance", both)
        return partial(floats.check, absolute=absolute, relative=relative, keep_case="case_sensitive" in words)
    if tolerances or words not in WORDS:
        raise ValueError(f"no checker for {flags!r}")
    return WORDS[words]


def _parsed(flags: Sequence[str]) -> tuple[frozenset[str], dict[str, float]]:
    words: set[str] = set()
    tolerances: dict[str, float] = {}
    given = iter(flags)
    for flag in given:
        if flag in TOLERANCES:
            tolerances[flag] = _tolerance(flag, next(given, ""))
        elif any(flag in known for known in WORDS):
            words.add(flag)
        else:
            raise ValueError(f"{flag!r} is not known")
    return frozenset(words), tolerances


def _tolerance(flag: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:
        raise ValueError(f"{flag} needs a number, not {text!r}")
    return number
