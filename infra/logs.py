"""Logs as Cloud Logging reads them: one JSON object a line on stderr, with `severity`, `message` and the trace."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import structlog

from functions.domain.trace import of_traceparent


def configure(project: str | None, traceparent: Callable[[], str | None]) -> None:
    """``traceparent`` says of which trace a line is that brings none itself; it is asked in the thread that logs."""

    def as_cloud_logging(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        found = of_traceparent(event.pop("traceparent", None) or traceparent() or "")
        trace: dict[str, Any] = {}
        if found is not None and project is not None:
            trace = {
                "logging.googleapis.com/trace": f"projects/{project}/traces/{found.trace_id}",
                "logging.googleapis.com/spanId": found.span_id,
                "logging.googleapis.com/trace_sampled": found.sampled,
            }
        return {"severity": event.pop("level").upper(), "message": event.pop("event"), **event, **trace}

    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            as_cloud_logging,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),  # one write a line: no other thread's comes in between
        cache_logger_on_first_use=True,
    )
