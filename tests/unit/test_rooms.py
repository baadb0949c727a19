"""The rooms of the house: who may import whom (pyproject.toml holds the contracts)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bundle import SETTINGS

ROOT = Path(__file__).resolve().parents[2]


def test_the_dependency_rule_holds() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    checked = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert "4 kept, 0 broken" in checked.stdout


def test_importing_the_bundle_starts_no_client() -> None:
    """A cold start pays only for what the request needs."""
    heavy = "google.cloud.firestore", "google.cloud.tasks_v2", "requests", "boto3"
    code = f"import sys, main; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


@pytest.mark.parametrize("target", ["run_code", "judge_submission", "sweep"])
def test_a_function_loads_at_its_start_what_its_first_request_needs_and_no_more(target: str) -> None:
    mine, others = ("functions.api", "functions.machine")[:: 1 if target == "run_code" else -1]
    never = others, "google.cloud.tasks_v2", "boto3", "opentelemetry.sdk", "infra.judge0"
    code = f"import sys, main; print([name for name in {(mine, 'infra.firestore', *never)!r} if name in sys.modules])"
    env = {**os.environ, **SETTINGS, "FUNCTION_TARGET": target}
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str([mine, "infra.firestore"])


def test_a_function_that_lacks_a_setting_says_so_at_its_start() -> None:
    code = "import main"
    clean = {"PATH": "/usr/bin", "FUNCTION_TARGET": "run_code"}
    wrong: tuple[tuple[dict[str, str], str], ...] = (
        ({}, "not set: GOOGLE_CLOUD_PROJECT"),
        ({"BATCH_SIZE": "50"}, "BATCH_SIZE"),
        (
            dict.fromkeys(("GOOGLE_CLOUD_PROJECT", "TASKS_LOCATION", "HANDLER_URL"), "x"),
            "not set: TASKS_SERVICE_ACCOUNT",
        ),
    )
    for more, words in wrong:
        command = [sys.executable, "-c", code]
        ended = subprocess.run(command, cwd=ROOT, env=clean | more, capture_output=True, text=True, check=False)
        assert ended.returncode == 1
        assert words in ended.stderr
        assert "Traceback" not in ended.stderr
