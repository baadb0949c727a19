"""How many judges a load needs, and what it would have done in an exam."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from functions.domain.scaling import Fleet, Load, Planned, judges_wanted
from infra.admin.__main__ import cli
from infra.admin.capacity import ExamEnd, Scaling, played

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


def test_a_burst_costs_far_fewer_hours_than_the_largest_fleet_and_a_schedule_hides_the_boot() -> None:
    end = ExamEnd(students=150, tests=10, service=1.5, within=60.0)
    fixed = {n: played("last-minute-burst", end, Scaling(Fleet(3, n, n), 0.0)) for n in (1, 3)}
    scaled = played("last-minute-burst", end, Scaling(Fleet(3, 1, 3), 90.0))
    known = played("last-minute-burst", end, Scaling(Fleet(3, 1, 3), 90.0, (Planned(3000.0, 3660.0, 3),)))
    assert scaled.machine_hours < fixed[3].machine_hours / 2
    assert known.machine_hours < fixed[3].machine_hours / 2
    assert fixed[3].submits[0] < scaled.submits[0] < fixed[1].submits[0]
    assert known.submits[0] == pytest.approx(fixed[3].submits[0], abs=1.0)
    assert scaled.most_machines == 3
    assert fixed[1].machine_hours == pytest.approx(1.0, abs=0.2)


def test_the_command_shows_it_beside_fixed_sizes() -> None:
    words = "capacity --students 40 --tests 5 --service 1s --autoscale 1:2 --schedule 50-61=2"
    shown = CliRunner().invoke(cli, words.split()).stdout
    assert "last-minute-burst" in shown
    assert "steady-runs" in shown
    for row in ("1 all the time", "2 all the time", "1 to 2", "and the schedule"):
        assert shown.count(row) == 2


@pytest.mark.parametrize("words", ["--autoscale 5:1", "--autoscale 3", "--autoscale 1:2 --schedule x"])
def test_a_wrong_bound_is_a_wrong_usage(words: str) -> None:
    command = f"capacity --students 20 --tests 5 --service 1s {words}"
    assert CliRunner().invoke(cli, command.split()).exit_code == 2
