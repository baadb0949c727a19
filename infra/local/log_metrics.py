"""The metrics of run-code for Prometheus, made of its functions' log lines as Cloud Logging makes them in the cloud.

The log-based metrics there have the same names, but for Prometheus' `_total`, in the form `run_code/wait_seconds`.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

WAIT = "run_code_wait_seconds"
SERVICE = "run_code_service_seconds"
VERDICTS = "run_code_verdicts_total"
FAILURES = "run_code_failures_total"
RETRIES = "run_code_retries_total"
BREAKER = "run_code_breaker_opened_total"
OLDEST = "run_code_oldest_wait_seconds"
WAITING_SUBMIT = "run_code_waiting_submit"
WAITING_RUN = "run_code_waiting_run"
NAMES = (WAIT, SERVICE, VERDICTS, FAILURES, RETRIES, BREAKER, OLDEST, WAITING_SUBMIT, WAITING_RUN)
JUDGES_WANTED = "run_code_judges_wanted"
"""In the cloud the sweep writes it itself, for an autoscaler goes by no log: `infra/cloud_monitoring.py`."""

SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""The histograms' bounds: a judging takes seconds, a wait in an exam's last minute takes minutes."""


class LogMetrics(Collector):
    """Counted from the logs' begin, whenever this process was started. Each scrape reads what is new in them."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._logs = [_Log(path) for path in paths]
        self._lock = threading.Lock()
        self._made = made = CollectorRegistry()
        by_kind = ("run_type",)
        self._wait = Histogram(WAIT, "From coming into line to a slot.", by_kind, registry=made, buckets=SECONDS)
        self._service = Histogram(
            SERVICE, "How long a judging held its slot.", ("run_type", "language"), registry=made, buckets=SECONDS
        )
        self._verdicts = Counter(VERDICTS, "Submissions that were judged.", ("run_type", "verdict"), registry=made)
        self._failures = Counter(FAILURES, "Submissions that could not be judged.", registry=made)
        self._retries = Counter(RETRIES, "Judgings that were abandoned.", registry=made)
        self._breaker = Counter(BREAKER, "How often the judge went away.", registry=made)
        self._oldest = Gauge(OLDEST, "How long the first in line had waited at the last sweep.", registry=made)
        self._submits = Gauge(WAITING_SUBMIT, "Submits in line at the last sweep.", registry=made)
        self._runs = Gauge(WAITING_RUN, "Runs in line at the last sweep.", registry=made)

    @cached_property
    def _wanted(self) -> Gauge:
        """There only where JUDGES_SCALE has the sweep say it."""
        return Gauge(JUDGES_WANTED, "Judges that there should be, by the last sweep.", registry=self._made)

    def collect(self) -> Iterator[Metric]:
        with self._lock:
            for line in (line for log in self._logs for line in log.new_lines()):
                self._take(line)
            return iter(list(self._made.collect()))

    def _take(self, line: bytes) -> None:
        """What is no line of ours, or lacks what it should have, counts for nothing."""
        try:
            told = json.loads(line)
            self._count(told["action"], told)
        except (ValueError, TypeError, KeyError):
            return

    def _count(self, action: str, told: dict[str, Any]) -> None:
        match action:
            case "judged":
                kind, language, verdict = told["run_type"], told["language"], told["verdict"]
                wait, service = float(told["wait_seconds"]), float(told["service_seconds"])
                self._verdicts.labels(kind, verdict).inc()
                self._wait.labels(kind).observe(wait)
                self._service.labels(kind, language).observe(service)
            case "submission_failed":
                self._failures.inc()
            case "judging_abandoned":
                self._retries.inc()
            case "breaker_opened":
                self._breaker.inc()
            case "judges_wanted":
                self._wanted.set(told["judges_wanted"])
            case "swept":
                self._submits.set(told["waiting_submit"])
                self._runs.set(told["waiting_run"])
                self._oldest.set(told["oldest_wait_seconds"])


class _Log:
    """A file that somebody appends to, and may cut or replace."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: tuple[int, int] | None = None
        self._read = 0

    def new_lines(self) -> Iterator[bytes]:
        """Those that are whole and were not given yet; none where the file is not there."""
        with suppress(OSError), self._path.open("rb") as log:
            found = os.fstat(log.fileno())
            if (found.st_dev, found.st_ino) != self._file or found.st_size < self._read:
                self._file, self._read = (found.st_dev, found.st_ino), 0
            log.seek(self._read)
            for line in log:
                if not line.endswith(b"\n"):
                    return
                self._read += len(line)
                yield line
