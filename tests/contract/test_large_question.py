"""A question far larger than a function's memory is imported and judged within it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, our_process

MOST_MORE_MB = 200
"""The cache (64 MiB), and three tests of 5 MB on their way to the judge."""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process' peak so")
def test_a_hundred_tests_of_five_megabytes_fit_a_functions_memory() -> None:
    with our_process("infra.local.object_store") as url:
        command = [sys.executable, "-m", "tests.large_question", url]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    found = json.loads(ended.stdout.splitlines()[-1])
    print(found)
    assert (found["verdict"], found["passed"]) == ("accepted", 100)
    assert found["imported_mb"] - found["bare_mb"] < MOST_MORE_MB
    assert found["judged_mb"] - found["bare_mb"] < MOST_MORE_MB
