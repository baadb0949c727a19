"""Taking a slot with a submission, and finishing it: the conditional batches by which a submission is judged once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from functions import records, tickets
from functions.domain import retry
from functions.domain.line import FOOT_IN_THE_DOOR, Lines, Slot, Waiting, candidates, may_go_on, pick
from functions.domain.submission import RunType, Status, Submission
from functions.keeping import keep
from functions.leases import Lease
from functions.logs import log
from functions.ports import Conflict, Unavailable, Update, Write
from functions.service import Service
from functions.slots import free_slots

WIDTH = 16
"""How much of the head of a line a visit looks at that may take any free slot."""
WIDTHS = (4, 16, 16)
"""And the holder of a slot that goes on with the next one, try by try, where others were faster."""
ABANDONED = "Its judging was abandoned or failed too often."


@dataclass(frozen=True)
class Look:
    """The line as one reading found it, with the versions of the slots that a claim is conditional on.

    Visits of one process that come together share it; ``gone`` is what they have claimed of it, as paths.
    """

    kind: RunType
    lines: Lines
    versions: Mapping[str, object]
    gone: set[str]


def look(service: Service, kind: RunType) -> Look | None:
    """What a visit of ``kind`` sees; None where its line is empty."""
    return keep(service, f"look {kind}", 0.0, lambda: _look(service, kind))


def _look(service: Service, kind: RunType) -> Look | None:
    with service.lock:
        gone = set(service.claiming)
    own = _first_of(service, kind, WIDTH)
    copies = [] if own or kind is RunType.SUBMIT else _rejudged(service, WIDTH)
    if not own and not copies:
        return None
    slots, versions = free_slots(service)
    if own:
        return Look(kind, Lines(slots, own, _arrivals(service, kind, own, slots)), versions, gone)
    mine = [] if _first_of(service, RunType.SUBMIT, 1) else copies  # else they wait, and their ticket with them
    return Look(kind, Lines(slots, mine, {}), versions, gone)


def _rejudged(service: Service, width: int) -> list[Waiting]:
    """The first of the third line, which visits of `run` serve where nobody else waits."""
    found = service.store.find(records.rejudged_line(width, select=records.WAITING))
    return [records.waiting_of(document) for document in found]


def _first_of(service: Service, kind: RunType, width: int) -> list[Waiting]:
    found = service.store.find(records.line(kind, width, select=records.WAITING))
    return [records.waiting_of(document) for document in found]


def _arrivals(
    service: Service, kind: RunType, own: Sequence[Waiting], slots: Sequence[Slot]
) -> dict[RunType, list[datetime]]:
    """When the first of each line arrived; the other line is asked only where it matters for these slots."""
    other = RunType.RUN if kind is RunType.SUBMIT else RunType.SUBMIT
    arrivals = {kind: [waiting.created_at for waiting in own]}
    if _other_line_matters(kind, slots):
        heads = service.store.find(records.line(other, len(slots), select=("created_at",)))
        if heads and not tickets.is_paused(service, other):  # a paused line has no visits: nothing is kept for it
            arrivals[other] = [head.fields["created_at"] for head in heads]
    return arrivals


def _other_line_matters(kind: RunType, slots: Sequence[Slot]) -> bool:
    """A Run must know whether a Submit waits; a Submit asks only where slot 1 might be a Run's."""
    if kind is RunType.RUN:
        return bool(slots)
    return any(slot.number == FOOT_IN_THE_DOOR and slot.last_kind is not RunType.RUN for slot in slots)


def claim(service: Service, seen: Look) -> Lease | None:
    """Take a slot and one of the first in line in one batch.

    None where there is no right to a slot now; raises Conflict where somebody else was faster: look again.
    """
    picked = _choose(service, seen)
    if picked is None:
        return None
    slot, waiting = picked
    try:
        lease, writes = _taking(service, slot, seen.versions[records.slot_path(slot.number)], waiting)
        dead = _left_behind(service, slot)
        if dead is not None:
            writes.append(dead[1])
        lease.version = _commit_taking(service, lease, writes)
    finally:
        _let_go(service, slot, waiting)
    if dead is not None:
        after_abandoned(service, dead[0])
    return lease


