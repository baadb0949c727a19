"""Questions: written whole, read once per version and kept in the process."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress
from dataclasses import replace

from functions import records
from functions.domain.question import Question, version_of
from functions.keeping import forget, keep
from functions.ports import Conflict, Create, Document, Put
from functions.service import Service

HEAD_SECONDS = 5.0
"""How stale a question's own document may be: what a teacher changes is seen by all within this."""
VERSION_SECONDS = 3600.0
"""A version never changes; this only lets go of those that nobody uses."""


class QuestionDamaged(Exception):
    """The question's tests are missing or cannot be read: ours to mend, never a verdict."""


def judges_too_long(service: Service, question: Question) -> str | None:
    """Why no visit could judge it in time, as a sentence for its author; None where one can."""
    rules = service.rules
    needed = question.longest_judging_seconds(rules.batch_size, rules.time_multipliers)
    if needed <= rules.longest_judging:
        return None
    return (
        f"judging may take {needed:.0f} s, but DISPATCH_DEADLINE - SLOT_WAIT - VISIT_BUDGET leaves"
        f" {rules.longest_judging:.0f} s: fewer tests, shorter limits or a longer DISPATCH_DEADLINE"
    )


def sealed(service: Service, question: Question) -> Question:
    """The question with its version keyed by a secret of this service.

    A submission names the version, and its student may read that (`infra/firestore.rules`). A plain hash of everything
    would let anybody try guesses at hidden tests against it.
    """
    secret = keep(service, "version secret", VERSION_SECONDS, lambda: _version_secret(service))
    version = hmac.new(secret, version_of(question).encode(), hashlib.sha256).hexdigest()[:16]
    return replace(question, version=version)


def _version_secret(service: Service) -> bytes:
    """Made at the first asking; of two that make it at once, one is kept."""
    made = {"secret": secrets.token_bytes(32)}
    with suppress(Conflict):
        service.store.commit(Create(records.VERSION_SECRET_PATH, made))
    [document] = service.store.get(records.VERSION_SECRET_PATH)
    secret: bytes = document.fields["secret"] if document is not None else made["secret"]
    return secret


def put_question(service: Service, question: Question) -> None:
    """Write a version: its tests first, then the document that points to them."""
    for number, chunk in enumerate(records.version_chunks(question)):
        service.store.commit(Put(records.tests_path(question.question_id, question.version, number), chunk))
    path = f"{records.QUESTIONS}/{question.question_id}"
    service.store.commit(Put(path, records.question_fields(question)))
    forget(service, _head_key(question.question_id))


def head(service: Service, question_id: str) -> Document | None:
    """The question's own document (no hidden test in it), at most HEAD_SECONDS old; None where there is none."""

    def read() -> Document | None:
        return service.store.get(f"{records.QUESTIONS}/{question_id}")[0]

    return keep(service, _head_key(question_id), HEAD_SECONDS, read)


def _head_key(question_id: str) -> str:
    return f"question {question_id}"


def question_version(service: Service, question_id: str, version: str) -> Question:
    """One version with all of its tests. Raises QuestionDamaged, Unavailable."""
    key = f"tests {question_id}@{version}"
    return keep(service, key, VERSION_SECONDS, lambda: _read_version(service, question_id, version))


def _read_version(service: Service, question_id: str, version: str) -> Question:
    path = records.tests_path(question_id, version, 0)
    first = service.store.get(path)[0]
    if first is None:
        raise QuestionDamaged(f"question {question_id}: version {version} is not stored")
    paths = [records.tests_path(question_id, version, number) for number in range(1, first.fields["chunks"])]
    chunks = [first, *(service.store.get(path)[0] for path in paths)]
    payloads = [chunk.fields["payload"] for chunk in chunks if chunk is not None]
    if len(payloads) < len(chunks):
        raise QuestionDamaged(f"question {question_id}: version {version} lacks a part of its tests")
    try:
        return records.question_of_chunks(question_id, payloads)
    except (ValueError, KeyError, TypeError) as error:
        raise QuestionDamaged(f"question {question_id}: version {version} cannot be read") from error
