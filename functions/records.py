"""How the domain's values are kept as documents, where, and which composite indexes their queries need."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from typing import Any

from functions.domain.breaker import Breaker, State
from functions.domain.concurrency import Bounds
from functions.domain.exam import Attempt, Exam, LastTurn
from functions.domain.line import ONLY_JUDGE, Slot, Waiting
from functions.domain.question import Data, Limits, Question, Stored, TestCase, Validator
from functions.domain.rejudging import Compared, Rejudging, Stage, original_id
from functions.domain.scoring import Group, Scored
from functions.domain.sharing import Control, Setting
from functions.domain.submission import COPY_OF, Outcome, RunType, Status, Submission
from functions.domain.verdict import TestResult, Verdict
from functions.ports import Condition, Document, Fields, Query, ServerTime

SUBMISSIONS, REJUDGED, REJUDGINGS, SLOTS, EXAMS, ATTEMPTS, QUESTIONS, TESTS, PACKAGES, CONTROL, DATA_REQUESTS = (
    "submissions",
    "rejudged",
    "rejudgings",
    "slots",
    "exams",
    "attempts",
    "questions",
    "question_tests",
    "question_packages",
    "control",
    "data_requests",
)

INDEXES: tuple[tuple[str, tuple[tuple[str, bool], ...]], ...] = (
    # (collection, ((field, descending), ...)): the line, recent service times, an attempt's history
    (SUBMISSIONS, (("status", False), ("run_type", False), ("turn_at", False))),
    (SUBMISSIONS, (("status", False), ("run_type", False), ("finished_at", True))),
    (SUBMISSIONS, (("attempt_id", False), ("created_at", True))),
    # staff's lists: Firestore merges those of several equalities where they end in the same order
    (SUBMISSIONS, (("question_id", False), ("created_at", True))),
    (SUBMISSIONS, (("status", False), ("created_at", True))),
    (REJUDGED, (("status", False), ("turn_at", False))),
    # both again as a judge sees them that lacks others' languages
    (SUBMISSIONS, (("status", False), ("run_type", False), ("language", False), ("turn_at", False))),
    (REJUDGED, (("status", False), ("language", False), ("turn_at", False))),
)

DELETE_AT = "delete_at"
"""Firestore deletes a submission within a day after this moment. Only what an archive holds is ever given one."""
VERSION_SECRET_PATH = f"{CONTROL}/versions"
SLOTS_PATH = f"{CONTROL}/slots"
FLEET_PATH = f"{CONTROL}/fleet"
MOST_VALUES = 30
"""Firestore's bound on the values of one ``in``."""
CHUNK_BYTES = 900_000
"""A Firestore document holds 1 MiB in all."""


def queued(kind: RunType) -> tuple[Condition, ...]:
    """Which submissions wait in a queue's line."""
    return (("status", "==", str(Status.QUEUED)), ("run_type", "==", str(kind)))


def line(kind: RunType, limit: int | None = None, select: tuple[str, ...] | None = None) -> Query:
    """The first ``limit`` of a queue's line, in the order in which they are taken."""
    order_by = (("turn_at", False),)
    return Query(SUBMISSIONS, queued(kind), order_by=order_by, limit=limit, select=select)


def in_languages(line: Query, languages: Sequence[str]) -> Iterator[Query]:
    """The same line without those in other languages: its first ``limit`` are the first of what these find."""
    for start in range(0, len(languages), MOST_VALUES):
        condition: Condition = ("language", "in", list(languages[start : start + MOST_VALUES]))
        yield replace(line, where=(*line.where, condition))


def rejudged_line(limit: int, select: tuple[str, ...] | None = None) -> Query:
    """The first ``limit`` of the third line, in the order in which they are taken."""
    where: tuple[Condition, ...] = (("status", "==", str(Status.QUEUED)),)
    return Query(REJUDGED, where, order_by=(("turn_at", False),), limit=limit, select=select)


def submission_path(submission_id: str) -> str:
    """Copies that are judged again lie apart: no position, wait, score or list has to leave them out."""
    return f"{REJUDGED if COPY_OF in submission_id else SUBMISSIONS}/{submission_id}"


