"""The default: as Judge0 compares. Every line right-trimmed, final blank lines ignored, all else counts."""

from __future__ import annotations

from functions.domain.checkers.difference import Difference, first_difference

WHITE_SPACE = b" \t\n\v\f\r\0"
"""What Ruby's rstrip removes: Judge0 compares with it."""


def check(expected: bytes, actual: bytes) -> Difference | None:
    return None if expected == actual else first_difference("line", lines(expected), lines(actual))


def lines(output: bytes) -> list[bytes]:
    """Right-trimmed, without the blank ones at the end."""
    trimmed = output.rstrip(WHITE_SPACE)
    return [line.rstrip(WHITE_SPACE) for line in trimmed.split(b"\n")] if trimmed else []
