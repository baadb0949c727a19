"""`preflight`: before an exam, test students sit one for a minute, and the report says what would have gone wrong."""

from __future__ import annotations

import csv
import ipaddress
import random
import secrets
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from functions import records
from functions.domain.exam import Attempt, Exam
from functions.ports import Create, Delete
from functions.service import Service
from infra.admin import operations, sitting, student_data
from infra.admin import preflight_report as report
from infra.admin.context import Context, fail
from infra.admin.operations import OperationError
from infra.admin.preflight_report import Certificate, Check, Cors, Solutions
from infra.admin.sitting import Page, Sent
from infra.local import tokens

NAME = "preflight"
OPEN_FOR = timedelta(hours=2)
WRONG_EVERY = 5
"""Every so manieth student submits a wrong solution."""
SETTLE_SECONDS = 10.0
"""How long /health may take to say that all is done."""
ERASE_SECONDS = 60.0
"""How long it is tried to erase what is still being judged."""
TOKEN_HOURS = 2.0
COLUMNS = ["student", "attempt", "token"]


@dataclass(frozen=True)
class Seat:
    student: str
    attempt_id: str
    token: str


@dataclass(frozen=True)
class Solution:
    question_id: str
    language: str
    source: str
    expected: str


@dataclass(frozen=True)
class Play:
    """``within`` and ``max_wait`` in seconds."""

    url: str
    students: int
    within: float
    max_wait: float
    exam_id: str | None
    origins: Sequence[str]
    tokens: Path | None

    @property
    def patience(self) -> float:
        """How long a student waits for anything before it counts as never."""
        return 2 * self.max_wait + 30.0


def examine(context: Context, play: Play) -> list[Check]:
    """Everything from the first look to the cleaning up. Raises OperationError, CannotMint, Unavailable."""
    local = not context.deployed
    ask = sitting.asker(play.url, local=local)
    health = _health(ask)
    checks = [
        report.before(health),
        report.tls(certificate_of(play.url), this_machine=is_this_machine(play.url)),
    ]
    checks += [report.cors(_cors(ask, origin)) for origin in play.origins]
    if health is None:
        return checks
    erased: list[Check] = []
    with _seats(context, play, erased) as (seats, question_ids):
        token = seats[0].token
        offered = _offered(ask, token)
        if offered is None:
            checks.append(Check("languages", False, "/languages is not told to the first test student"))
        else:
            solutions, right, wrong = _solutions(context.service, question_ids, offered)
            checks += [report.languages(solutions), report.questions(solutions)]
            if right:
                checks += _sit(play, seats, right, wrong, local)
    return checks + erased


