"""The circuit breakers, one a judge: their state, shared by all instances through a document each."""

from __future__ import annotations

from functools import partial

from functions import records, tickets
from functions.domain import breaker
from functions.domain.breaker import Breaker, State
from functions.domain.submission import RunType
from functions.judges import STATES, learn, must_tell, states, told
from functions.keeping import forget, keep
from functions.logs import log
from functions.matching import first_of, groups
from functions.ports import Conflict, Create, Judge, Unavailable, Update
from functions.service import Service
from functions.slots import free_slots

LANGUAGES_SECONDS = 60.0
"""How often a judge is asked anew for what it has; mostly the adapter knows."""


def state(service: Service, judge: str) -> Breaker:
    """The judge's breaker, at most a second old. One that has left does not answer, and nobody probes it."""
    now = service.clock.now()
    if judge not in service.judges():
        return Breaker(now, State.OPEN)
    return states(service).get(judge) or breaker.closed(now)


def any_ready(service: Service) -> bool:
    """Whether work may go to some judge, as far as is known without asking one."""
    known = told(service) if must_tell(service) else service.judges()
    return any(state(service, judge).state is State.CLOSED for judge in known)


def any_answers(service: Service) -> bool:
    """Whether work may go to some judge; each that is due for a probe gets it."""
    answers = [judge_answers(service, judge) for judge in service.judges()]
    return any(answers)


def judge_answers(service: Service, judge: str) -> bool:
    """Whether work may go to this judge. Where a probe is due and nobody else makes it, it is made here.

    Of one with a name this process must know its languages, too: it asks for them here.
    """
    known = state(service, judge)
    if known.state is not State.CLOSED and not (known.probe_due(service.clock.now()) and probe(service, judge)):
        return False
    return not must_tell(service) or judge in told(service) or _tells_languages(service, judge)


def ask_languages(service: Service) -> None:
    """Once a minute those that are up: what a judge has may change, and so may the host behind an address."""
    for judge in service.judges() if must_tell(service) else ():
        if state(service, judge).state is State.CLOSED:
            keep(service, f"languages of {judge}", LANGUAGES_SECONDS, partial(_tells_languages, service, judge))


def _tells_languages(service: Service, judge: str) -> bool:
    host = service.judges().get(judge)
    if host is None:
        return False
    try:
        learn(service, judge, host.judge.languages())
    except Unavailable as error:
        suspect(service, judge, host.judge, error)
        return False
    return True


def suspect(service: Service, name: str, judge: Judge, error: Exception) -> None:
    """A call to ``judge`` failed: ask it one cheap thing, and open the breaker where that fails too.

    Visits of this process that come together share one probe.
    """

    def ask() -> None:
        if state(service, name).state is State.CLOSED:
            try:
                judge.probe()
            except Unavailable:
                trip(service, name, error)

    keep(service, f"suspicion {name}", 0.0, ask)


def trip(service: Service, judge: str, error: Exception) -> None:
    """The judge does not answer. One that has left is nobody's any more."""
    if judge not in service.judges():
        return
    known, version = _read(service, judge)
    if known.state is State.OPEN:
        return
    if _write(service, judge, breaker.opened(known, service.clock.now()), version):
        sentence = "The judge does not answer; submissions wait until it does."
        if len(service.judges()) > 1:
            sentence = "A judge does not answer; the others go on."
        log("error", "breaker_opened", sentence, judge=judge, error=error)


def probe(service: Service, judge: str) -> bool:
    """Ask the judge one cheap thing, one asker at a time; True where that closed the breaker."""
    host = service.judges().get(judge)
    known, version = _read(service, judge)
    now = service.clock.now()
    if host is None or not known.probe_due(now):
        return False
    if not _write(service, judge, breaker.probing(known, now), version):
        return False
    known, version = _read(service, judge)
    try:
        host.judge.probe()
    except Unavailable:
        _write(service, judge, breaker.opened(known, service.clock.now()), version)
        return False
    if not _write(service, judge, breaker.closed(service.clock.now()), version):
        return False
    log("info", "breaker_closed", "The judge answers again.", judge=judge)
    top_up(service)
    return True


def top_up(service: Service) -> int:
    """Issue min(free slots, waiting) tickets per queue that is not paused; how many were issued."""
    free, issued = free_slots(service)[0], 0
    for kind in RunType:
        # a queue that cannot be asked takes no ticket either
        if free and tickets.is_paused(service, kind) is False:
            for group in groups(service):
                own = sum(slot.judge in group.judges for slot in free)
                waiting = first_of(service, partial(records.line, kind), own, group) if own else []
                if own and not waiting and kind is RunType.RUN:
                    waiting = first_of(service, records.rejudged_line, own, group)
                for each in waiting:
                    issued += tickets.issue(service, kind, each.submission_id)
    return issued


def _read(service: Service, judge: str) -> tuple[Breaker, object | None]:
    document = service.store.get(records.breaker_path(judge))[0]
    if document is None:
        return breaker.closed(service.clock.now()), None
    return records.breaker_of(document), document.version


def _write(service: Service, judge: str, after: Breaker, version: object | None) -> bool:
    fields = records.breaker_fields(after)
    path = records.breaker_path(judge)
    try:
        if version is None:
            service.store.commit(Create(path, fields))
        else:
            service.store.commit(Update(path, fields, version))
    except Conflict:
        return False
    finally:
        forget(service, STATES)
    return True
