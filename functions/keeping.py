"""Remembering in the process for a few seconds what many requests ask for, and asking once where they ask together."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar, cast

from functions.service import Service

T = TypeVar("T")

MOST_KEPT = 1024
"""Entries; past it the oldest go, so that ids made up by a client cannot fill the memory."""


def keep(service: Service, key: str, seconds: float, read: Callable[[], T]) -> T:
    """The value of ``key``, read anew where its reading began more than ``seconds`` ago.

    Who comes while it is being read waits for that reading, and gets its error too.
    """
    now = service.clock.monotonic()
    mine: Future[object] | None = None
    with service.lock:
        begun, reading = service.kept.get(key, (now, None))
        if reading is None or (reading.done() and now - begun >= seconds):
            reading = mine = Future()
            service.kept.pop(key, None)
            service.kept[key] = (now, mine)
            while len(service.kept) > MOST_KEPT:
                del service.kept[next(iter(service.kept))]
    if mine is not None:
        try:
            mine.set_result(read())
        except BaseException as error:
            forget(service, key, mine)
            mine.set_exception(error)
    return cast(T, reading.result())


def forget(service: Service, key: str, reading: Future[object] | None = None) -> None:
    """Have the next one read ``key`` anew; with ``reading`` only where that one is what is kept."""
    with service.lock:
        if reading is None or service.kept.get(key, (0.0, None))[1] is reading:
            service.kept.pop(key, None)