def slot_path(number: int) -> str:
    return f"{SLOTS}/{number}"


def pace_path(judge: str) -> str:
    return f"{CONTROL}/pace@{judge}"


def breaker_path(judge: str) -> str:
    return f"{CONTROL}/judge" if judge == ONLY_JUDGE else f"{CONTROL}/judge@{judge}"


OPTIONAL = ("rejudging_id", "before", "traceparent")
"""Fields that a document has only where there is something to say."""


def submission_fields(submission: Submission) -> dict[str, Any]:
    """A new submission's document."""
    return {**_submission_content(submission), "changed_at": ServerTime.NOW}


def _submission_content(submission: Submission) -> dict[str, Any]:
    record = {f.name: getattr(submission, f.name) for f in fields(submission) if f.name != "submission_id"}
    record["results"] = [
        {key: _plain(value) for key, value in asdict(result).items() if value is not None}
        for result in submission.results
    ]
    if submission.before is not None:
        record["before"] = asdict(submission.before)
    return {key: _plain(value) for key, value in record.items() if value is not None or key not in OPTIONAL}


def submission_changes(before: Submission, after: Submission) -> dict[str, Any]:
    """Only what changed: source code is not written again with every step.

    ``changed_at`` is when it last came into the line or left it: by it `functions.standing` follows the line.
    """
    old, new = _submission_content(before), _submission_content(after)
    changes = {key: value for key, value in new.items() if key not in old or old[key] != value}
    if Status.QUEUED in (before.status, after.status):
        changes["changed_at"] = ServerTime.NOW
    return changes


def submission_of(document: Document) -> Submission:
    record = dict(document.fields)
    del record["changed_at"]
    record.pop(DELETE_AT, None)
    record["run_type"] = RunType(record["run_type"])
    record["status"] = Status(record["status"])
    record["verdict"] = None if record["verdict"] is None else Verdict(record["verdict"])
    record["results"] = tuple(
        TestResult(**{**result, "verdict": Verdict(result["verdict"])}) for result in record["results"]
    )
    if "before" in record:
        record["before"] = outcome_of(record["before"])
    return Submission(submission_id=document.document_id, **record)


def outcome_of(record: Fields) -> Outcome:
    verdict = record["verdict"]
    return Outcome(None if verdict is None else Verdict(verdict), record["score"])


COMPARED = ("attempt_id", "question_id", "student", "status", "before", "verdict", "score")
"""The fields that ``compared_of`` needs."""


def compared_of(document: Document) -> Compared:
    record = dict(document.fields)
    return Compared(
        submission_id=original_id(document.document_id),
        attempt_id=record["attempt_id"],
        question_id=record["question_id"],
        student=record["student"],
        status=Status(record["status"]),
        before=outcome_of(record["before"]),
        after=outcome_of(record),
    )


def rejudging_path(rejudging_id: str) -> str:
    return f"{REJUDGINGS}/{rejudging_id}"


def rejudging_fields(rejudging: Rejudging) -> dict[str, Any]:
    record = asdict(rejudging)
    del record["rejudging_id"]
    return {**record, "stage": str(rejudging.stage), "exam_ids": list(rejudging.exam_ids)}


def rejudging_of(document: Document) -> Rejudging:
    record = dict(document.fields)
    record |= {"stage": Stage(record["stage"]), "exam_ids": tuple(record.get("exam_ids", ()))}
    return Rejudging(document.document_id, **record)


WAITING = ("attempt_id", "created_at", "judgings")
"""The fields that ``waiting_of`` needs: looking at the line does not read anybody's source code."""
NEEDS = ("language", "question_id", "question_version")
WAITING_FOR = (*WAITING, *NEEDS, "turn_at")
"""And those by which one is told that not every judge can do."""


def waiting_of(document: Document) -> Waiting:
    known = {name: document.fields[name] for name in (*WAITING, *NEEDS) if name in document.fields}
    return Waiting(submission_id=document.document_id, **known)


