"""`make bench`: all benchmarks, one table, one line of JSON, and the table in docs/benchmarks.md."""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import time
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from types import ModuleType

from tests.benchmarks.table import Measured, Row, show
from tests.conftest import ROOT

BENCHMARKS = ("costs", "cold_start", "idle", "intake", "polls", "memory", "growth", "windows", "judge", "pipeline")
FIGURES = (
    *("pipeline", "pipeline_guide", "pipeline_original", "pipeline_sdk"),
    *("idle_overhead_p50_ms", "idle_overhead_p95_ms", "intake_ratio", "poll_ratio", "reads_per_poll"),
    *("writes", "reads", "task_operations", "judge_calls", "cold_start"),
)
DOCUMENT = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- make bench: begin -->", "<!-- make bench: end -->"
LIBRARIES = ("functions-framework", "gunicorn", "flask", "google-cloud-firestore", "google-cloud-tasks", "judge0")


def main() -> None:
    measured, failed = [], []
    for name in BENCHMARKS:
        try:
            measured.append(_measure(import_module(f"tests.benchmarks.{name}")))
        except Exception:  # the others took a quarter of an hour, and are shown all the same
            traceback.print_exc()
            failed.append(name)
    rows = [row for each in measured for row in each.rows]
    figures = {name: figure for each in measured for name, figure in each.figures.items()}
    show(Measured(rows), "run-code, measured")
    if failed:
        sys.exit(f"nothing is written, for there was an error in: {', '.join(failed)}")
    _write(rows)
    print(json.dumps({name: figures[name] for name in FIGURES}))


def _measure(benchmark: ModuleType) -> Measured:
    begun = time.monotonic()
    found: Measured = benchmark.measure()
    print(f"{benchmark.__name__.rpartition('.')[2]}: {time.monotonic() - begun:.0f} s", flush=True)
    return found


def _write(rows: Sequence[Row]) -> None:
    load = os.getloadavg()[2]
    machine = (
        f"{os.cpu_count()} cores, load average of the last 15 minutes {load:.1f}, Python {platform.python_version()}"
    )
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {machine}, {libraries}.",
        "",
        "| measured | figure | goal | limit or peer |",
        "| --- | --- | --- | --- |",
        *(f"| {row.what} | {row.figure} | {row.goal} | {row.beside} |" for row in rows),
    ]
    text = f"{BEGIN}\n" + "\n".join(lines) + f"\n{END}"
    document = DOCUMENT.read_text()
    DOCUMENT.write_text(re.sub(f"{BEGIN}.*?{END}", lambda _: text, document, flags=re.DOTALL))


if __name__ == "__main__":
    main()
