"""The whole service on one machine: `python -m infra.local.stack` (what `make run` starts).

Starts the stand-ins and the three functions, loads the samples, calls the sweep as Cloud Scheduler would, starts
again what dies, and ends everything on Ctrl-C.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import requests
from google.api_core import exceptions
from google.cloud import tasks_v2
from google.protobuf import duration_pb2

from functions.domain.submission import RunType
from infra import bootstrap, settings
from infra.cloud_tasks import local_client
from infra.local import environment, firestore_emulator, page, processes, samples, tokens
from infra.local.environment import PROJECT, ROOT, Stack

START_SECONDS = 120.0
WATCH_SECONDS = 0.2
FUNCTIONS = ("run_code", "judge_submission", "sweep")
NO_SANDBOX = 3
"""The runner's exit code where nothing can be run safely."""


class CannotStart(Exception):
    """One line for a person: what is wrong and what to do."""


class Interrupted(Exception):
    """A signal says that all is to end."""


@dataclass
class Program:
    """One process of the stack, and how to start it again."""

    name: str
    command: list[str]
    ports: tuple[int, ...]
    env: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = processes.start(self.command, self.log, self.env)

    @property
    def dead(self) -> bool:
        return self.process is not None and self.process.poll() is not None


@dataclass
class Running:
    """What was started so far, in order."""

    stack: Stack
    programs: list[Program] = field(default_factory=list)
    store: Mapping[str, str] = field(default_factory=dict)
    stopping: bool = False

    def stay(self) -> None:
        """Raises Interrupted."""
        if self.stopping:
            raise Interrupted

    def launch(self, name: str, command: list[str], env: Mapping[str, str], *ports: int) -> Program:
        self.stay()
        program = Program(name, command, ports, env, self.stack.state / f"{name}.log")
        self.programs.append(program)
        program.start()
        return program


def main() -> None:
    try:
        stack = environment.read(os.environ)
        settings.read(os.environ)
    except (environment.WrongVariable, settings.SettingsError) as error:
        sys.exit(str(error))
    running = Running(stack)
    _end_on_signals(running)
    try:
        _start(running)
        _serve(running)
    except CannotStart as error:
        sys.exit(f"cannot start: {error}")
    except Interrupted:
        print("\nstopping", flush=True)
    finally:
        _stop(running)


def _end_on_signals(running: Running) -> None:
    """They only set a flag. An exception in the middle of `Popen.poll` could leave its lock taken for ever."""

    def end(_number: int, _frame: FrameType | None) -> None:
        running.stopping = True

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)


def _start(running: Running) -> None:
    stack = running.stack
    _require_free_ports(stack)
    if stack.given.get("KEEP") != "1":
        shutil.rmtree(stack.state, ignore_errors=True)
    stack.state.mkdir(parents=True, exist_ok=True)
    bare = firestore_emulator.environment_without_cloud(stack.given) | {"PYTHONUNBUFFERED": "1"}

    tasks = _start_tasks(running, bare)
    runner = _start_judge(running, bare)
    objects = _start_object_store(running, bare)
    running.store = _start_store(running, bare)
    _wait(running, tasks)
    if objects is not None:
        _wait(running, objects)
    if runner is not None:
        _wait_for_judge(running, runner)

    variables = environment.functions_environment(stack, running.store)
    config = settings.read(variables)
    _create_queues(config)
    service = bootstrap.service_for(config, environment.document_store(config))
    samples.load(service)
    environment.write_environment_file(stack, variables)
    env = bare | variables
    threads = max(64, 2 * _most_slots(config) + 4)  # room for an operator's `slots --set`
    functions = [
        _start_function(running, "run_code", stack.port, env | {"THREADS": "16"}),
        _start_function(running, "judge_submission", stack.handler_port, env | {"THREADS": str(threads)}),
        _start_function(running, "sweep", stack.sweep_port, env | {"THREADS": "2"}),
    ]
    with_page = _start_page(running, bare)
    for program in (*functions, *with_page):
        _wait(running, program)
    _print_ready(stack, with_judge=runner is None or not runner.dead, with_page=bool(with_page))


