"""From a submission to its result: compile, run, decide; the order of Judge0's app/jobs/isolate_job.rb."""

import io
import re
import signal
import tarfile
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from threading import Event

from infra.local.judge0_runner.languages import Language
from infra.local.judge0_runner.sandbox import RunResult, Sandbox, run
from infra.local.judge0_runner.watch import Limits


class Status(IntEnum):
    """app/enumerations/status.rb."""

    IN_QUEUE = 1
    PROCESSING = 2
    ACCEPTED = 3
    WRONG_ANSWER = 4
    TIME_LIMIT_EXCEEDED = 5
    COMPILATION_ERROR = 6
    SIGSEGV = 7
    SIGXFSZ = 8
    SIGFPE = 9
    SIGABRT = 10
    NZEC = 11
    OTHER = 12
    INTERNAL_ERROR = 13
    EXEC_FORMAT_ERROR = 14


DESCRIPTIONS = {
    Status.IN_QUEUE: "In Queue",
    Status.PROCESSING: "Processing",
    Status.ACCEPTED: "Accepted",
    Status.WRONG_ANSWER: "Wrong Answer",
    Status.TIME_LIMIT_EXCEEDED: "Time Limit Exceeded",
    Status.COMPILATION_ERROR: "Compilation Error",
    Status.SIGSEGV: "Runtime Error (SIGSEGV)",
    Status.SIGXFSZ: "Runtime Error (SIGXFSZ)",
    Status.SIGFPE: "Runtime Error (SIGFPE)",
    Status.SIGABRT: "Runtime Error (SIGABRT)",
    Status.NZEC: "Runtime Error (NZEC)",
    Status.OTHER: "Runtime Error (Other)",
    Status.INTERNAL_ERROR: "Internal Error",
    Status.EXEC_FORMAT_ERROR: "Exec Format Error",
}

_BY_SIGNAL = {
    signal.SIGSEGV: Status.SIGSEGV,
    signal.SIGXFSZ: Status.SIGXFSZ,
    signal.SIGFPE: Status.SIGFPE,
    signal.SIGABRT: Status.SIGABRT,
}

#: Signals whose default is to end a process: only 128 + one of these is read as a death by signal.
_DEADLY = frozenset(
    {
        signal.SIGHUP,
        signal.SIGINT,
        signal.SIGQUIT,
        signal.SIGILL,
        signal.SIGTRAP,
        signal.SIGABRT,
        signal.SIGBUS,
        signal.SIGFPE,
        signal.SIGKILL,
        signal.SIGSEGV,
        signal.SIGPIPE,
        signal.SIGALRM,
        signal.SIGTERM,
        signal.SIGXCPU,
        signal.SIGXFSZ,
        signal.SIGSYS,
    }
)

#: Compiling uses the host's own maxima (app/helpers/config.rb), not the submission's limits. Its stdout is the archive
#: of what it made, its stderr what Judge0 calls compile_output.
COMPILE_LIMITS = Limits(
    cpu_seconds=15,
    extra_seconds=0,
    wall_seconds=20,
    memory_kb=512_000,
    stack_kb=128_000,
    processes=120,
    file_kb=4096,
    output_kb=16 * 1024,
)

#: Files that an archive or a compilation may hand on: each costs an open file while the box is built.
MAX_FILES = 500
MAX_UNPACKED_BYTES = 10 * 1024 * 1024


@dataclass(frozen=True)
class Submission:
    """What a client asked for, validated; app.py holds the rules. Seconds and KB."""

    source_code: bytes | None
    language: Language
    stdin: bytes | None
    expected_output: bytes | None
    compiler_options: str | None
    command_line_arguments: str | None
    number_of_runs: int
    cpu_time_limit: float
    cpu_extra_time: float
    wall_time_limit: float
    memory_limit: int
    stack_limit: int
    max_processes_and_or_threads: int
    enable_per_process_and_thread_time_limit: bool
    enable_per_process_and_thread_memory_limit: bool
    max_file_size: int
    redirect_stderr_to_stdout: bool
    #: A zip archive.
    additional_files: bytes | None


