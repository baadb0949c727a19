"""What goes on without traces (TRACES=off): a request's own trace context is passed on, and no span is made."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar

from functions.domain.trace import Trace

_brought: ContextVar[str | None] = ContextVar("traceparent", default=None)


class Untraced:
    """A Tracer that makes no span. Logs of one request, and of the visits of its tickets, still belong together."""

    @contextmanager
    def request(self, name: str, brought: Trace | None, *, followed: bool) -> Iterator[None]:  # noqa: ARG002
        token = _brought.set(None if brought is None else brought.traceparent)
        try:
            yield
        finally:
            _brought.reset(token)

    def span(self, name: str, *, link: str | None = None, **facts: str | int) -> AbstractContextManager[None]:  # noqa: ARG002
        return nullcontext()

    def traceparent(self) -> str | None:
        return _brought.get()
