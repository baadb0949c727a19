"""Where an archive lies: a folder, or a bucket by the S3 protocol. Both keep whole files by relative path."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol, TypeVar

from functions.ports import ObjectStore, Unavailable

T = TypeVar("T")

UNFINISHED = ".unfinished/"
"""Under it lies what an export needs to go on where it ended; nothing of it belongs to the archive."""
PAUSES = (0.5, 1.0, 2.0, 4.0)
"""Seconds between the tries of one call to a bucket."""


class Place(Protocol):
    """Paths have parts divided by `/`. A bucket's methods raise Unavailable, a folder's OSError."""

    def put(self, path: str, content: bytes) -> None:
        """Write the file, all of it or nothing."""

    def get(self, path: str) -> bytes | None:
        """The file as it is there; None where there is none."""

    def delete(self, path: str) -> None:
        """Remove the file; where there is none, nothing happens."""

    def paths(self) -> Iterator[str]:
        """All that is there, in no order."""

    def settle(self) -> None:
        """Have what was put last, whatever becomes of the machine."""


class Folder:
    """A folder of this machine, for nobody's eyes but this user's where it is made here."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def put(self, path: str, content: bytes) -> None:
        target, written = self._root / path, self._root / UNFINISHED / f"writing-{os.getpid()}"
        for folder in (written.parent, target.parent):
            self._make(folder)
        with os.fdopen(os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(content)
        os.replace(written, target)

    def get(self, path: str) -> bytes | None:
        try:
            return (self._root / path).read_bytes()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def delete(self, path: str) -> None:
        (self._root / path).unlink(missing_ok=True)
        for folder in (self._root / path).parents:
            if folder == self._root:
                return
            try:
                folder.rmdir()
            except OSError:  # not empty
                return

    def paths(self) -> Iterator[str]:
        for folder, _, names in os.walk(self._root):
            yield from (Path(folder, name).relative_to(self._root).as_posix() for name in names)

    def settle(self) -> None:
        os.sync()  # once for all of many small files: one by one it would take minutes

    def _make(self, folder: Path) -> None:
        if not folder.is_dir():
            os.makedirs(self._root, mode=0o700, exist_ok=True)
            folder.mkdir(parents=True, exist_ok=True)


class Bucket:
    """Everything under ``prefix`` of a bucket. Each call is tried a few times before it raises Unavailable."""

    def __init__(self, objects: ObjectStore, prefix: str) -> None:
        self._objects = objects
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def put(self, path: str, content: bytes) -> None:
        patient(lambda: self._objects.put(self._prefix + path, content))

    def get(self, path: str) -> bytes | None:
        return patient(lambda: self._objects.get(self._prefix + path))

    def delete(self, path: str) -> None:
        patient(lambda: self._objects.delete(self._prefix + path))

    def paths(self) -> Iterator[str]:
        return (key.removeprefix(self._prefix) for key in self._objects.keys(self._prefix))

    def settle(self) -> None:
        """What a bucket has taken, it keeps."""


class Nowhere:
    """What is put here is gone: an export to it only says what an archive would hold."""

    def put(self, path: str, content: bytes) -> None: ...

    def get(self, path: str) -> bytes | None:  # noqa: ARG002
        return None

    def delete(self, path: str) -> None: ...

    def paths(self) -> Iterator[str]:
        return iter(())

    def settle(self) -> None: ...


def patient(call: Callable[[], T]) -> T:
    """What ``call`` returns, tried again after each of PAUSES. Raises Unavailable where that does not help."""
    for pause in PAUSES:
        try:
            return call()
        except Unavailable:
            time.sleep(pause)
    return call()
