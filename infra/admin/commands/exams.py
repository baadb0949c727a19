"""`python -m infra.admin exams` and `attempts`: what there is to sit, and who sits it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from infra.admin.context import Context, text_of


class Time(click.ParamType[datetime]):
    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from infra.admin.operations import parse_time

        try:
            return parse_time(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group()
def exams() -> None:
    """Make exams, and see whether everything in one is judged."""


@exams.command("create")
@click.argument("exam_id", metavar="ID")
@click.option("--title", help="What students read.  [default: the id]")
@click.option("--question", "question_ids", multiple=True, help="May be repeated; without any: every question.")
@click.option("--opens-at", type=Time(), help="For example 2026-06-01T09:00:00+02:00; without: open already.")
@click.option("--closes-at", type=Time(), help="Without: never.")
@click.option(
    "--counts", type=click.Choice(["best", "last"]), default="best", show_default=True, help="Which Submit counts."
)
@click.option("--staff", multiple=True, help="An instructor who may see it; may be repeated; without any: all may.")
@click.pass_obj
def create_exam(
    context: Context,
    exam_id: str,
    title: str | None,
    question_ids: tuple[str, ...],
    opens_at: datetime | None,
    closes_at: datetime | None,
    counts: str,
    staff: tuple[str, ...],
) -> None:
    """Make an exam."""
    from functions.domain.exam import Exam
    from infra.admin import operations

    exam = Exam(
        exam_id,
        title or exam_id,
        question_ids or None,
        opens_at,
        closes_at,
        "last" if counts == "last" else "best",
        staff or None,
    )
    operations.create_exam(context.service, exam)
    click.echo(f"created exam {exam_id}")
    open_to_all = operations.exams_without_a_list(context.service)
    if question_ids and opens_at is not None and open_to_all:
        told = f"{', '.join(open_to_all)}: exams without a list of questions"
        click.echo(f"note: students of {told} can read these questions before {opens_at:%Y-%m-%d %H:%M}Z", err=True)


@exams.command("status")
@click.argument("exam_id", metavar="ID")
@click.pass_context
def exam_status(context: click.Context, exam_id: str) -> None:
    """Say how many submissions are where; exit 1 while any is not judged."""
    from rich.console import Console
    from rich.table import Table

    from functions.domain.submission import Status
    from infra.admin import operations

    counts = operations.exam_status(context.obj.service, exam_id)
    table = Table("status", "submissions")
    for status, count in counts.items():
        table.add_row(status, str(count))
    Console().print(table)
    waiting, failed = counts[Status.QUEUED] + counts[Status.PROCESSING], counts[Status.FAILED]
    if waiting or failed:
        click.echo(f"not everything is judged: {waiting} on their way, {failed} failed (to be judged again)")
        context.exit(1)
    click.echo("everything is judged")


@click.group()
def attempts() -> None:
    """Give students their attempts, and more time."""


@attempts.command("create")
@click.option("--student", required=True, help="Whose: the `sub` of the student's tokens.")
@click.option("--exam", "exam_id", default="demo", show_default=True)
@click.option("--id", "attempt_id", help="[default: a new one]")
@click.pass_obj
def create_attempt(context: Context, student: str, exam_id: str, attempt_id: str | None) -> None:
    """Make an attempt and print its id. Locally a missing exam is made too."""
    from functions.domain.exam import Attempt
    from infra.admin import operations

    attempt = Attempt(attempt_id or operations.new_attempt_id(), student, exam_id)
    if not context.deployed:
        operations.ensure_exam(context.service, exam_id)
    operations.create_attempt(context.service, attempt)
    click.echo(attempt.attempt_id)


@attempts.command("import")
@click.argument("file", metavar="FILE.csv", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def import_attempts(context: Context, file: Path) -> None:
    """Make the attempts of a CSV file with the columns student,exam,opens_at,closes_at.

    The last two may be empty: then the exam's hold. Importing again changes the times to what the file says and makes
    nothing twice. Nothing is written where any line is wrong. Prints each attempt's id and student.
    """
    from infra.admin import operations

    for attempt in operations.import_attempts(context.service, text_of(file, "utf-8-sig")):
        click.echo(f"{attempt.attempt_id}  {attempt.student}")


@attempts.command("extend")
@click.argument("attempt_id", metavar="ID")
@click.option("--minutes", type=click.IntRange(min=1), required=True)
@click.pass_obj
def extend_attempt(context: Context, attempt_id: str, minutes: int) -> None:
    """Give one attempt more time, from its own end or else the exam's."""
    from infra.admin import operations

    closes_at = operations.extend_attempt(context.service, attempt_id, minutes)
    click.echo(f"{attempt_id} closes at {closes_at.isoformat()}")
