"""A package's files by their path from its root, and all that is found wrong with it.

Nobody vouches for a package: whatever is read of it has a bound, so that reading ends soon and in a sentence.
"""

from __future__ import annotations

import os
import reprlib
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

MAX_PACKAGE_BYTES = 2_000_000_000
MAX_FILES = 5000
"""And folders: a wrong folder, or somebody's home, is not read to its end."""
MAX_NAME_BYTES = 255
"""Of a file's path from the root. It bounds how deep folders may lie in one another, too."""
MAX_TEXT_BYTES = 262_144
"""Of one submission or validator."""
MAX_STATEMENT_BYTES = 65_536
MAX_LINE = 10_000
"""Characters, of a statement's line: what is looked for in a line may cost its length squared."""
MAX_SETTINGS_BYTES = 16_384
"""Of one file of settings: the parsers cost its length squared where it is made for that."""
MAX_ALL_SETTINGS_BYTES = 300_000
"""A thousand tests may have a file of settings each."""
MAX_NESTING = 20
MAX_NUMBER = 40
"""Characters: a longer one is none of ours, and from 4300 digits on Python refuses to print it."""
MAX_PROBLEMS, MAX_PROBLEM = 100, 500
"""How many are told, and of each so many characters."""

BOUNDS = {
    ".md": MAX_STATEMENT_BYTES,
    ".tex": MAX_STATEMENT_BYTES,
    ".yaml": MAX_SETTINGS_BYTES,
    ".ini": MAX_SETTINGS_BYTES,
    ".timelimit": MAX_SETTINGS_BYTES,
}
"""Of texts, by how their names end; else MAX_TEXT_BYTES."""

Model = TypeVar("Model", bound=BaseModel)


class PackageError(Exception):
    """The package cannot be used; ``problems`` names what was found, a line each."""

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        told = [*problems[:MAX_PROBLEMS], "and more"] if len(problems) > MAX_PROBLEMS else problems
        self.problems = tuple(_line(f"{name}: {problem}") for problem in told)
        super().__init__("\n".join(self.problems))


def _line(text: str) -> str:
    """One line of what may hold anything: names and texts of the package."""
    cut = text if len(text) <= MAX_PROBLEM else f"{text[: MAX_PROBLEM - 100]}...{text[-90:]}"
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in cut)


def wrong_name(name: str) -> str | None:
    """Why a file of a package cannot be called so; None where it can."""
    try:
        size = len(name.encode())
    except UnicodeEncodeError:
        return "its name is not UTF-8"
    if size > MAX_NAME_BYTES:
        return f"its name has {size} bytes: at most {MAX_NAME_BYTES}"
    if any(unicodedata.category(char) in ("Cc", "Zl", "Zp") for char in name):
        return "its name has a control character"
    return None


