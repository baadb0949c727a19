"""Why a test was not accepted, in words a student understands. For tests that the student may see. Pure."""

from __future__ import annotations

from functions.domain.checkers import Difference
from functions.domain.question import Limits
from functions.domain.verdict import Ending, Execution

QUOTED_CHARACTERS = 60
BEFORE_DIFFERENCE = 20
"""Of a long text, so many characters before the first different one are shown."""

SIGNALS = {
    4: "illegal instruction (SIGILL)",
    6: "it aborted itself (SIGABRT), as after a failed assertion or an uncaught exception",
    7: "a bad memory access (SIGBUS)",
    8: "an arithmetic fault (SIGFPE), such as an integer divided by zero",
    9: "it was killed (SIGKILL)",
    11: "a segmentation fault (SIGSEGV): it used memory beyond its own, as past the end of an array",
    13: "it wrote to a closed pipe (SIGPIPE)",
}


def explain(execution: Execution, limits: Limits, difference: Difference | None) -> str | None:
    """A sentence; None where there is nothing to explain. ``limits`` are those that it ran under."""
    match execution.ending:
        case Ending.WELL:
            return None if difference is None else _differs(difference)
        case Ending.TIME_LIMIT if execution.time_seconds is not None and execution.time_seconds < limits.cpu_seconds:
            return f"Still running after {limits.wall_seconds:g} s, though it computed little: does it sleep or wait?"
        case Ending.TIME_LIMIT:
            return f"Still running after {limits.cpu_seconds:g} s of processor time."
        case Ending.MEMORY_LIMIT:
            return f"Needed more than {limits.memory_kb / 1024:.0f} MB of memory."
        case Ending.OUTPUT_LIMIT:
            return f"Wrote more than {limits.output_kb} KB of output."
        case Ending.RUNTIME_ERROR if execution.exit_signal:
            cause = SIGNALS.get(execution.exit_signal, f"signal {execution.exit_signal}")
            return f"Crashed: {cause}."
        case Ending.RUNTIME_ERROR if execution.exit_code:
            return f"Ended with exit code {execution.exit_code}, where 0 means success. Its error output may say why."
        case Ending.RUNTIME_ERROR:
            return "Crashed."
    return None


def _differs(found: Difference) -> str:
    place = found.place[0].upper() + found.place[1:]
    if found.expected is None and found.actual is None:
        return f"{place}."
    if found.actual is None:
        return f"{place}: expected {_quoted(found.expected or b'', 0)}, but it is missing."
    if found.expected is None:
        return f"{place}: {_quoted(found.actual, 0)} should not be there."
    start = _first_difference(found.expected, found.actual)
    return f"{place}: expected {_quoted(found.expected, start)}, but got {_quoted(found.actual, start)}."


def _first_difference(one: bytes, other: bytes) -> int:
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def _quoted(text: bytes, different_at: int) -> str:
    """The part around ``different_at``, with what is invisible made visible."""
    start = max(0, different_at - BEFORE_DIFFERENCE) if len(text) > QUOTED_CHARACTERS else 0
    piece = text[start : start + QUOTED_CHARACTERS]
    shown = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in piece.decode(errors="replace")
    )
    before, after = "…" if start else "", "…" if start + len(piece) < len(text) else ""
    return f"`{before}{shown}{after}`" if text else "an empty line"