def _most_slots(config: settings.Settings) -> int:
    bounds = config.concurrency
    each = config.slots_each if bounds is None else bounds.most
    return sum(judge.slots or each for judge in config.given_judges().values()) or each


def _require_free_ports(stack: Stack) -> None:
    wanted = {
        "PORT": stack.port,
        "PORT + 1 (judge_submission)": stack.handler_port,
        "PORT + 2 (sweep)": stack.sweep_port,
        "TASKS_PORT": stack.tasks_port,
        "TASKS_HTTP_PORT": stack.tasks_http_port,
    }
    if "FIRESTORE_EMULATOR_HOST" not in stack.given:
        wanted["FIRESTORE_PORT"] = stack.firestore_port
    if stack.own_judge:
        wanted["JUDGE0_PORT"] = stack.judge0_port
    if stack.own_object_store:
        wanted["OBJECT_STORE_PORT"] = stack.object_store_port
    if page.BUILT.exists():
        wanted["PAGE_PORT"] = stack.page_port
    taken = [f"{name}={port}" for name, port in wanted.items() if not processes.is_free(port)]
    if taken:
        raise CannotStart(f"port taken: {', '.join(taken)}. Set that variable to another port.")
    if len(set(wanted.values())) < len(wanted):
        raise CannotStart(f"two programs would share a port: {wanted}")


def _start_tasks(running: Running, env: Mapping[str, str]) -> Program:
    stack = running.stack
    command = [
        *(sys.executable, "-m", "infra.local.cloud_tasks_emulator"),
        *("--grpc-port", str(stack.tasks_port), "--rest-port", str(stack.tasks_http_port)),
        *("--state", str(stack.state / "tasks.sqlite"), "--signing-key", str(stack.signing_key)),
        *(word for name in FUNCTIONS for word in ("--log", str(stack.state / f"{name}.log"))),
    ]
    return running.launch("cloud-tasks", command, env, stack.tasks_port, stack.tasks_http_port)


def _start_judge(running: Running, env: Mapping[str, str]) -> Program | None:
    stack = running.stack
    if not stack.own_judge:
        print(f"using the judge at {stack.given['JUDGE0_URL']}", flush=True)
        return None
    command = [sys.executable, "-m", "infra.local.judge0_runner", "--port", str(stack.judge0_port)]
    return running.launch("judge0", command, env, stack.judge0_port)


def _start_object_store(running: Running, env: Mapping[str, str]) -> Program | None:
    stack = running.stack
    if not stack.own_object_store:
        print(f"using the object store at {stack.given['OBJECT_STORE_ENDPOINT']}", flush=True)
        return None
    command = [sys.executable, "-m", "infra.local.object_store", "--port", str(stack.object_store_port)]
    return running.launch("object-store", command, env, stack.object_store_port)


def _start_store(running: Running, env: Mapping[str, str]) -> dict[str, str]:
    """Google's emulator where it can be had, else the embedded store, said in one line."""
    stack = running.stack
    given = stack.given.get("FIRESTORE_EMULATOR_HOST")
    if given:
        print(f"using the Firestore emulator at {given}", flush=True)
        if stack.given.get("KEEP") != "1":
            firestore_emulator.clear(given, PROJECT)
        return {"FIRESTORE_EMULATOR_HOST": given}
    try:
        jar = firestore_emulator.find(stack.given)
    except firestore_emulator.NotFound as error:
        return _embedded_store(stack, str(error))
    command = firestore_emulator.command(jar, stack.firestore_port, _kept_documents(stack))
    program = running.launch("firestore", command, env, stack.firestore_port)
    started = program.process
    answers = started is not None and processes.wait_until_answers(
        stack.firestore_port, started, firestore_emulator.START_SECONDS, lambda: running.stopping
    )
    running.stay()
    if answers:
        address = f"127.0.0.1:{stack.firestore_port}"
        firestore_emulator.warm_up(address)
        return {"FIRESTORE_EMULATOR_HOST": address}
    running.programs.remove(program)
    if started is not None:
        processes.stop([started])
    return _embedded_store(stack, firestore_emulator.why_it_failed(jar, program.log))