def _choose(service: Service, seen: Look) -> tuple[Slot, Waiting] | None:
    """A slot and one of the line that no other visit of this process is claiming."""
    run_max_wait = timedelta(seconds=service.rules.run_max_wait)
    with service.lock:
        gone = seen.gone | service.claiming
        slots = [slot for slot in seen.lines.slots if records.slot_path(slot.number) not in gone]
        own = [waiting for waiting in seen.lines.own if records.submission_path(waiting.submission_id) not in gone]
        left = replace(seen.lines, slots=slots, own=own)
        picked = pick(seen.kind, left, service.clock.now(), run_max_wait, service.rng)
        if picked is not None:
            paths = _paths(*picked)
            service.claiming.update(paths)
            seen.gone.update(paths)
    return picked


def _let_go(service: Service, slot: Slot, waiting: Waiting) -> None:
    with service.lock:
        service.claiming.difference_update(_paths(slot, waiting))


def _paths(slot: Slot, waiting: Waiting) -> tuple[str, str]:
    return records.slot_path(slot.number), records.submission_path(waiting.submission_id)


def _taking(service: Service, slot: Slot, version: object, waiting: Waiting) -> tuple[Lease, list[Write]]:
    """The lease that the writes would give. Raises Conflict where the submission waits no longer."""
    submission_path = records.submission_path(waiting.submission_id)
    document = service.store.get(submission_path)[0]
    if document is None or document.fields["status"] != Status.QUEUED:
        raise Conflict(f"{submission_path} was taken")
    submission = records.submission_of(document)
    now, begun = service.clock.now(), service.clock.monotonic()
    owner = uuid.uuid4().hex
    taken = replace(
        slot.leased(now, service.rules.lease, service.rules.margin),
        owner=owner,
        submission_id=submission.submission_id,
        last_kind=slot.last_kind if submission.is_copy else submission.run_type,
    )
    started = replace(
        submission,
        status=Status.PROCESSING,
        started_at=now,
        finished_tests=0,
        judgings=submission.judgings + 1,
        owner=owner,
    )
    writes: list[Write] = [
        Update(records.slot_path(slot.number), records.lease_fields(taken), version),
        Update(submission_path, records.submission_changes(submission, started), document.version),
    ]
    return Lease(service, taken, None, started, begun, document.fields["changed_at"]), writes


def _commit_taking(service: Service, lease: Lease, writes: list[Write]) -> object:
    """Raises Conflict; Unavailable where the store stays away: then nobody knows whether the slot is ours."""

    def commit() -> object:
        try:
            return service.store.commit(*writes)[0]
        except Conflict:
            # The first answer of our own commit may have been lost: then the slot bears our token.
            document = service.store.get(records.slot_path(lease.slot.number))[0]
            if document is None or document.fields["owner"] != lease.slot.owner:
                raise
            return document.version

    return lease.insist(commit)


def _left_behind(service: Service, slot: Slot) -> tuple[Submission, Update] | None:
    """The submission that a dead worker left on this expired slot, with the write that puts it back in line."""
    if slot.submission_id is None:
        return None
    document = service.store.get(records.submission_path(slot.submission_id))[0]
    if document is None:
        return None
    left = records.submission_of(document)
    if left.status is not Status.PROCESSING or left.owner != slot.owner:
        return None
    return abandoning(service, left, document.version)


def abandoning(service: Service, submission: Submission, version: object) -> tuple[Submission, Update]:
    after = retry.abandoned(submission, service.clock.now(), service.rules.max_judgings, ABANDONED)
    path = records.submission_path(submission.submission_id)
    return after, Update(path, records.submission_changes(submission, after), version)


