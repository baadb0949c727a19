"""A trace context: which trace something belongs to, and under which of its spans, as requests carry it."""

from __future__ import annotations

import re
from dataclasses import dataclass

TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
CLOUD_TRACE = re.compile(r"([0-9a-f]{32})/([0-9]{1,20})(?:;o=([0-9]))?", re.IGNORECASE)
SAMPLED = 1


@dataclass(frozen=True)
class Trace:
    """``trace_id`` has 32, ``span_id`` 16 lower-case hexadecimal digits, neither of them all zero."""

    trace_id: str
    span_id: str
    sampled: bool
    """Whether whoever began it records it."""

    @property
    def traceparent(self) -> str:
        """As W3C's header carries it."""
        return f"00-{self.trace_id}-{self.span_id}-{self.sampled:02x}"


def of_traceparent(text: str) -> Trace | None:
    """Of W3C's header (Trace Context, section 3.2); None where it is none. Versions after 00 may say more behind it."""
    match = TRACEPARENT.fullmatch(text)
    if match is None or (match[1] == "00" and match[5] is not None):
        return None
    return _valid(match[2], match[3], int(match[4], 16))


def of_cloud(text: str) -> Trace | None:
    """Of Google's X-Cloud-Trace-Context: `TRACE_ID/SPAN_ID;o=OPTIONS`, its span in decimal digits."""
    match = CLOUD_TRACE.fullmatch(text)
    return _valid(match[1].lower(), f"{int(match[2]):016x}", int(match[3] or 0)) if match else None


def _valid(trace_id: str, span_id: str, flags: int) -> Trace | None:
    known = len(span_id) == 16 and int(trace_id, 16) and int(span_id, 16)
    return Trace(trace_id, span_id, bool(flags & SAMPLED)) if known else None
