"""`capacity`: how long students wait at an exam's end, by the number of slots."""

from __future__ import annotations

import csv
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, quantiles

from rich.console import Console
from rich.table import Table

from functions.domain.scaling import Fleet, Planned
from functions.domain.submission import RunType
from functions.service import Rules
from infra.admin.simulation import Arrival, Autoscaler, Stay, judging_seconds, simulate

SHAPES = Path(__file__).with_name("shapes")
SAMPLES = 2
"""The tests of a Run."""
PLAYS = 20
"""How often an exam's end is played, each time with other moments of arrival."""

GUIDE = (
    # (fewest slots, most slots, machine): the fleet that the deployment guide names
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


@dataclass(frozen=True)
class Scaling:
    """What `--autoscale` asks: the bounds, how long a machine takes to start, and what is known of the exam."""

    fleet: Fleet
    boot: float
    schedule: tuple[Planned, ...] = ()


def shapes() -> list[str]:
    """The courses of an exam that are kept here, by name."""
    return sorted(path.stem for path in SHAPES.glob("*.csv"))


def arrivals_of(shape: str, end: ExamEnd, rng: random.Random, batch_size: int) -> list[Arrival]:
    """An exam of ``end.students`` students in that shape: its file says presses a minute of a hundred students."""
    took = {
        RunType.RUN: judging_seconds(SAMPLES, end.service, batch_size),
        RunType.SUBMIT: judging_seconds(end.tests, end.service, batch_size),
    }
    found = []
    with (SHAPES / f"{shape}.csv").open() as file:
        for row in csv.DictReader(file):
            for kind, column in ((RunType.RUN, "runs"), (RunType.SUBMIT, "submits")):
                for _ in range(round(int(row[column]) * end.students / 100)):
                    at = 60 * (int(row["minute"]) + rng.random())
                    found.append(Arrival(at, took[kind], kind))
    return sorted(found, key=lambda each: each.at)


@dataclass(frozen=True)
class Cost:
    """Waits of Submits and of Runs, as (expected, 95th percentile) in seconds, and the machines' hours."""

    submits: tuple[float, float]
    runs: tuple[float, float]
    machine_hours: float
    most_machines: int


def played(shape: str, end: ExamEnd, scaling: Scaling) -> Cost:
    """One exam with the machines that the autoscaler would have had; a fixed number where its bounds are one."""
    rules, rng = Rules(), random.Random(1)
    arrivals = arrivals_of(shape, end, rng, rules.batch_size)
    until = 60.0 * (1 + max(int(each.at // 60) for each in arrivals))
    autoscaler = Autoscaler(scaling.fleet, scaling.boot, scaling.schedule)
    stays = simulate(arrivals, 0, rules, rng, autoscaler, until)
    over = max(until, *(stay.finished for stay in stays))
    waits = {
        kind: [stay.in_line for arrival, stay in zip(arrivals, stays, strict=True) if arrival.kind is kind]
        for kind in RunType
    }
    changes = sorted(
        [(each.begun, 1) for each in autoscaler.machines]
        + [(each.ended, -1) for each in autoscaler.machines if each.ended is not None]
    )
    return Cost(
        submits=_expected_and_95th(waits[RunType.SUBMIT]),
        runs=_expected_and_95th(waits[RunType.RUN]),
        machine_hours=autoscaler.hours(over),
        most_machines=max(itertools.accumulate(step for _, step in changes)),
    )


def show_scaling(end: ExamEnd, scaling: Scaling) -> None:
    fleet = scaling.fleet
    for shape in shapes():
        table = Table(
            title=f"{shape}: {end.students} students; {end.tests} tests of {end.service:g} s",
            caption=f"expected / 95th percentile of the wait in line; {fleet.slots} slots a judge",
        )
        for name in ("judges", "Submits", "Runs", "machine-hours", "most at once"):
            table.add_column(name, justify="right")
        fixed = [
            (f"{n} all the time", Scaling(Fleet(fleet.slots, n, n), 0.0)) for n in range(fleet.least, fleet.most + 1)
        ]
        scaled = [(f"{fleet.least} to {fleet.most}", Scaling(fleet, scaling.boot))]
        if scaling.schedule:
            scaled.append(("and the schedule", scaling))
        for name, each in fixed + scaled:
            cost = played(shape, end, each)
            waits = ["{:.1f} / {:.1f} s".format(*pair) for pair in (cost.submits, cost.runs)]
            table.add_row(name, *waits, f"{cost.machine_hours:.1f}", str(cost.most_machines))
        Console(width=110).print(table)


def summary(stays: Sequence[Stay]) -> Forecast:
    return Forecast(
        in_line=_expected_and_95th([stay.in_line for stay in stays]),
        judging=_expected_and_95th([stay.judging for stay in stays]),
        in_all=_expected_and_95th([stay.in_all for stay in stays]),
    )


def _expected_and_95th(seconds: Sequence[float]) -> tuple[float, float]:
    if len(seconds) < 2:
        return (seconds[0], seconds[0]) if seconds else (0.0, 0.0)
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
