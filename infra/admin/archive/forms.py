"""What lies in an archive, and in which form. Pure: two archives of the same data are alike, byte by byte."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from functions import records
from functions.domain.languages import BY_EXTENSION
from functions.domain.question import Data, Limits, Question, Stored, TestCase, Validator
from functions.domain.scoring import Group
from functions.ports import Fields
from functions.stored_data import key_of

FORMAT = 1
MANIFEST, MANIFEST_HASH = "manifest.json", "manifest.sha256"
EXAM, SCORES, ABOUT = "exam.json", "scores.csv", "README.txt"
ATTEMPTS, QUESTIONS, OBJECTS, SOURCES, EARLIER = "attempts/", "questions/", "objects/", "sources/", "earlier/"
PART_BYTES = 8 * 1024 * 1024
"""An attempt with more than that goes on in a second file, so that no file need be large in memory."""
NAME_CHARACTERS = 160
"""File systems take names of 255 bytes."""
TIME, BYTES = "$time", "$bytes"
EXTENSIONS = {
    **{language: extension for extension, language in reversed(BY_EXTENSION.items())},
    "typescript": ".ts",
    "csharp": ".cs",
    "go": ".go",
    "kotlin": ".kt",
    "ruby": ".rb",
    "rust": ".rs",
}

ABOUT_TEXT = """\
One exam as a run-code service had it.

exam.json             the exam, and which version of each question was the present one
scores.csv            each attempt's scores
attempts/A.jsonl      one attempt and its scores, then its submissions with their results, one JSON object a line,
                      the oldest first (very long ones go on in A~2.jsonl); {"$time": ...} is a time in UTC,
                      {"$bytes": ...} base64
questions/Q@V.json    each version of a question that was judged by, with all of its tests
objects/              what is too large for these: tests' data by its SHA-256, whole outputs of programs
sources/Q/L/S/        question, language, student: the Submit that counts, one folder a student
earlier/Q/L/S/        likewise all other Submits
manifest.json         what lies here, with hashes; manifest.sha256 is its own (sha256sum -c manifest.sha256)

Names of folders are percent-encoded where they must be; very long ones are cut, and end in ~ and a part of their
SHA-256: the first line of an attempt says whose they are.

