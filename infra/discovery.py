"""FoundJudges: the judges behind a DNS name, such as the health-checked list of an instance group."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from functions.ports import Host, Judge

LOOK_UP_SECONDS = 5.0
OLD_SECONDS = 15.0
"""A list as old as that is not used without waiting a moment for a newer one: this process has been idle."""
WAIT_SECONDS = 2.0
MISSED = 3
"""A judge has left once so many look-ups in a row did not name it: one answer may be short."""


def addresses(name: str, port: int) -> Sequence[str]:
    """What ``name`` resolves to now. Raises OSError where nobody says."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return sorted({str(address[0]) for *_, address in found})


class FoundJudges:
    """``given`` are there always; ``make`` builds the judge at a URL. Calling it gives all judges by name.

    A look-up goes on beside the work, which does not wait for a name server: the list is some seconds old. Only who
    begins the first one, or the first after a silence, waits for it a moment. Where none answers, the list stays.
    """

    def __init__(
        self,
        given: Mapping[str, Host],
        name: str,
        port: int,
        slots: int | None,
        make: Callable[[str, str], Judge],
        look_up: Callable[[str, int], Sequence[str]] = addresses,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._given, self._name, self._port, self._slots = dict(given), name, port, slots
        self._make, self._look_up, self._monotonic = make, look_up, monotonic
        self._lock = threading.Lock()
        self._hosts: Mapping[str, Host] = self._given
        self._missed: dict[str, int] = {}
        self._looked_at: float | None = None
        self._answered_at: float | None = None
        self._looking: threading.Thread | None = None

    def __call__(self) -> Mapping[str, Host]:
        mine: threading.Thread | None = None
        with self._lock:
            now = self._monotonic()
            under_way = self._looking is not None and self._looking.is_alive()
            if not under_way and (self._looked_at is None or now - self._looked_at >= LOOK_UP_SECONDS):
                self._looked_at = now
                self._looking = mine = threading.Thread(target=self._refresh, args=(now,), daemon=True)
                mine.start()
            old = self._answered_at is None or now - self._answered_at >= OLD_SECONDS
        if mine is not None and old:
            mine.join(WAIT_SECONDS)
        return self._hosts

    def settled(self) -> Mapping[str, Host]:
        """The list once the look-up that is under way is over."""
        if self._looking is not None:
            self._looking.join()
        return self._hosts

    def _refresh(self, now: float) -> None:
        try:
            found = self._look_up(self._name, self._port)
        except OSError:
            return
        hosts = dict(self._hosts)
        named = {(f"[{each}]" if ":" in each else each) + f":{self._port}" for each in found}
        for name in sorted(named - hosts.keys()):
            hosts[name] = Host(self._make(name, f"http://{name}"), self._slots)
        for name in named - self._given.keys():
            hosts[name] = replace(hosts[name], named_at=now)
        self._missed = {
            name: 0 if name in named else self._missed.get(name, 0) + 1 for name in hosts if name not in self._given
        }
        self._hosts = {name: host for name, host in hosts.items() if self._missed.get(name, 0) < MISSED}
        self._answered_at = now
