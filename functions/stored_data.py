"""Tests' data that is too large for a document: written once by content, read under a lease, always verified."""

from __future__ import annotations

import hashlib

from functions.data_cache import STORE
from functions.domain.question import Data, Stored
from functions.leases import Lease
from functions.logs import log
from functions.ports import ObjectStore, Unavailable
from functions.service import Service

BUDGET_SECONDS = 5.0
"""How long a visit holds its slot for data that it cannot have, before the submission goes back in line."""
PAUSE_SECONDS = 0.5
AWAY_SECONDS = 10.0
"""For so long this process does not try again what it could not have: others in line need their slots."""


class TestDataAway(Exception):
    """A test's data could not be had whole: the submission waits. Never a verdict from anything else."""

    __test__ = False  # the word belongs to judging; pytest must not collect it


def key_of(sha256: str) -> str:
    return f"tests/{sha256}"


def store(objects: ObjectStore, content: bytes) -> Stored:
    """Write it, also where it is there already: a damaged object is mended so. Raises Unavailable."""
    data = Stored(hashlib.sha256(content).hexdigest(), len(content))
    objects.put(key_of(data.sha256), content)
    return data


def content_of(service: Service, lease: Lease, data: Data) -> bytes:
    """The bytes themselves. Raises TestDataAway, and LeaseLost where waiting for them took the lease."""
    if isinstance(data, bytes):
        return data
    kept = service.data.get(data.sha256)
    if kept is not None:
        return kept
    begun = service.clock.monotonic()
    if service.data.is_away(data.sha256, begun):
        raise TestDataAway("could not be had just before")
    while True:
        lease.keep()
        try:
            content = _read(service, data)
        except TestDataAway as error:
            if service.clock.monotonic() - begun >= BUDGET_SECONDS or service.draining.over:
                log("error", "test_data_away", f"A test's data {error}.", lease.submission, sha256=data.sha256)
                missed = STORE if isinstance(error.__cause__, Unavailable) else data.sha256
                service.data.note_away(missed, service.clock.monotonic() + AWAY_SECONDS)
                raise
            service.clock.sleep(service.rng.uniform(0.5, 1.5) * PAUSE_SECONDS)
        else:
            service.data.put(data.sha256, content)
            return content


def _read(service: Service, data: Stored) -> bytes:
    """Raises TestDataAway, which says what is wrong."""
    if service.objects is None:
        raise TestDataAway("is in an object store, and none is set")
    try:
        content = service.objects.get(key_of(data.sha256))
    except Unavailable as error:
        raise TestDataAway("cannot be read, for the object store does not answer") from error
    if content is None:
        raise TestDataAway("is missing: import the question again")
    if hashlib.sha256(content).hexdigest() != data.sha256:
        raise TestDataAway("is damaged: import the question again")
    return content
