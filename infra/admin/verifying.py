"""Verifying questions: a package's own submissions through the real pipeline, each against its expected verdict."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import jwt
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from functions.domain.exam import Attempt
from infra.admin import operations
from infra.admin.client import Client, Refused
from infra.admin.context import Context
from infra.kattis import PARTIALLY_ACCEPTED, PackageSubmission

AT_ONCE = 20
EXAM = "verify"
STUDENT = "verify"
SKIPPED = "skipped"


@dataclass(frozen=True)
class Verified:
    question_id: str
    submission: PackageSubmission
    got: str
    judged: dict[str, Any] | None = None

    @property
    def expected(self) -> str:
        score = self.submission.score
        return self.submission.expected if score is None else f"{self.submission.expected}, {score} points"

    @property
    def right(self) -> bool:
        return self.got in (self.expected, SKIPPED)


def verify(context: Context, question_ids: Sequence[str]) -> int:
    """Print a table; how many submissions got another verdict.

    Raises OperationError for an unknown question, Refused where the service is away.
    """
    service, console = context.service, Console()
    work = []
    for name in question_ids:
        submissions = operations.load_submissions(service, name)
        work += [(name, each) for each in submissions]
        if not submissions:
            console.print(f"{name}: its package has no submissions to verify it by", markup=False)
    if not work:
        return 0
    token = context.token(STUDENT)
    student = _student_of(token)
    operations.ensure_exam(service, EXAM)
    languages = Client(context.url, token, local=not context.deployed).languages()
    time.sleep(max(operations.seconds_until_seen(service, name) for name, _ in work))

    def verify_one(item: tuple[str, PackageSubmission]) -> Verified:
        client = Client(context.url, token, local=not context.deployed)  # a session is one thread's
        return _verify_one(context, client, student, languages, *item)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        verified = list(pool.map(verify_one, work))
    _print(console, verified, languages)
    return sum(not each.right for each in verified)


def _student_of(token: str) -> str:
    """Whose attempts they must be: deployed, the token is somebody's own. The service verifies it, not we."""
    try:
        return str(jwt.decode(token, options={"verify_signature": False})["sub"])
    except (jwt.PyJWTError, KeyError):
        raise Refused("the token is no JWT that names a student") from None


def _verify_one(
    context: Context,
    client: Client,
    student: str,
    languages: list[str],
    question_id: str,
    submission: PackageSubmission,
) -> Verified:
    """Under an attempt of its own, for an attempt's rate is a student's."""
    if submission.language not in languages:
        return Verified(question_id, submission, SKIPPED)
    attempt_id = f"verify-{secrets.token_hex(8)}"
    operations.create_attempt(context.service, Attempt(attempt_id, student, EXAM))
    body = {
        "attempt_id": attempt_id,
        "question_id": question_id,
        "language": submission.language,
        "code": submission.source,
        "run_type": "submit",
    }
    try:
        judged = client.wait(client.submit(body)["submission_id"], lambda _: None)
    except Refused as error:
        return Verified(question_id, submission, f"refused: {error}")
    return Verified(question_id, submission, _got(submission, judged), judged)


def _got(submission: PackageSubmission, judged: dict[str, Any]) -> str:
    """What came out, in the words of what was expected."""
    got: str = judged["verdict"] or judged["status"]
    score = judged["score"]
    if submission.expected == PARTIALLY_ACCEPTED and score is not None and 0 < score < judged["points"]:
        got = PARTIALLY_ACCEPTED
    return got if submission.score is None else f"{got}, {score} points"


def _print(console: Console, verified: Sequence[Verified], languages: list[str]) -> None:
    table = Table("question", Column("submission", overflow="fold"), "expected", "got", "slowest test", "")
    for each in verified:
        times = [test["time_seconds"] or 0.0 for test in each.judged["tests"]] if each.judged else []
        good = "" if each.got == SKIPPED else "[green]ok[/green]" if each.right else "[red]WRONG[/red]"
        table.add_row(
            each.question_id,
            escape(each.submission.path.as_posix()),
            each.expected,
            escape(each.got),
            f"{max(times):.2f} s" if times else "",
            good,
        )
    console.print(table)
    skipped = [each.submission.language for each in verified if each.got == SKIPPED]
    if skipped:
        lacking, having = ", ".join(sorted(set(skipped))), ", ".join(languages) or "nothing"
        console.print(f"{len(skipped)} skipped: the judge has no {lacking} (it has {having})", highlight=False)
    right = sum(each.right for each in verified) - len(skipped)
    console.print(f"{right} of {len(verified) - len(skipped)} as expected", highlight=False)