@dataclass(frozen=True)
class Result:
    """What Judge0 stores once a submission is done. Seconds and KB; None where Judge0 has null."""

    status: Status
    stdout: bytes | None = None
    stderr: bytes | None = None
    compile_output: bytes | None = None
    message: str | None = None
    exit_code: int | None = None
    exit_signal: int | None = None
    time: float | None = None
    wall_time: float | None = None
    memory: int | None = None


@dataclass(frozen=True)
class Ending:
    """How isolate would report the end of a run in its metadata file."""

    status: Status
    message: str | None = None
    exit_code: int = 0
    exit_signal: int | None = None


def judge(submission: Submission, sandbox: Sandbox, shutdown: Event) -> Result:
    """Compiles and runs; a fault of the box is the status 13, never a verdict."""
    language = submission.language
    files: Mapping[str, bytes] = _files(submission)
    compile_output: bytes | None = None
    if language.compile_cmd is not None and (language.source_file is not None or "compile" in files):
        compiled = _compile(submission, language.compile_cmd, files, sandbox, shutdown)
        if isinstance(compiled, Result):
            return compiled
        files, compile_output = compiled
    times: list[float] = []
    memory: list[int] = []
    while True:
        result = run(
            sandbox,
            f"exec {language.run_cmd} {_harmless(submission.command_line_arguments)}",
            files,
            _limits(submission),
            stdin=submission.stdin or b"",
            mounts=language.mounts,
            merge_stderr=submission.redirect_stderr_to_stdout,
            shutdown=shutdown,
        )
        ending = ending_of(result, submission.cpu_time_limit, submission.expected_output)
        if ending.status is Status.INTERNAL_ERROR:
            return Result(Status.INTERNAL_ERROR, message=ending.message)
        times.append(result.cpu_seconds)
        memory.append(min(result.memory_kb, submission.memory_limit))
        if ending.status is not Status.ACCEPTED or len(times) == submission.number_of_runs:
            break
    return Result(
        status=ending.status,
        stdout=result.stdout or None,
        stderr=result.stderr or None,
        compile_output=compile_output,
        message=ending.message,
        exit_code=ending.exit_code,
        exit_signal=ending.exit_signal,
        time=sum(times) / len(times),
        wall_time=result.wall_seconds,
        memory=sum(memory) // len(memory),
    )


def ending_of(result: RunResult, cpu_time_limit: float, expected_output: bytes | None) -> Ending:
    """The status of a run, as isolate and Judge0's determine_status tell it (pure).

    As in isolate, a run stopped for time has neither exit code nor signal, and a signal leaves the exit code at 0.
    Memory is ended with signal 9, which Judge0 calls 12. A program that exits by itself with 128 + n is taken for one
    killed by n: a shell tells no difference.
    """
    if result.failure is not None:
        return Ending(Status.INTERNAL_ERROR, result.failure)
    if result.stopped == "shutdown":
        return Ending(Status.INTERNAL_ERROR, "the runner was stopped")
    if result.stopped == "memory":
        return _killed_by(signal.SIGKILL)
    if result.stopped == "output":
        return _killed_by(signal.SIGXFSZ)
    if result.stopped == "cpu" or 0 < cpu_time_limit < result.cpu_seconds:
        return Ending(Status.TIME_LIMIT_EXCEEDED, "Time limit exceeded")
    if result.stopped == "wall":
        return Ending(Status.TIME_LIMIT_EXCEEDED, "Time limit exceeded (wall clock)")
    if result.exit_code - 128 in _DEADLY:
        return _killed_by(signal.Signals(result.exit_code - 128))
    if result.exit_code != 0:
        return Ending(Status.NZEC, f"Exited with error status {result.exit_code}", result.exit_code)
    if expected_output is None or _same(expected_output, result.stdout):
        return Ending(Status.ACCEPTED)
    return Ending(Status.WRONG_ANSWER)


