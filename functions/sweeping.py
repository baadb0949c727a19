"""The sweep: what was forgotten, abandoned or never got its ticket goes back in line. Safe to run twice at once."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass

from functions import breaker, records
from functions.claims import abandoning, after_abandoned
from functions.domain.breaker import State
from functions.domain.line import Slot
from functions.domain.submission import RunType, Status, Submission
from functions.judges import best
from functions.logs import log
from functions.ports import Condition, Conflict, Query, Update
from functions.scaling import tell_wanted
from functions.service import Service
from functions.slots import follow_judges, keep_seeded, read_slots, tell_queues

MOST_ORPHANS = 50
"""How many one run puts back in line; the next one goes on."""


@dataclass(frozen=True)
class Findings:
    """What one run found: abandoned submissions put back in line, those that `failed` of it, tickets issued; then how
    many wait, and how long the first in line has waited since it was sent.
    """

    put_back: int
    failed: int
    tickets: int
    judge: State
    waiting_submit: int
    waiting_run: int
    oldest_wait_seconds: float


def sweep(service: Service) -> Findings:
    """One run. Raises Unavailable where the store is away."""
    if service.judges_change:
        follow_judges(service)
    else:
        keep_seeded(service)
    breaker.ask_languages(service)
    slots, versions = read_slots(service)
    if service.judges_change or service.rules.concurrency is not None:  # who changed them may not have been heard
        tell_queues(service, sum(not slot.retired for slot in slots))
    freed = [_free_expired(service, slot, versions[records.slot_path(slot.number)]) for slot in slots]
    abandoned = [each.status for each in (*freed, *_put_back_orphans(service, slots)) if each is not None]
    answers = breaker.any_answers(service)
    issued = breaker.top_up(service) if answers else 0
    waiting = {kind: service.store.count(Query(records.SUBMISSIONS, records.queued(kind))) for kind in RunType}
    findings = Findings(
        put_back=abandoned.count(Status.QUEUED),
        failed=abandoned.count(Status.FAILED),
        tickets=issued,
        judge=best(service).state,
        waiting_submit=waiting[RunType.SUBMIT],
        waiting_run=waiting[RunType.RUN],
        oldest_wait_seconds=max(_oldest_wait(service, kind) if waiting[kind] else 0.0 for kind in RunType),
    )
    log("info", "swept", "The sweep ran.", **asdict(findings))
    tell_wanted(service, slots, waiting, findings.oldest_wait_seconds)
    return findings


def _oldest_wait(service: Service, kind: RunType) -> float:
    """Seconds since the first in line was sent."""
    found = service.store.find(records.line(kind, 1, select=("created_at",)))
    now = service.clock.now()
    return max((round(max(0.0, (now - each.fields["created_at"]).total_seconds()), 1) for each in found), default=0.0)


def _free_expired(service: Service, slot: Slot, version: object) -> Submission | None:
    """Give back a dead worker's slot, with the submission that it names, in one batch; that submission.

    And a slot without a holder that is free only later: whoever gave it back had a clock that was ahead.
    """
    now = service.clock.now()
    if slot.is_held(now) or (slot.owner is None and slot.free_at <= now):
        return None
    writes = [Update(records.slot_path(slot.number), records.lease_fields(slot.released(now)), version)]
    document = service.store.get(records.submission_path(slot.submission_id or "none"))[0]
    left = None
    if document is not None:
        submission = records.submission_of(document)
        if submission.status is Status.PROCESSING and submission.owner == slot.owner:
            left, write = abandoning(service, submission, document.version)
            writes.append(write)
    try:
        service.store.commit(*writes)
    except Conflict:
        return None  # somebody took the slot, and with it the duty
    if left is not None:
        after_abandoned(service, left)
    return left


def _put_back_orphans(service: Service, slots: list[Slot]) -> list[Submission]:
    """Submissions in `processing` that no slot names. No batch of ours leaves one; a restored backup may."""
    named = {slot.owner for slot in slots if slot.owner is not None}
    where: tuple[Condition, ...] = (("status", "==", str(Status.PROCESSING)),)
    both = (Query(collection, where, limit=MOST_ORPHANS) for collection in (records.SUBMISSIONS, records.REJUDGED))
    found = []
    for document in itertools.chain.from_iterable(map(service.store.find, both)):
        submission = records.submission_of(document)
        if submission.owner in named or submission.started_at is None:
            continue
        if service.clock.now() - submission.started_at < 2 * service.rules.lease:
            continue  # claimed after the slots were read
        after, write = abandoning(service, submission, document.version)
        try:
            service.store.commit(write)
        except Conflict:
            continue
        after_abandoned(service, after)
        found.append(after)
    return found
