"""What every use case needs: the ports, the rules of this deployment, and what this process keeps."""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from functions.data_cache import DataCache
from functions.domain.concurrency import Bounds, Seen
from functions.domain.exam import Attempt
from functions.ports import Autoscaler, Clock, DocumentStore, Host, ObjectStore, TicketQueue, Tracer
from functions.standing import Standing
from functions.traces import Untraced


@dataclass(frozen=True)
class Rules:
    """The settings that the use cases know, named as in the environment. Times in seconds."""

    max_concurrent_submissions: int = 3
    concurrency: Bounds | None = None
    """Within these the slots of each judge without a number of its own follow what it bears."""
    judges_scale: Bounds | None = None
    """How many judges there may be, where they come and go with the load."""
    batch_size: int = 3
    run_max_wait: float = 30.0
    turn_spacing: float = 15.0
    visit_budget: float = 60.0
    lease_seconds: float = 15.0
    slot_wait: float = 300.0
    judge_timeout: float = 5.0
    dispatch_deadline: float = 900.0
    max_judgings: int = 5
    max_code_bytes: int = 65_536
    rate_run_per_minute: int = 20
    rate_submit_per_minute: int = 6
    closing_grace: float = 5.0
    time_multipliers: Mapping[str, float] = field(default_factory=dict)
    """By language, where a question has none of its own."""

    @property
    def margin(self) -> timedelta:
        """Between the end of a lease and the moment when others may act on it: 2 s, less for very short leases."""
        return timedelta(seconds=min(2.0, self.lease_seconds / 7.5))

    @property
    def longest_judging(self) -> float:
        """How long one judging may take, so that a visit fits its dispatch deadline."""
        return self.dispatch_deadline - self.slot_wait - self.visit_budget

    @property
    def lease(self) -> timedelta:
        return timedelta(seconds=self.lease_seconds)


DRAIN_SECONDS = 8.0
"""Cloud Run kills an instance ten seconds after SIGTERM."""


class Draining:
    """After SIGTERM nothing new is claimed; what is in hand is finished, or put back after DRAIN_SECONDS.

    ``asked`` says whether this process was told to end.
    """

    def __init__(self, clock: Clock, asked: Callable[[], bool] = lambda: False) -> None:
        self._clock = clock
        self._asked = asked
        self._until: float | None = None

    @property
    def begun(self) -> bool:
        if self._until is None and self._asked():
            self._until = self._clock.monotonic() + DRAIN_SECONDS
        return self._until is not None

    @property
    def over(self) -> bool:
        return self.begun and self._until is not None and self._clock.monotonic() >= self._until


def turnstiles() -> tuple[threading.Lock, ...]:
    return tuple(threading.Lock() for _ in range(256))


MOST_ATTEMPTS = 1024


@dataclass(frozen=True)
class Service:
    store: DocumentStore
    tickets: TicketQueue
    judges: Callable[[], Mapping[str, Host]]
    """The judges that there are now, by name, in a lasting order. A name means one host for ever."""
    clock: Clock
    rules: Rules
    draining: Draining
    objects: ObjectStore | None = None
    """None: there is none. Then no question has data in it, and no output is kept beyond what a document holds."""
    autoscaler: Autoscaler | None = None
    """None: nobody is told how many judges there should be."""
    tracer: Tracer = field(default_factory=Untraced)
    rng: random.Random = field(default_factory=random.Random)
    lock: threading.Lock = field(default_factory=threading.Lock)
    """Guards ``kept`` and ``claiming``; never held across a call to the outside."""
    kept: dict[str, tuple[float, Future[object]]] = field(default_factory=dict)
    """What this process remembers for a while: key -> (monotonic time when its reading began, the value)."""
    claiming: set[str] = field(default_factory=set)
    """The paths of what visits of this process are about to claim, so that they do not collide."""

    turnstiles: tuple[threading.Lock, ...] = field(default_factory=turnstiles)
    """One request for an attempt at a time: all at once they would only undo each other's readings. Attempts share
    them by chance, which costs a few milliseconds."""
    attempts: dict[str, Attempt] = field(default_factory=dict)
    """As this process last wrote them; somebody else may have since."""
    receipt_key: str | None = field(default=None, repr=False)
    """None: no receipts are given."""
    data: DataCache = field(default_factory=DataCache)
    """Tests' data from the object store, as much of it as fits a bound."""
    validator_builds: dict[str, bytes | None] = field(default_factory=dict)
    """Questions' validators as a judge compiled them, by judge, question and version; None: with each run."""
    seen: dict[str, list[Seen]] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    """What this process saw of each judge since it last asked how many slots that is to have."""
    judges_change: bool = False
    """Whether judges come and go while this process runs."""
    languages: dict[str, frozenset[str]] = field(default_factory=dict)
    """What each judge had when this process last asked it, also where it is away now."""

    def remember(self, attempt: Attempt) -> None:
        """In ``attempts``: the latest MOST_ATTEMPTS are kept."""
        with self.lock:
            self.attempts.pop(attempt.attempt_id, None)
            self.attempts[attempt.attempt_id] = attempt
            while len(self.attempts) > MOST_ATTEMPTS:
                del self.attempts[next(iter(self.attempts))]

    @cached_property
    def begun(self) -> datetime:
        """When this process first looked whose the slots are: its settings are no younger."""
        return self.clock.now()

    @cached_property
    def standing(self) -> Standing:
        """How the lines stand, as this process follows them."""
        return Standing(self.store, self.clock)
