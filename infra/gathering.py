"""Reading together: what is asked for while readings are under way is read in one call as soon as one of them ends.

Nobody waits who comes alone. In a burst a call costs more than the documents that it reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from threading import Event, Lock

from functions.ports import Document, Unavailable

MOST_AT_ONCE = 2
"""Readings under way at a time."""
PATIENCE_SECONDS = 0.5
"""Who has waited so long for one to end reads by itself: they may be stuck."""


@dataclass
class _Reading:
    names: dict[str, None] = field(default_factory=dict)
    may_begin: Event = field(default_factory=Event)
    found: Future[Mapping[str, Document]] = field(default_factory=Future)
    led: bool = False


class Gathering:
    """``read`` gets names and returns those documents that there are; each name is read after it was asked for."""

    def __init__(self, read: Callable[[list[str]], Mapping[str, Document]], patience: float = PATIENCE_SECONDS) -> None:
        self._read, self._patience = read, patience
        self._lock = Lock()
        self._places = MOST_AT_ONCE
        self._next: _Reading | None = None

    def get(self, names: Iterable[str]) -> Mapping[str, Document]:
        """These and what others asked for at the same time. Raises what ``read`` raises."""
        own = dict.fromkeys(names)
        with self._lock:
            if self._places:
                self._places -= 1
                mine = _Reading()
                mine.may_begin.set()
            else:
                mine = self._next = self._next or _Reading()
            mine.names.update(own)
            leads, mine.led = not mine.led, True
        if leads:
            self._lead(mine)
        try:
            return mine.found.result()
        except Unavailable:
            raise
        except Exception:
            if mine.names.keys() == own.keys():
                raise
            return self._read(list(own))  # it may be another's name that was refused

    def _lead(self, reading: _Reading) -> None:
        has_place = reading.may_begin.wait(self._patience)
        with self._lock:
            if self._next is reading:  # nobody may come to it any more
                self._next = None
            else:
                has_place = True
        try:
            reading.found.set_result(self._read(list(reading.names)))
        except BaseException as error:
            reading.found.set_exception(error)
        finally:
            if has_place:
                self._let_next_begin()

    def _let_next_begin(self) -> None:
        with self._lock:
            following, self._next = self._next, None
            if following is None:
                self._places += 1
            else:
                following.may_begin.set()
