"""Tests' data that this process has at hand: the latest used, within a bound."""

from __future__ import annotations

import threading
from collections import OrderedDict

MOST_BYTES = 64 * 1024 * 1024
"""A function has a few hundred MiB, and what is on its way to the judge needs its own share."""

STORE = "the object store itself"
MOST_NOTED = 10_000


class DataCache:
    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._away: dict[str, float] = {}

    def note_away(self, name: str, until: float) -> None:
        """``name`` (a hash, or STORE) could not be had: nobody need try it before ``until``, a monotonic time."""
        with self._lock:
            if len(self._away) > MOST_NOTED:
                self._away.clear()
            self._away[name] = until

    def is_away(self, sha256: str, now: float) -> bool:
        with self._lock:
            return any(now < self._away.get(name, now) for name in (sha256, STORE))

    def get(self, sha256: str) -> bytes | None:
        with self._lock:
            content = self._kept.get(sha256)
            if content is not None:
                self._kept.move_to_end(sha256)
            return content

    def put(self, sha256: str, content: bytes) -> None:
        """Keep it; what was used longest ago goes first, and what is larger than all is not kept."""
        with self._lock:
            if sha256 in self._kept or len(content) > self._most:
                return
            self._kept[sha256] = content
            self._size += len(content)
            while self._size > self._most:
                self._size -= len(self._kept.popitem(last=False)[1])
