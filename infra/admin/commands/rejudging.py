"""`python -m infra.admin rejudge`: judge again, look at the differences, apply or cancel."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING

import click

from infra.admin.context import Context, fail

if TYPE_CHECKING:
    from functions.domain.rejudging import Rejudging
    from functions.domain.submission import Outcome


@click.group()
def rejudge() -> None:
    """Judge submissions again by the questions as they are now; what stands, stands until you apply it."""


@rejudge.command()
@click.argument("submission_id", metavar="[ID]", required=False)
@click.option("--question", "question_id", help="All completed Submits of this question ...")
@click.option("--exam", "exam_id", help="... of this exam ...")
@click.option("--attempt", "attempt_id", help="... of this attempt ...")
@click.option("--language", help="... in this language ...")
@click.option("--verdict", help="... with this verdict, as wrong_answer. Those that have all that is named.")
@click.pass_obj
def start(context: Context, /, submission_id: str | None, **wanted: str | None) -> None:
    """Judge one submission again, or a set of them, whenever nobody else waits. Prints the rejudging's id."""
    from functions import rejudging

    chosen = {field: value for field, value in wanted.items() if value is not None}
    if bool(submission_id) == bool(chosen):
        raise click.UsageError("name one submission, or say which by options")
    context.require_queues()
    if submission_id is not None:
        started = rejudging.start_one(context.service, _operator(), submission_id)
    else:
        started = rejudging.start(context.service, _operator(), chosen)
    click.echo(f"{started.rejudging_id}  {started.total} to be judged again")


@rejudge.command("list")
@click.pass_obj
def list_(context: Context) -> None:
    """Show the latest rejudgings, newest first."""
    from functions import rejudging

    found = rejudging.latest(context.service)
    for each in found:
        click.echo(f"{each.rejudging_id}  {_told(each)}")
    if not found:
        click.echo("nothing was rejudged")


@rejudge.command()
@click.argument("rejudging_id", metavar="ID")
@click.pass_obj
def show(context: Context, rejudging_id: str) -> None:
    """Show how far a rejudging is, and what would change, or has."""
    from collections import Counter

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    from functions import rejudging

    found, _ = rejudging.read(context.service, rejudging_id)
    compared = rejudging.compared(context.service, rejudging_id)
    click.echo(_told(found))
    statuses = Counter(str(each.status) for each in compared)
    click.echo(", ".join(f"{number} {status}" for status, number in sorted(statuses.items())))
    changed = [each for each in compared if each.changed]
    if changed:
        table = Table("question", "student", Column("submission", overflow="fold"), "before", "after")
        for each in changed:
            names = (escape(each.question_id), escape(each.student), each.submission_id)
            table.add_row(*names, _shown(each.before), _shown(each.after))
        Console().print(table)
    click.echo(f"{len(changed)} of {len(compared)} differ")


@rejudge.command("apply")
@click.argument("rejudging_id", metavar="ID")
@click.pass_obj
def apply_(context: Context, rejudging_id: str) -> None:
    """Have the new results count."""
    from functions import rejudging

    click.echo(_told(rejudging.apply(context.service, _operator(), rejudging_id)))


@rejudge.command()
@click.argument("rejudging_id", metavar="ID")
@click.pass_obj
def cancel(context: Context, rejudging_id: str) -> None:
    """Forget the new results."""
    from functions import rejudging

    click.echo(_told(rejudging.cancel(context.service, _operator(), rejudging_id)))


def _operator() -> str:
    try:
        return f"operator {getpass.getuser()}"
    except (OSError, KeyError):
        fail("who are you? The system does not know this user's name, and it is to be recorded")


def _told(found: Rejudging) -> str:
    wanted = ", ".join(f"{field} {value}" for field, value in sorted(found.wanted.items()))
    begun = f"{found.total} of {wanted}, begun {found.created_at:%Y-%m-%d %H:%M}Z by {found.created_by}: {found.stage}"
    return begun if found.closed_at is None else f"{begun} {found.closed_at:%Y-%m-%d %H:%M}Z by {found.closed_by}"


def _shown(outcome: Outcome) -> str:
    return f"{outcome.verdict}, {outcome.score} points"
