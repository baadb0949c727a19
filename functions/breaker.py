"""The circuit breaker's state, shared by all instances through one document."""

from __future__ import annotations

from functions import records, tickets
from functions.domain import breaker
from functions.domain.breaker import Breaker, State
from functions.domain.submission import RunType
from functions.keeping import forget, keep
from functions.logs import log
from functions.ports import Conflict, Create, Unavailable, Update
from functions.service import Service
from functions.slots import free_slots

STALE_SECONDS = 1.0


def state(service: Service) -> Breaker:
    """The breaker, at most a second old."""
    return keep(service, "breaker", STALE_SECONDS, lambda: _read(service)[0])


def judge_answers(service: Service) -> bool:
    """Whether work may go to the judge. Where a probe is due and nobody else makes it, it is made here."""
    known = state(service)
    if known.state is State.CLOSED:
        return True
    return known.probe_due(service.clock.now()) and probe(service)


def suspect(service: Service, error: Exception) -> None:
    """A call to the judge failed: ask it one cheap thing, and open the breaker where that fails too.

    Visits of this process that come together share one probe.
    """

    def ask() -> None:
        if state(service).state is State.CLOSED:
            try:
                service.judge.probe()
            except Unavailable:
                trip(service, error)

    keep(service, "suspicion", 0.0, ask)


def trip(service: Service, error: Exception) -> None:
    """The judge does not answer."""
    known, version = _read(service)
    if known.state is State.OPEN:
        return
    if _write(service, breaker.opened(known, service.clock.now()), version):
        log("error", "breaker_opened", "The judge does not answer; submissions wait until it does.", error=error)


def probe(service: Service) -> bool:
    """Ask the judge one cheap thing, one asker at a time; True where that closed the breaker."""
    known, version = _read(service)
    now = service.clock.now()
    if not known.probe_due(now) or not _write(service, breaker.probing(known, now), version):
        return False
    known, version = _read(service)
    try:
        service.judge.probe()
    except Unavailable:
        _write(service, breaker.opened(known, service.clock.now()), version)
        return False
    if not _write(service, breaker.closed(service.clock.now()), version):
        return False
    log("info", "breaker_closed", "The judge answers again.")
    top_up(service)
    return True


def top_up(service: Service) -> int:
    """Issue min(free slots, waiting) tickets per queue that is not paused; how many were issued."""
    free, issued = len(free_slots(service)[0]), 0
    for kind in RunType:
        # a queue that cannot be asked takes no ticket either
        if free and tickets.is_paused(service, kind) is False:
            waiting = service.store.find(records.line(kind, free, select=("run_type",)))
            if not waiting and kind is RunType.RUN:
                waiting = service.store.find(records.rejudged_line(free, select=("run_type",)))
            for document in waiting:
                issued += tickets.issue(service, kind, document.document_id)
    return issued


def _read(service: Service) -> tuple[Breaker, object | None]:
    document = service.store.get(records.BREAKER_PATH)[0]
    if document is None:
        return breaker.closed(service.clock.now()), None
    return records.breaker_of(document), document.version


def _write(service: Service, after: Breaker, version: object | None) -> bool:
    fields = records.breaker_fields(after)
    try:
        if version is None:
            service.store.commit(Create(records.BREAKER_PATH, fields))
        else:
            service.store.commit(Update(records.BREAKER_PATH, fields, version))
    except Conflict:
        return False
    finally:
        forget(service, "breaker")
    return True
