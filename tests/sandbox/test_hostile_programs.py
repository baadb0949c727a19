"""What a hostile program tries, in short: it must fail, and the runner must go on."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.runner.conftest import FOR_MINUTES, GIVE_UP_SECONDS

PYTHON, BASH, C = 71, 46, 50


@pytest.fixture(autouse=True)
def _unharmed(judge0: Any) -> Any:
    """After every attack the runner still judges, and nothing of the attack runs on."""
    yield
    assert judge0.judge(BASH, "echo fine")["stdout"] == b"fine\n"
    assert judge0.tree() == set()


def test_a_fork_bomb_is_held_in_its_box(judge0: Any) -> None:
    source = """import os
while True:
    try:
        if os.fork() == 0: os.write(1, b"x")
    except OSError: pass"""
    limits = {"max_processes_and_or_threads": 20, "cpu_time_limit": 1, "cpu_extra_time": 0}
    token = judge0.create({"language_id": PYTHON, "source_code": source, **limits}).json()[0]["token"]
    most = 0
    while judge0.read(token, fields="status_id")[0]["status_id"] < 3:
        most = max(most, len(judge0.tree()))
    done = judge0.done(token)[0]
    assert done["status_id"] in (5, 12)
    assert 10 < len(done["stdout"]) <= 20
    assert most <= 20 + 3, "the box has its pid 1 and bubblewrap besides"


def test_a_gigabyte_is_not_given(judge0: Any) -> None:
    done = judge0.judge(PYTHON, "import time\nx = bytearray(1 << 30)\ntime.sleep(9)\nprint('got it')")
    assert (done["status_id"], done["stdout"]) == (12, None)


def test_memory_counts_over_all_processes(judge0: Any) -> None:
    source = """import os, time
for _ in range(7):
    if os.fork() == 0: break
x = bytearray(180 << 20)
time.sleep(9)"""
    done = judge0.judge(PYTHON, source, memory_limit=256_000)
    assert (done["status_id"], done["exit_signal"], done["memory"]) == (12, 9, 256_000)


def test_there_is_no_network(judge0: Any) -> None:
    port = judge0.url.rpartition(":")[2]
    source = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), timeout=1)"
    done = judge0.judge(PYTHON, source, enable_network=True)
    assert done["status_id"] == 11
    assert b"Error" in done["stderr"]


@pytest.mark.parametrize("path", ["/etc/shadow", "/etc/passwd", __file__, "/root", "/home", "/var", "/sys"])
def test_files_outside_of_the_box_are_not_there(judge0: Any, path: str) -> None:
    done = judge0.judge(BASH, f"cat {path} || ls {path}")
    assert done["stdout"] is None
    assert done["stderr"].count(b"No such file or directory") == 2


def test_nothing_outside_of_the_box_can_be_written(judge0: Any) -> None:
    source = """
for place in / /etc /usr /usr/bin /dev /proc /sys /home /root /lib /box/script.sh; do
  if [ -d $place ]; then target=$place/mine; else target=$place; fi
  if echo x > $target; then echo $target; fi
done 2>/dev/null
echo x > /box/mine && echo x > /tmp/mine && echo own"""
    assert judge0.judge(BASH, source)["stdout"] == b"own\n"


@pytest.mark.parametrize("folder", ["/box", "/tmp", "/dev/shm"])
def test_files_fill_the_box_and_not_the_machine(judge0: Any, folder: str) -> None:
    source = f"for n in {{1..100}}; do head -c 4000000 /dev/zero > {folder}/f$n || break; done 2>/dev/null\necho $n"
    done = judge0.judge(BASH, source, max_file_size=4096)
    assert done["stdout"] is not None
    assert 10 < int(done["stdout"]) < 20, "files of 4 MB in 64 MiB"


def test_a_daemon_left_behind_dies_with_its_program(judge0: Any) -> None:
    done = judge0.judge(BASH, "setsid sleep 100 >/dev/null 2>&1 & disown; echo gone")
    assert (done["status_id"], done["stdout"]) == (3, b"gone\n")


def test_a_daemon_that_keeps_stdout_open_does_not_hold_the_worker(judge0: Any) -> None:
    done = judge0.judge(BASH, "setsid sleep 100 & echo gone")
    assert (done["status_id"], done["stdout"]) == (3, b"gone\n")


def test_a_loop_with_closed_stdout_ends(judge0: Any) -> None:
    done = judge0.judge(BASH, "exec >&- 2>&-; while :; do :; done", cpu_time_limit=0.2, cpu_extra_time=0.1)
    assert done["status_id"] == 5


def test_a_flood_on_both_pipes_ends(judge0: Any) -> None:
    # Whichever of the two the box starts first may spend the whole cap alone, so both have written before.
    done = judge0.judge(BASH, "yes | head -c 500000; yes | head -c 500000 >&2; yes >&2 & yes")
    assert done["status_id"] == 8
    assert 500_000 <= len(done["stdout"]) <= 1024 * 1024
    assert 500_000 <= len(done["stderr"]) <= 1024 * 1024


def test_other_processes_are_neither_seen_nor_signalled(judge0: Any) -> None:
    done = judge0.judge(BASH, f"kill -9 {os.getpid()} 2>/dev/null; ls -d /proc/[0-9]* | wc -l; kill -9 1; kill -9 -1")
    assert done["stdout"] is not None
    assert int(done["stdout"]) < 8


def test_programs_are_not_root_and_cannot_become_it(judge0: Any) -> None:
    done = judge0.judge(BASH, "id -u; unshare -Ur id -u; mount -t tmpfs x /box; grep CapEff /proc/self/status")
    uid, *rest = done["stdout"].split()
    assert (uid != b"0", rest) == (True, [b"CapEff:", b"0" * 16])


def test_the_runners_environment_stays_outside(judge0: Any) -> None:
    done = judge0.judge(BASH, "env")
    names = {line.partition(b"=")[0] for line in done["stdout"].splitlines()}
    assert names <= {b"HOME", b"PATH", b"LANG", b"MEMORY_LIMIT_KB", b"PWD", b"OLDPWD", b"SHLVL", b"_"}


def test_one_box_leaves_nothing_for_the_next(judge0: Any) -> None:
    judge0.judge(BASH, "echo secret > /tmp/left; echo secret > /dev/shm/left; echo secret > /box/left")
    done = judge0.judge(BASH, "ls /tmp /dev/shm /box")
    assert done["stdout"].split() == [b"/box:", b"script.sh", b"/dev/shm:", b"/tmp:"]


def test_a_compiler_shows_nothing_of_the_host(judge0: Any, has: Callable[[int], None]) -> None:
    has(C)
    done = judge0.judge(C, f'#include "{__file__}"\n#include "/etc/passwd"\nint main(void) {{}}')
    assert done["status_id"] == 6
    assert b"root:" not in done["compile_output"]
    assert b"No such file" in done["compile_output"]


def test_a_killed_runner_takes_its_boxes_along(start_judge0: Any) -> None:
    with start_judge0("--count", "2") as doomed:
        doomed.create(*[{**FOR_MINUTES, "source_code": "setsid sleep 1000 & sleep 1000"}] * 20)  # each for 20 s
        while len(boxes := doomed.tree()) < 8:
            time.sleep(0.01)
        doomed.process.kill()
        doomed.process.wait()
        give_up = time.monotonic() + GIVE_UP_SECONDS
        while (left := [pid for pid in boxes if Path(f"/proc/{pid}").exists()]) and time.monotonic() < give_up:
            time.sleep(0.01)
        assert left == []
