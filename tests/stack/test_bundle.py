"""The deployed bundle by itself: `make bundle` does this in each Python there is."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.bundle import PYTHONS, copy_bundle, find_python, install, serve
from tests.conftest import ROOT, missing

pytestmark = pytest.mark.stack


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The bundle, and a clean environment with its requirements alone; in the short form the tests' own."""
    bundle = tmp_path_factory.mktemp("bundle")
    copy_bundle(ROOT, bundle)
    if not os.environ.get("FULL"):
        return bundle, Path(sys.prefix)
    python = find_python(PYTHONS[0])
    if python is None:
        missing(f"Python {PYTHONS[0]}")
    environment = tmp_path_factory.mktemp("environment")
    install(python, bundle, environment)
    return bundle, environment


def test_the_bundle_serves_with_its_requirements_alone(installed: tuple[Path, Path], firestore_address: str) -> None:
    assert serve(*installed, firestore_address) == {"run_code": "healthy", "judge_submission": "401", "sweep": "401"}


def test_without_a_store_it_serves_and_says_that_it_is_unhealthy(installed: tuple[Path, Path]) -> None:
    assert serve(*installed, None) == {"run_code": "unhealthy", "judge_submission": "401", "sweep": "401"}
