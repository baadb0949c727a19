"""`python -m tests.benchmarks.cold_start`: how soon a new instance answers for the first time.

From the start of the process, functions-framework as deployed, to its first answer: `run_code` to GET /health, which
reads from Firestore's emulator, the other two to a call without a token. Compared with a function that imports the two
Google clients and requests and does nothing. The bundle's own files, compiled before; one after the other, in turns.
"""

from __future__ import annotations

import http.client
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.benchmarks import parts
from tests.benchmarks.table import Measured, Row, show
from tests.bundle import TARGETS, copy_bundle
from tests.conftest import ROOT

TURNS = 15


def first_answer(target: str, source: Path, variables: dict[str, str], method: str, path: str) -> tuple[float, float]:
    """Seconds until it came, and seconds of a core that this took."""
    begin = time.monotonic()
    with parts.function(target, source, variables) as served:
        connection = http.client.HTTPConnection("127.0.0.1", served.port)
        connection.request(method, path)
        answer = connection.getresponse()
        answer.read()
        seconds, cpu = time.monotonic() - begin, served.cpu_seconds()
        connection.close()
    assert answer.status in (200, 401), f"{target}: {answer.status}"
    return seconds, cpu


def measure() -> Measured:
    with tempfile.TemporaryDirectory() as folder, parts.firestore_at() as address:
        bundle = Path(folder)
        copy_bundle(ROOT, bundle)
        variables = {"FIRESTORE_EMULATOR_HOST": address, "PYTHONPATH": str(parts.SERVED / "as_deployed")}
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in ("bare", *TARGETS)}
        for turn in range(TURNS + 1):
            nothing = first_answer("bare", parts.SERVED / "bare.py", variables, "GET", "/health")
            turns = {"bare": nothing} | {
                name: first_answer(name, bundle / "main.py", variables, method, path)
                for name, (method, path, _) in TARGETS.items()
            }
            for name, times in turns.items() if turn else ():  # the first one compiles
                found[name].append(times)
    ratios, of_the_core = (
        {
            name: median(mine[n] / bare[n] for mine, bare in zip(found[name], found["bare"], strict=True))
            for name in found
        }
        for n in (0, 1)
    )
    bare = median(seconds for seconds, _ in found["bare"])
    rows = [
        Row(
            f"{name}: first answer after",
            f"{median(seconds for seconds, _ in found[name]):.2f} s, {ratios[name]:.2f} times",
            "1.25 times or less",
            f"{bare:.2f} s where nothing but the clients is imported; of the core {of_the_core[name]:.2f} times",
        )
        for name in TARGETS
    ]
    return Measured(rows, {"cold_start": round(ratios["run_code"], 2)})


if __name__ == "__main__":
    show(measure(), "Cold start")
