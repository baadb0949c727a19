"""`python -m infra.admin student`: one student's data, exported and erased."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from infra.admin.context import Context

if TYPE_CHECKING:
    from infra.admin.student_data import DataRequest

SHOWN_OF_A_HASH = 16


@click.group()
def student() -> None:
    """Export or erase all that there is of one student: the ID is the `sub` of the student's tokens."""


@student.command()
@click.argument("student_id", metavar="ID")
@click.option(
    "--to",
    "file",
    metavar="FILE.json",
    type=click.Path(dir_okay=False, path_type=Path),
    help="For nobody's eyes but this user's.  [default: standard output]",
)
@click.pass_obj
def export(context: Context, student_id: str, file: Path | None) -> None:
    """Write everything about one student as one JSON object: attempts, submissions with code and outputs, rejudgings.

    Of hidden tests it holds what the student sees: verdict, time and memory. That it was done is recorded.
    """
    from infra.admin import student_data

    place: AbstractContextManager[IO[bytes]] = nullcontext(sys.stdout.buffer) if file is None else _replaced(file)
    with place as out:
        done = student_data.export(context.service, student_id, out)
    click.echo(f"exported {_told(done.counts)}", err=True)


@contextmanager
def _replaced(file: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name only once it is whole, and that other users cannot read."""
    if file.exists() and not file.is_file():
        raise click.UsageError(f"{file}: not a file")
    with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".export-", delete=False) as written:
        try:
            yield written
            written.flush()
            os.replace(written.name, file)
        except BaseException:
            os.unlink(written.name)
            raise


@student.command()
@click.argument("student_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_obj
def erase(context: Context, student_id: str, yes: bool) -> None:
    """Erase everything about one student, for good: marks too. Export and close the exam first.

    What still waits is taken out of the line; while one is being judged nothing is erased. Interrupted, say it again.
    What somebody did as staff stays. A record of when it was done and of how much stays, without the ID.
    """
    from infra.admin import student_data

    counts = student_data.to_be_erased(context.service, student_id)
    if not yes:
        click.confirm(f"Erase for good all data of {student_id} ({_told(counts)})?", abort=True, err=True)
    click.echo(f"erased {_told(student_data.erase(context.service, student_id).counts)}")


@student.command()
@click.argument("student_id", metavar="[ID]", required=False)
@click.pass_obj
def requests(context: Context, student_id: str | None) -> None:
    """Show what was exported and erased, of one student or of all. It is known by a hash of the ID only."""
    from rich.console import Console
    from rich.table import Column, Table

    from infra.admin import student_data

    found = student_data.requests(context.service, student_id)
    if not found:
        click.echo("nothing was exported or erased")
        return
    table = Table("what", Column("SHA-256 of the ID", no_wrap=True), "begun", "done", "documents")
    for each in found:
        table.add_row(each.kind, f"{each.student_hash[:SHOWN_OF_A_HASH]}...", *_times(each), _told(each.counts))
    Console().print(table)


def _times(request: DataRequest) -> tuple[str, str]:
    begun = f"{request.begun_at:%Y-%m-%d %H:%M:%S}Z"
    if request.done_at is not None:
        return begun, f"{request.done_at:%Y-%m-%d %H:%M:%S}Z"
    return begun, "interrupted" if request.kind == "export" else "interrupted: erase it again"


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {collection}" for collection, number in counts.items()) or "nothing"