def _sit(
    play: Play, seats: Sequence[Seat], right: Sequence[Solution], wrong: Sequence[Solution], local: bool
) -> list[Check]:
    pages = [Page(sitting.asker(play.url, local=local), each.token, each.attempt_id, play.patience) for each in seats]

    def sit(number: int) -> list[Sent]:
        time.sleep(random.uniform(0.0, play.within))
        good = right[number % len(right)]
        bad = wrong[number // WRONG_EVERY % len(wrong)] if wrong and number % WRONG_EVERY == WRONG_EVERY - 1 else good
        page = pages[number]
        page.read(good.question_id)
        run = page.press(good.question_id, good.language, good.source, "run", good.expected)
        if run.submission_id is not None and run.final is None:
            return [run]  # it will not be another thing with a Submit, and the operator waits
        submit = page.press(bad.question_id, bad.language, bad.source, "submit", bad.expected)
        return [run, submit]

    with _watching(play.url, local) as healths, ThreadPoolExecutor(len(seats)) as pool:
        sent = [each for theirs in pool.map(sit, range(len(seats))) for each in theirs]
    statuses = sum((page.statuses for page in pages), Counter[int]())
    return [
        report.accepted(sent),
        report.answers(statuses),
        report.verdicts(sent),
        report.waits(sent, "submit", play.max_wait),
        report.waits(sent, "run", play.max_wait),
        report.answer_times(sent),
        report.told_waits(sent),
        report.positions(sent),
        report.clocks(sent),
        report.during(healths),
    ]


# the service from outside


def _health(ask: sitting.Ask) -> Mapping[str, Any] | None:
    answer = ask("GET", "/health", "GET /health")
    try:
        health = answer.json() if answer.status_code == 200 else None
    except ValueError:
        return None
    needed = {"status", "queue_length", "processing", "max_concurrent", "uptime", "judge", "version"}
    return health if isinstance(health, dict) and needed <= health.keys() else None


@contextmanager
def _watching(url: str, local: bool) -> Iterator[list[tuple[float, Mapping[str, Any] | None]]]:
    """/health at each second, and at the end until it says that all is done."""
    ask, begun = sitting.asker(url, local=local), time.monotonic()
    healths: list[tuple[float, Mapping[str, Any] | None]] = []
    over = threading.Event()

    def look() -> Mapping[str, Any] | None:
        health = _health(ask)
        healths.append((time.monotonic() - begun, health))
        return health

    def watch() -> None:
        while not over.wait(1.0):
            look()

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield healths
    finally:
        over.set()
        watcher.join()
    until = time.monotonic() + SETTLE_SECONDS
    while (health := look()) and health["queue_length"] + health["processing"] and time.monotonic() < until:
        time.sleep(1.0)


def _offered(ask: sitting.Ask, token: str) -> list[str] | None:
    answer = ask("GET", "/languages", "GET /languages", auth=sitting.Bearer(token))
    return [each["name"] for each in answer.json()] if answer.status_code == 200 else None


def _cors(ask: sitting.Ask, origin: str) -> Cors:
    wanted = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": ", ".join(report.PAGE_HEADERS),
    }
    preflight_answer = ask("OPTIONS", "/", "OPTIONS /", headers=wanted)
    get_answer = ask("GET", "/health", "GET /health", headers={"Origin": origin})
    return Cors(origin, _lower(preflight_answer.headers), _lower(get_answer.headers))


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def certificate_of(url: str) -> Certificate | None:
    """What the server shows, by the certificates that this machine trusts; None for plain HTTP."""
    parts = urlsplit(url)
    if parts.scheme != "https" or parts.hostname is None:
        return None
    try:
        with (
            socket.create_connection((parts.hostname, parts.port or 443), sitting.CALL_SECONDS) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname) as secured,
        ):
            until = ssl.cert_time_to_seconds(str((secured.getpeercert() or {})["notAfter"]))
            return Certificate(secured.version() or "", (until - time.time()) / 86_400)
    except ssl.SSLError as error:
        return Certificate(error=f"not trusted: {error.reason or error}")
    except OSError as error:
        return Certificate(unseen=f"no direct connection to it ({type(error).__name__})")


# the operator's side


def _solutions(
    service: Service, question_ids: Sequence[str], offered: Sequence[str]
) -> tuple[Solutions, list[Solution], list[Solution]]:
    """What the questions need; and right and wrong solutions, each question's first ones first."""
    needed: dict[str, list[str]] = {}
    right: list[tuple[int, Solution]] = []
    wrong: list[tuple[int, Solution]] = []
    without = []
    paths = [f"{records.QUESTIONS}/{question_id}" for question_id in question_ids]
    for question_id, document in zip(question_ids, service.store.get(*paths), strict=True):
        named = document.fields["languages"] if document is not None else []
        for name in named:
            needed.setdefault(name, []).append(question_id)
        try:
            submissions = operations.load_submissions(service, question_id)
        except OperationError:
            submissions = []
        sendable = [each for each in submissions if each.language in offered and each.language in (named or offered)]
        of = {"accepted": 0, "wrong_answer": 0}
        for each in sendable:
            if each.expected in of:
                found = right if each.expected == "accepted" else wrong
                found.append((of[each.expected], Solution(question_id, each.language, each.source, each.expected)))
                of[each.expected] += 1
        if not of["accepted"]:
            without.append(question_id)

    def in_turn(found: list[tuple[int, Solution]]) -> list[Solution]:
        return [solution for _, solution in sorted(found, key=lambda pair: pair[0])]

    return Solutions(needed, offered, question_ids, without), in_turn(right), in_turn(wrong)


@contextmanager
def _seats(context: Context, play: Play, erased: list[Check]) -> Iterator[tuple[list[Seat], list[str]]]:
    """Test students in an exam of their own, and the questions to be tried; whatever happens, all of it is erased.

    ``erased`` gets the line that says so.
    """
    service = context.service
    question_ids = _question_ids(service, play.exam_id)
    name = f"{NAME}-{secrets.token_hex(4)}"
    given = None if play.tokens is None else given_seats(play.tokens, play.students)
    lines = given or _minted(context, name, play.students)
    _require_test_students(service, lines)
    students = sorted({each.student for each in lines})
    exam = Exam(name, "Preflight", tuple(question_ids), closes_at=service.clock.now() + OPEN_FOR)
    try:
        operations.create_exam(service, exam)
        seats = _seated(service, exam, lines)
        time.sleep(max(_seconds_until_seen(service, each) for each in question_ids))
        yield seats, question_ids
    finally:
        left, counts = _erase(service, students)
        service.store.commit(Delete(f"{records.EXAMS}/{name}"))
        erased.append(report.cleaned(left, counts))


