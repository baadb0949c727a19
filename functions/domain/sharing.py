"""Whose the slots are: how they change when judges come, go, or bear more or less."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from functions.domain.line import ONLY_JUDGE, Slot


def handed_over(slots: Mapping[int, Slot], before: Mapping[str, int], wanted: Mapping[str, int]) -> Mapping[int, Slot]:
    """The slots under the names of the judges that are ``wanted``.

    Where a deployment with one judge gets a list, that judge is taken to be the list's first; where it gets one again,
    all slots are that one's. Either way what is in hand counts against the new cap, and slot 1 stays in use.
    """
    if ONLY_JUDGE in wanted:
        return {number: replace(slot, judge=ONLY_JUDGE) for number, slot in slots.items()}
    if ONLY_JUDGE in before and wanted:
        first = next(iter(wanted))
        return {
            number: replace(slot, judge=first) if slot.judge == ONLY_JUDGE else slot for number, slot in slots.items()
        }
    return slots


def planned(slots: Mapping[int, Slot], wanted: Mapping[str, int], now: datetime) -> list[Slot]:
    """All slots as they are to be, by number: of each judge its lowest, as many as wanted, and the others retired.

    A judge that needs more gets free ones of judges that are gone, then new ones of the lowest numbers.
    """
    after = {number: replace(slot, retired=True) for number, slot in sorted(slots.items())}
    gone = [slot for slot in after.values() if slot.judge not in wanted]
    spare = [slot.number for slot in gone if slot.owner is None and slot.free_at <= now]
    for judge, number in wanted.items():
        own = [slot.number for slot in after.values() if slot.judge == judge][:number]
        while len(own) < number:
            if spare:
                chosen = spare.pop(0)
                after[chosen] = replace(after[chosen], judge=judge, last_kind=None)
            else:
                chosen = next(each for each in range(1, len(after) + 2) if each not in after)
                after[chosen] = Slot(chosen, expires_at=now, free_at=now, judge=judge)
            own.append(chosen)
        for chosen in own:
            after[chosen] = replace(after[chosen], retired=False)
    return [after[number] for number in sorted(after)]
