"""From a request to a verdict through real processes: functions-framework, Firestore, Cloud Tasks, the judge."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from functions.domain.submission import RunType
from infra.local import processes
from tests.conftest import ROOT, missing
from tests.stack.conftest import (
    GIVE_UP_SECONDS,
    PORT_NAMES,
    LiveStack,
    free_ports,
    plain_environment,
    running_stack,
    wait_until,
)

pytestmark = pytest.mark.stack

SUM = "input()\nprint(sum(map(int, input().split())))\n"
SLOW_RUN = "import time\ntime.sleep(1.5)\nprint(1)\n"


def test_the_guides_request_is_accepted_at_once_and_then_judged(live: LiveStack) -> None:
    curl = "".join(live.output)
    token = curl.partition("Bearer ")[2].partition("'")[0]
    body = json.loads(curl.partition("-d '")[2].partition("'\n")[0])
    assert body == {
        "attempt_id": "test",
        "question_id": "test",
        "language": "python",
        "code": "print(1)",
        "run_type": "run",
    }
    headers = {"Authorization": f"Bearer {token}"}
    accepted = requests.post(live.url, json=body, headers=headers, timeout=30)
    assert accepted.status_code == 202
    assert accepted.json()["status"] == "queued"
    until = time.monotonic() + GIVE_UP_SECONDS
    while time.monotonic() < until:
        shown = requests.get(live.url + accepted.headers["Location"], headers=headers, timeout=30).json()
        if shown["status"] == "completed":
            break
        time.sleep(0.1)
    assert (shown["status"], shown["verdict"]) == ("completed", "accepted")


def test_thirty_students_at_once_are_all_judged_right_and_never_more_than_three_at_a_time(live: LiveStack) -> None:
    students = [live.student() for _ in range(30)]
    healths, at_judge = [], []
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            healths.append(live.health())
            queue = requests.get(f"http://127.0.0.1:{live.stack.judge0_port}/workers", timeout=30).json()
            at_judge.append(sum(each["size"] + each["working"] for each in queue))
            time.sleep(0.05)

    with ThreadPoolExecutor(31) as pool:
        watching = pool.submit(watch)
        accepted = list(pool.map(lambda student: student.post("sum", SUM), students))
        assert [answer.status_code for answer in accepted] == [202] * 30
        ids = [answer.json()["submission_id"] for answer in accepted]
        judged = list(pool.map(lambda pair: pair[0].wait(pair[1]), zip(students, ids, strict=True)))
        wait_until(lambda: (live.health()["queue_length"], live.health()["processing"]) == (0, 0))  # seconds old
        done.set()
        watching.result()
    assert {(each["status"], each["verdict"], each["score"], each["passed"]) for each in judged} == {
        ("completed", "accepted", 100, 12)
    }
    assert max(health["processing"] for health in healths) <= 3
    assert max(health["queue_length"] for health in healths) > 0
    spans = [[datetime.fromisoformat(each[name]) for name in ("created_at", "started_at")] for each in judged]
    assert max(sum(came <= moment < begun for came, begun in spans) for moment, _ in spans) > 3, "they waited"
    assert 0 < max(at_judge) <= 9


def test_a_submit_that_comes_while_twenty_runs_wait_starts_next(live: LiveStack) -> None:
    students = [live.student() for _ in range(21)]
    with live.paused(RunType.RUN), ThreadPoolExecutor(20) as pool:
        runs = list(pool.map(lambda s: s.post("test", SLOW_RUN, run_type="run"), students[:20]))
    ids = [answer.json()["submission_id"] for answer in runs]
    submitted = students[20].post("test", "print(1)").json()["submission_id"]
    accepted = datetime.now(UTC)
    judged = students[20].wait(submitted)
    later = [student.wait(run) for student, run in zip(students[:20], ids, strict=True)]
    started = [datetime.fromisoformat(each["started_at"]) for each in later]
    assert sum(accepted < each for each in started) > 3, "they waited"
    overtaking = [each for each in started if accepted < each < datetime.fromisoformat(judged["started_at"])]
    assert len(overtaking) <= 3, "in each slot what was being claimed while the Submit came"


def test_every_sample_question_gets_its_verdicts(live: LiveStack) -> None:
    samples = sorted(each.name for each in (ROOT / "infra" / "local" / "questions").iterdir() if each.is_dir())
    verified = live.admin("questions", "verify", *samples, check=False)  # other tests import others, which are to fail
    assert "skipped" not in verified.stdout
    wrong = [line.split() for line in verified.stdout.splitlines() if "WRONG" in line]
    if wrong:  # once more by themselves: on a busy machine a program may have been stopped for its time
        verified = live.admin("questions", "verify", *{word for words in wrong for word in words} & {*samples})
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "as expected" in verified.stdout


def test_the_command_line_submits_and_shows_the_verdict(live: LiveStack, tmp_path: Path) -> None:
    attempt_id = live.admin("attempts", "create", "--student", "carol").stdout.strip()
    program = tmp_path / "sum.py"
    program.write_text(SUM)
    accepted = live.admin("submit", str(program), "--question", "sum", "--attempt", attempt_id)
    assert "accepted" in accepted.stdout
    assert "100 of 100 points" in accepted.stdout
    program.write_text("print(5)")
    wrong = live.admin("submit", str(program), "--question", "sum", "--attempt", attempt_id, "--run", check=False)
    assert wrong.returncode == 1
    assert "wrong_answer" in wrong.stdout
    assert live.admin("exams", "status", "demo").stdout.endswith("everything is judged\n")


def test_the_real_gcloud_sees_the_queues(live: LiveStack, tmp_path: Path) -> None:
    gcloud = shutil.which("gcloud")
    if gcloud is None:
        pytest.skip("gcloud is not installed")
    env = live.environment(
        CLOUDSDK_API_ENDPOINT_OVERRIDES_CLOUDTASKS=f"http://127.0.0.1:{live.stack.tasks_http_port}/",
        CLOUDSDK_AUTH_DISABLE_CREDENTIALS="true",
        CLOUDSDK_CORE_PROJECT="run-code-local",
        CLOUDSDK_CONFIG=str(tmp_path),
    )
    for words, expected in (
        (("queues", "describe", "submit"), "maxConcurrentDispatches: 3"),
        (("queues", "describe", "run"), "state: RUNNING"),
        (("list", "--queue=run"), ""),
    ):
        command = [gcloud, "tasks", *words, "--location=europe-west1"]
        shown = subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=120)
        assert expected in shown.stdout


def test_a_function_that_is_killed_is_started_again(live: LiveStack) -> None:
    found = subprocess.run(["pgrep", "-f", f"judge_submission .*--port {live.stack.handler_port}"], capture_output=True)
    pids = [int(pid) for pid in found.stdout.split()]
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    student = live.student()
    judged = student.wait(student.post("test", "print(1)").json()["submission_id"])
    assert judged["verdict"] == "accepted"
    assert any("judge_submission ended" in line for line in live.output)


def test_bad_requests_get_their_status_over_the_wire_and_never_a_500(live: LiveStack) -> None:
    student = live.student()
    good = {
        "attempt_id": student.attempt_id,
        "question_id": "test",
        "language": "python",
        "code": "print(1)",
        "run_type": "run",
    }

    def post(body: object, **headers: str) -> int:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"Content-Type": "application/json", **student.headers, **headers}
        answer = requests.post(live.url, data=data, headers=sent, timeout=30)
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        return answer.status_code

    assert post(b"{") == 400
    assert post(good, Authorization="Bearer nonsense") == 401
    assert post(good | {"attempt_id": "test"}) == 403
    assert post(good | {"question_id": "none"}) == 404
    assert post(good | {"code": "x" * 70_000}) == 413
    assert post(good | {"code": "x" * 300_000}) == 413
    assert post(good, **{"Content-Type": "text/plain"}) == 415
    for wrong in ({"language": "cobol"}, {"code": ""}, {"run_type": "judge"}, {"code": None}, {"more": 1}):
        assert post(good | wrong) == 422
    for nowhere in ("submissions", "attempts", "questions"):
        for name in ("__x__", "%2e%2e", "x" * 2000, "%00", "%ff", "a%2Fb", "😀"):
            answer = requests.get(f"{live.url}/{nowhere}/{name}", headers=student.headers, timeout=30)
            assert answer.status_code == 404, (nowhere, name, answer.text)
    for name in ("__x__", "a" * 128):
        assert post(good | {"attempt_id": name}) == 404
        assert post(good | {"question_id": name}) == 404
    assert requests.put(live.url, headers=student.headers, timeout=30).status_code == 405
    for machine in (live.stack.handler_url, live.stack.sweep_url):
        assert requests.post(machine, json={}, headers=student.headers, timeout=30).status_code == 401


def test_interrupting_the_stack_leaves_no_process_and_no_port_behind() -> None:
    given = plain_environment() | free_ports()
    with running_stack(given) as stack:
        group = processes_of(stack)
        assert len(group) >= 6
        second = subprocess.run(
            [sys.executable, "-m", "infra.local.stack"],
            cwd=ROOT,
            env=given,
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 1
        assert f"PORT={given['PORT']}" in second.stderr
        assert len(second.stderr.strip().splitlines()) == 1
        assert "no stack" not in stack.admin("slots").stderr  # the one that runs was not disturbed
    with_none = stack.admin("slots", check=False)
    assert (with_none.returncode, "make run" in with_none.stderr) == (1, True)
    assert processes_of(stack) == []
    for name, port in free_ports_of(given).items():
        assert processes.is_free(port), name


@pytest.mark.parametrize("emulator", [True, False])
def test_with_keep_everything_is_there_again(emulator: bool, tmp_path: Path) -> None:
    given = plain_environment() | free_ports() | {"KEEP": "1"}
    if not emulator:
        given |= {"PATH": path_without_java(tmp_path)}
    with running_stack(given, keep_state=True) as stack:
        student = stack.student("keeper")
        first = student.post("test", "print(1)").json()["submission_id"]
        student.wait(first)
        service_slots = stack.admin("slots", "--set", "5").stdout
        assert service_slots.count("free") == 5
    with running_stack(given) as again:
        shown = requests.get(f"{again.url}/submissions/{first}", headers=student.headers, timeout=30).json()
        assert (shown["status"], shown["verdict"]) == ("completed", "accepted")
        assert again.health()["max_concurrent"] == 5


def test_killing_the_stack_takes_its_processes_along() -> None:
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv (util-linux) is not installed: the kernel cannot be asked to end orphans")
    with running_stack(plain_environment() | free_ports()) as stack:
        assert len(processes_of(stack)) >= 6
        stack.process.kill()
        stack.process.wait()
        wait_until(lambda: processes_of(stack) == [])


def test_without_the_emulator_the_embedded_store_serves_and_says_so(tmp_path: Path) -> None:
    given = plain_environment() | free_ports() | {"PATH": path_without_java(tmp_path)}
    with running_stack(given) as stack:
        if "without a judge" in "".join(stack.output):
            missing("no sandbox for the local runner: apt-get install bubblewrap")
        said = [line for line in stack.output if "embedded store" in line]
        assert len(said) == 1
        student = stack.student()
        assert student.wait(student.post("sum", SUM).json()["submission_id"])["score"] == 100


def path_without_java(folder: Path) -> str:
    """A PATH on which everything is but Java and gcloud."""
    for tool in ("bash", "python3", "env", "prlimit", "setpriv", "g++", "gcc", "node", "sh", "bwrap"):
        found = shutil.which(tool)
        if found is not None:
            (folder / tool).symlink_to(found)
    return str(folder)


def processes_of(stack: LiveStack) -> list[str]:
    """The processes whose command line or environment file speaks of this stack's ports."""
    ports = "|".join(str(port) for port in free_ports_of(stack.stack.given).values())
    listed = subprocess.run(["ps", "-eww", "-o", "args="], capture_output=True, text=True, check=True).stdout
    ours = [
        line for line in listed.splitlines() if str(ROOT) in line or "infra.local" in line or "CloudFirestore" in line
    ]
    return [line for line in ours if re.search(rf"\b({ports})\b", line)]


def free_ports_of(given: object) -> dict[str, int]:
    assert isinstance(given, dict)
    ports = {name: int(given[name]) for name in PORT_NAMES}
    return ports | {"handler": ports["PORT"] + 1, "sweep": ports["PORT"] + 2}
