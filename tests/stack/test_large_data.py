"""Large tests and outputs through the whole stack: the real judge, and a bucket over S3's protocol."""

from __future__ import annotations

from pathlib import Path

import pytest
import requests

from infra.local import tokens
from tests.stack.conftest import LiveStack

pytestmark = pytest.mark.stack

YAML = "name: Lines\nlimits:\n  memory: 128\n"
COUNT = "import sys\nprint(sum(1 for _ in sys.stdin.buffer))\n"
TALK = "print('x' * 9000)\n"


def package(folder: Path) -> Path:
    """Count the lines: four secret tests of 5 MB each."""
    root = folder / "lines"
    for name, content in {
        "problem.yaml": YAML,
        "problem_statement/problem.md": "Count the lines.",
        "data/sample/1.in": "a\n",
        "data/sample/1.ans": "1\n",
        **{f"data/secret/{n}.in": f"{n}".rjust(99) + "\n" * 5_000_000 for n in range(4)},
        **{f"data/secret/{n}.ans": "5000000\n" for n in range(4)},
    }.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return root


def test_tests_of_five_megabytes_are_imported_and_judged(live: LiveStack, tmp_path: Path) -> None:
    assert "5 tests" in live.admin("questions", "import", str(package(tmp_path))).stdout
    student = live.student()
    judged = student.wait(student.post("lines", COUNT).json()["submission_id"])
    assert (judged["status"], judged["verdict"], judged["passed"]) == ("completed", "accepted", 5)
    wrong = student.wait(student.post("lines", "print(1)").json()["submission_id"])
    assert (wrong["verdict"], wrong["passed"]) == ("wrong_answer", 1)


def test_a_long_output_can_be_read_whole_by_its_link_and_hidden_ones_by_staff_only(live: LiveStack) -> None:
    student = live.student()
    shown = student.wait(student.post("test", TALK).json()["submission_id"])
    sample = shown["tests"][0]
    assert sample["truncated"]
    whole = requests.get(sample["full_output_url"], timeout=30)
    assert whole.text == "x" * 9000 + "\n"
    assert whole.headers["Content-Type"].startswith("text/plain")
    assert "hidden_outputs_url" not in shown
    assert all("full_output_url" not in test for test in shown["tests"] if test["hidden"])
    headers = {"Authorization": f"Bearer {tokens.mint(live.stack, 'teacher', 'instructor')}"}
    for_staff = requests.get(f"{live.url}/submissions/{shown['submission_id']}", headers=headers, timeout=30).json()
    printed = requests.get(for_staff["hidden_outputs_url"], timeout=30).json()
    assert {each["number"] for each in printed} == {test["number"] for test in shown["tests"] if test["hidden"]}
    assert printed[0]["stdout"].startswith("xxx")


def test_a_student_holds_a_receipt_that_can_be_confirmed(live: LiveStack) -> None:
    student = live.student("rita")
    accepted = student.post("test", "print(1)").json()
    confirmed = live.admin("receipt", accepted["receipt"])
    assert confirmed.stdout.startswith(f"genuine: submission {accepted['submission_id']} was recorded at ")
    assert "stored, with the same code: submit of test" in confirmed.stdout
    assert "by rita" in confirmed.stdout
    forged = live.admin("receipt", accepted["receipt"].replace(accepted["submission_id"], "f" * 32), check=False)
    assert (forged.returncode, "not a receipt of this service" in forged.stderr) == (1, True)