def scored_of(document: Document) -> Scored:
    return Scored(submission_id=document.document_id, **document.fields)


def slot_fields(slot: Slot) -> dict[str, Any]:
    """A new slot's document. Most deployments have one judge: their slots name none."""
    named = {} if slot.judge == ONLY_JUDGE else {"judge": slot.judge}
    return {**lease_fields(slot), "retired": slot.retired, **named}


def lease_fields(slot: Slot) -> dict[str, Any]:
    """The part of a slot that its holders write; whose it is, and whether retired, is an operator's affair."""
    return {
        "expires_at": slot.expires_at,
        "free_at": slot.free_at,
        "owner": slot.owner,
        "submission_id": slot.submission_id,
        "last_kind": _plain(slot.last_kind),
    }


def slot_of(document: Document) -> Slot:
    record = dict(document.fields)
    kind = record.pop("last_kind")
    return Slot(number=int(document.document_id), last_kind=RunType(kind) if kind else None, **record)


def control_fields(control: Control) -> dict[str, Any]:
    """Most deployments have one judge: theirs is the setting alone."""
    seeded = {name: _setting_word(setting) for name, setting in control.seeded.items()}
    if control.set_at is None:
        return {"seeded": seeded.get(ONLY_JUDGE, seeded)}
    return {"seeded": seeded, "seen": dict(control.seen), "set_at": control.set_at}


def control_of(document: Document | None) -> Control:
    if document is None:
        return Control()
    seeded = document.fields["seeded"]
    named = seeded if isinstance(seeded, Mapping) else {ONLY_JUDGE: seeded}
    return Control(
        seeded={name: _setting_of(word) for name, word in named.items()},
        seen=document.fields.get("seen", {}),
        set_at=document.fields.get("set_at"),
    )


def _setting_word(setting: Setting) -> int | str:
    return f"auto:{setting.least}-{setting.most}" if isinstance(setting, Bounds) else setting


def _setting_of(word: int | str) -> Setting:
    return Bounds(*map(int, word.removeprefix("auto:").split("-"))) if isinstance(word, str) else word


def exam_fields(exam: Exam) -> dict[str, Any]:
    return {
        "title": exam.title,
        "question_ids": None if exam.question_ids is None else list(exam.question_ids),
        "opens_at": exam.opens_at,
        "closes_at": exam.closes_at,
        "counts": exam.counts,
        "staff": None if exam.staff is None else list(exam.staff),
    }


def exam_of(document: Document) -> Exam:
    record = dict(document.fields)
    for name in ("question_ids", "staff"):
        record[name] = None if record[name] is None else tuple(record[name])
    return Exam(exam_id=document.document_id, **record)


def attempt_fields(attempt: Attempt) -> dict[str, Any]:
    return {
        "student": attempt.student,
        "exam_id": attempt.exam_id,
        "opens_at": attempt.opens_at,
        "closes_at": attempt.closes_at,
        **attempt_intake_fields(attempt),
    }


def attempt_intake_fields(attempt: Attempt) -> dict[str, Any]:
    """The part that every intake rewrites; an operator who extends the attempt writes the other."""
    return {
        "last_turns": {str(kind): asdict(last) for kind, last in attempt.last_turns.items()},
        "arrivals": {str(kind): list(times) for kind, times in attempt.arrivals.items()},
        "waiting_runs": dict(attempt.waiting_runs),
    }


def attempt_of(document: Document) -> Attempt:
    record = dict(document.fields)
    record["last_turns"] = {RunType(kind): LastTurn(**last) for kind, last in record["last_turns"].items()}
    record["arrivals"] = {RunType(kind): tuple(times) for kind, times in record["arrivals"].items()}
    return Attempt(attempt_id=document.document_id, **record)


def breaker_fields(breaker: Breaker) -> dict[str, Any]:
    return {
        "state": str(breaker.state),
        "since": breaker.since,
        "retry_at": breaker.retry_at,
        "pause_seconds": breaker.pause_seconds,
    }


def breaker_of(document: Document) -> Breaker:
    return Breaker(**{**document.fields, "state": State(document.fields["state"])})


