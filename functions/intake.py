"""Intake: record a submission, give it its turn, put its ticket on the queue. And cancelling and requeueing it.

One conditional batch creates the submission and rewrites the attempt, so that a burst can pass neither the rate nor
the spacing of turns. The ticket comes after it: should the process die in between, the sweep issues one.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from functions import records, tickets
from functions.access import find_exam
from functions.domain import retry
from functions.domain.exam import Attempt, Exam, LastTurn, closed_because, recent, seconds_until_allowed
from functions.domain.languages import canonical
from functions.domain.line import turn
from functions.domain.submission import RunType, Status, Submission, submission_id
from functions.errors import Refusal, not_found, wrong_field
from functions.judges import offered
from functions.logs import log
from functions.models import MAX_STDIN_BYTES
from functions.ports import Caller, Conflict, Create, Document, Language, Unavailable, Update, Write
from functions.questions import head
from functions.service import Service

COMMIT_SECONDS = 20.0
"""How long one student's simultaneous requests are tried against each other before a 503."""


@dataclass(frozen=True)
class Request:
    """A validated POST."""

    attempt_id: str
    question_id: str
    language: str
    code: str
    run_type: RunType
    stdin: str | None = None

    @property
    def payload_hash(self) -> str:
        fields = [self.attempt_id, self.question_id, self.language, self.code, self.run_type, self.stdin]
        return hashlib.sha256(json.dumps(fields).encode()).hexdigest()


@dataclass(frozen=True)
class Intake:
    submission: Submission
    created: bool
    """False where the same request had been accepted before."""


def submit(service: Service, caller: Caller, request: Request, key: str | None) -> Intake:
    """Accept a submission, or answer a repeat with the first one.

    Raises Refusal (403, 404, 422, 429), Unavailable where the store is away: then nothing was written.
    """
    identifier = submission_id(caller.subject, key) if key is not None else uuid.uuid4().hex
    try:
        intake = _in_turn(service, caller, request, identifier, repeatable=key is not None)
    except Refusal:
        # What had been accepted is answered all the same; of the others the batch says whether they had been.
        known = service.store.get(records.submission_path(identifier))[0] if key is not None else None
        if known is None:
            raise
        intake = _repeat(records.submission_of(known), request)
    if intake.created:
        log("info", "accepted", "A submission was accepted.", intake.submission)
    if intake.submission.status is Status.QUEUED:
        # Accepted is kept: should the queue refuse, the document is there, and the sweep issues what is missing.
        tickets.issue(service, intake.submission.run_type, intake.submission.submission_id, named=True)
    return intake


def _in_turn(service: Service, caller: Caller, request: Request, identifier: str, *, repeatable: bool) -> Intake:
    """Raises Refusal, Unavailable."""
    until = service.clock.monotonic() + COMMIT_SECONDS
    with _turn_at(service, request.attempt_id):
        while True:
            intake = _try(service, caller, request, identifier, repeatable=repeatable)
            if intake is not None:
                return intake
            if service.clock.monotonic() >= until:
                raise Unavailable("this attempt's requests come faster than they can be recorded")
            service.clock.sleep(service.rng.uniform(0.0, 0.05))


@contextmanager
def _turn_at(service: Service, attempt_id: str) -> Iterator[None]:
    """One of this process's requests for an attempt at a time. Raises Unavailable after COMMIT_SECONDS."""
    turnstile = service.turnstiles[hash(attempt_id) % len(service.turnstiles)]
    if not turnstile.acquire(timeout=COMMIT_SECONDS):
        raise Unavailable("this attempt's requests come faster than they can be recorded")
    try:
        yield
    finally:
        turnstile.release()


def _try(service: Service, caller: Caller, request: Request, identifier: str, *, repeatable: bool) -> Intake | None:
    """One attempt at the conditional batch; None where somebody else's write came first. Raises Refusal."""
    prepared = _prepare(service, caller, request, identifier)
    if isinstance(prepared, Intake):
        return prepared
    submission, after, writes = prepared
    try:
        _commit(service, writes)
    except Conflict:
        # The commit may have been ours after all, its first answer lost: then the document is there.
        written = service.store.get(records.submission_path(identifier))[0]
        if written is None:
            return None
        mine = records.submission_of(written)
        return _repeat(mine, request) if repeatable else Intake(mine, created=True)
    service.remember(after)
    return Intake(submission, created=True)


def _commit(service: Service, writes: list[Write]) -> None:
    """And have the Run that is replaced read anew, whatever became of it. Raises Conflict, Unavailable."""
    try:
        service.store.commit(*writes)
    finally:
        for write in writes:
            if isinstance(write, Update) and write.path.startswith(records.SUBMISSIONS):
                service.standing.changed(write.path.rpartition("/")[2])


