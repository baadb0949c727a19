"""What is logged, in Cloud Logging's format: the fields that metrics and alerts are made of, nothing of a student's."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, MutableMapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from functions import breaker, rejudging
from functions.api import create_app
from functions.claims import claim, look
from functions.domain.line import ONLY_JUDGE
from functions.domain.submission import RunType, Submission
from functions.domain.trace import Trace
from functions.gate import Gate
from functions.ports import Caller, Document, DocumentStore, Query, Unavailable, Update
from functions.sweeping import sweep
from functions.visit import visit
from tests.conftest import ROOT
from tests.fakes import NOON, World
from tests.unit.test_api import BODY, NameIsToken, post

Line = MutableMapping[str, Any]
WRITTEN = """
import sys
from functions.logs import log, mark
from infra import logs

def fail():
    raise ValueError("what a student wrote")

logs.configure({project!r}, lambda: {current!r})
mark("r1")
try:
    fail()
except ValueError as error:
    log("warning", "renewal_failed", "It failed.", error=error, number=3)
"""
TRACE = Trace("a" * 32, "b" * 16, True)


def written(project: str | None, current: str | None) -> dict[str, Any]:
    code = WRITTEN.format(project=project, current=current)
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    [line] = ran.stderr.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def test_a_line_is_what_cloud_logging_reads() -> None:
    line = written("p", TRACE.traceparent)
    assert line.pop("time").endswith("Z")
    assert line.pop("where").startswith("<string>:")
    assert line == {
        "severity": "WARNING",
        "message": "It failed.",
        "action": "renewal_failed",
        "error": "ValueError",
        "number": 3,
        "request_id": "r1",
        "logging.googleapis.com/trace": f"projects/p/traces/{'a' * 32}",
        "logging.googleapis.com/spanId": "b" * 16,
        "logging.googleapis.com/trace_sampled": True,
    }


@pytest.mark.parametrize(("project", "current"), [(None, TRACE.traceparent), ("p", None), ("p", "nonsense")])
def test_where_no_trace_or_no_project_is_known_none_is_told(project: str | None, current: str | None) -> None:
    assert not [name for name in written(project, current) if "trace" in name.lower() or "span" in name.lower()]


@pytest.fixture
def lines() -> Iterator[list[Line]]:
    with capture_logs() as captured:
        yield captured


def told(lines: list[Line], action: str) -> list[Line]:
    return [line for line in lines if line["action"] == action]


def judge(world: World, kind: RunType = RunType.SUBMIT) -> None:
    visit(world.service, Gate(world.clock, lambda: 0, world.service.rng), kind)


def queued(world: World, submission: Submission, seconds: float) -> None:
    """As if it had come into the line so long after NOON: the store's clock is not the test's."""
    path = f"submissions/{submission.submission_id}"
    world.store.commit(Update(path, {"changed_at": NOON + timedelta(seconds=seconds)}))


def test_what_was_judged_is_told_with_its_wait_and_its_service_time(world: World, lines: list[Line]) -> None:
    world.judge.seconds = 2.0
    submission = world.submit(RunType.RUN)
    queued(world, submission, 3.0)
    world.clock.seconds = 10.5
    judge(world, RunType.RUN)
    [line] = told(lines, "judged")
    assert line.pop("service_seconds") == pytest.approx(world.clock.seconds - 10.5, abs=0.001)
    assert line == {
        "log_level": "info",
        "event": "A submission was judged.",
        "action": "judged",
        "judge": "judge0",
        "submission_id": submission.submission_id,
        "exam_id": "exam",
        "question_id": "echo",
        "run_type": "run",
        "status": "completed",
        "verdict": "accepted",
        "language": "python",
        "judgings": 1,
        "wait_seconds": 7.5,
    }


def test_a_clock_that_is_behind_the_stores_makes_no_negative_wait(world: World, lines: list[Line]) -> None:
    queued(world, world.submit(), 60.0)
    judge(world)
    assert [line["wait_seconds"] for line in told(lines, "judged")] == [0.0]


def test_the_wait_of_one_that_was_requeued_begins_there(world: World, lines: list[Line]) -> None:
    submission = world.submit()
    queued(world, submission, 0.0)
    lease = take(world)
    world.clock.seconds += 100.0
    sweep(world.service)
    assert lease.submission.submission_id == submission.submission_id
    queued(world, submission, 100.0)
    world.clock.seconds += 70.0
    judge(world)
    assert [(line["wait_seconds"], line["judgings"]) for line in told(lines, "judged")] == [(70.0, 2)]


def test_a_rejudgings_copy_is_no_judged_submission(world: World, lines: list[Line]) -> None:
    submission = world.submit()
    judge(world)
    rejudging.start_one(world.service, "teacher", submission.submission_id)
    judge(world, RunType.RUN)
    assert len(told(lines, "judged")) == 1
    [copy] = told(lines, "rejudged")
    assert copy["submission_id"].endswith(submission.submission_id)


def test_what_is_said_of_a_submission_belongs_to_the_trace_that_brought_it(world: World, lines: list[Line]) -> None:
    tracer = world.service.tracer
    with tracer.request("run_code", TRACE, followed=True):
        world.submit()
    with tracer.request("judge_submission", Trace("c" * 32, "d" * 16, True), followed=True):
        judge(world)
    assert {line["action"]: line["traceparent"] for line in lines} == {
        "accepted": TRACE.traceparent,
        "judged": TRACE.traceparent,
    }


def test_what_is_accepted_is_told_once_by_ids_and_kind(world: World, lines: list[Line]) -> None:
    submission = world.submit(key="k")
    world.submit(key="k")
    [line] = told(lines, "accepted")
    assert {name for name in line if name not in ("log_level", "event", "action")} == {
        "submission_id",
        "exam_id",
        "question_id",
        "run_type",
        "status",
    }
    assert line["submission_id"] == submission.submission_id


def test_every_line_of_a_request_bears_its_id_and_no_later_one(world: World) -> None:
    app = create_app(world.service, NameIsToken(), version="test", max_body_bytes=100_000)
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as lines, app.test_client() as client:
        post(client, BODY, X_Request_Id="abc-1")
        assert [line["request_id"] for line in told(lines, "accepted")] == ["abc-1"]
    assert "request_id" not in structlog.contextvars.get_contextvars()


def take(world: World) -> Any:
    seen = look(world.service, RunType.SUBMIT)
    assert seen is not None
    lease = claim(world.service, seen)
    assert lease is not None
    return lease


@pytest.mark.parametrize("left", [1, 2])
def test_one_whose_workers_die_is_abandoned_and_at_last_failed(world: World, lines: list[Line], left: int) -> None:
    world = replace(world, service=replace(world.service, rules=replace(world.service.rules, max_judgings=left)))
    submission = world.submit()
    for _ in range(left):
        take(world)
        world.clock.seconds += 100.0
        sweep(world.service)
    assert [line["judgings"] for line in told(lines, "judging_abandoned")] == list(range(1, left + 1))
    [failed] = told(lines, "submission_failed")
    assert (failed["log_level"], failed["submission_id"]) == ("error", submission.submission_id)


def test_the_breaker_is_told_when_it_opens_and_when_it_closes(world: World, lines: list[Line]) -> None:
    world.judge.away = True
    breaker.suspect(world.service, ONLY_JUDGE, world.judge, Unavailable("what a student wrote"))
    breaker.suspect(world.service, ONLY_JUDGE, world.judge, Unavailable("what a student wrote"))
    world.judge.away = False
    world.clock.seconds += 6.0
    assert breaker.judge_answers(world.service, ONLY_JUDGE)
    actions = [line["action"] for line in lines]
    assert actions == ["breaker_opened", "breaker_closed"]
    assert "what a student wrote" not in str(lines)


def test_a_sweep_tells_how_many_wait_and_for_how_long(world: World, lines: list[Line]) -> None:
    world.submit(RunType.RUN, caller=Caller("bob"))
    world.clock.seconds += 10.0
    for _ in range(3):
        world.submit()
    world.clock.seconds += 32.5
    sweep(world.service)
    [line] = told(lines, "swept")
    assert {name: value for name, value in line.items() if name not in ("log_level", "event", "action")} == {
        "waiting_submit": 3,
        "waiting_run": 1,
        "oldest_wait_seconds": 42.5,
        "judge": "closed",
        "put_back": 0,
        "failed": 0,
        "tickets": 4,
    }


def test_where_nobody_waits_the_oldest_wait_is_none(world: World, lines: list[Line]) -> None:
    sweep(world.service)
    [line] = told(lines, "swept")
    assert (line["waiting_submit"], line["waiting_run"], line["oldest_wait_seconds"]) == (0, 0, 0.0)


class Counting:
    """A store that counts the documents that are read from it; a count costs one, as Firestore bills it."""

    def __init__(self, store: DocumentStore) -> None:
        self._store = store
        self.read = 0

    def get(self, *paths: str) -> list[Document | None]:
        self.read += len(paths)
        return self._store.get(*paths)

    def find(self, query: Query) -> list[Document]:
        found = self._store.find(query)
        self.read += max(1, len(found))
        return found

    def count(self, query: Query) -> int:
        self.read += 1
        return self._store.count(query)

    def commit(self, *writes: Any) -> list[object]:
        return self._store.commit(*writes)


def test_a_sweep_reads_as_few_documents_however_long_the_line_is(world: World) -> None:
    reads = []
    for waiting in (0, 10, 50):
        students = [world.add_student(f"s{waiting}-{number}") for number in range(waiting)]
        for student in students:
            world.submit(caller=student)
        counting = Counting(world.store)
        world.clock.seconds += 5.0
        sweep(replace(world.service, store=counting))
        reads.append(counting.read)
    assert reads[1] == reads[2] <= reads[0] + 6
    assert reads[2] <= 20
