"""The capacity simulator: figures that queueing theory gives too, and the same rules as the real line."""

from __future__ import annotations

import random

import pytest
from click.testing import CliRunner

from functions.domain.submission import RunType
from functions.service import Rules
from infra.admin.__main__ import cli
from infra.admin.capacity import ExamEnd, forecast, summary
from infra.admin.simulation import CALL_SECONDS, Arrival, Stay, judging_seconds, simulate

RULES = Rules()


def play(arrivals: list[Arrival], slots: int) -> list[Stay]:
    return simulate(arrivals, slots, RULES, random.Random(1))


def test_each_waits_for_those_before_it_where_there_is_one_slot() -> None:
    stays = play([Arrival(number * 0.1, judging=2.0) for number in range(5)], slots=1)
    assert [stay.started for stay in stays] == pytest.approx([0, 2, 4, 6, 8])
    assert [stay.in_all for stay in stays] == pytest.approx([2, 3.9, 5.8, 7.7, 9.6])


def test_all_slots_work_at_once_and_none_is_idle_while_somebody_waits() -> None:
    stays = play([Arrival(0.0, judging=1.0) for _ in range(30)], slots=3)
    assert sorted(stay.finished for stay in stays) == pytest.approx([1.0 + n // 3 for n in range(30)])


def test_with_few_arrivals_nobody_waits() -> None:
    assert summary(play([Arrival(float(n), judging=0.9) for n in range(100)], slots=1)).in_line == (0.0, 0.0)


def test_random_arrivals_at_one_server_wait_as_long_as_the_theory_says() -> None:
    """M/D/1 (Pollaczek and Khinchine): the mean wait is load x service / (2 (1 - load))."""
    rng, now, load, service = random.Random(3), 0.0, 0.7, 1.0
    arrivals = []
    for _ in range(20_000):
        now += rng.expovariate(load / service)
        arrivals.append(Arrival(now, judging=service))
    expected = load * service / (2 * (1 - load))
    assert summary(play(arrivals, slots=1)).in_line[0] == pytest.approx(expected, rel=0.08)


def test_submits_go_before_runs_in_the_simulation_too() -> None:
    runs = [Arrival(0.0, judging=1.0, kind=RunType.RUN) for _ in range(10)]
    submits = [Arrival(2.5, judging=1.0, kind=RunType.SUBMIT) for _ in range(3)]
    stays = play(runs + submits, slots=1)
    assert [stay.started for stay in stays[10:]] == pytest.approx([3, 4, 5])


@pytest.mark.parametrize(("tests", "rounds"), [(1, 1), (3, 1), (4, 2), (10, 4)])
def test_a_judging_takes_as_many_rounds_as_its_tests_fill_windows(tests: int, rounds: int) -> None:
    """Each round: one call to send, the test itself, and at most a fifth more (0.5 s) until the poll that sees it."""
    seconds = judging_seconds(tests, 1.0, batch_size=3)
    assert rounds * (1.0 + CALL_SECONDS) <= seconds <= rounds * (1.2 + 4 * CALL_SECONDS + 0.05)


def test_more_slots_never_make_an_exams_end_longer() -> None:
    waits = [forecast(ExamEnd(students=60, tests=5, service=0.5, within=20.0), slots, RULES) for slots in (2, 4, 8)]
    assert waits[0].in_line > waits[1].in_line > waits[2].in_line


def test_the_table_has_the_guides_machines_and_waits_beside_its_own() -> None:
    words = ["capacity", "--students", "30", "--tests", "10", "--service", "0.5s", "--concurrent", "3,8,15,40"]
    printed = CliRunner().invoke(cli, words, env={"COLUMNS": "120"}).stdout
    for expected in ("2 CPU, 4 GB", "4 CPU, 8 GB", "8 CPU, 16 GB", "0-30 s", "2-10 s", "2-40 s", " 40 "):
        assert expected in printed


@pytest.mark.parametrize(
    "wrong", [["--service", "0s"], ["--service", "fast"], ["--concurrent", "3,0"], ["--tests", "0"]]
)
def test_what_makes_no_sense_is_refused_in_one_line(wrong: list[str]) -> None:
    words = ["capacity", "--students", "30", "--tests", "10", "--service", "0.5s", *wrong]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 2
    assert f"Invalid value for '{wrong[0]}'" in result.stderr
