"""`python -m infra.admin export`, `import-archive`, `exams delete`, `scores`: the command line of an exam's archive."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from infra.admin.context import Context, fail

if TYPE_CHECKING:
    from infra.admin.archive.places import Place

PLACE = "DIR|s3://BUCKET/PREFIX"
TOLD_SECONDS = 5.0
"""How often it is said how far it is, where there is no terminal."""
BUCKET_TIMEOUT = 150.0
"""Seconds for one call: a file may have some megabytes, and nobody waits at a page."""


@click.command()
@click.option("--exam", "exam_id", help="The exam.")
@click.option("--to", "target", metavar=PLACE, help="An empty place, or one where this export was interrupted.")
@click.option("--verify", "checked", metavar=PLACE, help="Instead: check an archive; exit 1 where anything is wrong.")
@click.option("--anyway", is_flag=True, help="Also while something is not judged yet, and without what is missing.")
@click.pass_obj
def export(context: Context, exam_id: str | None, target: str | None, checked: str | None, anyway: bool) -> None:
    """Write an exam's archive: attempts, submissions with results, scores, questions, sources, a manifest of hashes.

    Interrupted, say it again: it goes on. It holds hidden tests and personal data; keep it where few can read it.
    """
    if (checked is None) == (exam_id is None) or (exam_id is None) != (target is None):
        raise click.UsageError("say --exam E --to PLACE, or --verify PLACE")
    if checked is not None:
        _verify(context, checked)
        return
    from infra.admin.archive.exporting import export

    assert exam_id is not None
    assert target is not None
    with _progress("submissions exported") as tell:
        exported = export(context.service, exam_id, _place(context, target), anyway=anyway, tell=tell)
    what = _told(exported.manifest.counts)
    click.echo(f"{target} holds just that already, whole: {what}" if exported.again else f"exported {exam_id}: {what}")
    for each in exported.manifest.missing:
        click.echo(f"missing  {each}", err=True)


def _verify(context: Context, place: str) -> None:
    from infra.admin.archive import verifying

    wrong = 0
    with _progress("files checked") as tell:
        for finding in verifying.findings(_place(context, place), tell):
            click.echo(finding)
            wrong += 1
    if wrong:
        fail(f"{place} is not whole: {wrong} findings")
    click.echo(f"{place} is whole")


@click.command("import-archive")
@click.argument("place", metavar=PLACE)
@click.option("--overwrite", is_flag=True, help="Replace what is there and differs.")
@click.pass_obj
def import_archive(context: Context, place: str, overwrite: bool) -> None:
    """Bring an exam back from its archive. What is there and the same is left. Interrupted, say it again.

    What was erased of a student since the export comes back too: erase it again.
    """
    from infra.admin.archive import importing

    with _progress("submissions imported") as tell:
        manifest, tally = importing.import_archive(
            context.service, _place(context, place), overwrite=overwrite, tell=tell
        )
    click.echo(f"imported {manifest.exam_id}: {tally.written} written, {tally.alike} were there already")


@click.command("delete")
@click.argument("exam_id", metavar="ID")
@click.option("--archive", "place", metavar=PLACE, required=True, help="The exam's archive, as it was exported.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option(
    "--submissions-in-days",
    "days",
    type=click.IntRange(1, 3650),
    help="Delete nothing now: Firestore deletes the submissions by itself after so many days.",
)
@click.pass_obj
def delete_exam(context: Context, exam_id: str, place: str, yes: bool, days: int | None) -> None:
    """Delete an exam, its attempts and submissions, for good; questions stay. Interrupted, say it again.

    Only with its archive at hand, which must be whole and hold everything just as it is in the store now.
    """
    from infra.admin.archive import deleting

    with _progress("files checked") as tell:
        deletion = deleting.deletion(context.service, exam_id, _place(context, place), tell)
    with _progress("attempts compared") as tell:
        counts = deletion.check(tell)
    if days is not None:
        delete_at = context.service.clock.now() + timedelta(days=days)
        with _progress("attempts marked") as tell:
            deletion.expire(delete_at, tell)
        click.echo(f"{counts['submissions']} submissions of {exam_id} go by themselves after {delete_at:%Y-%m-%d}")
        return
    if not yes:
        click.confirm(f"Delete exam {exam_id} for good ({_told(counts)})?", abort=True, err=True)
    with _progress("attempts deleted") as tell:
        deletion.run(tell)
    click.echo(f"deleted exam {exam_id}: {_told(counts)}")


@click.command()
@click.option("--exam", "exam_id", required=True, help="The exam.")
@click.option("--format", "form", type=click.Choice(["csv", "xlsx"]), default="csv", show_default=True)
@click.option(
    "--to", "file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), help="[default: standard output]"
)
@click.pass_obj
def scores(context: Context, exam_id: str, form: str, file: Path | None) -> None:
    """Write an exam's scores: a line for each attempt, a column for each question, the total and what it is out of.

    An empty cell says that no Submit was judged. Texts that a spreadsheet would take for formulas stay texts.
    """
    from functions import records
    from infra.admin import scores
    from infra.admin.archive.reading import require_exam

    if form == "xlsx" and file is None:
        raise click.UsageError("xlsx needs --to FILE")
    service = context.service
    exam = records.exam_of(require_exam(service, exam_id))
    lines = scores.table(scores.points_of(service, scores.asked_in(service, exam)), scores.rows_of(service, exam))
    if file is None:
        click.echo(scores.csv_bytes(lines), nl=False)
    elif form == "xlsx":
        scores.write_xlsx(lines, exam_id, file)
    else:
        file.write_bytes(scores.csv_bytes(lines))


def _place(context: Context, text: str) -> Place:
    """A bucket with the endpoint and the keys of the service's own, or a folder."""
    from infra.admin.archive.places import Bucket, Folder

    if not text.startswith("s3://"):
        return Folder(Path(text))
    bucket, _, prefix = text.removeprefix("s3://").partition("/")
    if not bucket:
        raise click.UsageError(f"{text}: write s3://BUCKET/PREFIX")
    from infra import settings
    from infra.object_store import S3ObjectStore

    config = context.settings
    settings.require(config, "object_store_endpoint", "object_store_access_key_id", "object_store_secret_access_key")
    objects = S3ObjectStore(
        endpoint=config.object_store_endpoint or "",
        bucket=bucket,
        access_key_id=config.object_store_access_key_id or "",
        secret_access_key=config.object_store_secret_access_key or "",
        region=config.object_store_region,
        timeout=BUCKET_TIMEOUT,
    )
    return Bucket(objects, prefix)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, a line now and then elsewhere; on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if console.is_terminal:
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=console, transient=True) as progress:
            bar = progress.add_task(what, total=None)
            yield lambda done, total: progress.update(bar, completed=done, total=total)
        return
    told_at = time.monotonic()

    def tell(done: int, total: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at >= TOLD_SECONDS:
            told_at = time.monotonic()
            click.echo(f"{done} of {total} {what}", err=True)

    yield tell


def _told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number} {what}" for what, number in counts.items())
