"""The limits of one run, and the parent's watch over them: wall clock, and the whole tree's CPU, memory and output."""

import json
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Literal

StopReason = Literal["cpu", "wall", "memory", "output", "shutdown"]

#: Seconds between two looks at a tree that has run for a while.
WATCH_SECONDS = 0.05
#: Seconds between two looks once half of the memory is used: a program can touch several GB a second.
CLOSE_WATCH_SECONDS = 0.005
#: Seconds before the first look, and at least between two.
FIRST_WATCH_SECONDS = 0.001
#: Bytes asked of a pipe at once; a pipe holds 64 KiB by default.
CHUNK = 65536


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
class _Usage:
    """A process tree at one moment: CPU seconds so far (the reaped included), KB resident, KB at its highest."""

    cpu_seconds: float
    resident_kb: int
    highest_kb: int


class Watch:
    """Reads a running box's pipes and watches its tree until it is dead, whatever it does with its pipes."""

    def __init__(self, pid: int, limits: Limits, started: float, shutdown: Event | None, *, boxed: bool) -> None:
        self.stopped: StopReason | None = None
        self.cpu_seconds = 0.0
        self.memory_kb = 0
        self._boxed = boxed
        self._pid = pid
        self._limits = limits
        self._started = started
        self._shutdown = shutdown
        #: pid 1 of the box, once bubblewrap has told it.
        self._init: int | None = None if boxed else pid

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
        if self._boxed:
            # Killing the box's pid 1 rather than bubblewrap, which then still reaps it and tells how it ended.
            _kill(self._pid if self._init is None else self._init)
        else:
            self._kill_leftovers()

    def _kill_leftovers(self) -> None:
        """Without namespaces: the process group, and what left it but is still in the tree."""
        if not self._boxed:
            for pid in list(_tree(self._pid)):  # found before the first dies, for then its children leave the tree
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
