"""`costs`: what a thousand submissions cost at Google, from counted operations and list prices."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.table import Table

FILE = Path(__file__).with_name("costs.toml")
SUBMISSIONS = 1000


@dataclass(frozen=True)
class Costs:
    """``prices`` in US dollars for a million; the others count operations."""

    noted: date
    prices: Mapping[str, float]
    submission: Mapping[str, float]
    submission_in_company: Mapping[str, float]
    poll: Mapping[str, float]
    poll_in_company: Mapping[str, float]


def read_costs() -> Costs:
    content = tomllib.loads(FILE.read_text())
    prices = content.pop("prices")
    return Costs(prices.pop("noted"), prices, **content)


def operations(submission: Mapping[str, float], poll: Mapping[str, float], polls: int) -> Counter[str]:
    """Of a thousand submissions with so many polls each."""
    found = Counter[str]()
    for each, times in ((submission, 1), (poll, polls)):
        found.update({name: round(SUBMISSIONS * times * number) for name, number in each.items()})
    return found


def dollars(costs: Costs, counts: Mapping[str, float]) -> dict[str, float]:
    return {name: counts[name] * price / 1e6 for name, price in costs.prices.items()}


def show(polls: int) -> None:
    costs = read_costs()
    table = Table(
        title=f"{SUBMISSIONS} submissions of ten tests, {polls} polls each",
        caption=f"list prices as noted on {costs.noted}, without free quotas; instances' time, judge and network apart",
    )
    for name in ("", "alone", "US$", "in company", "US$"):
        table.add_column(name, justify="right" if name else "left")
    alone = operations(costs.submission, costs.poll, polls)
    company = operations(costs.submission_in_company, costs.poll_in_company, polls)
    prices = dollars(costs, alone), dollars(costs, company)
    for name in costs.prices:
        row = (f"{alone[name]:,}", f"{prices[0][name]:.4f}", f"{company[name]:,}", f"{prices[1][name]:.4f}")
        table.add_row(name.replace("_", " "), *row)
    table.add_section()
    table.add_row("in all", "", f"{sum(prices[0].values()):.3f}", "", f"{sum(prices[1].values()):.3f}")
    Console().print(table)
