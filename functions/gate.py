"""Where visits without a slot wait: one poller per process, and a release in the process wakes them at once."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

from functions.ports import Clock

POLL_SECONDS = 0.25
LONGEST_WAIT_SECONDS = 2.0
"""How long a visit waits before it looks again whatever it was told: its line may be empty, the process ending."""


class Gate:
    """``poll`` says how many slots are free now; it is asked by one waiting thread at a time, a few times a second."""

    def __init__(self, clock: Clock, poll: Callable[[], int], rng: random.Random) -> None:
        self.poll_seconds = POLL_SECONDS
        self.longest_wait_seconds = LONGEST_WAIT_SECONDS
        self._clock = clock
        self._poll = poll
        self._rng = rng
        self._condition = threading.Condition()
        self._waiting: dict[str, int] = {}
        self._passes: dict[str, int] = {}
        self._polling = False

    def waiting(self, kind: str) -> int:
        """How many visits of this kind wait here now."""
        with self._condition:
            return self._waiting.get(kind, 0)

    def open(self, slots: int = 1) -> None:
        """``slots`` became free: let as many of each kind look. Which kind has precedence is the line's affair."""
        with self._condition:
            for kind, waiting in self._waiting.items():
                self._passes[kind] = min(waiting, self._passes.get(kind, 0) + slots)
            self._condition.notify_all()

    def wait(self, kind: str, seconds: float) -> None:
        """Return once a slot may be free for a visit of this kind, or after ``seconds`` (at most a few)."""
        until = self._clock.monotonic() + min(seconds, self.longest_wait_seconds)
        with self._condition:
            self._waiting[kind] = self._waiting.get(kind, 0) + 1
            try:
                while not self._passes.get(kind) and (left := until - self._clock.monotonic()) > 0:
                    if self._polling:
                        self._condition.wait(left)
                    else:
                        self._poll_once(min(left, self.poll_seconds * self._rng.uniform(0.7, 1.3)))
                if self._passes.get(kind):
                    self._passes[kind] -= 1
            finally:
                self._waiting[kind] -= 1
                self._passes[kind] = min(self._passes.get(kind, 0), self._waiting[kind])
                self._condition.notify_all()  # one of those that stay becomes the poller

    def _poll_once(self, pause: float) -> None:
        self._polling = True
        try:
            if self._condition.wait(pause):
                return
            self._condition.release()
            try:
                free = self._poll()
            finally:
                self._condition.acquire()
        finally:
            self._polling = False
        if free:
            for kind, waiting in self._waiting.items():
                self._passes[kind] = min(waiting, free)
            self._condition.notify_all()