def question_fields(question: Question) -> dict[str, Any]:
    """The question's own document: all that is shown, and nothing of a hidden test."""
    return {
        "title": question.title,
        "statement": question.statement,
        "limits": asdict(question.limits),
        "languages": list(question.languages),
        "checker": question.checker,
        "points": question.points,
        "run_stops_early": question.run_stops_early,
        "time_multipliers": dict(question.time_multipliers),
        "version": question.version,
        "samples": [{"stdin": test.stdin, "expected": test.expected} for test in question.samples],
        "total": len(question.tests),
    }


def _question_of(question_id: str, content: Fields, tests: tuple[TestCase, ...]) -> Question:
    record, validator, groups = content["head"], content["validator"], content["groups"]
    return Question(
        question_id=question_id,
        title=record["title"],
        statement=record["statement"],
        tests=tests,
        limits=Limits(**record["limits"]),
        languages=tuple(record["languages"]),
        checker=record["checker"],
        points=record["points"],
        run_stops_early=record["run_stops_early"],
        validator=None if validator is None else Validator(**{**validator, "flags": tuple(validator["flags"])}),
        time_multipliers=tuple(sorted(record["time_multipliers"].items())),
        groups=None if groups is None else _group_of(groups),
        version=record["version"],
    )


def tests_path(question_id: str, version: str, chunk: int) -> str:
    return f"{TESTS}/{question_id}@{version}-{chunk}"


def version_chunks(question: Question) -> list[dict[str, Any]]:
    """One version, whole, in chunks that fit a document: judging reads it once and keeps it."""
    head = question_fields(question)
    del head["samples"]
    tests = [[_data_fields(test.stdin), _data_fields(test.expected), test.hidden] for test in question.tests]
    return _chunks(
        {
            "head": head,
            "tests": tests,
            "validator": None if question.validator is None else asdict(question.validator),
            "groups": None if question.groups is None else asdict(question.groups),
        }
    )


def _group_of(record: Fields) -> Group:
    return Group(
        record["aggregate"],
        tuple((index, points) for index, points in record["tests"]),
        tuple(map(_group_of, record["groups"])),
    )


def question_of_chunks(question_id: str, payloads: list[bytes]) -> Question:
    """The inverse of ``version_chunks``. Raises ValueError or KeyError where a chunk is damaged."""
    record = _of_chunks(payloads)
    tests = tuple(
        TestCase(stdin=_data_of(stdin), expected=_data_of(expected), hidden=hidden)
        for stdin, expected, hidden in record["tests"]
    )
    return _question_of(question_id, record, tests)


def _data_fields(data: Data) -> str | dict[str, Any]:
    return asdict(data) if isinstance(data, Stored) else base64.b64encode(data).decode()


def _data_of(record: str | dict[str, Any]) -> Data:
    return base64.b64decode(record) if isinstance(record, str) else Stored(**record)


def package_path(question_id: str, chunk: int) -> str:
    return f"{PACKAGES}/{question_id}-{chunk}"


def package_chunks(submissions: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A package's own submissions, in chunks that fit a document: what `questions verify` judges."""
    return _chunks(submissions)


def package_of_chunks(payloads: list[bytes]) -> list[dict[str, Any]]:
    """The inverse of ``package_chunks``. Raises ValueError where a chunk is damaged."""
    submissions: list[dict[str, Any]] = _of_chunks(payloads)
    return submissions


def _chunks(content: object) -> list[dict[str, Any]]:
    packed = zlib.compress(json.dumps(content).encode())
    pieces = [packed[start : start + CHUNK_BYTES] for start in range(0, len(packed), CHUNK_BYTES)]
    return [{"chunks": len(pieces), "payload": piece} for piece in pieces]


def _of_chunks(payloads: list[bytes]) -> Any:
    try:
        return json.loads(zlib.decompress(b"".join(payloads)))
    except zlib.error as error:
        raise ValueError(str(error)) from error


def _plain(value: Any) -> Any:
    """Enumerations as their words; everything else as it is."""
    if isinstance(value, (RunType, Status, Verdict)):
        return str(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return value
