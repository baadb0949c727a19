"""OpenTelemetryTracer: spans to Cloud Trace or to the console. Imported only where TRACES asks for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from functions.domain.trace import Trace, of_traceparent

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

TELEMETRY_URL = "https://telemetry.googleapis.com/v1/traces"
"""Google's endpoint for OTLP; its own exporter for the older API is being given up."""
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


def to_console() -> SpanProcessor:
    """One JSON object a line on stderr, among the logs, as soon as a span ends."""
    return SimpleSpanProcessor(ConsoleSpanExporter(out=sys.stderr, formatter=_line))


def to_google(url: str = TELEMETRY_URL, credentials: Credentials | None = None) -> SpanProcessor:
    """In the background, and at the process's end: no request waits for it. As this function's service account."""
    from google.auth.transport.requests import AuthorizedSession
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    if credentials is None:
        import google.auth

        credentials, _ = google.auth.default(scopes=[SCOPE])
    return BatchSpanProcessor(OTLPSpanExporter(url, session=AuthorizedSession(credentials)))  # type: ignore[no-untyped-call]


class OpenTelemetryTracer:
    """``function`` is the service's name in the traces. What a span tells of an error is its type: the message may hold
    what a student wrote.
    """

    def __init__(self, processor: SpanProcessor, *, function: str, project: str) -> None:
        resource = Resource.create({"service.name": function, "gcp.project_id": project})
        provider = TracerProvider(sampler=ALWAYS_ON, resource=resource)
        provider.add_span_processor(processor)
        self._tracer = provider.get_tracer("run-code")

    @contextmanager
    def request(self, name: str, brought: Trace | None, *, followed: bool) -> Iterator[None]:
        around = Context()
        if brought is not None:
            around = trace.set_span_in_context(NonRecordingSpan(_remote(brought)), around)
        token = context.attach(around)
        try:
            with self._span(name, SpanKind.SERVER) if followed else nullcontext():
                yield
        finally:
            context.detach(token)

    @contextmanager
    def span(self, name: str, *, link: str | None = None, **facts: str | int) -> Iterator[None]:
        around = trace.get_current_span()
        if not around.is_recording():
            yield
            return
        other = None if link is None else of_traceparent(link)
        linked = other is not None and int(other.trace_id, 16) != around.get_span_context().trace_id
        with self._span(name, SpanKind.INTERNAL, other if linked else None, facts):
            yield

    def traceparent(self) -> str | None:
        found = trace.get_current_span().get_span_context()
        if not found.is_valid:
            return None
        return Trace(f"{found.trace_id:032x}", f"{found.span_id:016x}", found.trace_flags.sampled).traceparent

    @contextmanager
    def _span(
        self, name: str, kind: SpanKind, link: Trace | None = None, facts: Mapping[str, str | int] | None = None
    ) -> Iterator[None]:
        with self._tracer.start_as_current_span(
            name,
            kind=kind,
            links=[] if link is None else [Link(_remote(link))],
            attributes=facts,
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                yield
            except BaseException as error:
                span.set_status(Status(StatusCode.ERROR, type(error).__name__))
                raise


def _remote(of: Trace) -> SpanContext:
    flags = TraceFlags(TraceFlags.SAMPLED if of.sampled else TraceFlags.DEFAULT)
    return SpanContext(int(of.trace_id, 16), int(of.span_id, 16), is_remote=True, trace_flags=flags)


def _line(span: ReadableSpan) -> str:
    return f"{span.to_json(indent=None)}\n"