def _embedded_store(stack: Stack, reason: str) -> dict[str, str]:
    print(f"no Firestore emulator ({reason}): using the embedded store. To get the real one, ", end="")
    print(firestore_emulator.HOW_TO_GET_IT, flush=True)
    return {"SQLITE_PATH": str(stack.state / "store.sqlite")}


def _kept_documents(stack: Stack) -> Path | None:
    kept = sorted((stack.state / "firestore").glob("**/*.overall_export_metadata"))
    return kept[-1] if kept else None


def _wait(running: Running, program: Program) -> None:
    """Raises CannotStart, Interrupted."""
    process = program.process
    answers = process is not None and all(
        processes.wait_until_answers(port, process, START_SECONDS, lambda: running.stopping) for port in program.ports
    )
    running.stay()
    if not answers:
        last = _last_line(program.log)
        raise CannotStart(f"{program.name} did not start: {last} (see {program.log.relative_to(ROOT)})")


def _wait_for_judge(running: Running, runner: Program) -> None:
    """Without a sandbox the stack goes on: submissions wait, and the runner's own words say what to do."""
    try:
        _wait(running, runner)
    except CannotStart:
        if runner.process is None or runner.process.poll() != NO_SANDBOX:
            raise
        running.programs.remove(runner)
        print(runner.log.read_text().strip(), flush=True)


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it said nothing"


def _create_queues(config: settings.Settings) -> None:
    """As Terraform makes them: each bounded by the number of slots, never giving up, backing off 10 s at most."""
    client = local_client(config.tasks_address or "")
    parent = f"projects/{PROJECT}/locations/{config.tasks_location}"
    for kind in RunType:
        queue = tasks_v2.Queue(
            name=f"{parent}/queues/{kind}",
            rate_limits=tasks_v2.RateLimits(max_concurrent_dispatches=config.total_slots),
            retry_config=tasks_v2.RetryConfig(
                max_attempts=-1,
                min_backoff=duration_pb2.Duration(nanos=100_000_000),
                max_backoff=duration_pb2.Duration(seconds=10),
                max_doublings=16,
            ),
        )
        try:
            client.create_queue(parent=parent, queue=queue)
        except exceptions.AlreadyExists:  # kept from the last time
            client.update_queue(queue=queue)
    client.transport.close()  # type: ignore[no-untyped-call]


def _start_function(running: Running, target: str, port: int, env: Mapping[str, str]) -> Program:
    framework = Path(sys.executable).with_name("functions-framework")
    source = str(ROOT / "main.py")
    command = [str(framework), "--target", target, "--source", source, "--host", "127.0.0.1", "--port", str(port)]
    return running.launch(target, command, env, port)


def _start_page(running: Running, env: Mapping[str, str]) -> list[Program]:
    if not page.BUILT.exists():
        print("no exam page: it was not built (`make page`; Node 20.19 or newer)", flush=True)
        return []
    return [running.launch("page", [sys.executable, "-m", "infra.local.page"], env, running.stack.page_port)]