def after_abandoned(service: Service, submission: Submission) -> None:
    """Tell of it, and give it a ticket: the one it came with may be used up."""
    action = "rejudging_abandoned" if submission.is_copy else "judging_abandoned"
    log("warning", action, "A judging was abandoned.", submission, judgings=submission.judgings)
    if submission.status is Status.QUEUED:
        tickets.issue(service, submission.queue, submission.submission_id)
    else:
        tell_failed(submission)


def tell_failed(submission: Submission) -> None:
    level, action = ("warning", "rejudging_failed") if submission.is_copy else ("error", "submission_failed")
    log(level, action, "A submission could not be judged.", submission, judgings=submission.judgings)


def close(service: Service, lease: Lease, after: Submission, *, go_on: bool) -> Lease | None:
    """Write what came of the judging, and in the same batch claim the next of that line or give the slot back.

    Returns the lease on the next one, or None where the slot was given back. Raises LeaseLost; Unavailable where the
    store stayed away until the lease's end.
    """
    result = Update(records.submission_path(after.submission_id), records.submission_changes(lease.submission, after))
    following = _close_and_claim(service, lease, result) if go_on else None
    if following is None:
        lease.insist(lambda: _close_and_release(service, lease, after, result))
    return following


def _close_and_claim(service: Service, lease: Lease, result: Update) -> Lease | None:
    """None where there is nothing to go on with, or it cannot be learnt now: what is finished is written first."""
    for width in WIDTHS:
        try:
            waiting = _choose_next(service, lease, width)
        except Unavailable:
            break
        if waiting is None:
            break
        try:
            following, writes = _taking(service, lease.slot, lease.version, waiting)
            following.version = _commit_taking(service, following, [*writes, result])
        except Conflict:
            lease.insist(lease.reread)  # ours: then somebody took the candidate, or an operator changed the slot
        except Unavailable:
            break
        else:
            return following
        finally:
            _let_go(service, lease.slot, waiting)
    return None


def _close_and_release(service: Service, lease: Lease, after: Submission, result: Update) -> None:
    slot_path = records.slot_path(lease.slot.number)
    results: tuple[Update, ...] = (result,)
    while True:
        released = records.lease_fields(lease.slot.released(service.clock.now()))
        try:
            service.store.commit(Update(slot_path, released, lease.version), *results)
        except Conflict:
            document = service.store.get(result.path)[0]
            if document is None:
                results = ()  # somebody deleted it: there is nothing to write into, but the slot is to be given back
            elif records.submission_of(document) == after:
                return  # our own commit, its first answer lost
            lease.reread()
        else:
            return


def _choose_next(service: Service, lease: Lease, width: int) -> Waiting | None:
    """What the holder of a slot may go on with: nothing where its line is empty or somebody has precedence.

    The first of the line, if no other visit of this process is about to take it. The head is everybody's choice, so
    after a collision it is any of the first few: each rival holds a slot, so those are all about to be taken.
    """
    kind, slot = lease.submission.queue, lease.slot
    own = _first_of(service, kind, width)
    arrivals = _arrivals(service, kind, own, [slot]) if own else {}
    if not own and kind is RunType.RUN and not _first_of(service, RunType.SUBMIT, 1):
        own = _rejudged(service, width)
    if slot.retired or not own:
        return None
    lines = Lines([slot], own, arrivals)
    if not may_go_on(kind, slot, lines, service.clock.now(), timedelta(seconds=service.rules.run_max_wait)):
        return None
    with service.lock:
        own = candidates(slot, own)
        left = [each for each in own if records.submission_path(each.submission_id) not in service.claiming]
        chosen = (left[0] if width == WIDTHS[0] else service.rng.choice(left)) if left else None
        if chosen is not None:
            service.claiming.update(_paths(slot, chosen))
    return chosen
