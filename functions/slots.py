"""Taking, keeping and giving back slots: the conditional batches by which a submission is judged once.

Every write of a judging carries its slot's precondition, so a worker that lost its lease cannot write.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from functions import records
from functions.domain import retry
from functions.domain.line import FOOT_IN_THE_DOOR, Lines, Slot, may_go_on, pick
from functions.domain.submission import RunType, Status, Submission
from functions.logs import log
from functions.ports import Conflict, Create, Query, Unavailable, Update, Write
from functions.service import Service

TRIES = 3
"""How often a write is tried again that somebody else's unrelated change came before."""
ABANDONED = "Its judging was abandoned or failed too often."


class LeaseLost(Exception):
    """The slot is, or may be, somebody else's by now: stop, write nothing."""


@dataclass
class Lease:
    """A held slot with the submission that it judges. ``begun``: monotonic second before the write that took it."""

    service: Service
    slot: Slot
    version: object
    submission: Submission
    begun: float

    def may_call(self) -> bool:
        """Whether a call to the judge that starts now surely ends before others may take the slot (rule 3)."""
        rules = self.service.rules
        end = self.service.clock.monotonic() + rules.judge_timeout + rules.margin.total_seconds()
        return end <= self.begun + rules.lease_seconds

    def keep(self, finished_tests: int | None = None) -> None:
        """Renew the lease where a third of it is over, or where there is progress to tell.

        Raises LeaseLost where the slot is somebody else's or no call could be made in time.
        """
        clock, rules = self.service.clock, self.service.rules
        told = finished_tests is not None and finished_tests != self.submission.finished_tests
        if told or clock.monotonic() - self.begun >= rules.lease_seconds / 3:
            try:
                self._renew(finished_tests if told else None)
            except Unavailable as error:
                log("warning", "renewal_failed", "The lease could not be renewed yet.", self.submission, error=error)
        if not self.may_call():
            raise LeaseLost

    def reread(self) -> None:
        """After a conflict: an operator may have changed the slot, then it is still ours. Raises LeaseLost if not."""
        document = self.service.store.get(records.slot_path(self.slot.number))[0]
        if document is None or document.fields["owner"] != self.slot.owner:
            raise LeaseLost
        self.slot, self.version = records.slot_of(document), document.version

    def _renew(self, finished_tests: int | None) -> None:
        rules, path = self.service.rules, records.slot_path(self.slot.number)
        for _ in range(TRIES):
            begun = self.service.clock.monotonic()
            renewed = self.slot.leased(self.service.clock.now(), rules.lease, rules.margin)
            changes = {"expires_at": renewed.expires_at, "free_at": renewed.free_at}
            writes: list[Write] = [Update(path, changes, self.version)]
            if finished_tests is not None:
                submission_path = records.submission_path(self.submission.submission_id)
                writes.append(Update(submission_path, {"finished_tests": finished_tests}))
            try:
                self.version = self.service.store.commit(*writes)[0]
                self.slot = renewed
            except Conflict:
                self.reread()
                if self.slot.expires_at != renewed.expires_at:
                    continue  # else it was our own commit, its first answer lost
            self.begun = begun
            if finished_tests is not None:
                self.submission = replace(self.submission, finished_tests=finished_tests)
            return
        raise LeaseLost


@dataclass(frozen=True)
class Look:
    """The line as one reading found it, with the versions that a claim is conditional on."""

    kind: RunType
    lines: Lines
    versions: dict[str, object]


def seed_slots(service: Service) -> None:
    """Make the slots that the setting asks for, once for each value of it.

    The documents are the cap: a second deployment with another setting changes them, it adds nothing to them. What
    an operator set by hand stays until the setting itself changes.
    """
    wanted = service.rules.max_concurrent_submissions
    for _ in range(5):
        control = service.store.get(records.SLOTS_PATH)[0]
        if control is not None and control.fields["seeded"] == wanted:
            return
        try:
            set_slots(service, wanted, seeded=wanted)
        except Conflict:
            continue
        return


