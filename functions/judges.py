"""Which judges there are, which of them answer, and what they offer."""

from __future__ import annotations

from collections.abc import Mapping

from functions import records
from functions.domain import breaker
from functions.domain.breaker import Breaker, State
from functions.domain.line import ONLY_JUDGE
from functions.keeping import keep
from functions.ports import Language, Unavailable
from functions.service import Service

STALE_SECONDS = 1.0
STATES = "breakers"
"""The key under which the breakers are kept."""


def states(service: Service) -> Mapping[str, Breaker]:
    """Each judge's breaker, at most a second old."""

    def read() -> dict[str, Breaker]:
        names = list(service.judges())
        documents = service.store.get(*map(records.breaker_path, names)) if names else []
        closed = breaker.closed(service.clock.now())
        found = zip(names, documents, strict=True)
        return {name: closed if document is None else records.breaker_of(document) for name, document in found}

    return keep(service, STATES, STALE_SECONDS, read)


def any_up(service: Service) -> bool:
    return best(service).state is State.CLOSED


def best(service: Service) -> Breaker:
    """The breaker of a judge that answers, if one does."""
    none = Breaker(service.clock.now(), State.OPEN)
    return min(states(service).values(), key=lambda each: each.state is not State.CLOSED, default=none)


def usable(service: Service) -> frozenset[str]:
    """Those that answer; where none does all of them, for then everything waits until one is back."""
    listed = service.judges()
    if len(listed) < 2:
        return frozenset(listed)
    known = states(service)
    up = frozenset(name for name in listed if name not in known or known[name].state is State.CLOSED)
    return up or frozenset(listed)


def must_tell(service: Service) -> bool:
    """Whether work goes by what each judge has. The one without a name gets all, and is never asked for it."""
    return ONLY_JUDGE not in service.judges()


def told(service: Service) -> Mapping[str, frozenset[str]]:
    """What each judge has that has told this process, also where it is away now. One that left is forgotten."""
    listed = service.judges()
    with service.lock:
        for name in service.languages.keys() - listed.keys():
            del service.languages[name]
        return {name: service.languages[name] for name in listed if name in service.languages}


def learn(service: Service, judge: str, languages: tuple[Language, ...]) -> None:
    """Remember what a judge has just told."""
    with service.lock:
        service.languages[judge] = frozenset(language.name for language in languages)


def offered(service: Service) -> tuple[tuple[Language, ...], bool]:
    """What any judge has, each name once; and whether all have told. Raises Unavailable where none has."""
    found: dict[str, Language] = {}
    told = 0
    hosts = service.judges()
    for host in hosts.values():
        try:
            for language in host.judge.languages():
                found.setdefault(language.name, language)
        except Unavailable:
            continue
        told += 1
    if not told:
        raise Unavailable("no judge has told its languages yet")
    return tuple(found.values()), told == len(hosts)
