"""`python -m infra.admin slots`, `queues`, `failed` and `diagnose`: while it runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from infra.admin.context import Context, fail

if TYPE_CHECKING:
    from functions.domain.line import Slot
    from functions.service import Service


@click.command()
@click.option("--set", "number", type=click.IntRange(0, 100), help="Grow or shrink to so many, while it runs.")
@click.option("--judge", help="With --set: which judge's, where there are several; 0 lets it finish what it has.")
@click.pass_obj
def slots(context: Context, number: int | None, judge: str | None) -> None:
    """Show the slots: how many submissions may be judged at once, and which are.

    --set also sets how many tickets each queue delivers at once; without visits more slots would stand empty.
    """
    from functions.slots import read_slots

    service = context.service
    if judge is not None and number is None:
        raise click.UsageError("--judge goes with --set")
    if number is not None:
        named = _judge_named(service, judge)
        if number == 0 and all(slot.judge == named for slot in _slots_in_use(service)):
            raise click.UsageError("then nothing would be judged: pause the queues instead")
        _set_slots(service, number, named)
        _limit_queues(context, len(_slots_in_use(service)))
    now = service.clock.now()
    several = len(service.judges()) > 1
    for slot in read_slots(service)[0]:
        held = f"judging {slot.submission_id}" if slot.is_held(now) else "free"
        of = f"{slot.judge}  " if several else ""
        click.echo(f"{slot.number:>3}  {of}{held}{' (retired)' if slot.retired else ''}")


def _judge_named(service: Service, judge: str | None) -> str:
    """The judge that is meant: where there is one, it need not be named."""
    names = sorted({*service.judges(), *(slot.judge for slot in _slots_in_use(service))})
    if judge is None and len(names) == 1:
        return names[0]
    if judge not in names:
        raise click.UsageError(f"say --judge with one of: {', '.join(names)}")
    return judge


def _slots_in_use(service: Service) -> list[Slot]:
    from functions.slots import read_slots

    return [slot for slot in read_slots(service)[0] if not slot.retired]


def _set_slots(service: Service, number: int, judge: str) -> None:
    from functions.ports import Conflict
    from functions.slots import set_slots

    for _ in range(10):
        try:
            set_slots(service, number, judge)
        except Conflict:  # a slot was taken or given back just then
            continue
        return
    fail("the slots keep changing: try again")


def _limit_queues(context: Context, number: int) -> None:
    from functions.domain.submission import RunType
    from functions.ports import Unavailable

    try:
        for kind in RunType:
            context.queues.limit(kind, number)
    except Unavailable as error:
        fail(f"the slots are set, but not the queues' limits ({error}): run it again")


@click.group(invoke_without_command=True)
@click.option("--once", is_flag=True, help="Print the table once; as it is without a terminal.")
@click.pass_context
def queues(context: click.Context, once: bool) -> None:
    """Show both queues as they stand, each second anew (Ctrl-C ends it); and pause and resume them."""
    if context.invoked_subcommand is None:
        from infra.admin import queues

        queues.show(context.obj, once=once)


@queues.command("pause")
@click.argument("queue", type=click.Choice(["submit", "run"]))
@click.pass_obj
def pause_queue(context: Context, queue: str) -> None:
    """Let no more of a queue be judged; what is being judged is finished, what waits keeps its place."""
    from functions.domain.submission import RunType

    context.queues.pause(RunType(queue))
    click.echo(f"{queue} is paused")


@queues.command("resume")
@click.argument("queue", type=click.Choice(["submit", "run"]))
@click.pass_obj
def resume_queue(context: Context, queue: str) -> None:
    """Let a paused queue go on."""
    from functions.domain.submission import RunType

    context.queues.resume(RunType(queue))
    click.echo(f"{queue} goes on")


@click.command()
@click.argument("submission_id", metavar="[ID]", required=False)
@click.option("--origin", help="Where the page is, for example https://exam.example.org: may it read the answers?")
@click.pass_obj
def diagnose(context: Context, submission_id: str | None, origin: str | None) -> None:
    """Say why it is stuck, silent or slow: the service as it is now, or one submission. Exit code 1 on any trouble."""
    from infra.admin import diagnosis

    found = diagnosis.findings(diagnosis.gather(context, submission_id, origin))
    for each in found:
        mark = click.style("TROUBLE", fg="red", bold=True) if each.trouble else click.style("ok     ", fg="green")
        click.echo(f"{mark}  {each.says}" + (f"\n         {each.do}" if each.do else ""))
    if any(each.trouble for each in found):
        raise click.exceptions.Exit(1)


@click.group()
def failed() -> None:
    """What could not be judged, which costs no student anything: see it, and have it judged again."""


@failed.command("list")
@click.option("--exam", "exam_id", help="Of one exam only.")
@click.pass_obj
def list_failed(context: Context, exam_id: str | None) -> None:
    """Show what failed, oldest first, and why."""
    from rich.console import Console
    from rich.table import Column, Table

    from infra.admin import operations

    found = operations.failed_submissions(context.service, exam_id)
    if not found:
        click.echo("nothing failed")
        return
    table = Table(Column("submission", no_wrap=True, min_width=32), "failed at", "of", "why")
    for document in found:
        at, kind, question, attempt, judgings, why = (document.fields[name] for name in operations.FAILED_COLUMNS)
        table.add_row(
            document.document_id,
            f"{at:%Y-%m-%d %H:%M:%S}Z",
            f"{kind} of {question} in {attempt}",
            f"{why} ({judgings} judgings)",
        )
    Console().print(table)


@failed.command("requeue")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that failed; with --exam all of that exam.")
@click.option("--exam", "exam_id", help="With --all: of one exam only.")
@click.pass_obj
def requeue_failed(context: Context, ids: tuple[str, ...], everything: bool, exam_id: str | None) -> None:
    """Put what failed back in line, with all its judgings again. One that is refused does not stop the others."""
    from infra.admin import operations

    if everything == bool(ids):
        raise click.UsageError("name submissions, or say --all")
    if exam_id is not None and not everything:
        raise click.UsageError("--exam goes with --all")
    context.require_queues()
    chosen = ids or [each.document_id for each in operations.failed_submissions(context.service, exam_id)]
    refused = 0
    for submission_id in dict.fromkeys(chosen):
        try:
            operations.requeue_failed(context.service, submission_id)
        except operations.OperationError as error:
            click.echo(f"refused   {error}", err=True)
            refused += 1
            continue
        click.echo(f"requeued  {submission_id}")
    if refused:
        fail(f"{refused} of {len(chosen)} refused")
    if not chosen:
        click.echo("nothing failed")
