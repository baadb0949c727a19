"""The operators' command line: `python -m infra.admin --help`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import IO, TypeVar

import click

from infra.admin.context import Context, fail

T = TypeVar("T")

EXTENSIONS = {
    ".py": "python",
    ".c": "c",
    ".cpp": "cpp",
    ".cc": "cpp",
    ".java": "java",
    ".js": "javascript",
    ".sh": "bash",
}


@click.group(help="Questions, exams, attempts and submissions of a run-code service.")
@click.option("--deployed", is_flag=True, help="Work on the cloud that the environment names, not on the local stack.")
@click.option("--url", envvar="RUN_CODE_URL", help="The deployed function's URL (with --deployed).")
@click.option("--token", envvar="RUN_CODE_TOKEN", help="A student's token (with --deployed).")
@click.pass_context
def cli(context: click.Context, deployed: bool, url: str | None, token: str | None) -> None:
    context.obj = Context(deployed, url, token)


@cli.group(help="Import questions, and check them by their own submissions.")
def questions() -> None: ...


@questions.command("import")
@click.argument("folders", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.pass_obj
def import_questions(context: Context, folders: tuple[Path, ...]) -> None:
    """Import Kattis problem packages; a question's id is its folder's name."""
    from infra.admin import operations
    from infra.kattis import PackageError, read_package

    refused = 0
    for folder in folders:
        try:
            package = read_package(folder)
            longest = context.settings.longest_judging()
            changed = operations.import_package(context.service, package, longest_judging=longest)
        except (PackageError, operations.OperationError) as error:
            click.echo(f"refused   {error}", err=True)
            refused += 1
            continue
        question = package.question
        click.echo(f"{'imported' if changed else 'unchanged'}  {question.question_id}  {len(question.tests)} tests")
    if refused:
        fail(f"{refused} of {len(folders)} packages were refused")


@questions.command()
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every question that was imported.")
@click.pass_obj
def verify(context: Context, ids: tuple[str, ...], everything: bool) -> None:
    """Judge a package's own submissions through the service, and compare the verdicts with those expected."""
    from infra.admin import operations, verifying

    if everything == bool(ids):
        raise click.UsageError("name questions, or say --all")
    try:
        names = operations.imported_questions(context.service) if everything else list(ids)
        wrong = verifying.verify(context, names)
    except operations.OperationError as error:
        fail(error)
    if wrong:
        fail(f"{wrong} submissions got another verdict than expected")


@cli.group(help="Make exams, and see whether everything in one is judged.")
def exams() -> None: ...