def _prepare(
    service: Service, caller: Caller, request: Request, identifier: str
) -> Intake | tuple[Submission, Attempt, list[Write]]:
    """The submission with its turn, the attempt as it will be, and the batch; or what was accepted before.

    Raises Refusal.
    """
    attempt_document, found = _read(service, request)
    if identifier in found:
        return _repeat(records.submission_of(found[identifier]), request)
    attempt = records.attempt_of(attempt_document)
    exam = find_exam(service, attempt.exam_id)
    if exam is None:
        raise not_found("exam")
    now = service.clock.now()
    _check_attempt(service, caller, attempt, exam, now)
    question = head(service, request.question_id) if exam.has(request.question_id) else None
    if question is None:
        raise not_found("question in this exam")
    _check(service, request, attempt, question.fields, now)
    submission = replace(
        _new_submission(caller, request, identifier, exam, question.fields, now),
        traceparent=service.tracer.traceparent(),
    )
    return _with_turn(service, attempt, attempt_document, submission, found)


def _read(service: Service, request: Request) -> tuple[Document, dict[str, Document]]:
    """The attempt, and by id those of its submissions on which the new one's turn depends. Raises Refusal(404).

    Which ones the attempt says; this process may know from its last submission, and then reads all at once.
    """
    seen = service.attempts.get(request.attempt_id)
    expected = [] if seen is None else _turn_depends_on(service, seen, request)
    paths = [f"{records.ATTEMPTS}/{request.attempt_id}", *map(records.submission_path, expected)]
    document, *others = service.store.get(*paths)
    if document is None:
        raise not_found("attempt")
    needed = _turn_depends_on(service, records.attempt_of(document), request)
    missing = [identifier for identifier in needed if identifier not in expected]
    others += service.store.get(*map(records.submission_path, missing)) if missing else []
    return document, {each.document_id: each for each in others if each is not None}


def _turn_depends_on(service: Service, attempt: Attempt, request: Request) -> list[str]:
    """The Run that this one replaces, and the last in its queue, where that may still wait at a turn to keep from."""
    last = attempt.last_turns.get(request.run_type)
    waiting = attempt.waiting_runs.get(request.question_id) if request.run_type is RunType.RUN else None
    needed = [waiting] if waiting else []
    if last is not None and last.turn_at + timedelta(seconds=service.rules.turn_spacing) > service.clock.now():
        needed.append(last.submission_id)
    return list(dict.fromkeys(needed))


def _repeat(known: Submission, request: Request) -> Intake:
    if known.payload_hash != request.payload_hash:
        raise Refusal(422, "This Idempotency-Key was used for another request.", (("Idempotency-Key", "already used"),))
    return Intake(known, created=False)


def _check_attempt(service: Service, caller: Caller, attempt: Attempt, exam: Exam, now: datetime) -> None:
    if attempt.student != caller.subject:
        raise Refusal(403, "This attempt is another student's.")
    closed = closed_because(exam, attempt, now, timedelta(seconds=service.rules.closing_grace))
    if closed is not None:
        raise Refusal(403, closed)


