"""Is the program's output right? Compared here, so that expected outputs never leave for the judge (rule 8)."""

from __future__ import annotations

from collections.abc import Callable

Checker = Callable[[bytes, bytes], bool]

_WHITE_SPACE = b" \t\n\v\f\r\0"
"""What Ruby's rstrip removes: Judge0 compares with it."""


def _normalized(output: bytes) -> bytes:
    lines = output.split(b"\n")
    return b"\n".join(line.rstrip(_WHITE_SPACE) for line in lines).rstrip(_WHITE_SPACE)


def default(expected: bytes, actual: bytes) -> bool:
    """As Judge0 compares: every line right-trimmed, final blank lines ignored, all else counts."""
    return _normalized(expected) == _normalized(actual)


CHECKERS: dict[str, Checker] = {"default": default}
