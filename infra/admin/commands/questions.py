"""`python -m infra.admin questions`: imported, and checked by their own submissions."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from infra.admin.context import Context, fail


@click.group()
def questions() -> None:
    """Import questions, and check them by their own submissions."""


@questions.command("import")
@click.argument("paths", metavar="DIR|FILE.zip...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.pass_obj
def import_questions(context: Context, paths: tuple[Path, ...]) -> None:
    """Import Kattis problem packages; a question's id is its folder's name.

    In a zip file problem.yaml lies at the root, and the id is the file's name without .zip; or everything lies in one
    folder, whose name is the id.

    A refused package does not stop the others; the exit code is 1 where any was refused.
    """
    from functions import stored_data
    from infra.admin import operations
    from infra.kattis import PackageError
    from infra.kattis.archive import read_path

    service = context.service
    keep = None if service.objects is None else partial(stored_data.store, service.objects)
    refused = 0
    for path in paths:
        try:
            package, where = read_path(path, keep)
            changed = operations.import_package(service, package)
        except (PackageError, operations.OperationError, OSError) as error:
            problems = "; ".join(error.problems) if isinstance(error, PackageError) else error
            click.echo(f"refused    {path.name or path}: {problems}", err=True)
            refused += 1
            continue
        question = package.question
        told = f"{'imported' if changed else 'unchanged':<9}  {question.question_id}: {len(question.tests)} tests"
        click.echo(f"{told}, from {where}" if where is not None else told)
    if refused:
        fail(f"{refused} of {len(paths)} refused")


@questions.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every question that was imported.")
@click.pass_obj
def verify(context: Context, ids: tuple[str, ...], everything: bool) -> None:
    """Judge questions' own submissions and compare the verdicts.

    Each is sent to the service as a student's Submit, under an attempt of its own in the exam `verify`. The exit code
    is 1 where any verdict is not the one that the package expects. What is in a language that the judge does not have
    is skipped, and listed as such.
    """
    from infra.admin import operations, verifying

    if everything == bool(ids):
        raise click.UsageError("name questions, or say --all")
    names = operations.imported_questions(context.service) if everything else list(dict.fromkeys(ids))
    wrong = verifying.verify(context, names)
    if wrong:
        fail(f"{wrong} submissions got another verdict than expected")
