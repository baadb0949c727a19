"""`ending_of`, the rules apart from any process."""

from typing import Any

import pytest

from infra.local.judge0_runner.judge import Ending, Status, ending_of
from infra.local.judge0_runner.sandbox import RunResult


def result(**changed: Any) -> RunResult:
    ended: dict[str, Any] = {
        "stdout": b"",
        "stderr": b"",
        "exit_code": 0,
        "cpu_seconds": 0.1,
        "wall_seconds": 0.2,
        "memory_kb": 9000,
    }
    return RunResult(**{**ended, **changed})


@pytest.mark.parametrize(
    ("ended", "ending"),
    [
        (result(), Ending(Status.ACCEPTED)),
        (result(exit_code=1), Ending(Status.NZEC, "Exited with error status 1", 1)),
        (result(exit_code=127), Ending(Status.NZEC, "Exited with error status 127", 127)),
        (result(exit_code=255), Ending(Status.NZEC, "Exited with error status 255", 255)),
        (result(exit_code=139), Ending(Status.SIGSEGV, "Caught fatal signal 11", 0, 11)),
        (result(exit_code=153), Ending(Status.SIGXFSZ, "Caught fatal signal 25", 0, 25)),
        (result(exit_code=136), Ending(Status.SIGFPE, "Caught fatal signal 8", 0, 8)),
        (result(exit_code=134), Ending(Status.SIGABRT, "Caught fatal signal 6", 0, 6)),
        (result(exit_code=137), Ending(Status.OTHER, "Caught fatal signal 9", 0, 9)),
        (result(stopped="memory", exit_code=137), Ending(Status.OTHER, "Caught fatal signal 9", 0, 9)),
        (result(stopped="output", exit_code=137), Ending(Status.SIGXFSZ, "Caught fatal signal 25", 0, 25)),
        (result(stopped="cpu", exit_code=137), Ending(Status.TIME_LIMIT_EXCEEDED, "Time limit exceeded")),
        (result(stopped="wall"), Ending(Status.TIME_LIMIT_EXCEEDED, "Time limit exceeded (wall clock)")),
        (result(cpu_seconds=2.0), Ending(Status.ACCEPTED)),
        (result(cpu_seconds=2.001), Ending(Status.TIME_LIMIT_EXCEEDED, "Time limit exceeded")),
        (result(cpu_seconds=2.1, exit_code=1), Ending(Status.TIME_LIMIT_EXCEEDED, "Time limit exceeded")),
        (result(failure="bwrap: no"), Ending(Status.INTERNAL_ERROR, "bwrap: no")),
        (result(stopped="shutdown"), Ending(Status.INTERNAL_ERROR, "the runner was stopped")),
    ],
)
def test_the_status_follows_from_how_the_run_ended(ended: RunResult, ending: Ending) -> None:
    assert ending_of(ended, cpu_time_limit=2.0, expected_output=None) == ending


def test_a_cpu_limit_of_zero_is_none() -> None:
    assert ending_of(result(cpu_seconds=9.0), 0, None).status is Status.ACCEPTED


def test_a_wrong_output_matters_only_after_a_good_end() -> None:
    assert ending_of(result(stdout=b"2"), 2.0, b"1").status is Status.WRONG_ANSWER
    assert ending_of(result(stdout=b"2", exit_code=1), 2.0, b"1").status is Status.NZEC
