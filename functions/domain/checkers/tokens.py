"""Tokens: white space only separates. How Kattis' default validator compares what is no number."""

from __future__ import annotations

from functions.domain.checkers.difference import Difference, first_difference


def check(expected: bytes, actual: bytes) -> Difference | None:
    return first_difference("word", expected.split(), actual.split())


def check_without_case(expected: bytes, actual: bytes) -> Difference | None:
    """ASCII letters in either case, as in Kattis' default validator."""
    return first_difference("word", expected.lower().split(), actual.lower().split())
