"""What an operator sees of one submission: its trace, its log lines, and the numbers that Prometheus reads."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from infra.local import environment, firestore_emulator, tokens
from tests.conftest import missing
from tests.stack.conftest import GIVE_UP_SECONDS, LiveStack, free_ports, plain_environment, running_stack, wait_until

pytestmark = pytest.mark.stack

SUM = "input()\nprint(sum(map(int, input().split())))\n"
TRACE = "0af7651916cd43dd8448eb211c80319c"
FUNCTIONS = ("run_code", "judge_submission", "sweep")


@pytest.fixture(scope="module")
def traced() -> Iterator[LiveStack]:
    """Its first sweep, whose tickets have traces of their own, comes when all has been judged."""
    try:
        firestore_emulator.find(os.environ)
    except firestore_emulator.NotFound as error:
        missing(f"Firestore's emulator: {error}; {firestore_emulator.HOW_TO_GET_IT}")
    with running_stack(plain_environment() | free_ports() | {"TRACES": "console"}) as stack:
        if "without a judge" in "".join(stack.output):
            missing("no sandbox for the local runner: apt-get install bubblewrap")
        yield stack


@pytest.fixture(scope="module")
def submission_id(traced: LiveStack) -> str:
    """A submission that was sent with a trace, and judged."""
    student = traced.student()
    body = {"attempt_id": student.attempt_id, "question_id": "sum", "language": "python", "code": SUM}
    headers = {**student.headers, "traceparent": f"00-{TRACE}-b7ad6b7169203331-01"}
    answer = requests.post(traced.url, json={**body, "run_type": "submit"}, headers=headers, timeout=30)
    assert answer.status_code == 202, answer.text
    sent: str = answer.json()["submission_id"]
    assert student.wait(sent)["verdict"] == "accepted"
    until_told(traced, "judge_submission", lambda line: line.get("name") == "judge_submission")
    return sent


def written(stack: LiveStack, function: str) -> list[dict[str, Any]]:
    """The JSON lines of a function's log."""
    log = (stack.stack.state / f"{function}.log").read_text()
    return [json.loads(line) for line in log.splitlines() if line.startswith("{")]


def until_told(stack: LiveStack, function: str, wanted: Any) -> None:
    until = time.monotonic() + GIVE_UP_SECONDS
    while not any(map(wanted, written(stack, function))):
        assert time.monotonic() < until, "it was never told"
        time.sleep(0.1)


def scraped(stack: LiveStack) -> dict[tuple[str, ...], float]:
    text = requests.get(f"http://127.0.0.1:{stack.stack.tasks_http_port}/metrics", timeout=30).text
    samples = [each for family in text_string_to_metric_families(text) for each in family.samples]
    return {(each.name, *each.labels.values()): each.value for each in samples}


def test_one_trace_leads_from_the_request_to_the_calls_of_the_judge(traced: LiveStack, submission_id: str) -> None:
    lines = [line for function in FUNCTIONS for line in written(traced, function)]
    told = [line for line in lines if line.get("context", {}).get("trace_id") == f"0x{TRACE}"]
    spans = {span["context"]["span_id"]: span for span in told}
    names = [span["name"] for span in spans.values()]
    assert {name: names.count(name) for name in ("run_code", "enqueue", "judge_submission", "judging")} == {
        "run_code": 1,
        "enqueue": 1,
        "judge_submission": 1,
        "judging": 1,
    }
    for call in ("judge.create", "judge.poll"):
        [way] = {tuple(ancestors(spans, span)) for span in spans.values() if span["name"] == call}
        assert way == (call, "judging", "judge_submission", "enqueue", "run_code", "0xb7ad6b7169203331")
    [judging] = [span for span in spans.values() if span["name"] == "judging"]
    assert judging["attributes"] == {"submission_id": submission_id, "run_type": "submit"}
    assert judging["links"] == []


def ancestors(spans: dict[str, dict[str, Any]], span: dict[str, Any]) -> Iterator[str]:
    yield span["name"]
    parent = span["parent_id"]
    if parent in spans:
        yield from ancestors(spans, spans[parent])
    else:
        yield parent


def test_polls_make_no_spans(traced: LiveStack, submission_id: str) -> None:
    traced.health()
    spans = [line for line in written(traced, "run_code") if "context" in line]
    assert len([span for span in spans if span["name"] == "run_code"]) == 1


def test_its_log_lines_bear_the_same_trace(traced: LiveStack, submission_id: str) -> None:
    lines = [line for function in FUNCTIONS for line in written(traced, function)]
    told = {line["action"]: line for line in lines if line.get("submission_id") == submission_id}
    assert told.keys() == {"accepted", "judged"}
    traces = {line["logging.googleapis.com/trace"] for line in told.values()}
    assert traces == {f"projects/run-code-local/traces/{TRACE}"}
    assert re.fullmatch(r"[0-9a-f]{16}", told["judged"]["logging.googleapis.com/spanId"])
    assert told["accepted"]["request_id"]


def test_prometheus_reads_what_happened(traced: LiveStack, submission_id: str) -> None:
    audience = environment.functions_environment(traced.stack, {})["HANDLER_URL"]
    bearer = {"Authorization": f"Bearer {tokens.service_account(traced.stack, audience)}"}
    assert requests.post(traced.stack.sweep_url, headers=bearer, timeout=30).status_code == 200
    wait_until(lambda: scraped(traced)["cloud_tasks_queue_depth", "submit"] == 0)  # the handler's answer has come
    found = scraped(traced)
    assert found["run_code_verdicts_total", "submit", "accepted"] == 1
    assert found["run_code_wait_seconds_count", "submit"] == 1
    assert found["run_code_service_seconds_count", "python", "submit"] == 1
    assert found["run_code_service_seconds_sum", "python", "submit"] > 0
    assert found["run_code_waiting_submit",] == found["run_code_oldest_wait_seconds",] == 0
    assert found["run_code_failures_total",] == 0
    assert found["cloud_tasks_attempts_total", "submit", "200"] >= 1
