"""What benchmarks start by themselves: Firestore's emulator, and a function served as it is deployed."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from google.cloud import firestore
from google.cloud.firestore_v1.services.firestore import FirestoreClient
from google.cloud.firestore_v1.services.firestore.transports import FirestoreGrpcTransport

from infra.local import firestore_emulator, processes
from tests.conftest import ROOT
from tests.contract.test_costs import Counting

PROJECT = "run-code-benchmark"
SECRET = "a secret of this benchmark and of nothing else"
SETTINGS = {
    "GOOGLE_CLOUD_PROJECT": PROJECT,
    "TASKS_LOCATION": "europe-west1",
    "TASKS_SERVICE_ACCOUNT": f"tasks@{PROJECT}.iam.gserviceaccount.com",
    "HANDLER_URL": "http://127.0.0.1:9",
    "JUDGE0_URL": "http://127.0.0.1:9",
    "AUTH_JWT_SECRET": SECRET,
    "ALLOWED_ORIGINS": "https://exam.example.org",
    "THREADS": "32",  # as Terraform deploys run_code
}
SERVED = ROOT / "tests" / "benchmarks" / "served"
FRAMEWORK = Path(sys.executable).with_name("functions-framework")
START_SECONDS = 60.0
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


CORES = sorted(os.sched_getaffinity(0))


@contextmanager
def on_core(number: int) -> Iterator[None]:
    """What is started within runs on this one of the cores that there are; with one core all share it."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {CORES[number % len(CORES)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def count_calls(documents: firestore.Client, counts: Counter[str]) -> None:
    """Have what this client of an emulator reads and writes counted on the wire, as Google bills it."""
    inner = documents._emulator_channel(FirestoreGrpcTransport)  # type: ignore[no-untyped-call]
    channel = grpc.intercept_channel(inner, Counting(counts))
    documents._firestore_api_internal = FirestoreClient(transport=FirestoreGrpcTransport(channel=channel))


@contextmanager
def firestore_at() -> Iterator[str]:
    """The address of an emulator of one's own. Raises firestore_emulator.NotFound."""
    jar = firestore_emulator.find(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        log, port = Path(folder, "log"), processes.free_port()
        started = processes.start(firestore_emulator.command(jar, port), log)
        try:
            if not processes.wait_until_answers(port, started, START_SECONDS):
                raise firestore_emulator.NotFound(firestore_emulator.why_it_failed(jar, log))
            firestore_emulator.warm_up(f"127.0.0.1:{port}")
            yield f"127.0.0.1:{port}"
        finally:
            processes.stop([started])


@dataclass(frozen=True)
class Served:
    """A function that answers on ``port``; ``pids``: gunicorn, and its worker, which does the work."""

    port: int
    pids: tuple[int, int]

    def cpu_seconds(self) -> float:
        stats = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.pids]
        return sum(int(user) + int(system) for user, system in (each[11:13] for each in stats)) / CLOCK_TICKS


def resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [resident] = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(resident) / 1024


@contextmanager
def function(target: str, source: Path, variables: Mapping[str, str]) -> Iterator[Served]:
    """A process of functions-framework, as on Google Cloud. Nothing of the shell's settings reaches it."""
    port = processes.free_port()
    command = [str(FRAMEWORK), "--target", target, "--source", str(source), "--host", "127.0.0.1", "--port", str(port)]
    env = {"PATH": os.environ["PATH"], "HOME": str(Path.home()), "FUNCTION_TARGET": target}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        process = processes.start(command, log, {**env, **SETTINGS, **variables})
        try:
            while not processes.answers(port):
                if process.poll() is not None:
                    raise RuntimeError(f"{target} did not start: {log.read_text()[-2000:]}")
                time.sleep(0.005)
            yield Served(port, (process.pid, _worker(process.pid)))
        finally:
            processes.stop([process])


def _worker(parent: int) -> int:
    children = Path(f"/proc/{parent}/task/{parent}/children")
    while not (found := children.read_text().split()):
        time.sleep(0.005)
    return int(found[0])
