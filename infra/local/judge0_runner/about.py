"""What a Judge0 host tells about itself: app/controllers/info_controller.rb and health_controller.rb."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from flask import Blueprint, Response, jsonify

from infra.local.judge0_runner.judge import DESCRIPTIONS
from infra.local.judge0_runner.languages import Language
from infra.local.judge0_runner.queue import Queue

VERSION = "1.13.1"
MAX_SUBMISSION_BATCH_SIZE = 20
STATISTICS_DAYS = 30


@dataclass(frozen=True)
class Range:
    """A number's default and bounds (app/helpers/config.rb, models/submission.rb); whole numbers where it is an int."""

    default: float
    least: float
    most: float


def about(queue: Queue, languages: Sequence[Language], max_queue_size: int, ranges: Mapping[str, Range]) -> Blueprint:
    """Its routes."""
    routes = Blueprint("about", __name__)
    names = {language.id: language.name for language in languages}

    @routes.get("/statuses")
    def statuses() -> Response:
        return jsonify([{"id": status, "description": description} for status, description in DESCRIPTIONS.items()])

    @routes.get("/about")
    def tell() -> Response:
        return jsonify(
            {
                "version": VERSION,
                "homepage": "https://judge0.com",
                "source_code": "https://github.com/judge0/judge0",
                "maintainer": "run-code's local runner, a stand-in for Judge0",
            }
        )

    @routes.get("/version")
    def version() -> Response:
        return Response(VERSION, mimetype="text/plain")

    @routes.get("/config_info")
    def config_info() -> Response:
        return jsonify(_config(max_queue_size, ranges))

    @routes.get("/system_info")
    def system_info() -> Response:
        return jsonify(_system())

    @routes.get("/workers")
    def workers() -> Response:
        counts = queue.counts()
        if not counts.used:
            return jsonify([])
        told = {
            "queue": VERSION,
            "size": counts.waiting,
            "available": counts.workers,
            "idle": counts.workers - counts.working,
            "working": counts.working,
            "paused": 0,
            "failed": 0,
        }
        return jsonify([told])

    @routes.get("/statistics")
    def statistics() -> Response:
        return jsonify(_statistics(queue, names))

    return routes


def _statistics(queue: Queue, names: Mapping[int, str]) -> dict[str, Any]:
    """Counted since this runner began; nothing is kept beyond that, so a database's size is none. Never cached."""
    now, tallies = datetime.now(UTC), queue.tallies()
    days = [now.date() - timedelta(days=ago) for ago in range(1, STATISTICS_DAYS + 1)]
    return {
        "created_at": now.isoformat(timespec="milliseconds"),
        "cached_until": now.isoformat(timespec="milliseconds"),
        "submissions": {
            "total": sum(tallies.days.values()),
            "today": tallies.days[now.date()],
            "last_30_days": {day.isoformat(): tallies.days[day] for day in days},
        },
        "languages": [
            {"language": {"id": number, "name": names.get(number)}, "count": count}
            for number, count in tallies.languages.most_common()
        ],
        "statuses": [
            {"status": {"id": status, "name": DESCRIPTIONS[status]}, "count": count}
            for status, count in tallies.statuses.most_common()
        ],
        "database": {"size_pretty": "0 bytes", "size_in_bytes": 0},
    }


@cache
def _system() -> dict[str, str]:
    """What `lscpu` says, where there is one, and the machine's memory."""
    try:
        told = subprocess.run(["lscpu"], capture_output=True, text=True, check=True, env={**os.environ, "LC_ALL": "C"})
        lines = told.stdout.splitlines()
    except (OSError, subprocess.CalledProcessError):
        lines = [f"CPU(s): {os.cpu_count()}"]
    found = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines) if value.strip()}
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {**found, "Mem": f"{memory / 2**30:.1f}Gi"}


def _config(max_queue_size: int, ranges: Mapping[str, Range]) -> Mapping[str, object]:
    """app/helpers/config.rb, with what this runner leaves out switched off."""
    numbers: dict[str, object] = {}
    for name, allowed in ranges.items():
        numbers[name] = allowed.default
        numbers[f"max_{name}"] = allowed.most
    return {
        "maintenance_mode": False,
        "enable_wait_result": True,
        "enable_compiler_options": True,
        "allowed_languages_for_compile_options": [],
        "enable_command_line_arguments": True,
        "enable_submission_delete": False,
        "enable_callbacks": False,
        "callbacks_max_tries": 3,
        "callbacks_timeout": 5.0,
        "enable_additional_files": True,
        "max_queue_size": max_queue_size,
        **numbers,
        "enable_per_process_and_thread_time_limit": False,
        "allow_enable_per_process_and_thread_time_limit": True,
        "enable_per_process_and_thread_memory_limit": False,
        "allow_enable_per_process_and_thread_memory_limit": True,
        "redirect_stderr_to_stdout": False,
        "max_extract_size": 10240,
        "enable_batched_submissions": True,
        "max_submission_batch_size": MAX_SUBMISSION_BATCH_SIZE,
        "submission_cache_duration": 0.0,
        "use_docs_as_homepage": False,
        "allow_enable_network": False,
        "enable_network": False,
    }
