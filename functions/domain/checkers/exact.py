"""Exact: byte for byte."""

from __future__ import annotations

from functions.domain.checkers.difference import Difference, first_difference


def check(expected: bytes, actual: bytes) -> Difference | None:
    return None if expected == actual else first_difference("line", _lines(expected), _lines(actual))


def _lines(output: bytes) -> list[bytes]:
    """With their ends, so that a missing one is a difference."""
    return [line + b"\n" for line in output.split(b"\n")[:-1]] + [output.rpartition(b"\n")[2]]