class Files:
    """The package's files by their path from its root, and all that was found wrong with it."""

    def __init__(self, folder: Path) -> None:
        self.problems: list[str] = []
        self._root = folder.resolve()
        self._paths: dict[str, Path] = {}
        self._settings_bytes = 0
        self._size = 0
        self._look()
        if self._size > MAX_PACKAGE_BYTES:
            self.refuse(f"{self._size} bytes in all: at most {MAX_PACKAGE_BYTES}")

    def _look(self) -> None:
        found = 0
        for parent, folders, names in os.walk(self._root, onerror=self._unreadable):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            found += len(names) + len(folders)
            if found > MAX_FILES:
                self.refuse(f"more than {MAX_FILES} files and folders")
                return
            linked = [name for name in folders if os.path.islink(os.path.join(parent, name))]
            for name in sorted([*names, *linked]):
                self._find(Path(parent, name))
            folders[:] = [name for name in folders if name not in linked and self._may_be_called(Path(parent, name))]

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _may_be_called(self, path: Path) -> bool:
        name = self._name(path)
        problem = wrong_name(name)
        if problem is not None:
            self.refuse(f"{name}: {problem}")
        return problem is None

    def _unreadable(self, error: OSError) -> None:
        self.refuse(f"{self._name(Path(error.filename))}: cannot be read ({error.strerror})")

    def _find(self, path: Path) -> None:
        if not self._may_be_called(path):
            return
        name = self._name(path)
        try:
            if not Path(os.path.realpath(path)).is_relative_to(self._root):  # resolve() fails on a link to itself
                self.refuse(f"{name}: a link that leads outside of the package")
            elif path.is_dir():
                self.refuse(f"{name}: a link to a folder is not supported")
            elif not path.is_file():
                self.refuse(f"{name}: not a file")
            else:
                self._size += path.stat().st_size
                self._paths[name] = path
        except OSError as error:
            self.refuse(f"{name}: cannot be read ({error.strerror})")

    def refuse(self, problem: str) -> None:
        self.problems.append(problem)

    def under(self, folder: str) -> list[str]:
        return [name for name in self._paths if name.startswith(f"{folder}/")]

    def __contains__(self, name: str) -> bool:
        return name in self._paths

    def content(self, name: str, most: int) -> bytes:
        """At most ``most`` bytes, whatever the file has become meanwhile; none where it is refused."""
        try:
            with self._paths[name].open("rb") as file:
                content = file.read(most + 1)
                size = max(len(content), os.fstat(file.fileno()).st_size)
        except OSError as error:
            self.refuse(f"{name}: cannot be read ({error.strerror})")
            return b""
        if len(content) > most:
            self.refuse(f"{name}: {size} bytes: at most {most}")
            return b""
        return content

    def text(self, name: str) -> str:
        most = next((bound for end, bound in BOUNDS.items() if name.endswith(end)), MAX_TEXT_BYTES)
        try:
            text = self.content(name, most).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self.refuse(f"{name}: not UTF-8 (byte {error.start})")
            return ""
        if most == MAX_STATEMENT_BYTES:
            for number, line in enumerate(text.split("\n"), 1):
                if len(line) > MAX_LINE:
                    self.refuse(f"{name}: line {number}: {len(line)} characters: at most {MAX_LINE}")
                    return ""
        return text

    def mapping(self, name: str) -> dict[Any, Any] | None:
        """What a YAML file holds; None where that is no map, which is told."""
        known = len(self.problems)
        text = self.text(name)
        if len(self.problems) > known:
            return None
        self._settings_bytes += len(text)
        if self._settings_bytes > MAX_ALL_SETTINGS_BYTES:
            self.refuse(f"{name}: with it the settings have more than {MAX_ALL_SETTINGS_BYTES} characters in all")
            return None
        try:
            loaded = yaml.load(text, _PlainLoader)  # noqa: S506  # it is a SafeLoader
        except _NotPlain as error:
            self.refuse(f"{name}: {error}")
            return None
        except yaml.YAMLError as error:
            self.refuse(f"{name}: not YAML: {' '.join(str(error).split())}")
            return None
        except ValueError as error:  # an impossible date
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


class _NotPlain(Exception):
    """YAML that is none of a package's: the message says where and why."""

    def __init__(self, event: yaml.Event, problem: str) -> None:
        mark = event.start_mark
        super().__init__(f"line {mark.line + 1}: {problem}" if mark is not None else problem)


class _PlainLoader(yaml.SafeLoader):
    """Without what makes a few lines grow without bound, and what breaks PyYAML's own constructors."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event: Any = self.peek_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent):
            raise _NotPlain(event, f"a reference (*{event.anchor}) is not supported")
        if isinstance(event, yaml.NodeEvent) and getattr(event, "tag", None) is not None:
            raise _NotPlain(event, "a tag (!) is not supported")
        self.depth += 1
        if self.depth > MAX_NESTING:
            raise _NotPlain(event, f"more than {MAX_NESTING} levels in one another")
        node = super().compose_node(parent, index)
        self.depth -= 1
        if isinstance(node, yaml.ScalarNode):
            if node.tag.endswith((":int", ":float")) and len(node.value) > MAX_NUMBER:
                raise _NotPlain(event, f"a number of {len(node.value)} characters: at most {MAX_NUMBER}")
            if any("\ud800" <= char <= "\udfff" for char in node.value):  # YAML lets one be written as \ud800
                raise _NotPlain(event, "half a surrogate pair is no character")
        return node


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
