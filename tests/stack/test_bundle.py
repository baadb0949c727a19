"""The deployed bundle by itself: `make bundle` does this in each Python there is."""

from __future__ import annotations

import pytest

from tests.bundle import PYTHONS, try_python
from tests.conftest import missing

pytestmark = pytest.mark.stack


def test_the_bundle_installs_and_serves_with_its_requirements_alone(firestore_address: str) -> None:
    tried = try_python(PYTHONS[0], firestore_address)
    if tried is None:
        missing(f"Python {PYTHONS[0]}")
    assert tried.works, tried.told
    assert "run_code healthy, judge_submission 401, sweep 401" in tried.told


def test_without_a_store_it_serves_and_says_that_it_is_unhealthy(tmp_path_factory: pytest.TempPathFactory) -> None:
    tried = try_python(PYTHONS[0], None)
    if tried is None:
        missing(f"Python {PYTHONS[0]}")
    assert tried.works, tried.told