class Time(click.ParamType[datetime]):
    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from infra.admin.operations import parse_time

        try:
            return parse_time(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@exams.command("create")
@click.argument("exam_id", metavar="ID")
@click.option("--title", help="What students read.  [default: the id]")
@click.option(
    "--question", "question_ids", multiple=True, help="May be repeated; without any, every question may be answered."
)
@click.option("--opens-at", type=Time(), help="For example 2026-06-01T09:00:00+02:00.")
@click.option("--closes-at", type=Time())
@click.option(
    "--counts", type=click.Choice(["best", "last"]), default="best", show_default=True, help="Which Submit counts."
)
@click.option("--staff", multiple=True, help="An instructor who may see it; without any, all may.")
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
    _do(lambda: operations.create_exam(context.service, exam))
    click.echo(f"created exam {exam_id}")


@exams.command("status")
@click.argument("exam_id", metavar="ID")
@click.pass_obj
def exam_status(context: Context, exam_id: str) -> None:
    """Say how many submissions are where; exit 1 while any is not judged."""
    from functions.domain.submission import Status
    from infra.admin import operations

    counts = _do(lambda: operations.exam_status(context.service, exam_id))
    for status, count in counts.items():
        click.echo(f"{status:<11} {count}")
    open_ones = counts[Status.QUEUED] + counts[Status.PROCESSING] + counts[Status.FAILED]
    if open_ones:
        fail(f"{open_ones} submissions of {exam_id} are not judged")
    click.echo("everything is judged")


@cli.group(help="Give students their attempts, and more time.")
def attempts() -> None: ...


@attempts.command("create")
@click.option("--student", required=True)
@click.option("--exam", "exam_id", default="demo", show_default=True)
@click.option("--id", "attempt_id", help="[default: a new one]")
@click.pass_obj
def create_attempt(context: Context, student: str, exam_id: str, attempt_id: str | None) -> None:
    """Make an attempt and print its id. Locally a missing exam is made too."""
    from functions.domain.exam import Attempt
    from infra.admin import operations

    attempt = Attempt(attempt_id or operations.new_attempt_id(), student, exam_id)
    if not context.deployed:
        _do(lambda: operations.ensure_exam(context.service, exam_id))
    _do(lambda: operations.create_attempt(context.service, attempt))
    click.echo(attempt.attempt_id)


@attempts.command("import")
@click.argument("file", type=click.File(encoding="utf-8-sig"))
@click.pass_obj
def import_attempts(context: Context, file: IO[str]) -> None:
    """Make the attempts of a CSV file: student,exam,opens_at,closes_at (the last two may be empty)."""
    from infra.admin import operations

    for attempt in _do(lambda: operations.import_attempts(context.service, file.read())):
        click.echo(f"{attempt.attempt_id}  {attempt.student}")


@attempts.command("extend")
@click.argument("attempt_id", metavar="ID")
@click.option("--minutes", type=float, required=True)
@click.pass_obj
def extend_attempt(context: Context, attempt_id: str, minutes: float) -> None:
    """Give one attempt more time."""
    from infra.admin import operations

    closes_at = _do(lambda: operations.extend_attempt(context.service, attempt_id, minutes))
    click.echo(f"{attempt_id} closes at {closes_at.isoformat()}")


@cli.command()
@click.option("--student", required=True, help="Whose token: the `sub` claim.")
@click.option("--role", type=click.Choice(["instructor"]), help="Staff's.")
@click.option("--hours", default=12.0, show_default=True)
@click.pass_obj
def token(context: Context, student: str, role: str | None, hours: float) -> None:
    """Print a token of the local stack."""
    if context.deployed:
        fail("tokens are made here for the local stack only")
    from infra.local import tokens

    _ = context.variables  # a stack must have been started: it has the key
    try:
        click.echo(tokens.mint(context.stack, student, role, hours))
    except tokens.CannotMint as error:
        fail(error)


@cli.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--question", "question_id", required=True)
@click.option("--attempt", "attempt_id", required=True)
@click.option("--run", is_flag=True, help="Only the sample tests.")
@click.option("--language", help="[default: by the file's extension]")
@click.option("--stdin", type=click.File(), help="Run on this input instead (with --run).")
@click.pass_obj
def submit(
    context: Context,
    file: Path,
    question_id: str,
    attempt_id: str,
    run: bool,
    language: str | None,
    stdin: IO[str] | None,
) -> None:
    """Submit a file, wait, and show the verdict; exit 0 when it is accepted."""
    from infra.admin import operations, submitting
    from infra.admin.client import Client, Refused

    language = language or EXTENSIONS.get(file.suffix)
    if language is None:
        raise click.UsageError(f"{file.name}: say its --language")
    student = "" if context.deployed else _do(lambda: operations.owner_of(context.service, attempt_id))
    body = {
        "attempt_id": attempt_id,
        "question_id": question_id,
        "language": language,
        "code": file.read_text(encoding="utf-8", errors="replace"),
        "run_type": "run" if run else "submit",
    }
    if stdin is not None:
        body["stdin"] = stdin.read()
    try:
        judged = submitting.submit_and_wait(Client(context.url, context.token(student)), body)
    except Refused as error:
        fail(error)
    submitting.show(judged)
    raise SystemExit(0 if judged["verdict"] == "accepted" else 1)


@cli.command()
@click.option("--set", "number", type=click.IntRange(1, 100), help="Grow or shrink to so many, while running.")
@click.pass_obj
def slots(context: Context, number: int | None) -> None:
    """Show the slots: how many submissions may be judged at once, and which are."""
    from functions.ports import Conflict
    from functions.slots import read_slots, set_slots

    if number is not None:
        for _ in range(5):
            try:
                set_slots(context.service, number)
            except Conflict:
                continue
            break
        else:
            fail("the slots keep changing: try again")
    now = context.service.clock.now()
    for slot in read_slots(context.service)[0]:
        held = f"judging {slot.submission_id}" if slot.is_held(now) else "free"
        click.echo(f"{slot.number:>3}  {'retired' if slot.retired else held}")


def _do(operation: Callable[[], T]) -> T:
    """Carry it out; what cannot be done is told in one line."""
    from functions.ports import PortError
    from infra.admin.operations import OperationError

    try:
        return operation()
    except (OperationError, PortError) as error:
        fail(error)


if __name__ == "__main__":
    cli()
