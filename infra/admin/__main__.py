"""The operators' command line: `python -m infra.admin --help`."""

from __future__ import annotations

import click

from infra.admin.commands import (
    archive,
    exams,
    operating,
    planning,
    questions,
    receipts,
    rejudging,
    students,
    submitting,
)
from infra.admin.context import Commands, Context


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


for command in (
    questions.questions,
    exams.exams,
    exams.attempts,
    submitting.token,
    submitting.submit,
    operating.slots,
    operating.queues,
    operating.diagnose,
    operating.failed,
    planning.capacity,
    planning.costs,
    planning.preflight,
    archive.export,
    archive.import_archive,
    archive.scores,
    receipts.receipt,
    rejudging.rejudge,
    students.student,
):
    cli.add_command(command)
exams.exams.add_command(archive.delete_exam)

if __name__ == "__main__":
    cli(prog_name="python -m infra.admin")