def _question_ids(service: Service, exam_id: str | None) -> list[str]:
    """Raises OperationError."""
    named: tuple[str, ...] | None = None
    if exam_id is not None:
        operations.require_identifier("exam", exam_id)
        document = service.store.get(f"{records.EXAMS}/{exam_id}")[0]
        if document is None:
            raise OperationError(f"no such exam: {exam_id}")
        named = records.exam_of(document).question_ids
    question_ids = list(named) if named is not None else operations.imported_questions(service)
    if not question_ids:
        raise OperationError("there is no question to try: import one")
    return question_ids


def _minted(context: Context, name: str, students: int) -> list[Seat]:
    """One test student with an attempt for each seat: the service counts by attempts, and one is soon erased."""
    if not context.deployed:
        token = tokens.mint(context.stack, name, hours=TOKEN_HOURS)
    else:
        secret = context.settings.auth_jwt_secret
        if secret is None:
            fail("tokens cannot be signed here without AUTH_JWT_SECRET: give --tokens FILE")
        token = tokens.signed(context.settings, secret, name, hours=TOKEN_HOURS)
    return [Seat(name, "", token)] * students


def given_seats(file: Path, students: int) -> list[Seat]:
    """The first so many rows of a tokens file. Raises OperationError naming the row that is wrong."""
    with file.open(encoding="utf-8-sig", newline="") as opened:
        rows = [[cell.strip() for cell in row] for row in csv.reader(opened) if any(map(str.strip, row))]
    rows = rows[1:] if rows and rows[0] == COLUMNS else rows
    for number, row in enumerate(rows, 1):
        if len(row) != len(COLUMNS) or not row[0] or not row[2] or not row[2].isascii():
            raise OperationError(f"{file}: row {number} is not student,attempt,token")
    if len(rows) < students:
        raise OperationError(f"{file}: {len(rows)} rows, where --students says {students}")
    return [Seat(*row) for row in rows[:students]]


def _require_test_students(service: Service, lines: Sequence[Seat]) -> None:
    """They are erased afterwards. Raises OperationError for one who has more than the attempts of these lines."""
    named = Counter(each.student for each in set(lines) if each.attempt_id)
    for student in {each.student for each in lines}:
        held = student_data.held(service, student)
        attempts = held.pop(records.ATTEMPTS)
        if attempts > named[student] or any(held.values()):
            told = "has submissions" if any(held.values()) else "has attempts that are not given"
            raise OperationError(f"{student} {told}, and test students are erased afterwards: name others")


def _seated(service: Service, exam: Exam, lines: Sequence[Seat]) -> list[Seat]:
    """With an attempt for each who has none."""
    seats = [replace(each, attempt_id=each.attempt_id or operations.new_attempt_id()) for each in lines]
    made = [seat for seat, line in zip(seats, lines, strict=True) if not line.attempt_id]
    for start in range(0, len(made), operations.WRITES_PER_COMMIT):
        some = [
            Attempt(each.attempt_id, each.student, exam.exam_id)
            for each in made[start:][: operations.WRITES_PER_COMMIT]
        ]
        service.store.commit(
            *(Create(f"{records.ATTEMPTS}/{each.attempt_id}", records.attempt_fields(each)) for each in some)
        )
    return seats


def _seconds_until_seen(service: Service, question_id: str) -> float:
    try:
        return operations.seconds_until_seen(service, question_id)
    except OperationError:  # made by the API, not from a package
        return 0.0


def _erase(service: Service, students: Sequence[str]) -> tuple[str | None, Counter[str]]:
    """What could not be erased, with what to do; and how many documents were, by collection."""
    counts: Counter[str] = Counter()
    until = time.monotonic() + ERASE_SECONDS
    for student in students:
        while any(student_data.held(service, student).values()):
            try:
                counts.update(student_data.erase(service, student).counts)
            except OperationError as error:
                if time.monotonic() >= until:
                    return f"{error}; then say: python -m infra.admin student erase {student}", counts
                time.sleep(1.0)
    return None, counts


def show(checks: Sequence[Check]) -> None:
    table = Table("", "check", Column("found", overflow="fold"))
    words = {True: "[green]pass", False: "[bold red]FAIL", None: "[dim]not checked"}
    for check in checks:
        table.add_row(words[check.passed], check.name, escape(check.told))
    console = Console()
    console.print(table)
    failed = [check.name for check in checks if check.passed is False]
    console.print(f"FAIL: {', '.join(failed)}" if failed else "everything passed", markup=False, highlight=False)
