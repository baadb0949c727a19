"""Taking a slot with a submission, and finishing it: the conditional batches by which a submission is judged once."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from functions import records, tickets
from functions.domain import retry
from functions.domain.line import Lines, Slot, Waiting, candidates, may_go_on, pick
from functions.domain.submission import RunType, Status, Submission
from functions.judges import must_tell
from functions.keeping import keep
from functions.leases import Lease
from functions.logs import log
from functions.matching import Group, first_documents, first_of, groups
from functions.ports import Conflict, Document, Unavailable, Update, Write
from functions.service import Service
from functions.slots import free_slots

WIDTH = 16
"""How much of the head of a line a visit looks at that may take any free slot."""
WIDTHS = (1, 4, 16, 16)
"""And the holder of a slot that goes on with the next one, try by try: wider where the first are others' to take."""
ABANDONED = "Its judging was abandoned or failed too often."


@dataclass(frozen=True)
class Look:
    """The line as one reading found it, with the versions of the slots that a claim is conditional on.

    ``views``: as each group of judges sees it. Visits of one process that come together share it; ``gone`` is what
    they have claimed of it, as paths.
    """

    kind: RunType
    views: Sequence[Lines]
    versions: Mapping[str, object]
    gone: set[str]


def look(service: Service, kind: RunType) -> Look | None:
    """What a visit of ``kind`` sees; None where its line is empty."""
    return keep(service, f"look {kind}", 0.0, lambda: _look(service, kind))


def _look(service: Service, kind: RunType) -> Look | None:
    with service.lock:
        gone = set(service.claiming)
    waiting = [(group, *_waiting(service, kind, group)) for group in groups(service)]
    if not any(own or copies for _, own, copies in waiting) and not _others_wait(service, kind):
        return None
    free, versions = free_slots(service)
    views: list[Lines] = []
    for group, own, copies in waiting:
        slots = [slot for slot in free if slot.judge in group.judges]
        if own:
            views.append(Lines(slots, own, _arrivals(service, kind, own, slots, group), group.first_slot))
        elif copies and not _first_of(service, RunType.SUBMIT, 1, group):  # else they wait, and their ticket with them
            views.append(Lines(slots, copies, {}, group.first_slot))
    return Look(kind, views, versions, gone)


def _waiting(service: Service, kind: RunType, group: Group) -> tuple[list[Waiting], list[Waiting]]:
    """What ``group`` can do of the line, and where that is nothing of the third one: visits of `run` serve that."""
    own = _first_of(service, kind, WIDTH, group)
    return own, [] if own or kind is RunType.SUBMIT else first_of(service, records.rejudged_line, WIDTH, group)


def _others_wait(service: Service, kind: RunType) -> bool:
    """Whether the line holds work that the judges which are up, or which this process knows, cannot do."""
    return must_tell(service) and bool(service.store.find(records.line(kind, 1, select=records.WAITING)))


def _first_of(service: Service, kind: RunType, width: int, group: Group) -> list[Waiting]:
    return first_of(service, partial(records.line, kind), width, group)


def _arrivals(
    service: Service, kind: RunType, own: Sequence[Waiting], slots: Sequence[Slot], group: Group
) -> dict[RunType, list[datetime]]:
    """When the first of each line arrived; the other line is asked only where it matters for these slots."""
    other = RunType.RUN if kind is RunType.SUBMIT else RunType.SUBMIT
    arrivals = {kind: [waiting.created_at for waiting in own]}
    if _other_line_matters(kind, slots, group):
        heads = _first_of(service, other, len(slots), group)
        if heads and not tickets.is_paused(service, other):  # a paused line has no visits: nothing is kept for it
            arrivals[other] = [head.created_at for head in heads]
    return arrivals


