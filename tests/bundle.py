"""`make bundle`: what is deployed, as .gcloudignore leaves it, installed and served by itself in each Python there is.

Ends with a table: what is in the bundle, how large it is, what each Python did with it. Exit code 1 where one failed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from pathspec import GitIgnoreSpec
from rich.console import Console
from rich.table import Table

from infra.local import firestore_emulator, processes
from tests.conftest import ROOT

PYTHONS = ("3.11", "3.12", "3.13")
START_SECONDS = 60.0
SETTINGS = {
    "GOOGLE_CLOUD_PROJECT": "run-code-bundle",
    "TASKS_LOCATION": "europe-west1",
    "TASKS_SERVICE_ACCOUNT": "tasks@run-code-bundle.iam.gserviceaccount.com",
    "HANDLER_URL": "http://127.0.0.1:9",
    "JUDGE0_URL": "http://127.0.0.1:9",
    "AUTH_JWT_SECRET": "a secret of this test and of nothing else",
}
TARGETS = {"run_code": ("GET", "/health", 200), "judge_submission": ("POST", "/", 401), "sweep": ("POST", "/", 401)}
"""Each function, and what it answers to whom it does not know."""


class DoesNotServe(Exception):
    """The bundle cannot be installed, imported or served; the message has the last that was said."""


def bundle_files(root: Path) -> list[Path]:
    """The files that are uploaded from ``root``, relative to it and sorted: what .gcloudignore does not name."""
    ignored = GitIgnoreSpec.from_lines((root / ".gcloudignore").read_text().splitlines())
    return sorted(map(Path, ignored.match_tree_files(root, negate=True)))


def copy_bundle(root: Path, to: Path) -> None:
    for file in bundle_files(root):
        (to / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / file, to / file)


def find_python(version: str) -> str | None:
    """An interpreter of this version: on the PATH, or among pyenv's, whose own command may refuse to be it."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [shutil.which(f"python{version}"), *sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"))]
    candidates = [str(each) for each in found if each is not None]
    works = (subprocess.run([each, "-c", "import venv"], capture_output=True, check=False) for each in candidates)
    return next((each for each, tried in zip(candidates, works, strict=True) if tried.returncode == 0), None)


def install(python: str, bundle: Path, environment: Path) -> None:
    """requirements.txt alone. Raises DoesNotServe."""
    pip = [str(environment / "bin" / "pip"), "--disable-pip-version-check", "install", "--quiet", "--require-hashes"]
    for command in ([python, "-m", "venv", str(environment)], [*pip, "-r", str(bundle / "requirements.txt")]):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DoesNotServe(done.stderr.strip())


def serve(bundle: Path, environment: Path, firestore: str | None) -> Mapping[str, str]:
    """What each target answered; ``firestore``: the emulator's address, or None where there is no store: then /health
    says `unhealthy`, for the embedded store is not in the bundle. Raises DoesNotServe.
    """
    return {target: _answer(bundle, environment, target, firestore) for target in TARGETS}


def _answer(bundle: Path, environment: Path, target: str, firestore: str | None) -> str:
    port, log = processes.free_port(), environment / f"{target}.log"
    framework = [str(environment / "bin" / "functions-framework"), "--target", target, "--source", "main.py"]
    variables = {
        **SETTINGS,
        "PATH": f"{environment / 'bin'}:/usr/bin:/bin",
        "HOME": str(environment),
        "FUNCTION_TARGET": target,
        "FIRESTORE_EMULATOR_HOST": firestore or "127.0.0.1:9",
    }
    with _started([*framework, "--host", "127.0.0.1", "--port", str(port)], bundle, log, variables) as process:
        if not processes.wait_until_answers(port, process, START_SECONDS):
            raise DoesNotServe(f"{target}: {log.read_text()[-2000:]}")
        method, path, expected = TARGETS[target]
        answer = _ask(method, f"http://127.0.0.1:{port}{path}")
        until = time.monotonic() + (START_SECONDS if firestore is not None else 0.0)
        while target == "run_code" and answer.json()["status"] == "unhealthy" and time.monotonic() < until:
            time.sleep(1.0)  # on a busy machine the first call to the store may take too long
            answer = _ask(method, f"http://127.0.0.1:{port}{path}")
    if answer.status_code != expected:
        raise DoesNotServe(f"{target}: {method} {path} answered {answer.status_code}: {log.read_text()[-2000:]}")
    return str(answer.json()["status"]) if target == "run_code" else str(answer.status_code)


