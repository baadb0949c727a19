"""FoundJudges: the judges behind a DNS name, such as the health-checked list of an instance group."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from functions.ports import Host, Judge

LOOK_UP_SECONDS = 5.0
MISSED = 3
"""A judge has left once so many look-ups in a row did not name it: one answer may be short."""


def addresses(name: str, port: int) -> Sequence[str]:
    """What ``name`` resolves to now. Raises OSError where nobody says."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return sorted({str(address[0]) for *_, address in found})


class FoundJudges:
    """``given`` are there always; ``make`` builds the judge at a URL. Calling it gives all judges by name.

    A look-up goes on beside the work, which never waits for a name server: the list is some seconds old. Where none
    answers, the list stays as it was.
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
        self._looking: threading.Thread | None = None

    def __call__(self) -> Mapping[str, Host]:
        with self._lock:
            first, now = self._looked_at is None, self._monotonic()
            under_way = self._looking is not None and self._looking.is_alive()
            if not under_way and (self._looked_at is None or now - self._looked_at >= LOOK_UP_SECONDS):
                self._looked_at = now
                self._looking = threading.Thread(target=self._refresh, daemon=True)
                self._looking.start()
            looking = self._looking
        if first and looking is not None:
            looking.join(LOOK_UP_SECONDS)
        return self._hosts

    def settled(self) -> Mapping[str, Host]:
        """The list once the look-up that is under way is over."""
        if self._looking is not None:
            self._looking.join()
        return self._hosts

    def _refresh(self) -> None:
        try:
            found = self._look_up(self._name, self._port)
        except OSError:
            return
        hosts = dict(self._hosts)
        named = {(f"[{each}]" if ":" in each else each) + f":{self._port}" for each in found}
        for name in sorted(named - hosts.keys()):
            hosts[name] = Host(self._make(name, f"http://{name}"), self._slots)
        self._missed = {
            name: 0 if name in named else self._missed.get(name, 0) + 1 for name in hosts if name not in self._given
        }
        self._hosts = {name: host for name, host in hosts.items() if self._missed.get(name, 0) < MISSED}
