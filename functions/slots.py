"""The slots' documents: the cap on how many submissions each judge has at once. Making, changing and reading them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from functions import records
from functions.domain.line import ONLY_JUDGE, Slot
from functions.domain.sharing import handed_over, planned
from functions.domain.submission import RunType
from functions.judges import usable
from functions.keeping import keep
from functions.logs import log
from functions.ports import Condition, Conflict, Create, Document, Host, Query, Unavailable, Update, Write
from functions.service import Service

LAYOUT_SECONDS = 5.0
FOLLOW_SECONDS = 5.0


def seed_slots(service: Service) -> None:
    """Make the slots that the setting asks for, once for each value of it.

    The documents are the cap: a second deployment with another setting changes them, it adds nothing to them. What
    an operator set by hand stays until the setting itself changes.
    """
    wanted = {name: capacity(service, host) for name, host in service.judges().items()}
    for _ in range(5):
        control = service.store.get(records.SLOTS_PATH)[0]
        if control is not None and _seeded(control) == wanted:
            return
        try:
            _change(service, wanted, seeded=wanted)
        except Conflict:
            continue
        return


def follow_judges(service: Service) -> None:
    """Where judges come and go: give slots to those that came, and retire those of the ones that left.

    Other processes may see one earlier than this one does: it takes away only from those that it knew itself.
    """

    def follow() -> None:
        control = service.store.get(records.SLOTS_PATH)[0]
        seeded = _seeded(control) if control is not None else {}
        listed = service.judges()
        come = {name: capacity(service, host) for name, host in listed.items() if name not in seeded}
        gone = {name for name in seeded if name not in listed and name in service.languages}
        if come or gone:
            counts = Counter(slot.judge for slot in read_slots(service)[0] if not slot.retired)
            stay = [name for name in seeded if name not in gone]
            wanted = {name: counts[name] for name in stay} | come
            with suppress(Conflict):  # a slot was taken or given back just then: in a few seconds again
                _change(service, wanted, seeded={name: seeded[name] for name in stay} | come)
                tell_queues(service, sum(wanted.values()))
                log("info", "judges_changed", "Judges came or left.", came=sorted(come), left=sorted(gone))

    if service.judges_change:
        keep(service, "judges followed", FOLLOW_SECONDS, follow)


def tell_queues(service: Service, slots: int) -> None:
    """Let each queue deliver as many tickets at once as there are slots. Where it cannot be told, it is later."""
    for kind in RunType:
        try:
            service.tickets.limit(kind, max(1, slots))
        except Unavailable as error:
            log("warning", "queue_limit_refused", "A queue's limit could not be set.", queue=str(kind), error=error)


def capacity(service: Service, host: Host) -> int:
    """How many slots the setting gives this judge."""
    return service.rules.max_concurrent_submissions if host.slots is None else host.slots


def set_slots(service: Service, number: int, judge: str = ONLY_JUDGE) -> None:
    """Let ``judge`` have so many slots, the others as many as they have. Raises Conflict."""
    counts = Counter(slot.judge for slot in read_slots(service)[0] if not slot.retired)
    _change(service, {**counts, judge: number})


def _change(service: Service, wanted: Mapping[str, int], *, seeded: Mapping[str, int] | None = None) -> None:
    """Give each judge its number of slots and retire all others; what is held is finished first. Raises Conflict."""
    control, *_ = service.store.get(records.SLOTS_PATH)
    documents = {int(d.document_id): d for d in service.store.find(Query(records.SLOTS))}
    now = service.clock.now()
    before = {number: records.slot_of(document) for number, document in documents.items()}
    known = _seeded(control) if control is not None else dict(wanted)
    owners = handed_over(before, known, wanted)
    writes: list[Write] = []
    for slot in planned(owners, wanted, now):
        document = documents.get(slot.number)
        if document is None:
            writes.append(Create(records.slot_path(slot.number), records.slot_fields(slot)))
            continue
        old = before[slot.number]
        changes: dict[str, object] = {}
        if old.retired != slot.retired:
            changes["retired"] = slot.retired
        if old.judge != slot.judge:
            changes["judge"] = slot.judge
        if changes:
            writes.append(Update(document.path, changes, document.version))
    kept = known if seeded is None else seeded
    setting = {"count": sum(wanted.values()), "seeded": kept[ONLY_JUDGE] if set(kept) == {ONLY_JUDGE} else dict(kept)}
    if control is None:
        writes.append(Create(records.SLOTS_PATH, setting))
    else:
        writes.append(Update(control.path, setting, control.version))
    service.store.commit(*writes)


def _seeded(control: Document) -> dict[str, int]:
    """By judge, as the setting last said; where there is one without a number of its own it is that number alone."""
    seeded = control.fields["seeded"]
    return dict(seeded) if isinstance(seeded, Mapping) else {ONLY_JUDGE: seeded}


def read_slots(service: Service, where: tuple[Condition, ...] = ()) -> tuple[list[Slot], dict[str, object]]:
    """The slots by number, and the versions of their documents by path."""
    documents = service.store.find(Query(records.SLOTS, where))
    slots = sorted((records.slot_of(d) for d in documents), key=lambda slot: slot.number)
    return slots, {d.path: d.version for d in documents}


def layout(service: Service) -> list[Slot]:
    """Which slot is whose, by number, without those that are retired; some seconds old."""
    return keep(service, "slots", LAYOUT_SECONDS, lambda: [s for s in read_slots(service)[0] if not s.retired])


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
