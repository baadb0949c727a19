"""What the suites share: the Firestore emulator, and the rule that in CI nothing that is missing is skipped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import HealthCheck, settings

from infra import cloud_tasks, firestore
from infra.local import firestore_emulator, processes

ROOT = Path(__file__).resolve().parents[1]

# No test asserts a time: its own calls and examples may take as long as they take on a busy machine.
firestore.CALL_SECONDS = cloud_tasks.CALL_SECONDS = 600.0
settings.register_profile(
    "patient",
    settings.get_profile(settings.get_current_profile_name()),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("patient")

if worker := os.environ.get("PYTEST_XDIST_WORKER"):  # what one has chosen and not yet taken is no other's
    share = len(processes.PORTS) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
    processes.PORTS = processes.PORTS[int(worker.removeprefix("gw")) * share :][:share]


def missing(what: str) -> NoReturn:
    """A system component is not there: fail in CI, skip elsewhere, each with the one line that says what to do."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


@contextmanager
def our_process(module: str, *options: str) -> Iterator[str]:
    """The URL of a stand-in of ours, a process of its own on a free port."""
    command = [sys.executable, "-m", module, "--port", "0", *options]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as started:
        try:
            assert started.stdout is not None
            ready = re.search(r"http://\S+", started.stdout.readline())
            if ready is None:
                missing(f"{module}: {started.stderr.read() if started.stderr else ''}")
            yield ready[0]
        finally:
            processes.stop([started])


@pytest.fixture(scope="session")
def firestore_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of Google's emulator: the one that runs, or one of our own for this session."""
    running = os.environ.get("FIRESTORE_EMULATOR_HOST")
    if running:
        yield running
        return
    try:
        jar = firestore_emulator.find(os.environ)
    except firestore_emulator.NotFound as error:
        missing(f"Firestore's emulator: {error}; {firestore_emulator.HOW_TO_GET_IT}")
    log: Path = tmp_path_factory.mktemp("firestore") / "log"
    port = processes.free_port()
    emulator = processes.start(firestore_emulator.command(jar, port), log)
    try:
        if not processes.wait_until_answers(port, emulator, firestore_emulator.START_SECONDS):
            missing(f"Firestore's emulator: {firestore_emulator.why_it_failed(jar, log)}")
        address = f"127.0.0.1:{port}"
        firestore_emulator.warm_up(address)
        yield address
    finally:
        processes.stop([emulator])
