"""`python -m infra.admin token` and `submit`: as a student would."""

from __future__ import annotations

from pathlib import Path

import click

from functions.domain.languages import BY_EXTENSION
from infra.admin.context import Context, fail, text_of


@click.command()
@click.option("--student", required=True, help="Whose token: the `sub` claim.")
@click.option("--role", type=click.Choice(["instructor"]), help="For staff.")
@click.option("--hours", type=click.IntRange(1, 8760), default=12, show_default=True, help="How long it is good.")
@click.pass_obj
def token(context: Context, student: str, role: str | None, hours: int) -> None:
    """Print a token for the local stack."""
    if context.deployed:
        fail("tokens are made here for the local stack only")
    from infra.local import tokens

    _ = context.variables  # says so where there is no stack
    click.echo(tokens.mint(context.stack, student, role, hours))


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--question", "question_id", required=True, help="A question's id.")
@click.option("--attempt", "attempt_id", required=True, help="An attempt's id.")
@click.option("--run", is_flag=True, help="Only the sample tests.")
@click.option("--language", help=f"[default: by the extension: {' '.join(BY_EXTENSION)}]")
@click.option(
    "--stdin", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Run on this input instead (--run)."
)
@click.pass_context
def submit(
    context: click.Context,
    file: Path,
    question_id: str,
    attempt_id: str,
    run: bool,
    language: str | None,
    stdin: Path | None,
) -> None:
    """Submit a file, wait, and show the verdict; exit 0 when it is accepted."""
    from infra.admin import operations, submitting
    from infra.admin.client import Client

    language = language or BY_EXTENSION.get(file.suffix)
    if language is None:
        raise click.UsageError(f"{file.name}: say its --language")
    if stdin is not None and not run:
        raise click.UsageError("--stdin goes with --run")
    body = {
        "attempt_id": attempt_id,
        "question_id": question_id,
        "language": language,
        "code": text_of(file),
        "run_type": "run" if run else "submit",
    }
    if stdin is not None:
        body["stdin"] = text_of(stdin)
    ours: Context = context.obj
    student = "" if ours.deployed else operations.owner_of(ours.service, attempt_id)
    client = Client(ours.url, ours.token(student), local=not ours.deployed)
    judged = submitting.submit_and_wait(client, body)
    submitting.show(judged)
    context.exit(0 if judged["verdict"] == "accepted" else 1)
