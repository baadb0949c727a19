"""The slots' documents: the cap on how many submissions each judge has at once. Making, changing and reading them."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from datetime import timedelta

from functions import records
from functions.domain.line import ONLY_JUDGE, Slot
from functions.domain.sharing import Control, Listed, followed, planned
from functions.domain.submission import RunType
from functions.judges import usable
from functions.keeping import forget, keep
from functions.logs import log
from functions.ports import Condition, Conflict, Create, Document, Host, Query, Unavailable, Update, Write
from functions.service import Service

LAYOUT = "slots"
"""The key under which the slots are kept."""
LAYOUT_SECONDS = 5.0
FOLLOW_SECONDS = 5.0


def seed_slots(service: Service) -> None:
    """Make the slots that the setting asks for, once for each value of it: what each process begins with.

    The documents are the cap: a second deployment with another setting changes them, it adds nothing to them. What
    an operator set by hand stays until the setting itself changes.
    """
    for _ in range(5):
        try:
            _follow(service)
        except Conflict:
            continue
        return


def follow_judges(service: Service) -> None:
    """Where judges come and go: give slots to those that came, and retire those of the ones that left."""

    def follow() -> None:
        with suppress(Conflict):  # a slot was taken or given back just then: in a few seconds again
            _follow(service)

    if service.judges_change:
        keep(service, "judges followed", FOLLOW_SECONDS, follow)


def keep_seeded(service: Service) -> None:
    """Where the setting names all judges: have the settings of the deployment that is newest, also after an instance of
    an older one has begun late.
    """
    control = records.control_of(service.store.get(records.SLOTS_PATH)[0])
    if control.set_at is not None and control.set_at <= service.begun:
        seed_slots(service)


def _follow(service: Service) -> None:
    """Raises Conflict."""
    document = service.store.get(records.SLOTS_PATH)[0]
    control, listed = records.control_of(document), _listed(service)
    as_set = {name: each.setting for name, each in listed.items()}
    if not service.judges_change and document is not None and (control.seeded, control.seen) == (as_set, {}):
        return
    documents = service.store.find(Query(records.SLOTS))
    slots = {slot.number: slot for slot in map(records.slot_of, documents)}
    now, begun, found = service.clock.now(), service.begun, service.judges_change
    change = followed(control, slots, listed, now, begun=begun, found=found)
    if change is None:
        return
    _write(service, document, documents, change.slots, change.control)
    if found and change.moved:
        tell_queues(service, sum(not slot.retired for slot in change.slots))
        counts = Counter(slot.judge for slot in change.slots if not slot.retired)
        slots_of = {name: counts[name] for name in sorted(change.moved)}
        log("info", "judges_changed", "Judges came, left, or have another number of slots.", slots=slots_of)


def _listed(service: Service) -> dict[str, Listed]:
    now, monotonic = service.clock.now(), service.clock.monotonic()
    most, bounds = service.rules.max_concurrent_submissions, service.rules.concurrency

    def listed(host: Host) -> Listed:
        at = None if host.named_at is None else now - timedelta(seconds=monotonic - host.named_at)
        if host.slots is not None:
            return Listed(host.slots, host.slots, at)
        return Listed(most if bounds is None else bounds, most, at)

    return {name: listed(host) for name, host in service.judges().items()}


def tell_queues(service: Service, slots: int) -> None:
    """Let each queue deliver as many tickets at once as there are slots. Where it cannot be told, the sweep does."""
    for kind in RunType:
        try:
            service.tickets.limit(kind, max(1, slots))
        except Unavailable as error:
            log("warning", "queue_limit_refused", "A queue's limit could not be set.", queue=str(kind), error=error)


def set_slots(service: Service, number: int, judge: str = ONLY_JUDGE) -> None:
    """Let ``judge`` have so many slots, the others as many as they have. Raises Conflict."""
    control = service.store.get(records.SLOTS_PATH)[0]
    documents = service.store.find(Query(records.SLOTS))
    slots = {slot.number: slot for slot in map(records.slot_of, documents)}
    wanted = {**Counter(slot.judge for slot in slots.values() if not slot.retired), judge: number}
    after = planned(slots, wanted, service.clock.now())
    _write(service, control, documents, after, records.control_of(control))


def _write(
    service: Service, document: Document | None, before: list[Document], slots: list[Slot], control: Control
) -> None:
    """What changed of the slots, and what is kept beside them, in one batch. Raises Conflict."""
    known = {int(each.document_id): each for each in before}
    writes: list[Write] = []
    for slot in slots:
        if slot.number not in known:
            writes.append(Create(records.slot_path(slot.number), records.slot_fields(slot)))
            continue
        old = records.slot_of(known[slot.number])
        changes: dict[str, object] = {}
        if old.retired != slot.retired:
            changes["retired"] = slot.retired
        if old.judge != slot.judge:
            changes["judge"] = slot.judge
        if changes:
            writes.append(Update(known[slot.number].path, changes, known[slot.number].version))
    kept = {"count": sum(not slot.retired for slot in slots), **records.control_fields(control)}
    if document is None:
        writes.append(Create(records.SLOTS_PATH, kept))
    else:
        writes.append(Update(document.path, kept, document.version))
    service.store.commit(*writes)
    forget(service, LAYOUT)


def read_slots(service: Service, where: tuple[Condition, ...] = ()) -> tuple[list[Slot], dict[str, object]]:
    """The slots by number, and the versions of their documents by path."""
    documents = service.store.find(Query(records.SLOTS, where))
    slots = sorted((records.slot_of(d) for d in documents), key=lambda slot: slot.number)
    return slots, {d.path: d.version for d in documents}


def layout(service: Service) -> list[Slot]:
    """Which slot is whose, by number, without those that are retired; some seconds old."""
    return keep(service, LAYOUT, LAYOUT_SECONDS, lambda: [s for s in read_slots(service)[0] if not s.retired])


def free_slots(service: Service) -> tuple[list[Slot], dict[str, object]]:
    """Those that may be taken now: what a waiting process asks a few times a second."""
    slots, versions = read_slots(service, (("free_at", "<=", service.clock.now()),))
    up = usable(service)
    return [slot for slot in slots if not slot.retired and slot.judge in up], versions


def usable_slots(service: Service) -> int:
    """How many slots the judges have that answer, some seconds old: with one judge a single document says it."""
    if len(service.judges()) < 2:
        return keep(service, "number of slots", LAYOUT_SECONDS, lambda: _number(service))
    up = usable(service)
    return sum(slot.judge in up for slot in layout(service))


def _number(service: Service) -> int:
    control = service.store.get(records.SLOTS_PATH)[0]
    return 0 if control is None else int(control.fields["count"])