JPlag:  java -jar jplag.jar -l python3 sources/Q/python
MOSS:   moss -l python -d sources/Q/python/*/*.py
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive; ``sha256`` in hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """``missing``: what is referred to and was not to be had, where it was exported all the same."""

    exam_id: str
    counts: Mapping[str, int]
    missing: tuple[str, ...]
    files: tuple[Entry, ...]


# JSON


def text_of(value: object, indent: int | None = None) -> bytes:
    """The value as one line of JSON (with ``indent`` as more), the same for each store that it comes from."""
    text = json.dumps(value, indent=indent, sort_keys=True, ensure_ascii=False, default=_plain)
    # Half a surrogate pair, which no UTF-8 can hold, becomes \uXXXX.
    return text.encode(errors="backslashreplace") + b"\n"


def value_of(text: bytes) -> Any:
    """The inverse. Raises ValueError."""
    return json.loads(text, object_hook=_special)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return {TIME: value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")}
    if isinstance(value, bytes):
        return {BYTES: base64.b64encode(value).decode()}
    raise TypeError(f"cannot be kept in an archive: {type(value).__name__}")


def _special(value: dict[str, Any]) -> Any:
    if len(value) == 1:
        if TIME in value:
            return datetime.fromisoformat(value[TIME])
        if BYTES in value:
            return base64.b64decode(value[BYTES])
    return value


def submission_line(submission_id: str, content: Fields) -> bytes:
    """Without when it is to go: that is decided once it is here."""
    kept = {name: value for name, value in content.items() if name != records.DELETE_AT}
    return text_of({"submission_id": submission_id, **kept})


def attempt_content(attempt_id: str, content: Fields) -> dict[str, Any]:
    return {"attempt_id": attempt_id, **content}


def lines_of(content: bytes) -> Iterator[bytes]:
    """Each with its end, as `submission_line` made it."""
    start = 0
    while start < len(content):
        end = content.find(b"\n", start) + 1 or len(content)
        yield content[start:end]
        start = end


# names


def name_of(text: str) -> str:
    """A name for a file or folder, another for each text: percent-encoded, a very long one cut, with its hash.

    `~` is in names of the second kind only, so that nobody's id can be another's name.
    """
    name = quote(text, safe="@+", errors="surrogatepass").replace("~", "%7E")
    inner = name.strip(".")
    before = len(name) - len(name.lstrip("."))
    name = "%2E" * before + inner + "%2E" * (len(name) - before - len(inner))
    if 0 < len(name) <= NAME_CHARACTERS:
        return name
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32]
    return f"{name[:NAME_CHARACTERS]}~{digest}"


def attempt_path(attempt_id: str, part: int) -> str:
    return f"{ATTEMPTS}{name_of(attempt_id)}{'' if part == 1 else f'~{part}'}.jsonl"


ATTEMPT_PATH = re.compile(rf"{ATTEMPTS}(.+?)(?:~(\d{{1,9}}))?\.jsonl")


def attempts_of(manifest: Manifest) -> dict[str, list[str]]:
    """The files of each attempt in their order, by the first one's path."""
    found: dict[str, list[tuple[int, str]]] = {}
    for entry in manifest.files:
        match = ATTEMPT_PATH.fullmatch(entry.path)
        if match is not None:
            found.setdefault(f"{ATTEMPTS}{match[1]}.jsonl", []).append((int(match[2] or 1), entry.path))
    return {first: [path for _, path in sorted(parts)] for first, parts in found.items()}


def question_path(question_id: str, version: str) -> str:
    return f"{QUESTIONS}{name_of(question_id)}@{name_of(version)}.json"


def source_path(submission_id: str, content: Fields, *, counts: bool) -> str:
    folders = "/".join(name_of(content[field]) for field in ("question_id", "language", "student"))
    extension = EXTENSIONS.get(content["language"], ".txt")
    return f"{SOURCES if counts else EARLIER}{folders}/{name_of(submission_id)}{extension}"


def is_safe(path: str) -> bool:
    """Whether it names something under the place itself: a manifest may come from anybody."""
    parts = path.split("/")
    return not any(part in ("", ".", "..") for part in parts) and not re.search(r"[\0\\]", path)


# questions


def question_text(question: Question) -> bytes:
    """One version, for a person and for `question_of`. What is no UTF-8 is base64, what is large a reference."""
    record = {each.name: getattr(question, each.name) for each in fields(question)}
    record["tests"] = [
        {"stdin": _data_record(test.stdin), "expected": _data_record(test.expected), "hidden": test.hidden}
        for test in question.tests
    ]
    record["limits"] = asdict(question.limits)
    record["validator"] = None if question.validator is None else asdict(question.validator)
    record["groups"] = None if question.groups is None else asdict(question.groups)
    return text_of(record, indent=1)


def question_of(text: bytes) -> Question:
    """The inverse. Raises ValueError, KeyError or TypeError where it is none."""
    record = value_of(text)
    validator, groups = record["validator"], record["groups"]
    changed = {
        "tests": tuple(
            TestCase(stdin=_data_of(test["stdin"]), expected=_data_of(test["expected"]), hidden=test["hidden"])
            for test in record["tests"]
        ),
        "limits": Limits(**record["limits"]),
        "languages": tuple(record["languages"]),
        "validator": None if validator is None else Validator(**{**validator, "flags": tuple(validator["flags"])}),
        "time_multipliers": tuple((language, factor) for language, factor in record["time_multipliers"]),
        "groups": None if groups is None else _group_of(groups),
    }
    return Question(**{**record, **changed})


def _group_of(record: Fields) -> Group:
    tests = tuple((index, points) for index, points in record["tests"])
    return Group(record["aggregate"], tests, tuple(map(_group_of, record["groups"])))


def _data_record(data: Data) -> object:
    if isinstance(data, Stored):
        return {"object": key_of(data.sha256), **asdict(data)}
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data  # as base64


def _data_of(record: Any) -> Data:
    if isinstance(record, dict):
        return Stored(record["sha256"], record["size"])
    return record if isinstance(record, bytes) else str(record).encode()


# the manifest


def entry_of(path: str, content: bytes) -> Entry:
    return Entry(path, len(content), hashlib.sha256(content).hexdigest())


def manifest_text(manifest: Manifest) -> bytes:
    """A file a line, so that two of them can be compared."""
    head = {"counts": manifest.counts, "exam_id": manifest.exam_id, "format": FORMAT, "missing": manifest.missing}
    out = io.BytesIO()  # not joined from parts: these lines are what grows with an exam
    out.write(text_of(head, indent=1).rstrip(b"}\n") + b',\n "files": [')
    for number, each in enumerate(sorted(manifest.files, key=lambda each: each.path)):
        out.write(b",\n  " if number else b"\n  ")
        out.write(text_of({"bytes": each.size, "path": each.path, "sha256": each.sha256}).rstrip())
    out.write(b"\n ]\n}\n")
    return out.getvalue()


def manifest_of(text: bytes) -> Manifest:
    """The inverse. Raises ValueError, KeyError or TypeError where it is none of ours."""
    record = json.loads(text, object_hook=_entry)
    if record["format"] != FORMAT:
        raise ValueError(f"its format is {record['format']}, and this release reads {FORMAT}")
    files = tuple(record["files"])
    if not all(isinstance(each, Entry) for each in files):
        raise ValueError("it names a file without bytes or sha256")
    unsafe = [each.path for each in files if not is_safe(each.path)]
    if unsafe:
        raise ValueError(f"it names {unsafe[0]!r}, which is elsewhere")
    return Manifest(str(record["exam_id"]), dict(record["counts"]), tuple(record["missing"]), files)


def _entry(record: dict[str, Any]) -> Entry | dict[str, Any]:
    if record.keys() == {"bytes", "path", "sha256"}:
        return Entry(str(record["path"]), int(record["bytes"]), str(record["sha256"]))
    return record


def manifest_hash_text(manifest: bytes) -> bytes:
    """As `sha256sum -c` reads it."""
    return f"{hashlib.sha256(manifest).hexdigest()}  {MANIFEST}\n".encode()
