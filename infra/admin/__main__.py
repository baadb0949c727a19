"""The operators' command line: `python -m infra.admin --help`."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from functions.domain.languages import BY_EXTENSION
from infra.admin.archive.commands import delete_exam, export, import_archive, scores
from infra.admin.context import Commands, Context, fail
from infra.admin.receipts import receipt
from infra.admin.rejudging import rejudge
from infra.admin.students import student

if TYPE_CHECKING:
    from functions.domain.line import Slot
    from functions.service import Service


class Time(click.ParamType[datetime]):
    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        from infra.admin.operations import parse_time

        try:
            return parse_time(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group(cls=Commands)
@click.option("--deployed", is_flag=True, help="Work on the cloud that the environment names, not on the local stack.")
@click.option("--url", envvar="RUN_CODE_URL", show_envvar=True, help="The deployed function's URL (with --deployed).")
@click.option("--token", envvar="RUN_CODE_TOKEN", show_envvar=True, help="The student's token (with --deployed).")
@click.pass_context
def cli(context: click.Context, deployed: bool, url: str | None, token: str | None) -> None:
    """Questions, exams, attempts and submissions of a run-code service.

    Without --deployed it works on the local stack that `make run` started on this PORT (8080), whatever of Google
    Cloud the shell knows.
    """
    context.obj = Context(deployed, url, token)


@cli.group()
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


@cli.group()
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


@cli.group()
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

    for attempt in operations.import_attempts(context.service, _text(file, "utf-8-sig")):
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


@cli.command()
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


@cli.command()
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
        "code": _text(file),
        "run_type": "run" if run else "submit",
    }
    if stdin is not None:
        body["stdin"] = _text(stdin)
    ours: Context = context.obj
    student = "" if ours.deployed else operations.owner_of(ours.service, attempt_id)
    client = Client(ours.url, ours.token(student), local=not ours.deployed)
    judged = submitting.submit_and_wait(client, body)
    submitting.show(judged)
    context.exit(0 if judged["verdict"] == "accepted" else 1)


def _text(file: Path, encoding: str = "utf-8") -> str:
    """The file's text, its line ends as they are."""
    try:
        return file.read_bytes().decode(encoding)
    except UnicodeDecodeError:
        fail(f"{file}: not UTF-8")


@cli.command()
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


@cli.group(invoke_without_command=True)
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


@cli.command()
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


@cli.group()
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


@cli.command()
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


@cli.command()
@click.option("--polls", type=click.IntRange(0, 10_000), default=20, show_default=True, help="Of each submission.")
def costs(polls: int) -> None:
    """Say what a thousand submissions cost at Google, by counted operations and the list prices of infra/admin."""
    from infra.admin import costs

    costs.show(polls)


@cli.command()
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


exams.add_command(delete_exam)
cli.add_command(export)
cli.add_command(import_archive)
cli.add_command(receipt)
cli.add_command(rejudge)
cli.add_command(scores)
cli.add_command(student)

if __name__ == "__main__":
    cli(prog_name="python -m infra.admin")