def _check(service: Service, request: Request, attempt: Attempt, question: Mapping[str, Any], now: datetime) -> None:
    if not request.code.strip():
        raise wrong_field("code", "must not be empty")
    size = len(request.code.encode())
    if size > service.rules.max_code_bytes:
        limit = service.rules.max_code_bytes
        raise Refusal(413, f"The code has {size} bytes; at most {limit} are allowed.", (("code", "too long"),))
    if request.stdin is not None and request.run_type is not RunType.RUN:
        raise wrong_field("stdin", "only goes with run_type 'run'")
    if request.stdin is not None and len(request.stdin.encode()) > MAX_STDIN_BYTES:
        raise wrong_field("stdin", f"at most {MAX_STDIN_BYTES} bytes are allowed")
    allowed = question["languages"]
    language = canonical(request.language)
    if allowed and language not in allowed:
        raise wrong_field("language", f"must be one of: {', '.join(allowed)}")
    if not allowed:
        offered = [language.name for language in _languages(service)]
        if offered and language not in offered:
            raise wrong_field("language", f"must be one of: {', '.join(offered)}")
    rate = _rate(service, request.run_type)
    wait = seconds_until_allowed(attempt.arrivals.get(request.run_type, ()), now, rate)
    if wait > 0:
        detail = f"At most {rate} of this kind a minute are taken from one attempt."
        raise Refusal(429, detail, retry_after=max(1, -int(-wait // 1)))


def _languages(service: Service) -> tuple[Language, ...]:
    """The judges' languages; none where one is away and never told its own, for then nothing can be said."""
    try:
        found, all_told = offered(service)
    except Unavailable:
        return ()
    return found if all_told else ()


def _rate(service: Service, kind: RunType) -> int:
    return service.rules.rate_run_per_minute if kind is RunType.RUN else service.rules.rate_submit_per_minute


def _new_submission(
    caller: Caller, request: Request, identifier: str, exam: Exam, question: Mapping[str, Any], now: datetime
) -> Submission:
    samples = len(question["samples"])
    stdin = request.stdin
    if request.run_type is RunType.RUN and stdin is None and samples == 0:
        stdin = ""  # nothing to compare with: show what the program prints
    custom = stdin is not None
    return Submission(
        submission_id=identifier,
        attempt_id=request.attempt_id,
        exam_id=exam.exam_id,
        question_id=request.question_id,
        question_version=question["version"],
        student=caller.subject,
        language=canonical(request.language),
        code=request.code,
        stdin=stdin,
        run_type=request.run_type,
        payload_hash=request.payload_hash,
        created_at=now,
        turn_at=now,
        total=1 if custom else samples if request.run_type is RunType.RUN else question["total"],
        points=question["points"],
    )


def _with_turn(
    service: Service,
    attempt: Attempt,
    attempt_document: Document,
    submission: Submission,
    found: Mapping[str, Document],
) -> tuple[Submission, Attempt, list[Write]]:
    """The batch: the submission with its turn, the attempt, and the waiting Run that it replaces."""
    kind, now = submission.run_type, submission.created_at
    last = attempt.last_turns.get(kind)
    waiting = attempt.waiting_runs.get(submission.question_id) if kind is RunType.RUN else None
    spacing = timedelta(seconds=service.rules.turn_spacing)
    previous = found.get(last.submission_id) if last is not None else None
    turn_at = turn(now, None if previous is None or last is None else (_status(previous), last.turn_at), spacing)

    writes: list[Write] = []
    replaced = found.get(waiting) if waiting else None
    if replaced is not None and _status(replaced) is Status.QUEUED:
        turn_at = replaced.fields["turn_at"]
        waiting_run = records.submission_of(replaced)
        changes = records.submission_changes(
            waiting_run, replace(waiting_run, status=Status.SUPERSEDED, finished_at=now)
        )
        writes.append(Update(replaced.path, changes, replaced.version))
    submission = replace(submission, turn_at=turn_at)

    left = previous is not None and _status(previous) not in (Status.QUEUED, Status.CANCELLED, Status.SUPERSEDED)
    newest = last is None or left or turn_at >= last.turn_at  # else one of the attempt's others comes later in the line
    waiting_runs = dict(attempt.waiting_runs)
    if kind is RunType.RUN:
        waiting_runs[submission.question_id] = submission.submission_id
    after = replace(
        attempt,
        last_turns={**attempt.last_turns, kind: LastTurn(submission.submission_id, turn_at)}
        if newest
        else attempt.last_turns,
        arrivals={**attempt.arrivals, kind: (*recent(attempt.arrivals.get(kind, ()), now), now)},
        waiting_runs=waiting_runs,
    )
    writes.append(Create(records.submission_path(submission.submission_id), records.submission_fields(submission)))
    changes = records.attempt_intake_fields(after)
    writes.append(Update(attempt_document.path, changes, attempt_document.version))
    return submission, after, writes


def _status(document: Document) -> Status:
    return Status(document.fields["status"])


def cancel(service: Service, submission: Submission, version: object) -> Submission:
    """Take a queued submission out of the line. Raises Refusal(409) once judging began, Conflict where it just did."""
    if submission.status is not Status.QUEUED:
        raise Refusal(409, f"It cannot be cancelled: it is {submission.status}.")
    after = replace(submission, status=Status.CANCELLED, finished_at=service.clock.now())
    changes = records.submission_changes(submission, after)
    service.store.commit(Update(records.submission_path(submission.submission_id), changes, version))
    service.standing.changed(submission.submission_id)
    return after


def requeue(service: Service, submission: Submission, version: object) -> Submission:
    """Have a `failed` submission judged again. Raises Refusal(409) where it is not failed, Conflict where it just was
    requeued.
    """
    if submission.status is not Status.FAILED:
        raise Refusal(409, f"Only what failed can be requeued: it is {submission.status}.")
    after = retry.requeued(submission, service.clock.now())
    changes = records.submission_changes(submission, after)
    service.store.commit(Update(records.submission_path(submission.submission_id), changes, version))
    tickets.issue(service, after.run_type, after.submission_id)
    return after
