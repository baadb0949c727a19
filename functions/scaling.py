"""How many judges there should be now: the sweep reckons it, and tells whoever starts and ends their machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from functions import records
from functions.domain import scaling
from functions.domain.line import Slot
from functions.domain.scaling import Fleet, Load, judges_wanted
from functions.domain.submission import RunType
from functions.logs import log
from functions.ports import Put, Unavailable
from functions.service import Service
from functions.views import service_seconds

STARTING = timedelta(minutes=15)
"""For so long a judge that was wanted may still be starting."""


def tell_wanted(
    service: Service, slots: Sequence[Slot], waiting: Mapping[RunType, int], oldest_wait_seconds: float
) -> None:
    """Where judges come and go with the load: reckon how many there should be, and tell it. Nothing of it is raised."""
    if service.rules.judges_scale is None:
        return
    try:
        wanted = _wanted(service, slots, waiting, oldest_wait_seconds)
        log("info", "judges_wanted", "So many judges should there be.", judges_wanted=wanted)
        if service.autoscaler is not None:
            service.autoscaler.want(wanted)
    except Unavailable as error:
        log("warning", "judges_wanted_untold", "How many judges there should be was not told.", error=error)


def _wanted(service: Service, slots: Sequence[Slot], waiting: Mapping[RunType, int], oldest_wait: float) -> int:
    """Those that were wanted a minute ago are there, or start: the next decision goes on from them."""
    now, bounds = service.clock.now(), service.rules.judges_scale
    assert bounds is not None
    [before] = service.store.get(records.FLEET_PATH)
    starting = 0 if before is None or now - before.fields["at"] > STARTING else before.fields["wanted"]
    there = [slot.judge for slot in slots if not slot.retired]
    lately = {kind: service_seconds(service, kind) for kind, number in waiting.items() if number}
    load = Load(
        waiting=sum(waiting.values()),
        in_hand=sum(slot.is_held(now) for slot in slots),
        oldest_wait=oldest_wait,
        judging_seconds=scaling.judging_seconds(waiting, lately),
    )
    each = round(len(there) / len(set(there))) if there else service.rules.max_concurrent_submissions
    fleet = Fleet(each, bounds.least, bounds.most)
    wanted = judges_wanted(now.timestamp(), load, fleet, max(len(service.judges()), starting))
    service.store.commit(Put(records.FLEET_PATH, {"wanted": wanted, "at": now}))
    return wanted
