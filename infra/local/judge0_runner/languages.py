"""The languages this machine can judge, under the ids of Judge0's CE image (db/languages/active.rb).

A toolchain is looked for on the machine and then asked for its version inside the sandbox: what is listed does run.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from infra.local.judge0_runner.sandbox import TRIAL_LIMITS, Sandbox, run


@dataclass(frozen=True)
class Language:
    """One entry of GET /languages. The commands are shell, run in the box's folder."""

    id: int
    name: str
    #: None: there is no source, all files come as additional_files (Judge0's `is_project`).
    source_file: str | None
    #: "%s" stands for the submission's compiler_options; None: nothing to compile.
    compile_cmd: str | None
    run_cmd: str
    #: Directories outside of /usr that the toolchain needs.
    mounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Toolchain:
    """A language before it was found: its commands name the `program` and its folder `bin`, its name the version."""

    id: int
    name: str
    source_file: str
    compile_cmd: str | None
    run_cmd: str
    version_cmd: str
    version: str
    programs: Callable[[], Iterator[Path]]


#: Where a Judge0 host has several versions of a compiler, clients ask for any of them: here all are the one there is.
OTHER_IDS = {50: (48, 49), 54: (52, 53)}


def find_languages(sandbox: Sandbox) -> tuple[Language, ...]:
    """All languages that work in the sandbox, by id. Takes about as long as the slowest toolchain's version query."""
    with ThreadPoolExecutor(len(TOOLCHAINS)) as pool:
        found = [each for each in pool.map(lambda toolchain: _find(toolchain, sandbox), TOOLCHAINS) if each is not None]
    others = (replace(each, id=other) for each in found for other in OTHER_IDS.get(each.id, ()))
    return tuple(sorted((*found, *others, *_of_any_toolchain(found)), key=lambda language: language.id))


def _of_any_toolchain(found: Sequence[Language]) -> tuple[Language, Language]:
    """What a program brings along itself: a binary, or files with scripts that may use whatever is here."""
    mounts = tuple(sorted({mount for language in found for mount in language.mounts}))
    return (
        Language(44, "Executable", "a.out", compile_cmd=None, run_cmd="./a.out", mounts=mounts),
        Language(
            89, "Multi-file program", None, compile_cmd="/bin/bash compile", run_cmd="/bin/bash run", mounts=mounts
        ),
    )


def _find(toolchain: _Toolchain, sandbox: Sandbox) -> Language | None:
    for program in toolchain.programs():
        mounts = _mounts_of(program)
        places = {"program": program, "bin": program.parent}
        command = toolchain.version_cmd.format(**places)
        result = run(sandbox, command, {}, TRIAL_LIMITS, mounts=mounts, merge_stderr=True)
        version = re.search(toolchain.version, result.stdout.decode(errors="replace"))
        if result.exit_code == 0 and version is not None:
            return Language(
                toolchain.id,
                toolchain.name.format(version[1]),
                toolchain.source_file,
                toolchain.compile_cmd and toolchain.compile_cmd.format(**places),
                toolchain.run_cmd.format(**places),
                mounts,
            )
    return None


def _mounts_of(program: Path) -> tuple[str, ...]:
    """The installation prefix of a program outside of /usr (a version manager's), which the box must show.

    Never a folder that holds someone's home or this project: a program in ~/bin is shown alone.
    """
    if program.is_relative_to("/usr"):
        return ()
    prefix = program.parent.parent
    if program.parent.name != "bin" or any(kept.is_relative_to(prefix) for kept in (Path.home(), Path(__file__))):
        return (str(program),)
    return (str(prefix),)


def _on_path(name: str) -> Callable[[], Iterator[Path]]:
    """The program of this name on the PATH, links resolved."""

    def programs() -> Iterator[Path]:
        found = shutil.which(name)
        if found is not None:
            yield Path(found).resolve()

    return programs


def _pythons() -> Iterator[Path]:
    """The interpreter behind the runner's own, then the system's: one on the PATH may be a version manager's script."""
    yield Path(sys.base_prefix, "bin", f"python3.{sys.version_info.minor}").resolve()
    yield Path("/usr/bin/python3").resolve()


def _nodes() -> Iterator[Path]:
    """Node tells where it really is; what the PATH finds may be a version manager's wrapper."""
    found = shutil.which("node")
    if found is not None:
        try:
            asked = subprocess.run(
                [found, "-p", "process.execPath"], capture_output=True, text=True, check=False, timeout=60
            )
        except subprocess.TimeoutExpired:
            return
        if asked.returncode == 0:
            yield Path(asked.stdout.strip()).resolve()


TOOLCHAINS = (
    _Toolchain(
        id=46,
        name="Bash ({})",
        source_file="script.sh",
        compile_cmd=None,
        run_cmd="{program} script.sh",
        version_cmd="{program} --version",
        version=r"version (\d+\.\d+\.\d+)",
        programs=_on_path("bash"),
    ),
    _Toolchain(
        id=50,
        name="C (GCC {})",
        source_file="main.c",
        compile_cmd="{program} %s main.c",
        run_cmd="./a.out",
        version_cmd="{program} -dumpfullversion",
        version=r"^(\d+\.\d+\.\d+)",
        programs=_on_path("gcc"),
    ),
    _Toolchain(
        id=54,
        name="C++ (GCC {})",
        source_file="main.cpp",
        compile_cmd="{program} %s main.cpp",
        run_cmd="./a.out",
        version_cmd="{program} -dumpfullversion",
        version=r"^(\d+\.\d+\.\d+)",
        programs=_on_path("g++"),
    ),
    _Toolchain(
        id=62,
        name="Java (OpenJDK {})",
        source_file="Main.java",
        # The serial collector: the others start a thread per core, of the 60 that a submission may have by default.
        compile_cmd="{program} -J-XX:+UseSerialGC %s Main.java",
        # By default a JVM starts with a share of the machine's memory. Here it starts small and may grow far beyond
        # the limit, so that too much memory ends in the box's verdict and not in a Java error.
        run_cmd="{bin}/java -XX:+UseSerialGC -Xms8m -Xmx$((8 * MEMORY_LIMIT_KB))k Main",
        version_cmd="{bin}/java -version",
        version=r'version "(\d+[\d.]*)',
        programs=_on_path("javac"),
    ),
    _Toolchain(
        id=63,
        name="JavaScript (Node.js {})",
        source_file="script.js",
        compile_cmd=None,
        run_cmd="{program} script.js",
        version_cmd="{program} --version",
        version=r"v(\d+\.\d+\.\d+)",
        programs=_nodes,
    ),
    _Toolchain(
        id=71,
        name="Python ({})",
        source_file="script.py",
        compile_cmd=None,
        run_cmd="{program} script.py",
        version_cmd="{program} --version",
        version=r"Python (\d+\.\d+\.\d+)",
        programs=_pythons,
    ),
)