def _other_line_matters(kind: RunType, slots: Sequence[Slot], group: Group) -> bool:
    """A Run must know whether a Submit waits; a Submit asks only where the first slot might be a Run's."""
    if kind is RunType.RUN:
        return bool(slots)
    return any(slot.number == group.first_slot and slot.last_kind is not RunType.RUN for slot in slots)


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
        for view in service.rng.sample(seen.views, len(seen.views)):
            slots = [slot for slot in view.slots if records.slot_path(slot.number) not in gone]
            own = [waiting for waiting in view.own if records.submission_path(waiting.submission_id) not in gone]
            left = replace(view, slots=slots, own=own)
            picked = pick(seen.kind, left, service.clock.now(), run_max_wait, service.rng)
            if picked is not None:
                paths = _paths(*picked)
                service.claiming.update(paths)
                seen.gone.update(paths)
                return picked
    return None


def _let_go(service: Service, slot: Slot, waiting: Waiting) -> None:
    with service.lock:
        service.claiming.difference_update(_paths(slot, waiting))


def _paths(slot: Slot, waiting: Waiting) -> tuple[str, str]:
    return records.slot_path(slot.number), records.submission_path(waiting.submission_id)


def _taking(
    service: Service, slot: Slot, version: object, waiting: Waiting, document: Document | None = None
) -> tuple[Lease, list[Write]]:
    """The lease that the writes would give; ``document``: the submission's, where it has just been read whole.

    Raises Conflict where the submission waits no longer, or the judge left.
    """
    host = service.judges().get(slot.judge)
    if host is None:
        raise Conflict(f"{slot.judge} is no judge of this process any more")
    submission_path = records.submission_path(waiting.submission_id)
    if document is None:
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
    queued_at = document.fields["changed_at"]
    return Lease(service, taken, None, started, begun, queued_at, slot.judge, host.judge), writes


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
    contested = False
    for width in WIDTHS:
        try:
            chosen, may_be_more = _choose_next(service, lease, width, contested=contested)
        except Unavailable:
            break
        if chosen is None and may_be_more:
            continue
        if chosen is None:
            break
        waiting, document = chosen
        try:
            following, writes = _taking(service, lease.slot, lease.version, waiting, document)
            following.version = _commit_taking(service, following, [*writes, result])
        except Conflict:
            contested = True
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


def _choose_next(
    service: Service, lease: Lease, width: int, *, contested: bool
) -> tuple[tuple[Waiting, Document | None] | None, bool]:
    """What the holder of a slot may go on with, and where that is nothing whether a wider look may find something.

    Nothing where its line is empty or somebody has precedence. The first of the line, if no other visit of this
    process is about to take it. The head is everybody's choice, so after a collision it is any of the first few: each
    rival holds a slot, so those are all about to be taken. One alone is read whole: taking it needs no reading more.
    """
    kind, slot = lease.submission.queue, lease.slot
    group = next((each for each in groups(service) if slot.judge in each.judges), None)
    if group is None:  # it is away, or left: the slot is given back
        return None, False
    whole = width == 1
    found = first_documents(service, partial(records.line, kind), width, group, whole=whole)
    own = list(map(records.waiting_of, found))
    arrivals = _arrivals(service, kind, own, [slot], group) if own else {}
    if not own and kind is RunType.RUN and not _first_of(service, RunType.SUBMIT, 1, group):
        found = first_documents(service, records.rejudged_line, width, group, whole=whole)
        own = list(map(records.waiting_of, found))
    if slot.retired or not own:
        return None, False
    lines = Lines([slot], own, arrivals, group.first_slot)
    if not may_go_on(kind, slot, lines, service.clock.now(), timedelta(seconds=service.rules.run_max_wait)):
        return None, False
    with service.lock:
        free = candidates(slot, own, group.first_slot)
        left = [each for each in free if records.submission_path(each.submission_id) not in service.claiming]
        chosen = (service.rng.choice(left) if contested else left[0]) if left else None
        if chosen is not None:
            service.claiming.update(_paths(slot, chosen))
    if chosen is None:
        return None, len(own) == width
    return (chosen, found[0] if whole else None), False
