"""Adaptive concurrency: what this process sees of the judges, and the slots that follow it, one decider at a time."""

from __future__ import annotations

from dataclasses import asdict

from functions import records
from functions.domain.concurrency import Bounds, Least, Pace, Seen, decided
from functions.domain.verdict import Execution
from functions.keeping import keep
from functions.logs import log
from functions.ports import Conflict, Create, Document, Program, Step, Unavailable, Update
from functions.service import Service
from functions.slots import read_slots, set_slots, tell_queues

DECIDE_SECONDS = 5.0
"""At most so often the slots of a judge change."""
MOST_KEPT = 1000
"""Tests between two decisions; more say nothing new."""


def work_of(program: Program) -> str | None:
    """What takes alike beside its processor time, into which no judge counts compiling; None: that says nothing."""
    return None if program.step is Step.BUILD else f"{program.language}, {program.step.value}"


def saw(service: Service, judge: str, work: str, elapsed: float, execution: Execution) -> None:
    """A test was seen done ``elapsed`` seconds after it was sent."""
    if service.rules.concurrency is not None and execution.time_seconds is not None:
        with service.lock:
            kept = service.seen.setdefault(judge, [])
            if len(kept) < MOST_KEPT:
                kept.append(Seen(work, elapsed, execution.time_seconds))


def refused(service: Service, judge: str) -> None:
    """The judge answered, but took nothing (429, 503)."""
    if service.rules.concurrency is not None:
        with service.lock:
            service.refused[judge] += 1


def adapt(service: Service, judge: str) -> None:
    """Let the slots of ``judge`` follow what it bears, where the setting leaves that to us.

    Whoever closed a judging asks; of all processes one decides, by a conditional write.
    """
    bounds, host = service.rules.concurrency, service.judges().get(judge)
    if bounds is None or host is None or host.slots is not None:
        return
    try:
        keep(service, f"pace {judge}", DECIDE_SECONDS, lambda: _decide(service, judge, bounds))
    except (Conflict, Unavailable) as error:  # a slot was taken just then, or the store is away: in a few seconds again
        log("info", "concurrency_undecided", "The slots could not be changed just now.", judge=judge, error=error)


def _decide(service: Service, judge: str, bounds: Bounds) -> None:
    with service.lock:
        seen, turned_away = service.seen.pop(judge, []), service.refused.pop(judge, 0)
    [document] = service.store.get(records.pace_path(judge))
    now = service.clock.now()
    if document is not None and abs((now - document.fields["at"]).total_seconds()) < DECIDE_SECONDS / 2:
        return  # somebody has just decided: what was seen is of before
    slots = [slot for slot in read_slots(service)[0] if not slot.retired]
    own = [slot for slot in slots if slot.judge == judge]
    if not own:
        return  # an operator lets it finish what it has, or it has left: nothing gives it slots but who took them
    before = Pace(len(own), _least(document))
    full = sum(slot.is_held(now) for slot in own) >= len(own) - 1
    after = decided(before, seen, turned_away, full, bounds, now)
    if after is None:
        with service.lock:
            service.seen[judge] = seen + service.seen.get(judge, [])
        return
    fields = {"at": now, "least": {work: asdict(least) for work, least in after.least.items()}}
    path = records.pace_path(judge)
    service.store.commit(Create(path, fields) if document is None else Update(path, fields, document.version))
    if after.slots != before.slots:
        set_slots(service, after.slots, judge)
        tell_queues(service, len(slots) - before.slots + after.slots)
        sentence = "A judge bears more." if after.slots > before.slots else "A judge bears less."
        log("info", "concurrency_changed", sentence, judge=judge, slots=after.slots, before=before.slots)


def _least(document: Document | None) -> dict[str, Least]:
    """By kind of work, as it was last written."""
    return {} if document is None else {work: Least(**fields) for work, fields in document.fields["least"].items()}