def set_slots(service: Service, number: int, *, seeded: int | None = None) -> None:
    """Make slots 1..``number`` and retire those above; what is held is finished first. Raises Conflict."""
    control, *_ = service.store.get(records.SLOTS_PATH)
    documents = {int(d.document_id): d for d in service.store.find(Query(records.SLOTS))}
    now = service.clock.now()
    writes: list[Write] = []
    for slot in range(1, max(number, *documents, 0) + 1):
        document = documents.get(slot)
        if document is None:
            writes.append(Create(records.slot_path(slot), records.slot_fields(Slot(slot, expires_at=now, free_at=now))))
        elif document.fields["retired"] != (slot > number):
            writes.append(Update(document.path, {"retired": slot > number}, document.version))
    kept = control.fields["seeded"] if control is not None else number
    setting = {"count": number, "seeded": seeded if seeded is not None else kept}
    if control is None:
        writes.append(Create(records.SLOTS_PATH, setting))
    else:
        writes.append(Update(control.path, setting, control.version))
    service.store.commit(*writes)


def read_slots(service: Service) -> tuple[list[Slot], dict[str, object]]:
    documents = service.store.find(Query(records.SLOTS))
    slots = sorted((records.slot_of(d) for d in documents), key=lambda slot: slot.number)
    return slots, {d.path: d.version for d in documents}


def line(kind: RunType, limit: int, select: tuple[str, ...] | None = None) -> Query:
    """The first ``limit`` of a queue's line, in the order in which they are taken."""
    order_by = (("turn_at", False),)
    return Query(records.SUBMISSIONS, records.queued(kind), order_by=order_by, limit=limit, select=select)


def look(service: Service, kind: RunType) -> Look | None:
    """What a visit of ``kind`` sees; None where its line is empty."""
    slots, versions = read_slots(service)
    now = service.clock.now()
    free = [slot for slot in slots if slot.is_free(now)]
    return _look(service, kind, free, versions)


def _look(service: Service, kind: RunType, free: Sequence[Slot], versions: dict[str, object]) -> Look | None:
    own = service.store.find(line(kind, max(1, len(free))))
    if not own:
        return None
    first = records.submission_of(own[0])
    other = None
    if free and _other_line_matters(kind, free):
        other_kind = RunType.RUN if kind is RunType.SUBMIT else RunType.SUBMIT
        heads = service.store.find(line(other_kind, 1))
        other = records.submission_of(heads[0]) if heads else None
    submits, runs = (first, other) if kind is RunType.SUBMIT else (other, first)
    lines = Lines(slots=free, own=[records.submission_of(d) for d in own], first_submit=submits, first_run=runs)
    return Look(kind, lines, versions | {d.path: d.version for d in own})


def _other_line_matters(kind: RunType, free: Sequence[Slot]) -> bool:
    """A Run must know whether a Submit waits; a Submit asks only where slot 1 might be a Run's."""
    return kind is RunType.RUN or any(
        slot.number == FOOT_IN_THE_DOOR and slot.last_kind is not RunType.RUN for slot in free
    )


def claim(service: Service, seen: Look) -> Lease | None:
    """Take a slot and one of the first in line in one batch.

    None where there is no right to a slot now; raises Conflict where somebody else was faster: look again.
    """
    now = service.clock.now()
    run_max_wait = timedelta(seconds=service.rules.run_max_wait)
    picked = pick(seen.kind, seen.lines, now, run_max_wait, service.rng)
    if picked is None:
        return None
    slot, submission = picked
    dead = _left_behind(service, slot)
    lease, writes = _taking(service, seen, slot, submission)
    if dead is not None:
        writes.append(dead[1])
    versions = _commit_taking(service, lease, writes)
    lease.version = versions
    if dead is not None:
        after_abandoned(service, dead[0])
    return lease


