"""A problem package as a zip file: unpacked into a temporary folder, and read there like any other.

Nothing in it is believed. Names are checked before anything is written, and bytes are counted while they are
unpacked, whatever the archive says of its sizes.
"""

from __future__ import annotations

import io
import re
import stat
import struct
import tempfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from infra.kattis.files import MAX_FILES, PackageError, wrong_name
from infra.kattis.package import QUESTION_ID, Package, read_package
from infra.kattis.tests import Keep

MAX_ARCHIVE_BYTES = 100_000_000
"""As it is, and unpacked: an archive is what somebody sends, a folder what somebody has."""
MAX_DIRECTORY_BYTES = 4_000_000
"""Of the table of contents, which zipfile reads whole before anything in it can be counted."""
READ_AT_ONCE = 65_536
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""zipfile unpacks the others without a bound on what one reading gives."""
ENCRYPTED = 0x1 | 0x40 | 0x2000
"""Flags: encrypted, strongly encrypted, names hidden."""
NOT_PLAIN = re.compile(r"/|[A-Za-z]:|.*\\", re.DOTALL)
"""At a name's beginning: absolute, a drive of Windows, or with its separators."""
OF_A_MAC = "__MACOSX/"
"""Beside the package, what macOS adds to every archive."""
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    ValueError,
    OverflowError,
    OSError,
)
"""What zipfile raises over bytes that are no archive."""


def read_path(path: Path, keep: Keep | None = None) -> tuple[Package, str | None]:
    """The package of a folder or of a `.zip` file; for the latter where in it the files were, as words for a person.

    ``keep`` writes large test data into the object store.

    Raises PackageError; OSError where an archive cannot be opened.
    """
    if path.suffix.lower() == ".zip" and not path.is_dir():
        return read_archive(path, keep)
    return read_package(path, keep), None


def read_archive(path: Path, keep: Keep | None = None) -> tuple[Package, str]:
    """The package of a zip file, and where in it the files were.

    With `problem.yaml` at its root the archive is the package, and its name without `.zip` the question's id; else all
    must lie in one folder, whose name is the id. Raises PackageError, OSError.
    """
    if not path.is_file():
        raise PackageError(path.name, ["not a file"])
    size = path.stat().st_size
    if size > MAX_ARCHIVE_BYTES:
        raise PackageError(path.name, [f"{size} bytes: at most {MAX_ARCHIVE_BYTES}"])
    with tempfile.TemporaryDirectory(prefix="run-code-") as temporary, _Bounded(path) as file:
        with _told(path):
            archive = zipfile.ZipFile(file)
        with archive:
            entries = _entries(path, archive.infolist())
            inner = _inner(path, entries)
            target = Path(temporary, path.stem if inner is None else "archive")
            _unpack(path, archive, entries, target)
        if inner is None:
            return read_package(target, keep), f"the root of {path.name}"
        return read_package(target / inner, keep), f"the folder {inner} in {path.name}"


class _Bounded(io.FileIO):
    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise zipfile.BadZipFile(f"its table of contents has {size} bytes: at most {MAX_DIRECTORY_BYTES}")
        return super().read(size) or b""


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except DAMAGED as error:
        raise PackageError(
            path.name, [f"not a zip file, or a damaged one: {str(error) or type(error).__name__}"]
        ) from None


def _entries(path: Path, found: Sequence[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """What is to be unpacked. Raises PackageError with all that speaks against it."""
    if len(found) > MAX_FILES:
        raise PackageError(path.name, [f"{len(found)} entries: at most {MAX_FILES}"])
    problems = [f"{entry.orig_filename}: {problem}" for entry in found if (problem := _wrong_entry(entry)) is not None]
    if not problems:
        problems = list(_clashes(found))
    if problems:
        raise PackageError(path.name, problems)
    return [entry for entry in found if not entry.filename.startswith(OF_A_MAC)]


def _wrong_entry(entry: zipfile.ZipInfo) -> str | None:
    for name in (entry.orig_filename, entry.filename):  # the latter ends where the former has a NUL
        problem = wrong_name(name)
        if problem is not None:
            return problem
        parts = name.removesuffix("/").split("/")
        if NOT_PLAIN.match(name) or not {"", ".", ".."}.isdisjoint(parts):
            return "not a plain path inside of the archive"
    if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFDIR if entry.is_dir() else stat.S_IFREG):
        return "a link or another special file"
    if entry.flag_bits & ENCRYPTED:
        return "is encrypted"
    if entry.compress_type not in METHODS:
        return "its compression is not supported (only stored and deflated)"
    return None


def _clashes(found: Sequence[zipfile.ZipInfo]) -> Iterator[str]:
    """Names that would be one file or folder somewhere."""
    written: dict[str, str] = {}
    given: dict[str, bool] = {}
    for entry in found:
        path = PurePosixPath(entry.filename)
        for name in (str(path), *map(str, path.parents[:-1])):
            first = written.setdefault(_folded(name), name)
            if first != name:
                yield f"{name}: is there as {first} too"
        if _folded(str(path)) in given:
            yield f"{path}: is there twice"
        given[_folded(str(path))] = entry.is_dir()
    for entry in found:
        for folder in PurePosixPath(entry.filename).parents[:-1]:
            if given.get(_folded(str(folder))) is False:
                yield f"{folder}: is a file and a folder"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _inner(path: Path, entries: Sequence[zipfile.ZipInfo]) -> str | None:
    """The folder that is the package; None where the archive itself is. Raises PackageError where neither can be."""
    names = [entry.filename for entry in entries if not entry.filename.startswith(".")]
    if "problem.yaml" in names:
        if not QUESTION_ID.fullmatch(path.stem):
            problem = f"its name without .zip is the question's id: it must match {QUESTION_ID.pattern}"
            raise PackageError(path.name, [problem])
        return None
    folders = {name.partition("/")[0] for name in names if "/" in name}
    if len(folders) != 1 or not all("/" in name for name in names):
        problem = "problem.yaml is not at its root, and its files do not lie in one folder: either must be so"
        raise PackageError(path.name, [problem])
    return folders.pop()


def _unpack(path: Path, archive: zipfile.ZipFile, entries: Sequence[zipfile.ZipInfo], target: Path) -> None:
    target.mkdir()
    total = 0
    for entry in entries:
        place = target / entry.filename
        if entry.is_dir():
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        with place.open("xb") as file:
            for chunk in _content(path, archive, entry):
                total += len(chunk)
                if total > MAX_ARCHIVE_BYTES:
                    raise PackageError(path.name, [f"unpacks to more than {MAX_ARCHIVE_BYTES} bytes"])
                file.write(chunk)


def _content(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> Iterator[bytes]:
    said, size = entry.file_size, 0
    entry.file_size = MAX_ARCHIVE_BYTES + READ_AT_ONCE  # else zipfile would cut what comes after the size that is said
    with _told(path):
        source = archive.open(entry)
    with source:
        while True:
            with _told(path):
                chunk = source.read(READ_AT_ONCE)
            if not chunk:
                break
            size += len(chunk)
            if size > said:
                break
            yield chunk
    if size != said:
        than = "more" if size > said else "less"
        raise PackageError(path.name, [f"{entry.filename}: unpacks to {than} than the {said} bytes that it says"])
