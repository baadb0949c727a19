"""How many judges a load needs: one decision, for the machines that there are and for `capacity --autoscale`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from functions.domain.submission import RunType

CLEARED_WITHIN = 60.0
"""Seconds in which what waits is to be judged: a wait that a student takes for one."""
LONG_WAIT = 30.0
"""Who has waited so many seconds shows that there are too few, whatever was reckoned."""
SPARE = 0.5
"""Fewer are wanted only while what is in hand and waits fills no more than this share of the slots that are left."""


@dataclass(frozen=True)
class Load:
    """How it is now. ``waiting`` and ``in_hand`` are submissions; times in seconds, ``judging_seconds`` of one that
    waits.
    """

    waiting: int
    in_hand: int
    oldest_wait: float
    judging_seconds: float


def judging_seconds(waiting: Mapping[RunType, int], lately: Mapping[RunType, float]) -> float:
    """How long one of those that wait is judged, where so many of each kind do and each kind took so long lately."""
    number = sum(waiting.values())
    return sum(count * lately[kind] for kind, count in waiting.items() if count) / number if number else 0.0


@dataclass(frozen=True)
class Fleet:
    """What there may be: ``least`` to ``most`` judges with ``slots`` each."""

    slots: int
    least: int
    most: int


@dataclass(frozen=True)
class Planned:
    """An exam that is known: so many judges from ``begins`` to ``ends``, in the seconds of ``now``."""

    begins: float
    ends: float
    judges: int


def judges_wanted(now: float, load: Load, fleet: Fleet, judges: int, schedule: Sequence[Planned] = ()) -> int:
    """How many judges there should be, where there are ``judges`` now (those that start count).

    Up: as many as judge within CLEARED_WITHIN what waits; one more where somebody has waited for LONG_WAIT. Down: one
    at a time, and only where nobody waits and the others have room to spare. Never under the schedule.
    """
    per_judge = fleet.slots * CLEARED_WITHIN / max(load.judging_seconds, 0.1)
    wanted = math.ceil((load.waiting + load.in_hand) / per_judge) if load.waiting else 0
    if load.waiting and load.oldest_wait >= LONG_WAIT:
        wanted = max(wanted, judges + 1)
    if wanted < judges:
        roomy = load.waiting == 0 and load.in_hand <= SPARE * fleet.slots * (judges - 1)
        wanted = judges - 1 if roomy else judges
    planned = max((each.judges for each in schedule if each.begins <= now < each.ends), default=0)
    return min(fleet.most, max(fleet.least, wanted, planned))