def _ask(method: str, url: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, timeout=START_SECONDS)


@contextmanager
def _started(
    command: list[str], folder: Path, log: Path, variables: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=dict(variables), stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        processes.stop([process])


@dataclass(frozen=True)
class Tried:
    python: str
    told: str
    works: bool


def try_python(version: str, firestore: str | None) -> Tried | None:
    """None where this Python is not there."""
    python = find_python(version)
    if python is None:
        return None
    with tempfile.TemporaryDirectory() as made:
        bundle, environment, begun = Path(made, "bundle"), Path(made, "environment"), time.monotonic()
        copy_bundle(ROOT, bundle)
        try:
            install(python, bundle, environment)
            installed = time.monotonic()
            answers = serve(bundle, environment, firestore)
        except DoesNotServe as error:
            return Tried(version, str(error), works=False)
        size = sum(file.stat().st_size for file in (environment / "lib").rglob("*") if file.is_file())
    wanted = "healthy" if firestore is not None else "unhealthy"
    told = ", ".join(f"{target} {answer}" for target, answer in answers.items())
    spent = (
        f"installed in {installed - begun:.0f} s, {size / 1e6:.0f} MB; served in {time.monotonic() - installed:.0f} s"
    )
    return Tried(version, f"{told}; {spent}", works=answers["run_code"] == wanted)


@contextmanager
def _emulator(folder: Path) -> Iterator[str | None]:
    try:
        jar = firestore_emulator.find(os.environ)
    except firestore_emulator.NotFound as error:
        print(f"no Firestore emulator ({error}): /health is to say unhealthy")
        yield None
        return
    port = processes.free_port()
    started = processes.start(firestore_emulator.command(jar, port), folder / "firestore.log")
    try:
        if not processes.wait_until_answers(port, started, firestore_emulator.START_SECONDS):
            sys.exit(firestore_emulator.why_it_failed(jar, folder / "firestore.log"))
        firestore_emulator.warm_up(f"127.0.0.1:{port}")
        yield f"127.0.0.1:{port}"
    finally:
        processes.stop([started])


def rooms() -> Table:
    """How many files and bytes of the bundle are where."""
    counts: dict[str, tuple[int, int]] = {}
    for file in bundle_files(ROOT):
        room = f"{file.parent}/" if file.parent.parts else str(file)
        number, size = counts.get(room, (0, 0))
        counts[room] = number + 1, size + (ROOT / file).stat().st_size
    table = Table("in the bundle", "files", "KB")
    for room, (number, size) in counts.items():
        table.add_row(room, str(number), f"{size / 1000:.1f}")
    table.add_section()
    table.add_row("in all", *(f"{each:g}" for each in _sums(counts)))
    return table


def _sums(counts: Mapping[str, tuple[int, int]]) -> tuple[int, float]:
    return sum(number for number, _ in counts.values()), round(sum(size for _, size in counts.values()) / 1000, 1)


def main() -> None:
    console = Console()
    console.print(rooms())
    table = Table("Python", "", "answers")
    tried: list[Tried] = []
    with tempfile.TemporaryDirectory() as folder, _emulator(Path(folder)) as firestore:
        for version in PYTHONS:
            found = try_python(version, firestore)
            if found is None:
                table.add_row(version, "not there", "")
                continue
            tried.append(found)
            table.add_row(version, "works" if found.works else "FAILS", found.told)
    console.print(table)
    sys.exit(0 if tried and all(each.works for each in tried) else 1)


if __name__ == "__main__":
    main()
