"""The runner of the other suites."""

from tests.runner.conftest import has, judge0, start_judge0, start_process

__all__ = ["has", "judge0", "start_judge0", "start_process"]
