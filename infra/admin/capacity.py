"""`capacity`: how long students wait at an exam's end, by the number of slots."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, quantiles

from rich.console import Console
from rich.table import Table

from functions.service import Rules
from infra.admin.simulation import Arrival, Stay, judging_seconds, simulate

PLAYS = 20
"""How often an exam's end is played, each time with other moments of arrival."""

GUIDE = (
    # (fewest slots, most slots, machine): the sizes that the deployment guide names
    (3, 5, "2 CPU, 4 GB"),
    (8, 12, "4 CPU, 8 GB"),
    (15, 20, "8 CPU, 16 GB"),
)
GUIDE_SECONDS = ("0-30 s", "2-10 s", "2-40 s")
"""What the guide promises: in line, judging, in all."""


@dataclass(frozen=True)
class ExamEnd:
    """Every student presses Submit once, at any moment of ``within`` seconds. ``service`` seconds a test."""

    students: int
    tests: int
    service: float
    within: float


@dataclass(frozen=True)
class Forecast:
    """Seconds: (expected, 95th percentile) of each."""

    in_line: tuple[float, float]
    judging: tuple[float, float]
    in_all: tuple[float, float]


def forecast(end: ExamEnd, slots: int, rules: Rules) -> Forecast:
    judging = judging_seconds(end.tests, end.service, rules.batch_size)
    stays: list[Stay] = []
    for seed in range(PLAYS):
        rng = random.Random(seed)
        arrivals = [Arrival(rng.uniform(0.0, end.within), judging) for _ in range(end.students)]
        stays += simulate(arrivals, slots, rules, rng)
    return summary(stays)


def summary(stays: Sequence[Stay]) -> Forecast:
    return Forecast(
        in_line=_expected_and_95th([stay.in_line for stay in stays]),
        judging=_expected_and_95th([stay.judging for stay in stays]),
        in_all=_expected_and_95th([stay.in_all for stay in stays]),
    )


def _expected_and_95th(seconds: Sequence[float]) -> tuple[float, float]:
    if len(seconds) == 1:
        return seconds[0], seconds[0]
    return fmean(seconds), quantiles(seconds, n=20, method="inclusive")[-1]


def show(end: ExamEnd, concurrent: Sequence[int]) -> None:
    rules = Rules()
    table = Table(
        title=f"{end.students} students press Submit within {end.within:g} s; {end.tests} tests of {end.service:g} s",
        caption="expected / 95th percentile",
    )
    for name in ("slots", "", "in line", "judging", "in all"):
        table.add_column(name, justify="right")
    for slots in concurrent:
        found = forecast(end, slots, rules)
        figures = ["{:.1f} / {:.1f} s".format(*pair) for pair in (found.in_line, found.judging, found.in_all)]
        table.add_row(str(slots), "", *figures)
        machine = next((name for least, most, name in GUIDE if least <= slots <= most), None)
        if machine is not None:
            table.add_row("", f"guide: {machine}", *GUIDE_SECONDS, style="dim", end_section=True)
    Console().print(table)
