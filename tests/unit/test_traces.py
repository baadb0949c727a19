"""Trace contexts: read from requests, passed on with tickets, told as spans where somebody asks for them."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest
from google.oauth2.credentials import Credentials
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from functions.domain.submission import RunType
from functions.domain.trace import Trace, of_cloud, of_traceparent
from functions.gate import Gate
from functions.ports import Caller, Tracer
from functions.traces import Untraced
from functions.visit import visit
from infra.sqlite import SQLiteDocumentStore
from infra.traces import OpenTelemetryTracer, to_google
from tests.conftest import ROOT
from tests.fakes import World, make_world

ID, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
BROUGHT = Trace(ID, SPAN, sampled=False)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (f"00-{ID}-{SPAN}-01", Trace(ID, SPAN, True)),
        (f"00-{ID}-{SPAN}-00", Trace(ID, SPAN, False)),
        (f"00-{ID}-{SPAN}-03", Trace(ID, SPAN, True)),
        (f"01-{ID}-{SPAN}-01-more", Trace(ID, SPAN, True)),
        (f"00-{ID}-{SPAN}-01-more", None),
        (f"ff-{ID}-{SPAN}-01", None),
        (f"00-{ID.upper()}-{SPAN}-01", None),
        (f"00-{'0' * 32}-{SPAN}-01", None),
        (f"00-{ID}-{'0' * 16}-01", None),
        (f"00-{ID}-{SPAN}", None),
        (f"00-{ID}-{SPAN}-01\n", None),
        ("", None),
    ],
)
def test_a_traceparent_is_read_as_w3c_says(header: str, found: Trace | None) -> None:
    assert of_traceparent(header) == found


def test_what_is_written_is_read_again() -> None:
    for sampled in (True, False):
        assert of_traceparent(Trace(ID, SPAN, sampled).traceparent) == Trace(ID, SPAN, sampled)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (f"{ID}/{int(SPAN, 16)};o=1", Trace(ID, SPAN, True)),
        (f"{ID.upper()}/{int(SPAN, 16)}", Trace(ID, SPAN, False)),
        (f"{ID}/1;o=0", Trace(ID, "0000000000000001", False)),
        (f"{ID}/0", None),
        (f"{ID}/{2**64}", None),
        (f"{ID}/{SPAN}", None),
        (ID, None),
    ],
)
def test_googles_own_header_has_its_span_in_decimal_digits(header: str, found: Trace | None) -> None:
    assert of_cloud(header) == found


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(spans: InMemorySpanExporter) -> Tracer:
    return OpenTelemetryTracer(SimpleSpanProcessor(spans), function="run_code", project="p")


@pytest.fixture
def traced(tracer: Tracer) -> Iterator[World]:
    with closing(SQLiteDocumentStore(":memory:")) as store:
        world = make_world(store)
        yield replace(world, service=replace(world.service, tracer=tracer))


def named(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    [found] = [span for span in spans.get_finished_spans() if span.name == name]
    return found


def trace_id(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def test_a_request_goes_on_with_the_trace_that_it_brought(tracer: Tracer, spans: InMemorySpanExporter) -> None:
    with tracer.request("run_code", BROUGHT, followed=True), tracer.span("step", submission_id="s1"):
        inside = tracer.traceparent()
    request, step = named(spans, "run_code"), named(spans, "step")
    assert request.parent is not None
    assert (trace_id(request), f"{request.parent.span_id:016x}") == (ID, SPAN)
    assert step.context is not None
    assert step.parent == request.context
    assert inside == Trace(ID, f"{step.context.span_id:016x}", True).traceparent
    assert dict(step.attributes or {}) == {"submission_id": "s1"}
    assert tracer.traceparent() is None


def test_a_request_without_a_trace_begins_one(tracer: Tracer, spans: InMemorySpanExporter) -> None:
    for _ in range(2):
        with tracer.request("run_code", None, followed=True):
            pass
    first, second = spans.get_finished_spans()
    assert (first.parent, second.parent) == (None, None)
    assert trace_id(first) != trace_id(second)


@pytest.mark.parametrize("brought", [BROUGHT, replace(BROUGHT, sampled=True), None])
def test_of_a_request_that_is_not_followed_only_the_context_is_known(
    tracer: Tracer, spans: InMemorySpanExporter, brought: Trace | None
) -> None:
    with tracer.request("run_code", brought, followed=False), tracer.span("step"):
        assert tracer.traceparent() == (None if brought is None else brought.traceparent)
    assert spans.get_finished_spans() == ()


def test_of_an_error_only_its_type_is_told(tracer: Tracer, spans: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="what a student wrote"), tracer.request("run_code", None, followed=True):
        raise ValueError("what a student wrote")
    [span] = spans.get_finished_spans()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "ValueError")
    assert "what a student wrote" not in span.to_json()


@pytest.mark.parametrize("brought", [BROUGHT, None])
def test_without_traces_the_context_of_the_request_is_passed_on(brought: Trace | None) -> None:
    tracer = Untraced()
    with tracer.request("run_code", brought, followed=True), tracer.span("step"):
        assert tracer.traceparent() == (None if brought is None else brought.traceparent)
    assert tracer.traceparent() is None


@pytest.mark.parametrize("followed", [True, False])
def test_a_ticket_and_its_submission_bear_the_trace_of_the_request(
    traced: World, spans: InMemorySpanExporter, followed: bool
) -> None:
    with traced.service.tracer.request("run_code", BROUGHT, followed=followed):
        submission = traced.read(traced.submit())
    [ticket] = traced.tickets.traceparents
    around = named(spans, "run_code").context if followed else None
    enqueued = named(spans, "enqueue").context if followed else None
    assert submission.traceparent == (Trace(ID, f"{around.span_id:016x}", True) if around else BROUGHT).traceparent
    assert ticket == (Trace(ID, f"{enqueued.span_id:016x}", True) if enqueued else BROUGHT).traceparent


def test_without_any_trace_nothing_of_it_is_stored_or_sent(world: World) -> None:
    submission = world.submit()
    document = world.store.get(f"submissions/{submission.submission_id}")[0]
    assert document is not None
    assert "traceparent" not in document.fields
    assert world.tickets.traceparents == [None]


def test_a_judging_belongs_to_its_visit_and_is_linked_to_the_trace_of_its_own_submission(
    traced: World, spans: InMemorySpanExporter
) -> None:
    tracer, service = traced.service.tracer, traced.service
    brought = {name: Trace(digit * 32, digit * 16, True) for name, digit in (("alice", "a"), ("bob", "b"))}
    for name, trace in brought.items():
        with tracer.request("run_code", trace, followed=True):
            traced.submit(caller=Caller(name))
        traced.clock.seconds += 1
    gate = Gate(traced.clock, lambda: 0, service.rng)
    ticket = of_traceparent(traced.tickets.traceparents[0] or "")
    with tracer.request("judge_submission", ticket, followed=True):
        visit(service, gate, RunType.SUBMIT)
    around = named(spans, "judge_submission")
    judgings = [span for span in spans.get_finished_spans() if span.name == "judging"]
    assert len(judgings) == 2
    assert [span.parent for span in judgings] == [around.context, around.context]
    assert {trace_id(span) for span in (around, *judgings)} == {"a" * 32}
    links = sorted(f"{link.context.trace_id:032x}" for span in judgings for link in span.links)
    assert links == ["b" * 32], "the other is of the visit's own trace"


class Telemetry(BaseHTTPRequestHandler):
    """Google's end: keeps what was sent to it."""

    sent: ClassVar[list[tuple[str, str, ExportTraceServiceRequest]]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        request = ExportTraceServiceRequest.FromString(body)
        self.sent.append((self.path, self.headers["Authorization"], request))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


def test_spans_go_to_google_with_the_service_accounts_token_and_the_project() -> None:
    Telemetry.sent.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Telemetry) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        processor = to_google(f"http://127.0.0.1:{server.server_port}/v1/traces", Credentials("t0ken"))  # type: ignore[no-untyped-call]
        with OpenTelemetryTracer(processor, function="run_code", project="p").request("run_code", None, followed=True):
            pass
        processor.shutdown()
        server.shutdown()
    [(path, authorization, request)] = Telemetry.sent
    assert (path, authorization) == ("/v1/traces", "Bearer t0ken")
    [spans] = request.resource_spans
    told = {each.key: each.value.string_value for each in spans.resource.attributes}
    assert (told["service.name"], told["gcp.project_id"]) == ("run_code", "p")
    assert [span.name for scope in spans.scope_spans for span in scope.spans] == ["run_code"]