def _killed_by(number: signal.Signals) -> Ending:
    status = _BY_SIGNAL.get(number, Status.OTHER)
    return Ending(status, f"Caught fatal signal {int(number)}", exit_signal=int(number))


def _same(expected: bytes, stdout: bytes) -> bool:
    """isolate_job.rb's `strip` on both. An empty stdout is nil there, which equals nothing, not even an empty text."""
    return stdout != b"" and _stripped(expected) == _stripped(stdout)


def _stripped(text: bytes) -> bytes:
    """Every line right-stripped, then the whole; Ruby's rstrip takes NUL as well as white space."""
    white = b"\0\t\n\v\f\r "
    return b"\n".join(line.rstrip(white) for line in text.split(b"\n")).rstrip(white)


def _files(submission: Submission) -> dict[str, bytes]:
    """What the box holds at first. An archive that is none, or too large, holds nothing: its programs are missed."""
    files: dict[str, bytes] = {}
    if submission.additional_files is not None:
        with suppress(zipfile.BadZipFile), zipfile.ZipFile(io.BytesIO(submission.additional_files)) as archive:
            members = [member for member in archive.infolist() if not member.is_dir() and _is_below(member.filename)]
            if len(members) <= MAX_FILES and sum(member.file_size for member in members) <= MAX_UNPACKED_BYTES:
                files = {member.filename: archive.read(member) for member in members}
    if submission.language.source_file is not None and submission.source_code is not None:
        files[submission.language.source_file] = submission.source_code
    return files


def _is_below(name: str) -> bool:
    return not name.startswith("/") and ".." not in name.split("/")


def _compile(
    submission: Submission, compile_cmd: str, files: Mapping[str, bytes], sandbox: Sandbox, shutdown: Event
) -> Result | tuple[Mapping[str, bytes], bytes | None]:
    """The box's files after compiling, and the compiler's messages; or the result that ends the submission."""
    command = compile_cmd.replace("%s", _harmless(submission.compiler_options))
    result = run(
        sandbox,
        f"(\n{command}\n) >&2 || exit; exec tar -cf - .",
        files,
        COMPILE_LIMITS,
        mounts=submission.language.mounts,
        shutdown=shutdown,
    )
    output = result.stderr or None
    if result.failure is not None or result.stopped == "shutdown":
        return Result(Status.INTERNAL_ERROR, message=result.failure or "the runner was stopped")
    if result.stopped in ("cpu", "wall"):
        return Result(Status.COMPILATION_ERROR, compile_output=b"Compilation time limit exceeded.")
    if result.stopped is not None or result.exit_code != 0:
        return Result(Status.COMPILATION_ERROR, compile_output=output)
    compiled = _unpacked(result.stdout)
    if len(compiled) > MAX_FILES:
        return Result(Status.COMPILATION_ERROR, compile_output=b"Too many files were compiled.")
    return compiled, output


def _unpacked(archive: bytes) -> dict[str, bytes]:
    """The regular files of a tar archive by relative name; read, not extracted: the student had a hand in it."""
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
        for member in tar:
            name = member.name.removeprefix("./")
            content = tar.extractfile(member) if member.isreg() else None
            if content is not None and _is_below(name):
                files[name] = content.read()
    return files


def _harmless(arguments: str | None) -> str:
    """Options as they may stand in a shell command; the characters isolate_job.rb takes out, and line ends."""
    return re.sub(r"[$&;<>|`\r\n]", "", (arguments or "").strip())


def _limits(submission: Submission) -> Limits:
    return Limits(
        cpu_seconds=submission.cpu_time_limit,
        extra_seconds=submission.cpu_extra_time,
        wall_seconds=submission.wall_time_limit,
        memory_kb=submission.memory_limit,
        stack_kb=submission.stack_limit,
        processes=submission.max_processes_and_or_threads,
        file_kb=submission.max_file_size,
        output_kb=submission.max_file_size or COMPILE_LIMITS.file_kb,
    )
