"""The slots' documents: the cap on how many submissions are judged at once. Making, changing and reading them."""

from __future__ import annotations

from functions import records
from functions.domain.line import Slot
from functions.ports import Condition, Conflict, Create, Query, Update, Write
from functions.service import Service


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


def read_slots(service: Service, where: tuple[Condition, ...] = ()) -> tuple[list[Slot], dict[str, object]]:
    """The slots by number, and the versions of their documents by path."""
    documents = service.store.find(Query(records.SLOTS, where))
    slots = sorted((records.slot_of(d) for d in documents), key=lambda slot: slot.number)
    return slots, {d.path: d.version for d in documents}


def free_slots(service: Service) -> tuple[list[Slot], dict[str, object]]:
    """Those that may be taken now: what a waiting process asks a few times a second."""
    slots, versions = read_slots(service, (("free_at", "<=", service.clock.now()),))
    return [slot for slot in slots if not slot.retired], versions
