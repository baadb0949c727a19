"""How many judges a load needs, and what it would have done in an exam."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from functions.domain.scaling import Fleet, Load, Planned, judges_wanted, judging_seconds
from functions.domain.submission import RunType
from infra.admin.__main__ import cli
from infra.admin.capacity import Cost, ExamEnd, Scaling, played

FLEET = Fleet(slots=3, least=1, most=5)
CALM = Load(waiting=0, in_hand=0, oldest_wait=0.0, judging_seconds=6.0)


@pytest.mark.parametrize(
    ("load", "judges", "wanted"),
    [
        (CALM, 1, 1),
        (CALM, 4, 3),  # one at a time
        (Load(0, 3, 0.0, 6.0), 2, 2),  # the one that is left would be full
        (Load(0, 1, 0.0, 6.0), 2, 1),
        (Load(27, 3, 5.0, 6.0), 1, 1),  # 30 a minute is what one judge bears
        (Load(28, 3, 5.0, 6.0), 1, 2),
        (Load(117, 3, 5.0, 6.0), 1, 4),
        (Load(900, 3, 5.0, 6.0), 1, 5),
        (Load(2, 3, 31.0, 6.0), 2, 3),  # somebody waits too long, whatever was reckoned
        (Load(1, 3, 5.0, 6.0), 3, 3),  # none goes while somebody waits
        (Load(3, 0, 0.0, 0.0), 1, 1),
    ],
)
def test_as_many_judges_as_clear_the_line_in_a_minute(load: Load, judges: int, wanted: int) -> None:
    assert judges_wanted(0.0, load, FLEET, judges) == wanted


@pytest.mark.parametrize(("now", "wanted"), [(99.0, 1), (100.0, 4), (199.0, 4), (200.0, 1)])
def test_a_known_exam_has_its_judges_from_begin_to_end(now: float, wanted: int) -> None:
    schedule = [Planned(100.0, 200.0, 4), Planned(150.0, 160.0, 2)]
    assert judges_wanted(now, CALM, FLEET, 1, schedule) == wanted


BURST = ExamEnd(students=150, tests=10, service=1.5, within=60.0)


def burst(least: int, most: int, boot: float = 600.0, schedule: tuple[Planned, ...] = ()) -> Cost:
    return played("last-minute-burst", BURST, Scaling(Fleet(3, least, most), boot, schedule))


def test_a_schedule_that_begins_early_enough_is_worth_all_machines() -> None:
    known = burst(1, 3, schedule=(Planned(2100.0, 3660.0, 3),))
    assert known.submits[0] == pytest.approx(burst(3, 3).submits[0], abs=1.0)
    too_late = burst(1, 3, schedule=(Planned(3300.0, 3660.0, 3),))
    assert too_late.submits[0] > 3 * known.submits[0]


def test_a_schedule_may_begin_before_the_exam() -> None:
    early = burst(1, 3, schedule=(Planned(-1200.0, 3660.0, 3),))
    at_once = burst(1, 3, schedule=(Planned(0.0, 3660.0, 3),))
    assert early.machine_hours == pytest.approx(at_once.machine_hours + 2 * 1200 / 3600, abs=0.01)


def test_what_starts_late_is_of_little_use_and_what_starts_soon_of_much() -> None:
    alone = burst(1, 1)
    assert burst(1, 3).submits[0] > 0.7 * alone.submits[0]
    assert burst(1, 3, boot=60.0).submits[0] < 0.5 * alone.submits[0]


def test_machines_are_ended_one_in_ten_minutes_and_count_until_then() -> None:
    whole, end = burst(1, 5, schedule=(Planned(0.0, 3600.0, 5),)), 3600.0
    others = [end + 600.0 * number for number in (1, 2, 3, 4)]
    assert whole.machine_hours == pytest.approx((end + sum(others)) / 3600, abs=0.2)
    assert whole.most_machines == 5
    assert burst(1, 1).machine_hours == pytest.approx(1.0, abs=0.2)


def test_what_is_judged_for_long_weighs_as_much_as_many_of_it_wait() -> None:
    lately = {RunType.SUBMIT: 12.0, RunType.RUN: 2.0}
    assert judging_seconds({RunType.SUBMIT: 1, RunType.RUN: 4}, lately) == 4.0
    assert judging_seconds({RunType.SUBMIT: 3, RunType.RUN: 0}, {RunType.SUBMIT: 12.0}) == 12.0
    assert judging_seconds({RunType.SUBMIT: 0, RunType.RUN: 0}, {}) == 0.0


def test_the_command_shows_it_beside_fixed_sizes() -> None:
    words = "capacity --students 40 --tests 5 --service 1s --autoscale 1:2 --schedule -20-61=2"
    shown = CliRunner().invoke(cli, words.split()).stdout
    assert "last-minute-burst" in shown
    assert "steady-runs" in shown
    for row in ("1 all the time", "2 all the time", "1 to 2", "and the schedule"):
        assert shown.count(row) == 2


@pytest.mark.parametrize("words", ["--autoscale 5:1", "--autoscale 3", "--autoscale 1:2 --schedule x"])
def test_a_wrong_bound_is_a_wrong_usage(words: str) -> None:
    command = f"capacity --students 20 --tests 5 --service 1s {words}"
    assert CliRunner().invoke(cli, command.split()).exit_code == 2
