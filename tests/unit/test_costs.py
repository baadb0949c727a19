"""What a thousand submissions cost: the arithmetic. What is counted is counted in tests/contract/test_costs.py."""

from __future__ import annotations

from datetime import date

import pytest

from infra.admin.costs import Costs, dollars, operations, read_costs

PRICES = {"firestore_reads": 0.60, "firestore_writes": 1.80, "requests": 0.40}
ONE = {"firestore_reads": 6.0, "firestore_writes": 6.0, "requests": 2.0, "judge_calls": 9.0}
POLL = {"firestore_reads": 1.5, "requests": 1.0}


def test_a_thousand_submissions_with_twenty_polls_cost_their_operations_times_the_prices() -> None:
    found = operations(ONE, POLL, polls=20)
    assert found == {"firestore_reads": 36_000, "firestore_writes": 6_000, "requests": 22_000, "judge_calls": 9_000}
    costs = Costs(date(2026, 1, 1), PRICES, ONE, ONE, POLL, POLL)
    expected = {"firestore_reads": 0.0216, "firestore_writes": 0.0108, "requests": 0.0088}
    assert dollars(costs, found) == pytest.approx(expected)


def test_everything_that_has_a_price_is_counted_and_the_prices_are_dated() -> None:
    costs = read_costs()
    assert costs.noted.year >= 2026
    assert costs.prices.keys() <= costs.submission.keys()
    assert costs.submission.keys() == costs.submission_in_company.keys()
    assert costs.poll.keys() == costs.poll_in_company.keys() <= costs.prices.keys()
