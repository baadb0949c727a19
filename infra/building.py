"""Compiling once, running many times, on an unmodified Judge0: how a build is made and run there.

One submission in language 89 (files with scripts) compiles with the host's own command and prints the build; each test
is then a submission that runs it: a binary in language 44, Java's class files in 89. What is decided here is pure.
"""

from __future__ import annotations

import base64
import io
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

EXECUTABLE, MULTI_FILE = 44, 89
"""Judge0's ids of "Executable" and "Multi-file program"."""
MOST_BUILD_BYTES = 1_000_000
"""Every test's request carries the build: beyond this compiling with each test costs less."""
MOST_CLASSES = 200
COMPILE_MAXIMA = {"cpu_time_limit": 15, "wall_time_limit": 20, "memory_limit": 512_000, "max_file_size": 4096}
"""Judge0's own maxima, as it compiles with them; the last one bounds what a build may print."""


@dataclass(frozen=True)
class Recipe:
    """How a host compiles and runs a language, as its `GET /languages/{id}` says."""

    source_file: str
    compile_cmd: str
    run_cmd: str

    @property
    def makes_binary(self) -> bool:
        return self.run_cmd.startswith("./") and " " not in self.run_cmd


def recipe(shown: object) -> Recipe | None:
    """From `GET /languages/{id}`; None where the language is not compiled, or not to a binary or Java's classes."""
    if not isinstance(shown, dict):
        return None
    parts = [shown.get(name) for name in ("source_file", "compile_cmd", "run_cmd")]
    if not all(isinstance(part, str) and part for part in parts):
        return None
    found = Recipe(*map(str, parts))
    runs_classes = found.source_file == "Main.java" and found.run_cmd.endswith(" Main")
    return found if found.makes_binary or runs_classes else None


def build_item(made_by: Recipe, source: bytes) -> dict[str, object]:
    """The attributes of the submission that compiles ``source`` and prints its build.

    It compiles in a folder of its own, where it finds no more files than it would without us.
    """
    if made_by.makes_binary:
        name = made_by.run_cmd
        pack = f"strip {name} 2>/dev/null\ngzip -9 -c {name} >../build"
    else:
        pack = "tar -czf ../build *.class"
    compile_cmd = made_by.compile_cmd.replace("%s", "")
    script = f"mkdir alone && cp {made_by.source_file} alone && cd alone || exit\n{compile_cmd} || exit\n{pack}\n"
    files = {made_by.source_file: source, "compile": script.encode(), "run": b"exec cat build\n"}
    return {"language_id": MULTI_FILE, "additional_files": zipped(files), **COMPILE_MAXIMA}


def run_item(made_by: Recipe, build: bytes, files: Mapping[str, bytes]) -> dict[str, object]:
    """The attributes of a submission that runs ``build``, which `is_build` has passed, beside ``files``."""
    if made_by.makes_binary:
        item: dict[str, object] = {
            "language_id": EXECUTABLE,
            "source_code": base64.b64encode(_unpacked(build)).decode(),
        }
        return {**item, "additional_files": zipped(files)} if files else item
    script = f'exec {made_by.run_cmd} "$@"\n'.encode()
    return {"language_id": MULTI_FILE, "additional_files": zipped({**files, **_classes(build), "run": script})}


def is_build(made_by: Recipe, output: bytes) -> bool:
    """Whether it came back whole, and is of a size that pays."""
    try:
        return bool(_unpacked(output) if made_by.makes_binary else _classes(output))
    except (zlib.error, tarfile.TarError, ValueError):
        return False


def _unpacked(build: bytes) -> bytes:
    """The content of a gzip file. Raises ValueError where it is cut or too large, zlib.error where it is none."""
    unpacking = zlib.decompressobj(wbits=31)
    content = unpacking.decompress(build, MOST_BUILD_BYTES)
    if not unpacking.eof:
        raise ValueError("cut, or too large")
    return content


def _classes(build: bytes) -> Mapping[str, bytes]:
    """Java's class files by name; read, not extracted."""
    classes: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(_unpacked(build)), mode="r:") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            if content is None or "/" in member.name or not member.name.endswith(".class"):
                raise ValueError("not a class file")
            classes[member.name] = content.read()
    if len(classes) > MOST_CLASSES:
        raise ValueError("too many class files")
    return classes


def zipped(files: Mapping[str, bytes]) -> str:
    """As `additional_files` wants it: a zip archive in base64."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return base64.b64encode(content.getvalue()).decode()
