"""The emulator as a process: what survives it, how it ends, and what it says when it cannot start."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path

import pytest
from google.api_core import exceptions
from google.cloud import tasks_v2

from tests.emulator.conftest import GIVE_UP_SECONDS, LOCATION, Emulator, Target, launch, running, wait_until

QUEUE = f"{LOCATION}/queues/kept"


def test_a_killed_emulator_delivers_again_what_was_in_flight_and_keeps_everything_else(
    tmp_path: Path, target: Target
) -> None:
    state = str(tmp_path / "tasks.sqlite")
    with running("--state", state, "--queue", QUEUE) as first:
        first.task(QUEUE, target.url, "done")
        wait_until(lambda: first.stats(QUEUE)["executedLastMinuteCount"] == "1", "the first delivery")
        target.held = True
        first.task(QUEUE, target.url, "in-flight", body=b"the same")
        target.wait_for(2)
        first.client.pause_queue(name=QUEUE)
        first.task(QUEUE, target.url, "waiting")
        first.process.send_signal(signal.SIGKILL)
        first.process.wait(GIVE_UP_SECONDS)
    target.held = False
    with running("--state", state, "--queue", QUEUE) as second:
        assert second.client.get_queue(name=QUEUE).state == tasks_v2.Queue.State.PAUSED
        names = [task.name.rpartition("/")[2] for task in second.client.list_tasks(parent=QUEUE)]
        assert names == ["in-flight", "waiting"]
        with pytest.raises(exceptions.Conflict, match="existed too recently"):
            second.task(QUEUE, target.url, "done")
        second.client.resume_queue(name=QUEUE)
        again = {arrival.headers["x-cloudtasks-taskname"]: arrival for arrival in target.wait_for(4)[2:]}
        assert (again["in-flight"].retries, again["in-flight"].body) == (1, b"the same")
        assert again["waiting"].retries == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_though_a_delivery_is_under_way(target: Target, number: signal.Signals) -> None:
    target.held = True
    with running("--queue", QUEUE) as emulator:
        emulator.task(QUEUE, target.url)
        target.wait_for(1)
        emulator.process.send_signal(number)
        assert emulator.process.wait(GIVE_UP_SECONDS) == 0
        assert target.inside == 1
        assert emulator.process.stderr is not None
        assert emulator.process.stderr.read() == ""


def test_the_signing_key_is_kept_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key.pem"
    keys = []
    for _ in range(2):
        with running("--signing-key", str(path)) as emulator:
            keys.append(emulator.keys())
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]
    assert keys[0] == keys[1]
    assert "d" not in keys[0][0], "the private part is not published"
    assert (keys[0][0]["alg"], keys[0][0]["use"]) == ("RS256", "sig")


def test_another_key_has_another_id(emulator: Emulator) -> None:
    with running() as other:
        assert other.keys()[0]["kid"] != emulator.keys()[0]["kid"]


def test_it_listens_on_the_loopback_address_only(emulator: Emulator) -> None:
    ports = [int(address.rpartition(":")[2]) for address in (emulator.address, emulator.rest)]
    for port in ports:
        with socket.create_connection(("127.0.0.1", port), GIVE_UP_SECONDS):
            pass
        with socket.socket() as other:  # all of 127.0.0.0/8 reaches a server that listens on every interface
            other.settimeout(GIVE_UP_SECONDS)
            assert other.connect_ex(("127.0.0.2", port)) != 0


def cannot_start(*arguments: str) -> str:
    with launch(*arguments) as process:
        try:
            out, err = process.communicate(timeout=GIVE_UP_SECONDS)
        finally:
            process.kill()
    assert (process.returncode, out) == (1, "")
    assert err.startswith("cannot start: ")
    assert err.count("\n") == 1, err
    return err


def test_a_taken_port_is_one_line_and_an_emulator_that_cannot_start_delivers_nothing(
    emulator: Emulator, tmp_path: Path, target: Target
) -> None:
    state = str(tmp_path / "tasks.sqlite")
    with running("--state", state, "--queue", QUEUE) as first:
        target.held = True
        first.task(QUEUE, target.url, "due-at-the-next-start")
        target.wait_for(1)
        first.process.kill()
    for option, address in (("--grpc-port", emulator.address), ("--rest-port", emulator.rest)):
        port = address.rpartition(":")[2]
        ports = {"--grpc-port": "0", "--rest-port": "0", option: port}
        line = cannot_start(*(word for pair in ports.items() for word in pair), "--state", state)
        assert option in line
        assert f"127.0.0.1:{port}" in line
    assert len(target.arrivals) == 1


def test_a_state_file_belongs_to_one_emulator_at_a_time(tmp_path: Path) -> None:
    arguments = ("--grpc-port", "0", "--rest-port", "0", "--state", str(tmp_path / "tasks.sqlite"))
    with running(*arguments):
        assert "database is locked" in cannot_start(*arguments)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--queue", "just-a-name"), "--queue just-a-name"),
        (("--state", "/nonexistent/folder/tasks.sqlite"), "--state /nonexistent/folder/tasks.sqlite"),
        (("--signing-key", __file__), f"--signing-key {__file__}"),
    ],
)
def test_a_wrong_option_is_one_line_that_names_it(arguments: tuple[str, str], says: str) -> None:
    assert says in cannot_start("--grpc-port", "0", "--rest-port", "0", *arguments)


def test_the_published_keys_are_json_for_any_client(emulator: Emulator) -> None:
    (key,) = emulator.keys()
    assert {"kty", "n", "e", "kid"} <= set(json.loads(json.dumps(key)))
