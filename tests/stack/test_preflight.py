"""`preflight` against a real stack: it passes where all is well, and says which line fails where something is not."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import requests

from functions import records
from functions.domain.exam import Exam
from functions.ports import Query
from infra.admin import operations
from infra.kattis import read_package
from infra.local import tokens
from tests.conftest import ROOT, our_process
from tests.stack.conftest import LiveStack, free_ports, plain_environment, running_stack, wait_until

pytestmark = pytest.mark.stack

SUM = ROOT / "infra" / "local" / "questions" / "sum"
PLAYED = {"accepted", "answers", "verdicts", "wait of a Submit", "wait of a Run", "told waits", "positions", "clocks"}


def preflight(live: LiveStack, *words: str) -> dict[str, dict[str, Any]]:
    """The report's lines by name; its exit code and `passed` agree with them."""
    done = live.admin("preflight", "--url", live.url, "--json", "--within", "2", *words, check=False)
    assert done.stdout.startswith("{"), done.stderr
    said = json.loads(done.stdout)
    checks = {check["name"]: check for check in said["checks"]}
    failed = failing(checks)
    assert (said["passed"], done.returncode) == ((False, 1) if failed else (True, 0))
    return checks


def failing(checks: dict[str, dict[str, Any]]) -> set[str]:
    return {name for name, check in checks.items() if check["passed"] is False}


def left_over(live: LiveStack) -> list[str]:
    store = live.service().store
    collections = (records.ATTEMPTS, records.SUBMISSIONS, records.EXAMS)
    found = [each for collection in collections for each in store.find(Query(collection))]
    return [each.path for each in found if "preflight" in each.path + str(each.fields.get("student"))]


def an_exam(live: LiveStack, exam_id: str, *question_ids: str) -> str:
    operations.create_exam(live.service(), Exam(exam_id, exam_id, question_ids))
    return exam_id


def test_on_a_good_stack_everything_passes_and_nothing_is_left(live: LiveStack) -> None:
    exam_id = an_exam(live, "preflight-good", "sum", "fizzbuzz")
    checks = preflight(live, "--students", "6", "--exam", exam_id, "--origin", live.stack.page_url)
    assert failing(checks) == set(), checks
    assert {name for name, check in checks.items() if check["passed"] is None} <= {"TLS", "told waits", "positions"}
    assert PLAYED | {"health before", "health during", "languages", "questions", "cleaned up"} <= checks.keys()
    assert checks["accepted"]["told"] == "12 of 12"
    assert checks["cleaned up"]["told"] == "erased 6 attempts, 12 submissions"
    assert left_over(live) == [f"exams/{exam_id}"]


def test_a_question_whose_solution_is_not_right_fails_the_verdicts_and_nothing_else(live: LiveStack) -> None:
    package = read_package(SUM)
    wrong = next(each for each in package.submissions if each.path.name == "first.py")
    question = replace(package.question, question_id="sum-damaged")
    claimed = replace(package, question=question, submissions=(replace(wrong, expected="accepted"),))
    operations.import_package(live.service(), claimed)
    checks = preflight(live, "--students", "2", "--exam", an_exam(live, "preflight-wrong", "sum-damaged"))
    assert failing(checks) == {"verdicts"}, checks
    assert "wrong_answer instead of accepted" in checks["verdicts"]["told"]


def test_what_the_exam_needs_and_the_judge_lacks_is_named(live: LiveStack) -> None:
    package = read_package(SUM)
    question = replace(package.question, question_id="sum-in-rust", languages=("python", "rust"))
    operations.import_package(live.service(), replace(package, question=question))
    checks = preflight(live, "--students", "1", "--exam", an_exam(live, "preflight-rust", "sum-in-rust"))
    assert failing(checks) == {"languages"}, checks
    assert "lacks rust (of sum-in-rust)" in checks["languages"]["told"]


def test_an_origin_that_is_not_allowed_and_a_wait_over_the_limit_fail(live: LiveStack) -> None:
    exam_id = an_exam(live, "preflight-late", "sum")
    words = ("--students", "5", "--exam", exam_id, "--origin", "https://other.example.org", "--max-wait", "0.001")
    assert failing(preflight(live, *words)) == {
        "CORS https://other.example.org",
        "wait of a Submit",
        "wait of a Run",
    }


def test_given_test_students_sit_it_and_are_erased_but_nobody_with_work_of_their_own(
    live: LiveStack, tmp_path: Path
) -> None:
    exam_id = an_exam(live, "preflight-given", "sum")
    ann, bob = live.student("ann"), live.student("bob")
    zoe = f"zoe,,{tokens.mint(live.stack, 'zoe')}"
    file = tmp_path / "tokens.csv"
    file.write_text(f"{zoe}\n{zoe}\nann,{ann.attempt_id},{ann.token}\n")
    words = ("--students", "3", "--exam", exam_id, "--tokens", str(file))
    checks = preflight(live, *words)
    assert failing(checks) == set(), checks
    assert checks["cleaned up"]["told"] == "erased 3 attempts, 6 submissions"
    assert live.service().store.get(f"attempts/{ann.attempt_id}") == [None]

    bob.wait(bob.post("sum", "print(1)").json()["submission_id"])
    eve = live.student("eve")
    for student, name, why in ((bob, "bob", "has submissions"), (eve, "eve", "has attempts that are not given")):
        file.write_text(f"{name},,{student.token}\n")
        done = live.admin("preflight", "--students", "1", "--exam", exam_id, "--tokens", str(file), check=False)
        assert done.returncode == 1
        assert why in done.stderr
    assert len(bob.attempt()["submissions"]) == 1
    assert eve.attempt()["submissions"] == []


def test_with_the_judge_gone_it_says_so_and_leaves_nothing_in_the_line() -> None:
    with ExitStack() as judge:
        judge_url = judge.enter_context(our_process("infra.local.scripted_judge"))
        given = {"JUDGE0_URL": judge_url, "LEASE_SECONDS": "10", "JUDGE_TIMEOUT": "4"}
        with running_stack(plain_environment() | free_ports() | given) as live:
            exam_id, student = an_exam(live, "orphaned", "sum"), live.student()
            known = requests.get(f"{live.url}/languages", headers=student.headers, timeout=30)
            assert known.status_code == 200, "from here on they are known for an hour"
            student.wait(student.post("sum", "print(1)").json()["submission_id"])
            judge.close()
            checks = preflight(live, "--students", "2", "--exam", exam_id, "--max-wait", "1")
            assert {"verdicts", "wait of a Run", "health during"} <= failing(checks), checks
            assert "0 of 2 right; 2 never came" in checks["verdicts"]["told"]
            assert checks["cleaned up"]["passed"], checks
            assert left_over(live) == []
            wait_until(lambda: live.health()["queue_length"] == 0)
