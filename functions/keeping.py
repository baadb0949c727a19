"""Remembering in the process for a few seconds what many requests ask for."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

from functions.service import Service

T = TypeVar("T")

MOST_KEPT = 1024
"""Entries; past it the oldest go, so that ids made up by a client cannot fill the memory."""


def keep(service: Service, key: str, seconds: float, read: Callable[[], T]) -> T:
    """The value of ``key``, read anew where it is older than ``seconds``. Two threads may read it at once."""
    now = service.clock.monotonic()
    with service.lock:
        entry = service.kept.get(key)
    if entry is not None and now - entry[0] < seconds:
        return cast(T, entry[1])
    value = read()
    with service.lock:
        service.kept.pop(key, None)
        service.kept[key] = (now, value)
        while len(service.kept) > MOST_KEPT:
            del service.kept[next(iter(service.kept))]
    return value


def forget(service: Service, key: str) -> None:
    with service.lock:
        service.kept.pop(key, None)
