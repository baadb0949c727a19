"""`GET /metrics`: the queues' own numbers, and what is made of run-code's logs. Read as Prometheus reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from prometheus_client.parser import text_string_to_metric_families

from infra.local.cloud_tasks_emulator.metrics import exposition
from infra.local.log_metrics import JUDGES_WANTED, NAMES, LogMetrics
from tests.emulator.conftest import GIVE_UP_SECONDS, LOCATION, Emulator, Target, running, wait_until

QUEUE = f"{LOCATION}/queues/submit"
JUDGED = {
    "action": "judged",
    "run_type": "submit",
    "language": "cpp",
    "verdict": "accepted",
    "wait_seconds": 4.0,
    "service_seconds": 0.7,
}
Numbers = dict[tuple[str, ...], float]


def numbers(text: str) -> Numbers:
    """(name, label value ...) -> value, in the order of the labels' names."""
    families = text_string_to_metric_families(text)
    return {(each.name, *each.labels.values()): each.value for family in families for each in family.samples}


def scraped(emulator: Emulator) -> Numbers:
    answer = requests.get(f"{emulator.rest}/metrics", timeout=GIVE_UP_SECONDS)
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    return numbers(answer.text)


def test_it_tells_how_full_each_queue_is_and_what_came_of_its_deliveries(target: Target) -> None:
    with running("--queue", QUEUE) as emulator:
        assert scraped(emulator) == {("cloud_tasks_queue_depth", "submit"): 0, ("cloud_tasks_in_flight", "submit"): 0}
        target.answer = lambda arrival: (200 if arrival.retries else 503, {})
        emulator.task(QUEUE, target.url)
        wait_until(lambda: scraped(emulator).get(("cloud_tasks_attempts_total", "submit", "200")), "the second one")
        target.held = True
        emulator.task(QUEUE, target.url)
        target.wait_for(3)
        assert scraped(emulator) == {
            ("cloud_tasks_queue_depth", "submit"): 1,
            ("cloud_tasks_in_flight", "submit"): 1,
            ("cloud_tasks_attempts_total", "submit", "200"): 1,
            ("cloud_tasks_attempts_total", "submit", "503"): 1,
        }


def test_with_logs_it_tells_what_they_say_too(tmp_path: Path) -> None:
    log = tmp_path / "judge_submission.log"
    with running("--queue", QUEUE, "--log", str(log), "--log", str(tmp_path / "none.log")) as emulator:
        write(log, JUDGED)
        assert scraped(emulator)["run_code_verdicts_total", "submit", "accepted"] == 1


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def scrape(log: Path) -> Callable[[], Numbers]:
    written = exposition(LogMetrics([log]))
    return lambda: numbers(written().decode())


def write(log: Path, *lines: dict[str, Any] | str) -> None:
    with log.open("a") as file:
        file.writelines(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)


def test_waits_and_service_times_are_histograms_and_verdicts_are_counted(
    log: Path, scrape: Callable[[], Numbers]
) -> None:
    write(log, JUDGED, {**JUDGED, "wait_seconds": 200.0, "verdict": "wrong_answer", "language": "java"})
    found = scrape()
    assert found["run_code_wait_seconds_count", "submit"] == 2
    assert found["run_code_wait_seconds_sum", "submit"] == 204.0
    buckets = {name[1]: value for name, value in found.items() if name[0] == "run_code_wait_seconds_bucket"}
    assert (buckets["2.5"], buckets["5.0"], buckets["120.0"], buckets["300.0"]) == (0, 1, 1, 2)
    assert found["run_code_service_seconds_sum", "cpp", "submit"] == 0.7
    assert found["run_code_service_seconds_count", "java", "submit"] == 1
    assert found["run_code_verdicts_total", "submit", "wrong_answer"] == 1


def test_failures_retries_and_the_breaker_are_counted_and_the_last_sweep_says_who_waits(
    log: Path, scrape: Callable[[], Numbers]
) -> None:
    swept = {"action": "swept", "waiting_submit": 9, "waiting_run": 1, "oldest_wait_seconds": 99.0}
    write(log, swept, *({"action": action} for action in ("submission_failed", "judging_abandoned", "breaker_opened")))
    write(log, {"action": "judging_abandoned"}, {**swept, "waiting_submit": 2, "oldest_wait_seconds": 3.5})
    found = {name: value for name, value in scrape().items() if "bucket" not in name[0]}
    assert found == {
        ("run_code_failures_total",): 1,
        ("run_code_retries_total",): 2,
        ("run_code_breaker_opened_total",): 1,
        ("run_code_waiting_submit",): 2,
        ("run_code_waiting_run",): 1,
        ("run_code_oldest_wait_seconds",): 3.5,
    }


def test_how_many_judges_are_wanted_is_told_once_a_sweep_says_it(log: Path, scrape: Callable[[], Numbers]) -> None:
    assert (JUDGES_WANTED,) not in scrape()
    write(log, *({"action": "judges_wanted", "judges_wanted": number} for number in (2, 5)))
    assert scrape()[JUDGES_WANTED,] == 5


def test_every_name_is_there(log: Path, scrape: Callable[[], Numbers]) -> None:
    write(log, JUDGED, {"action": "swept", "waiting_submit": 0, "waiting_run": 0, "oldest_wait_seconds": 0.0})
    families = {name[0].removesuffix("_bucket").removesuffix("_count").removesuffix("_sum") for name in scrape()}
    assert families == set(NAMES)


def test_each_scrape_counts_only_what_is_new(log: Path, scrape: Callable[[], Numbers]) -> None:
    failed = {"action": "submission_failed"}
    assert scrape()["run_code_failures_total",] == 0, "the log is not there yet"
    for number in range(1, 4):
        write(log, failed)
        assert scrape()["run_code_failures_total",] == number
    assert scrape()["run_code_failures_total",] == 3


def test_a_line_that_is_still_being_written_counts_once_it_is_whole(log: Path, scrape: Callable[[], Numbers]) -> None:
    begun, rest = '{"action": "submis', 'sion_failed"}\n'
    log.write_text(begun)
    assert scrape()["run_code_failures_total",] == 0
    with log.open("a") as file:
        file.write(rest)
    assert scrape()["run_code_failures_total",] == 1


@pytest.mark.parametrize("replaced", [False, True])
def test_a_log_that_is_cut_or_replaced_is_read_from_its_begin(
    log: Path, scrape: Callable[[], Numbers], replaced: bool
) -> None:
    write(log, *[{"action": "submission_failed"}] * 3)
    assert scrape()["run_code_failures_total",] == 3
    if replaced:
        new = log.with_name("new")
        write(new, *[{"action": "submission_failed"}] * 4)
        new.replace(log)
    else:
        log.write_text("")
        write(log, {"action": "submission_failed"})
    assert scrape()["run_code_failures_total",] == (7 if replaced else 4)


@pytest.mark.parametrize(
    "line",
    [
        "Traceback (most recent call last):",
        "",
        "[]",
        "3",
        '{"name": "judging", "attributes": {"action": "submission_failed"}}',
        '{"action": "judged"}',
        '{"action": ["judged"]}',
        json.dumps({**JUDGED, "wait_seconds": None}),
        json.dumps({name: value for name, value in JUDGED.items() if name != "language"}),
    ],
)
def test_what_is_no_line_of_ours_counts_for_nothing(log: Path, scrape: Callable[[], Numbers], line: str) -> None:
    before = scrape()
    write(log, line)
    assert scrape() == before
    write(log, JUDGED)
    assert scrape()["run_code_verdicts_total", "submit", "accepted"] == 1
