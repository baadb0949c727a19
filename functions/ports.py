"""Every port of the service: what it needs of the world outside. The adapters are in `infra`.

The errors that a port may raise:

    PortError
    ├── Conflict            a precondition did not hold: read again, decide again
    └── Unavailable         the other side does not answer or refuses for now
        └── JudgeBusy       it answers, but takes nothing now (429, 503 "queue is full")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Literal, Protocol

from functions.domain.question import Limits
from functions.domain.submission import RunType
from functions.domain.trace import Trace
from functions.domain.verdict import Execution

Fields = Mapping[str, Any]
"""A document's content: str, int, float, bool, None, bytes, aware datetimes, and lists and maps of these."""


class ServerTime(Enum):
    """A top-level field's value that the store fills in: its own time of the commit, one clock for all instances."""

    NOW = "now"


class PortError(Exception):
    """Something outside the service did not do what was asked."""


class Conflict(PortError):
    """A conditional write found the document changed, missing, or already there. Nothing was written.

    Where the client repeated a commit whose outcome it did not learn, this may report a conflict with its own
    success: read back and compare before acting on it.
    """


class Unavailable(PortError):
    """The other side is away or does not answer in time; the same call may succeed later."""


@dataclass(frozen=True)
class Document:
    """A document as it was read. ``version`` is opaque; it changes with every write."""

    path: str
    fields: Fields
    version: object

    @property
    def document_id(self) -> str:
        return self.path.rpartition("/")[2]


@dataclass(frozen=True)
class Create:
    """Write a document that must not exist."""

    path: str
    fields: Fields


@dataclass(frozen=True)
class Put:
    """Write a whole document, whatever was there."""

    path: str
    fields: Fields


@dataclass(frozen=True)
class Update:
    """Replace top-level ``fields`` of a document that must exist, at ``version`` where one is given."""

    path: str
    fields: Fields
    version: object | None = None


@dataclass(frozen=True)
class Delete:
    """Remove a document, at ``version`` where one is given."""

    path: str
    version: object | None = None


Write = Create | Put | Update | Delete
Operator = Literal["==", "<", "<=", ">", ">=", "in"]
"""``in``: equal to one of a list of at most 30 values, which is Firestore's bound."""
Condition = tuple[str, Operator, Any]


@dataclass(frozen=True)
class Query:
    """Documents of one collection. Ties in ``order_by`` are broken by id, ascending.

    ``order_by`` holds (field, descending). ``after`` continues behind a document with these values of the
    ordered fields, its id last. A query with an equality and a range or order on another field needs a composite
    index: it must be one of ``functions.records.INDEXES``.
    """

    collection: str
    where: tuple[Condition, ...] = ()
    order_by: tuple[tuple[str, bool], ...] = ()
    limit: int | None = None
    after: tuple[Any, ...] | None = None
    select: tuple[str, ...] | None = None


class DocumentStore(Protocol):
    """Documents with conditional batches: all that the rules of the line rest on.

    Every method raises Unavailable where the store cannot be reached within its time-out.
    """

    def get(self, *paths: str) -> list[Document | None]:
        """The documents at ``paths``, in that order, in one call; None for one that is missing or cannot exist."""

    def find(self, query: Query) -> list[Document]:
        """The matching documents, as strongly consistent as ``get``."""

    def count(self, query: Query) -> int:
        """How many match; reads no document."""

    def commit(self, *writes: Write) -> list[object]:
        """All of the writes or none, each with its precondition; the new versions, in order.

        Raises Conflict where a precondition does not hold.
        """


class TicketQueue(Protocol):
    """The two queues, ``submit`` and ``run``. A ticket makes one visit to its queue's line happen, at least once."""

    def enqueue(self, queue: RunType, submission_id: str, *, named: bool, traceparent: str | None = None) -> None:
        """Add a ticket. A named one bears the submission's id: enqueueing it again changes nothing for a day.

        ``traceparent`` comes with its delivery, as W3C's header. Raises Unavailable.
        """

    def is_paused(self, queue: RunType) -> bool:
        """Whether an operator paused the queue; asked under a lease, so it answers within a second or raises.

        Raises Unavailable.
        """

    def limit(self, queue: RunType, concurrent: int) -> None:
        """Deliver at most so many tickets at once; done under a lease, so within two seconds. Raises Unavailable."""


class Step(Enum):
    """What of a program's way one call to the judge does."""

    WHOLE = "whole"
    """Compile it, where its language needs that, and run it."""
    BUILD = "build"
    """Compile it only: what it prints is its build."""
    RUN = "run"
    """Run its build."""


