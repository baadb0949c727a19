"""The line: in which order submissions are judged, and which of them a visit may take now.

Pure decisions; `functions.claims` carries them out. A time is an aware UTC datetime, a duration a timedelta.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from functions.domain.submission import RunType, Status

RESERVED_FOR = timedelta(seconds=1)
"""How long a free slot waits for the kind that has precedence before anybody may take it (rule 4)."""

SETBACK = timedelta(seconds=60)
"""How far an abandoned submission goes back: whatever made it fail, the others come first."""

ONLY_JUDGE = "judge0"
"""The name of the judge where the deployment has one and gives it no number of slots of its own."""

FIRST_SLOT = 1
"""The slot with two duties, as long as its judge is up; else the lowest one of a judge that is.

It is the foot in the door: a Run which has waited RUN_MAX_WAIT gets it before any Submit (rule 5). And it is the only
one on which suspects are judged, one at a time: one that kills its worker takes those in hand beside it along, and all
of them become suspects. None of these is ever beside it again: it costs nobody a second judging.
"""


@dataclass(frozen=True)
class Slot:
    """A licence to use the judge, and the lease on it.

    Its holder is ``owner`` until ``expires_at``. Others may take it from ``free_at`` on: at once after a release,
    a margin after the expiry where the holder vanished (clocks differ, rule 3).
    """

    number: int
    expires_at: datetime
    free_at: datetime
    owner: str | None = None
    submission_id: str | None = None
    last_kind: RunType | None = None
    retired: bool = False
    judge: str = ONLY_JUDGE

    def is_free(self, now: datetime) -> bool:
        return not self.retired and self.free_at <= now

    def is_held(self, now: datetime) -> bool:
        return self.owner is not None and now < self.free_at

    def leased(self, now: datetime, lease: timedelta, margin: timedelta) -> Slot:
        return replace(self, expires_at=now + lease, free_at=now + lease + margin)

    def released(self, now: datetime) -> Slot:
        return replace(self, owner=None, submission_id=None, expires_at=now, free_at=now)


def turn(
    now: datetime,
    previous: tuple[Status, datetime] | None,
    spacing: timedelta,
) -> datetime:
    """The sort key of a new submission, given its attempt's previous one in that queue (status, turn_at).

    While that one waits the new one comes ``spacing`` after it, so that one student's burst is spread among the
    others'; where it left the line without being judged, the new one may have its place.
    """
    if previous is None:
        return now
    status, turn_at = previous
    if status is Status.QUEUED:
        return max(now, turn_at + spacing)
    if status in (Status.CANCELLED, Status.SUPERSEDED):
        return max(now, turn_at)
    return now


@dataclass(frozen=True)
class Waiting:
    """A submission in a line, as much of it as the choice needs; the last three only where judges differ."""

    submission_id: str
    attempt_id: str
    created_at: datetime
    judgings: int = 0
    language: str = ""
    question_id: str = ""
    question_version: str = ""

    @property
    def suspect(self) -> bool:
        """Whether a judging of it was abandoned: it may be what killed its worker."""
        return self.judgings > 0


@dataclass(frozen=True)
class Lines:
    """What a visit sees: free slots by number, the first few of its own line, and when those of each line arrived.

    A kind is missing from ``arrivals`` where its line is empty, or paused, or does not matter. Of the other kind as
    many are known as there are slots. Where judges differ, all of it is what those of these slots can do.
    """

    slots: Sequence[Slot]
    own: Sequence[Waiting]
    arrivals: Mapping[RunType, Sequence[datetime]]
    first_slot: int = FIRST_SLOT
    """The one that has FIRST_SLOT's duties here."""


def preferred_kind(slot: Slot, lines: Lines, now: datetime, run_max_wait: timedelta) -> RunType | None:
    """Who has precedence for this slot: an aged Run on the first one (never twice in a row), a Submit, or nobody."""
    if (
        slot.number == lines.first_slot
        and slot.last_kind is not RunType.RUN
        and RunType.RUN in lines.arrivals
        and now - lines.arrivals[RunType.RUN][0] >= run_max_wait
    ):
        return RunType.RUN
    return RunType.SUBMIT if RunType.SUBMIT in lines.arrivals else None


def takeable(kind: RunType, lines: Lines, now: datetime, run_max_wait: timedelta) -> list[Slot]:
    """The free slots that a visit of ``kind`` may take now.

    A slot for which the other kind has precedence is kept for it; but where nobody of it came while both the slot was
    free and it waited, it has no ticket (slowed, or lost until the sweep), and the slot is kept no longer. Nor are
    more kept than wait: those of the lowest numbers, so that every process means the same ones.
    """
    open_: list[Slot] = []
    kept: list[Slot] = []
    waiting = 0
    for slot in lines.slots:
        if not slot.is_free(now):
            continue
        preferred = preferred_kind(slot, lines, now, run_max_wait)
        if preferred in (None, kind):
            open_.append(slot)
            continue
        arrivals = lines.arrivals[preferred]
        waiting = len(arrivals)
        (kept if now - max(slot.free_at, arrivals[0]) < RESERVED_FOR else open_).append(slot)
    return open_ + kept[waiting:]


def may_go_on(kind: RunType, slot: Slot, lines: Lines, now: datetime, run_max_wait: timedelta) -> bool:
    """Whether the holder of ``slot`` may go on with the next of its own line instead of giving the slot back."""
    held = replace(slot, last_kind=kind)
    return preferred_kind(held, lines, now, run_max_wait) in (None, kind)


def pick(
    kind: RunType, lines: Lines, now: datetime, run_max_wait: timedelta, rng: random.Random
) -> tuple[Slot, Waiting] | None:
    """A slot and one of the line to claim, or None where there is nothing to take or no right to it.

    With f slots free any of the first f in line will do, and each worker picks at random, so that they do not
    collide in step.
    """
    slots = takeable(kind, lines, now, run_max_wait)
    for slot in rng.sample(slots, len(slots)):
        if own := candidates(slot, lines.own, lines.first_slot)[: len(slots)]:
            return slot, rng.choice(own)
    return None


def candidates(slot: Slot, first_in_line: Sequence[Waiting], first_slot: int = FIRST_SLOT) -> list[Waiting]:
    """Those that may be taken on ``slot``: of each attempt only the first, for a student's submissions keep their
    order; suspects only where they are judged.
    """
    first: dict[str, Waiting] = {}
    for waiting in first_in_line:
        first.setdefault(waiting.attempt_id, waiting)
    return [waiting for waiting in first.values() if slot.number == first_slot or not waiting.suspect]


def wait_estimate(ahead: Mapping[RunType, int], service_seconds: Mapping[RunType, float], slots: int) -> float:
    """Seconds until the next one behind those ``ahead`` starts, given how long one of each kind holds a slot.

    All slots being busy, each of them frees up once in a service time; the last to be waited for is one in hand.
    """
    work = sum(number * service_seconds[kind] for kind, number in ahead.items())
    return (work + max(service_seconds.values()) / 2) / max(1, slots)
