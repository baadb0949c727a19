"""Verifying questions: a package's own submissions through the real pipeline, each against its expected verdict."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from functions.domain.exam import Attempt
from infra.admin import operations
from infra.admin.client import Client, Refused
from infra.admin.context import Context
from infra.kattis import PackageSubmission

AT_ONCE = 20
PAUSE_SECONDS = 0.5
EXAM = "verify"
STUDENT = "verify"


@dataclass(frozen=True)
class Verified:
    question_id: str
    submission: PackageSubmission
    got: str
    judged: dict[str, Any] | None = None

    @property
    def right(self) -> bool:
        return self.got in (self.submission.expected, "skipped")


def verify(context: Context, question_ids: Sequence[str]) -> int:
    """Print a table; how many submissions got another verdict. Raises OperationError for an unknown question."""
    work = [(name, each) for name in question_ids for each in operations.load_submissions(context.service, name)]
    operations.ensure_exam(context.service, EXAM)
    client = Client(context.url, context.token(STUDENT))
    try:
        languages = client.languages()
    except Refused as error:
        raise operations.OperationError(str(error)) from None
    with ThreadPoolExecutor(AT_ONCE) as pool:
        verified = list(pool.map(lambda item: _verify_one(context, client, languages, *item), work))
    _print(verified, languages)
    return sum(not each.right for each in verified)


def _verify_one(
    context: Context, client: Client, languages: list[str], question_id: str, submission: PackageSubmission
) -> Verified:
    """Under an attempt of its own, for an attempt's rate is a student's."""
    if submission.language not in languages:
        return Verified(question_id, submission, "skipped")
    attempt_id = f"verify-{secrets.token_hex(8)}"
    operations.create_attempt(context.service, Attempt(attempt_id, STUDENT, EXAM))
    body = {
        "attempt_id": attempt_id,
        "question_id": question_id,
        "language": submission.language,
        "code": submission.source,
        "run_type": "submit",
    }
    try:
        judged = client.wait(client.submit(body)["submission_id"], lambda _: None, PAUSE_SECONDS)
    except Refused as error:
        return Verified(question_id, submission, f"refused: {error}")
    return Verified(question_id, submission, judged["verdict"] or judged["status"], judged)


def _print(verified: Sequence[Verified], languages: list[str]) -> None:
    table = Table("question", Column("submission", overflow="fold"), "expected", "got", "slowest test", "")
    for each in verified:
        times = [test["time_seconds"] or 0.0 for test in each.judged["tests"]] if each.judged else []
        table.add_row(
            each.question_id,
            str(each.submission.path),
            each.submission.expected,
            each.got,
            f"{max(times):.2f} s" if times else "",
            "[green]ok[/green]" if each.right else "[red]WRONG[/red]",
        )
    console = Console()
    console.print(table)
    skipped = sum(each.got == "skipped" for each in verified)
    if skipped:
        console.print(f"{skipped} skipped: the judge has only {', '.join(languages)}")
    console.print(f"{sum(each.right for each in verified) - skipped} of {len(verified)} as expected")