def _taking(service: Service, seen: Look, slot: Slot, submission: Submission) -> tuple[Lease, list[Write]]:
    now, begun = service.clock.now(), service.clock.monotonic()
    owner = uuid.uuid4().hex
    taken = replace(
        slot.leased(now, service.rules.lease, service.rules.margin),
        owner=owner,
        submission_id=submission.submission_id,
        last_kind=submission.run_type,
    )
    started = replace(
        submission,
        status=Status.PROCESSING,
        started_at=now,
        finished_tests=0,
        judgings=submission.judgings + 1,
        owner=owner,
    )
    slot_path = records.slot_path(slot.number)
    submission_path = records.submission_path(submission.submission_id)
    writes: list[Write] = [
        Update(slot_path, records.lease_fields(taken), seen.versions[slot_path]),
        Update(submission_path, records.submission_changes(submission, started), seen.versions[submission_path]),
    ]
    return Lease(service, taken, None, started, begun), writes


def _commit_taking(service: Service, lease: Lease, writes: list[Write]) -> object:
    try:
        return service.store.commit(*writes)[0]
    except Conflict:
        # The first answer of our own commit may have been lost: then the slot bears our token.
        document = service.store.get(records.slot_path(lease.slot.number))[0]
        if document is None or document.fields["owner"] != lease.slot.owner:
            raise
        return document.version


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
    log("warning", "judging_abandoned", "A judging was abandoned.", submission, judgings=submission.judgings)
    if submission.status is Status.QUEUED:
        issue_ticket(service, submission.run_type, submission.submission_id)


def issue_ticket(service: Service, kind: RunType, submission_id: str) -> bool:
    """An unnamed ticket (a used name is blocked for a day). False where the queue refuses: the sweep comes again."""
    try:
        service.tickets.enqueue(kind, submission_id, named=False)
    except Unavailable as error:
        log("warning", "ticket_refused", "A ticket could not be issued.", submission_id=submission_id, error=error)
        return False
    return True


def close(service: Service, lease: Lease, after: Submission, *, go_on: bool) -> Lease | None:
    """Write what came of the judging, and in the same batch claim the next of that line or give the slot back.

    Returns the lease on the next one, or None where the slot was given back. Raises LeaseLost.
    """
    path = records.submission_path(after.submission_id)
    result = Update(path, records.submission_changes(lease.submission, after))
    for _ in range(TRIES if go_on else 0):
        seen = _look_ahead(service, lease)
        if seen is None:
            break
        candidate = service.rng.choice(seen.lines.own)
        following, writes = _taking(service, seen, lease.slot, candidate)
        try:
            following.version = _commit_taking(service, following, [*writes, result])
        except Conflict:
            lease.reread()  # still ours: then somebody else took the candidate, or an operator changed the slot
            continue
        return following

    slot_path = records.slot_path(lease.slot.number)
    while True:
        released = records.lease_fields(lease.slot.released(service.clock.now()))
        try:
            service.store.commit(Update(slot_path, released, lease.version), result)
        except Conflict:
            document = service.store.get(path)[0]
            if document is not None and records.submission_of(document) == after:
                return None  # our own commit, its first answer lost
            lease.reread()
            continue
        return None


def _look_ahead(service: Service, lease: Lease) -> Look | None:
    """What the holder of a slot may go on with: None where its line is empty or somebody has precedence."""
    kind = lease.submission.run_type
    slot_path = records.slot_path(lease.slot.number)
    seen = _look(service, kind, [lease.slot], {slot_path: lease.version})
    run_max_wait = timedelta(seconds=service.rules.run_max_wait)
    if (
        lease.slot.retired
        or seen is None
        or not may_go_on(kind, lease.slot, seen.lines, service.clock.now(), run_max_wait)
    ):
        return None
    return seen


def free_slots(service: Service) -> int:
    """How many slots may be taken now: what a waiting process asks a few times a second."""
    expired = Query(records.SLOTS, (("free_at", "<=", service.clock.now()),), select=("retired",))
    return sum(not document.fields["retired"] for document in service.store.find(expired))
