"""A package's files by their path from its root, and all that is found wrong with it."""

from __future__ import annotations

import os
import reprlib
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

MAX_PACKAGE_BYTES = 100_000_000
MAX_TEXT_BYTES = 262_144
"""Of one statement, settings file or submission."""

Model = TypeVar("Model", bound=BaseModel)


class PackageError(Exception):
    """The package cannot be used; ``problems`` names all that was found, a line each."""

    def __init__(self, name: str, problems: list[str]) -> None:
        self.problems = tuple(f"{name}: {problem}" for problem in problems)
        super().__init__("\n".join(self.problems))


class Files:
    """The package's files by their path from its root, and all that was found wrong with it."""

    def __init__(self, folder: Path) -> None:
        self.problems: list[str] = []
        self._root = folder.resolve()
        self._paths: dict[str, Path] = {}
        for parent, folders, names in os.walk(self._root):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for name in sorted([*names, *(name for name in folders if os.path.islink(os.path.join(parent, name)))]):
                self._find(Path(parent, name))
        size = sum(path.stat().st_size for path in self._paths.values())
        if size > MAX_PACKAGE_BYTES:
            self.refuse(f"{size} bytes in all: at most {MAX_PACKAGE_BYTES}")

    def _find(self, path: Path) -> None:
        name = path.relative_to(self._root).as_posix()
        if not Path(os.path.realpath(path)).is_relative_to(self._root):  # resolve() fails on a link to itself
            self.refuse(f"{name}: a link that leads outside of the package")
        elif path.is_dir():
            self.refuse(f"{name}: a link to a folder is not supported")
        elif not path.is_file():
            self.refuse(f"{name}: not a file")
        else:
            self._paths[name] = path

    def refuse(self, problem: str) -> None:
        self.problems.append(problem)

    def under(self, folder: str) -> list[str]:
        return [name for name in self._paths if name.startswith(f"{folder}/")]

    def __contains__(self, name: str) -> bool:
        return name in self._paths

    def content(self, name: str, most: int) -> bytes:
        size = self._paths[name].stat().st_size
        if size > most:
            self.refuse(f"{name}: {size} bytes: at most {most}")
            return b""
        return self._paths[name].read_bytes()

    def text(self, name: str) -> str:
        try:
            return self.content(name, MAX_TEXT_BYTES).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self.refuse(f"{name}: not UTF-8 (byte {error.start})")
            return ""

    def mapping(self, name: str) -> dict[Any, Any] | None:
        """What a YAML file holds; None where that is no map, which is told."""
        try:
            loaded = yaml.safe_load(self.text(name))
        except yaml.YAMLError as error:
            self.refuse(f"{name}: not YAML: {' '.join(str(error).split())}")
            return None
        except (ValueError, RecursionError) as error:  # an impossible date, a thousand brackets
            self.refuse(f"{name}: not YAML: {error}")
            return None
        if loaded is not None and not isinstance(loaded, dict):
            self.refuse(f"{name}: not a map of keys to values")
            return None
        return loaded or {}

    def settings(self, name: str, model: type[Model]) -> Model | None:
        """The file's settings; None where they are wrong, which is told."""
        loaded = self.mapping(name)
        if loaded is None:
            return None
        try:
            return model.model_validate(loaded)
        except ValidationError as wrong:
            for error in wrong.errors(include_url=False):
                place = ".".join(part for part in error["loc"] if isinstance(part, str))
                self.refuse(f"{name}: {place}: {_told(error['type'], error['msg'], error['input'], error.get('ctx'))}")
            return None


def _told(kind: str, message: str, given: object, context: dict[str, Any] | None) -> str:
    if kind == "missing":
        return "is missing"
    if kind == "extra_forbidden":
        return "is not known"
    if kind == "literal_error" and context is not None:
        return f"{reprlib.repr(given)} is not supported (only {context['expected']})"
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return f"{message}, not {reprlib.repr(given)}"
