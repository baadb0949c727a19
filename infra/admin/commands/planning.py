"""`python -m infra.admin capacity`, `costs` and `preflight`: before an exam."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from pathlib import Path

import click

from infra.admin.context import Context


class Seconds(click.ParamType[float]):
    name = "seconds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            seconds = float(str(value).removesuffix("s"))
        except ValueError:
            seconds = 0.0
        if not 0.0 < seconds < 86_400:
            self.fail(f"{value!r} is no time: write 0.5s, for example", param, ctx)
        return seconds


class Bounds(click.ParamType[tuple[int, int]]):
    name = "least:most"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        least, _, most = str(value).partition(":")
        if not (least.isdigit() and most.isdigit() and 1 <= int(least) <= int(most) <= 50):
            self.fail(f"{value!r}: write the fewest and the most judges, as 1:5", param, ctx)
        return int(least), int(most)


class Schedule(click.ParamType[tuple[float, float, int]]):
    name = "from-to=judges"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, float, int]:
        match = re.fullmatch(r"(-?\d+)-(\d+)=(\d+)", str(value))
        if match is None:
            self.fail(f"{value!r}: write minutes of the exam and judges, as 35-60=5 or -20-60=5", param, ctx)
        return 60.0 * int(match[1]), 60.0 * int(match[2]), int(match[3])


class Numbers(click.ParamType[tuple[int, ...]]):
    name = "numbers"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        parts = str(value).split(",")
        if not all(part.strip().isdigit() and 1 <= int(part) <= 100 for part in parts):
            self.fail(f"{value!r}: write numbers from 1 to 100, as 3,8,15", param, ctx)
        return tuple(int(part) for part in parts)


@click.command()
@click.option("--students", type=click.IntRange(1, 20_000), required=True, help="So many press Submit once.")
@click.option("--tests", type=click.IntRange(1, 1000), required=True, help="Of the question.")
@click.option("--service", type=Seconds(), required=True, help="What one test takes at the judge, for example 0.5s.")
@click.option("--within", type=Seconds(), default="60s", show_default=True, help="In which time they all press it.")
@click.option("--concurrent", type=Numbers(), default="3,8,15", show_default=True, help="Machines, by their slots.")
@click.option("--autoscale", type=Bounds(), help="Show what so many judges, as they come and go, would do in an exam.")
@click.option("--slots", type=click.IntRange(1, 100), default=3, show_default=True, help="Of each, with --autoscale.")
@click.option("--boot", type=Seconds(), default="600s", show_default=True, help="What a machine takes to start.")
@click.option("--schedule", type=Schedule(), multiple=True, help="Minutes when there are to be more, as 35-60=5.")
def capacity(
    students: int,
    tests: int,
    service: float,
    within: float,
    concurrent: tuple[int, ...],
    autoscale: tuple[int, int] | None,
    slots: int,
    boot: float,
    schedule: tuple[tuple[float, float, int], ...],
) -> None:
    """Say how long students wait at an exam's end, for several numbers of slots: choose the machine before the exam.

    A simulation with the service's own rules. It assumes that the judge really runs MAX_CONCURRENT_SUBMISSIONS times
    BATCH_SIZE tests at once in the given time each.
    """
    from functions.domain.scaling import Fleet, Planned
    from infra.admin import capacity

    end = capacity.ExamEnd(students, tests, service, within)
    if autoscale is None:
        capacity.show(end, concurrent)
        return
    planned = tuple(Planned(*each) for each in schedule)
    capacity.show_scaling(end, capacity.Scaling(Fleet(slots, *autoscale), boot, planned))


@click.command()
@click.option("--polls", type=click.IntRange(0, 10_000), default=20, show_default=True, help="Of each submission.")
def costs(polls: int) -> None:
    """Say what a thousand submissions cost at Google, by counted operations and the list prices of infra/admin."""
    from infra.admin import costs

    costs.show(polls)


@click.command()
@click.option("--url", "given_url", help="The public function.  [default: the local stack's]")
@click.option("--students", type=click.IntRange(1, 500), default=50, show_default=True)
@click.option("--within", type=click.FloatRange(0), default=10.0, show_default=True, help="Seconds in which they come.")
@click.option(
    "--max-wait", type=click.FloatRange(min=0, min_open=True), default=60.0, show_default=True, help="In line."
)
@click.option("--exam", "exam_id", help="Whose questions are tried.  [default: every imported question]")
@click.option("--origin", "origins", multiple=True, help="Of a page that must be allowed to ask; may be repeated.")
@click.option(
    "--tokens",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Lines student,attempt,token of test students, who are erased afterwards.",
)
@click.option("--json", "as_json", is_flag=True, help="The report as JSON.")
@click.pass_context
def preflight(
    context: click.Context,
    given_url: str | None,
    students: int,
    within: float,
    max_wait: float,
    exam_id: str | None,
    origins: tuple[str, ...],
    tokens: Path | None,
    as_json: bool,
) -> None:
    """Have test students sit an exam now, and say what would go wrong in the real one; exit 1 where anything does.

    Each reads a question, runs a right solution of its package and submits one, every fifth a wrong one; they poll as
    pages do. Afterwards all of it is erased. Do it while no exam is on: it fills the line.

    A --url elsewhere means --deployed. Tokens are signed with AUTH_JWT_SECRET; where the service checks them with
    AUTH_JWKS_URL give --tokens: an empty attempt is made, and a student may have several lines.
    """
    from infra.admin import preflight
    from infra.admin.preflight_report import passed

    ours: Context = context.obj
    if given_url is not None and not ours.deployed and not preflight.is_this_machine(given_url):
        ours = Context(True, given_url, ours.given_token)
    play = preflight.Play(given_url or ours.url, students, within, max_wait, exam_id, origins, tokens)
    checks = preflight.examine(ours, play)
    good = passed(checks)
    if as_json:
        shown = {"passed": good, "url": play.url, "students": students, "checks": [asdict(check) for check in checks]}
        click.echo(json.dumps(shown, indent=1))
    else:
        preflight.show(checks)
    context.exit(0 if good else 1)