@dataclass(frozen=True)
class Program:
    """What to run: one test of one submission, or a question's validator on its output."""

    source: bytes
    language: str
    stdin: bytes
    limits: Limits
    files: Mapping[str, bytes] = field(default_factory=dict)
    """Beside it in its working folder, by relative path."""
    arguments: tuple[str, ...] = ()
    step: Step = Step.WHOLE
    build: bytes | None = None
    """What `Step.BUILD` printed, for `Step.RUN`. The student had a hand in it: data, never trusted."""


@dataclass(frozen=True)
class Language:
    """A language as the judge has it: ``name`` is what a submission says, ``label`` what a person reads."""

    name: str
    label: str
    version: str
    judge_id: int = field(repr=False, default=0)


class JudgeBusy(Unavailable):
    """The judge answers, but takes nothing now; ``retry_after`` in seconds where it said when."""

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Judge(Protocol):
    """A Judge0 host. Every method raises Unavailable (or JudgeBusy), also for what makes no sense."""

    def create(self, programs: Sequence[Program]) -> list[str | None]:
        """Send a batch; the tokens in order, None where the judge refused that item."""

    def poll(self, tokens: Sequence[str]) -> dict[str, Execution | None]:
        """What is known of ``tokens``: None while not done; a token that the judge does not know is left out."""

    def languages(self) -> tuple[Language, ...]:
        """What the host can run now, each name once. Kept for an hour by the adapter."""

    def builds(self, language: str) -> bool:
        """Whether this host can compile that language once and run the build many times."""

    def is_build(self, language: str, output: bytes) -> bool:
        """Whether ``output`` of a `Step.BUILD` is a whole build that can be run."""

    def probe(self) -> None:
        """One cheap call, to learn whether the judge answers. Raises Unavailable."""


@dataclass(frozen=True)
class Host:
    """A judge of this deployment. ``slots``: how many submissions it bears at once, where it has an own number.

    ``named_at``: the monotonic second of the last look-up that named it; None where the setting itself does.
    """

    judge: Judge
    slots: int | None = None
    named_at: float | None = None


class Autoscaler(Protocol):
    """Whoever starts and ends the judges' machines, where they come and go with the load."""

    def want(self, judges: int) -> None:
        """Tell how many there should be now. It is told again each minute: a number that got lost does no harm.

        Raises Unavailable.
        """


class ObjectStore(Protocol):
    """Objects by key, whole: what is too large for a document. Every method raises Unavailable.

    A key names one content for ever, so that writing it again changes nothing.
    """

    def put(self, key: str, content: bytes) -> None:
        """Write the object, all of it or nothing."""

    def get(self, key: str) -> bytes | None:
        """The object as it is there, which the caller verifies; None where there is none."""

    def delete(self, key: str) -> None:
        """Remove the object; where there is none, nothing happens."""

    def keys(self, prefix: str) -> Iterator[str]:
        """All keys that begin so, sorted."""

    def link(self, key: str, seconds: int) -> str:
        """A URL by which anybody may read the object for so long, as a text file to be saved. Asks nobody."""


class Clock(Protocol):
    """Time, so that tests can own it."""

    def now(self) -> datetime:
        """The wall clock, aware, in UTC: what is written into documents."""

    def monotonic(self) -> float:
        """Seconds that only go forward: what leases and budgets are measured with."""

    def sleep(self, seconds: float) -> None: ...


class Tracer(Protocol):
    """Which trace belongs to what is done now, in this thread. Nothing of it ever raises, or waits for the outside."""

    def request(self, name: str, brought: Trace | None, *, followed: bool) -> AbstractContextManager[None]:
        """Around one request, which goes on with the trace that it ``brought``, if any.

        Only where it is ``followed`` are it and what is done within it told as spans.
        """

    def span(self, name: str, *, link: str | None = None, **facts: str | int) -> AbstractContextManager[None]:
        """Around one step of a request that is followed; elsewhere it does nothing.

        ``facts`` are ids and numbers, never what a student wrote. ``link`` is the traceparent of something that it
        belongs to as well; left out where that is of the same trace.
        """

    def traceparent(self) -> str | None:
        """Of what is done now, as W3C's header carries it; None where no trace is known."""


@dataclass(frozen=True)
class Caller:
    """Who a verified token says is calling."""

    subject: str
    staff: bool = False


class InvalidToken(Exception):
    """A token that proves nothing: missing, expired, badly signed, for somebody else. The message may be shown."""


class TokenVerifier(Protocol):
    def verify(self, token: str) -> Caller:
        """Raises InvalidToken; Unavailable where the keys cannot be had."""
