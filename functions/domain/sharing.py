"""Whose the slots are: how they change when judges come, go, or bear more or less. Pure.

A time is an aware datetime.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from functions.domain.concurrency import Bounds
from functions.domain.line import ONLY_JUDGE, Slot

FRESH = timedelta(seconds=15)
"""A look-up older than that says nothing of who is there now."""
TOLD = timedelta(seconds=10)
"""How old what is kept may become before whoever knows better writes it."""
GONE = timedelta(seconds=30)
"""Whom no process has found for so long has left. Over FRESH + TOLD: nobody knows anything newer that is not kept."""
NEVER = datetime.min.replace(tzinfo=UTC)

Setting = int | Bounds
"""What the setting says of a judge: how many slots, or between which bounds they follow what it bears."""


@dataclass(frozen=True)
class Listed:
    """A judge as this process knows it. ``first``: how many slots it begins with.

    ``named_at``: when a look-up last named it; None where the setting itself does.
    """

    setting: Setting
    first: int
    named_at: datetime | None = None


@dataclass(frozen=True)
class Control:
    """What is kept beside the slots, for all processes.

    ``seeded``: the judges that have slots, each with the setting by which it got them; what an operator or `auto`
    changed since stays until that setting changes. ``seen``: where judges come and go, when each was last found.
    ``set_at``: when the process began whose settings these are; None where there was only ever one judge.
    """

    seeded: Mapping[str, Setting] = field(default_factory=dict)
    seen: Mapping[str, datetime] = field(default_factory=dict)
    set_at: datetime | None = None


@dataclass(frozen=True)
class Change:
    """What is to be kept, and how many slots each judge is to have. ``moved``: the judges whose number changes so."""

    control: Control
    slots: list[Slot]
    moved: frozenset[str]


def followed(
    control: Control,
    slots: Mapping[int, Slot],
    listed: Mapping[str, Listed],
    now: datetime,
    *,
    begun: datetime,
    found: bool,
) -> Change | None:
    """What a process that knows the judges in ``listed`` has to change; None: nothing.

    ``begun``: when it began. ``found``: judges come and go while it runs; else those of the setting are all.
    """
    if found and _outdated(control, listed, begun):
        return None
    there = {name: each for name, each in listed.items() if each.named_at is None or now - each.named_at < FRESH}
    counts = Counter(slot.judge for slot in slots.values() if not slot.retired)
    known = control.seeded.keys() | counts.keys()
    left = _left(control, there, known - listed.keys(), now, found)
    owners, wait = _handed_over(slots, there, now)
    came = set() if wait else there.keys() - control.seeded.keys()
    changed = {name for name in there.keys() & control.seeded.keys() if there[name].setting != control.seeded[name]}
    seen = {name: max(control.seen.get(name, NEVER), each.named_at or now) for name, each in there.items()}
    due = found and any(seen[name] - control.seen.get(name, NEVER) >= TOLD for name in there.keys() & control.seeded)
    moved = frozenset(left | came | changed)
    if not (moved or due or (control.seen and not found)):
        return None
    stay = [name for name in (*there, *control.seeded, *counts) if name not in left and name in known | came]
    wanted = {name: counts[name] for name in stay}
    wanted |= {name: there[name].first for name in came}
    wanted |= {name: _changed(counts[name], control.seeded[name], there[name]) for name in changed}
    settings = {**control.seeded, **{name: each.setting for name, each in there.items()}}
    only_ever_one = there.keys() == {ONLY_JUDGE} and control.set_at is None
    says_all = changed or not found or control.set_at is None
    after = Control(
        seeded={name: settings[name] for name in stay if name in settings},
        seen={name: at for name, at in {**control.seen, **seen}.items() if name in stay} if found else {},
        set_at=begun if says_all and not only_ever_one else control.set_at,
    )
    return Change(after, planned(owners, wanted, now), moved)


def _outdated(control: Control, listed: Mapping[str, Listed], begun: datetime) -> bool:
    """Whether a later deployment said something else since: then this process changes nothing any more."""
    if control.set_at is None or control.set_at <= begun:
        return False
    common = listed.keys() & control.seeded.keys()
    return not control.seen or any(listed[name].setting != control.seeded[name] for name in common)


def _left(control: Control, there: Mapping[str, Listed], absent: set[str], now: datetime, found: bool) -> set[str]:
    """Those of the ``absent`` that are gone. Who has not heard from the name server lately takes nobody's slots away.
    Nor does one short answer: a judge is absent once this process has missed it in several.

    The one judge without a name is gone as soon as there are others: it is one of them, or they are in its place.
    """
    if not found:
        return absent
    heard = any(each.named_at is not None for each in there.values())
    silent = {name for name in absent if heard and now - control.seen.get(name, NEVER) >= GONE}
    return silent | ({ONLY_JUDGE} & absent if there else set())


def _handed_over(
    slots: Mapping[int, Slot], there: Mapping[str, Listed], now: datetime
) -> tuple[Mapping[int, Slot], bool]:
    """The slots under their judges' present names; and whether judges that come must wait.

    Where a deployment with one judge gets a list, that judge is taken to be the list's first; where it gets one again,
    all slots are that one's. Which of those that are found it was, nobody knows: they come once nothing of it is in
    hand. So what is in hand counts against the cap of the judge that has it.
    """
    if there.keys() == {ONLY_JUDGE}:
        return {number: replace(slot, judge=ONLY_JUDGE) for number, slot in slots.items()}, False
    heir = next((name for name, each in there.items() if each.named_at is None), None)
    if heir is None:
        return slots, any(slot.judge == ONLY_JUDGE and slot.free_at > now for slot in slots.values())
    return {n: replace(slot, judge=heir) if slot.judge == ONLY_JUDGE else slot for n, slot in slots.items()}, False


def _changed(number: int, before: Setting, listed: Listed) -> int:
    """How many slots another setting gives. Only what was found out within bounds says something of what it bears."""
    setting = listed.setting
    if isinstance(setting, Bounds):
        return min(setting.most, max(setting.least, number)) if isinstance(before, Bounds) else listed.first
    return setting


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