LOADED = """
import sys
from werkzeug.wrappers import Request
from infra import bootstrap
import functions.machine
with bootstrap.following(Request.from_values(method="POST").environ):
    bootstrap.public_app()
    bootstrap.ticket_queue(bootstrap.configuration())
    bootstrap.judge(bootstrap.configuration(), "http://127.0.0.1:1")
print("loaded" if {"opentelemetry.trace", "opentelemetry.context"} & set(sys.modules) else "nothing")
"""


@pytest.mark.parametrize(("traces", "loaded"), [("", "nothing"), ("off", "nothing"), ("console", "loaded")])
def test_opentelemetry_is_imported_only_where_traces_are_asked_for(traces: str, loaded: str) -> None:
    env = {
        **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME")},
        "TRACES": traces,
        "SQLITE_PATH": ":memory:",
        "AUTH_JWT_SECRET": "x" * 32,
        "TASKS_ADDRESS": "127.0.0.1:1",
        "JUDGE0_URL": "http://127.0.0.1:1",
    }
    ran = subprocess.run(
        [sys.executable, "-c", LOADED], cwd=ROOT, env=env, capture_output=True, text=True, timeout=600, check=False
    )
    assert (ran.stdout.splitlines()[-1:], ran.stderr if ran.returncode else "") == ([loaded], "")
