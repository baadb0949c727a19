"""The rooms of the house: who may import whom (pyproject.toml holds the contracts)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_dependency_rule_holds() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    checked = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout
    assert "4 kept, 0 broken" in checked.stdout


def test_importing_the_bundle_starts_no_client() -> None:
    """A cold start pays only for what the request needs."""
    heavy = "google.cloud.firestore", "google.cloud.tasks_v2", "requests"
    code = f"import sys, main; print([name for name in {heavy!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