def _print_ready(stack: Stack, *, with_judge: bool, with_page: bool) -> None:
    try:
        token = tokens.mint(stack, "test")
    except tokens.CannotMint:  # the stack was given somebody else's keys
        token = "$TOKEN"  # noqa: S105
    body = {
        "attempt_id": "test",
        "question_id": "test",
        "language": "python",
        "code": "print(1)",
        "run_type": "run",
    }
    state = stack.state.relative_to(ROOT)
    objects = environment.functions_environment(stack, {})["OBJECT_STORE_ENDPOINT"]
    if stack.own_object_store:
        objects += " (they end with the stack; OBJECT_STORE_ENDPOINT can name a store that lasts)"
    print(f"ready {stack.url}" + ("" if with_judge else " (without a judge: submissions wait)"))
    if with_page:
        print(f"\n  exam page      {stack.page_url}/        supervisors  {stack.page_url}/staff/", end="")
    print(
        f"""
  documentation  {stack.url}/docs        health  {stack.url}/health
  queues         http://127.0.0.1:{stack.tasks_http_port}/        metrics  http://127.0.0.1:{stack.tasks_http_port}/metrics
  objects        {objects}
  logs           {state}/*.log        settings  {state}/env

Paste this (the token is for the student `test` and lasts 12 hours):

curl -i {stack.url}/ \\
  -H 'Authorization: Bearer {token}' \\
  -H 'Content-Type: application/json' \\
  -d '{json.dumps(body)}'

Then ask for the path that Location names, with the same Authorization header. Ctrl-C ends everything.
""",
        flush=True,
    )


def _serve(running: Running) -> None:
    """Watch the processes until a signal comes."""
    threading.Thread(target=_sweep_on_time, args=(running.stack,), daemon=True).start()
    while True:
        time.sleep(WATCH_SECONDS)
        running.stay()
        for program in running.programs:
            if program.dead:
                print(f"{program.name} ended; starting it again", flush=True)
                _restart(program)


def _restart(program: Program) -> None:
    """What is left of its process group goes first, for it may still hold the port."""
    if program.process is not None:
        processes.stop([program.process], seconds=0)
    until = time.monotonic() + processes.STOP_SECONDS
    while not all(map(processes.is_free, program.ports)) and time.monotonic() < until:
        time.sleep(WATCH_SECONDS / 4)
    program.start()


def _sweep_on_time(stack: Stack) -> None:
    interval = float(stack.given.get("SWEEP_INTERVAL") or settings.Settings().sweep_interval)
    next_sweep = time.monotonic() + interval
    while True:
        time.sleep(max(0.0, next_sweep - time.monotonic()))
        next_sweep += interval
        _call_sweep(stack)


def _call_sweep(stack: Stack) -> None:
    """As Cloud Scheduler does: a POST with a token of the service account. The next one comes whatever happens."""
    audience = environment.functions_environment(stack, {})["HANDLER_URL"]
    with contextlib.suppress(requests.RequestException, OSError):
        requests.post(
            stack.sweep_url,
            headers={"Authorization": f"Bearer {tokens.service_account(stack, audience)}"},
            timeout=settings.Settings().sweep_interval,
        )


def _keep_documents(stack: Stack, address: str) -> None:
    """For the next `make run` with KEEP=1; what was kept before stays until the new export is whole."""
    made, kept = stack.state / "firestore.new", stack.state / "firestore"
    shutil.rmtree(made, ignore_errors=True)
    try:
        firestore_emulator.export(address, PROJECT, made)
    except (requests.RequestException, ValueError) as error:
        print(f"the documents could not be kept: {error}", flush=True)
        return
    shutil.rmtree(kept, ignore_errors=True)
    made.rename(kept)


def _stop(running: Running) -> None:
    if running.programs:  # else the file is that of another stack, which has our port
        running.stack.environment_file.unlink(missing_ok=True)
    started = [program.process for program in running.programs if program.process is not None]
    store = running.store.get("FIRESTORE_EMULATOR_HOST")
    kept = [program for program in running.programs if program.name == "firestore"]
    if running.stack.given.get("KEEP") == "1" and store is not None and kept:
        others = [process for process in started if process is not kept[0].process]
        processes.stop(others)
        _keep_documents(running.stack, store)
    processes.stop(started)


if __name__ == "__main__":
    main()
