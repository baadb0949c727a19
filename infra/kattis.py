"""Kattis problem packages: a folder in, a question with its own submissions out.

Two layouts are read: the legacy one, and 2023-07 (`problem_format_version`). The format's words are from its public
specification (Kattis/problem-package-format). What is not supported is named and refused, never ignored.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError

from functions.domain.question import Limits, Question, TestCase
from functions.domain.verdict import Verdict
from infra.latex import LatexError, to_markdown

QUESTION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
LANGUAGES = {
    ".py": "python",
    ".c": "c",
    ".cpp": "cpp",
    ".cc": "cpp",
    ".java": "java",
    ".js": "javascript",
    ".sh": "bash",
}
EXPECTED = {
    "accepted": Verdict.ACCEPTED,
    "wrong_answer": Verdict.WRONG_ANSWER,
    "time_limit_exceeded": Verdict.TIME_LIMIT_EXCEEDED,
    "run_time_error": Verdict.RUNTIME_ERROR,
    "memory_limit_exceeded": Verdict.MEMORY_LIMIT_EXCEEDED,
    "output_limit_exceeded": Verdict.OUTPUT_LIMIT_EXCEEDED,
    "compile_error": Verdict.COMPILATION_ERROR,
}
"""Folders of `submissions/`; the last three are not the format's, but what other tools use."""

MAX_TESTS = 1000
MAX_FILE_BYTES = 10 * 1024 * 1024
MAX_PACKAGE_BYTES = 100 * 1024 * 1024
MAX_CPU_SECONDS, MAX_MEMORY_KB, MAX_OUTPUT_KB = 15.0, 512_000, 4096
"""Judge0's own maxima (`GET /config_info` of its image)."""
UNSUPPORTED_FOLDERS = ("output_validators", "output_validator", "include", "graders", "static_validator")


M = TypeVar("M", bound=BaseModel)


class PackageError(Exception):
    """A package cannot be imported; one line for each thing that is wrong."""

    def __init__(self, question_id: str, problems: Sequence[str]) -> None:
        super().__init__("\n".join(f"{question_id}: {problem}" for problem in problems))
        self.problems = tuple(problems)


@dataclass(frozen=True)
class PackageSubmission:
    """One of the package's own programs: what it is, and the verdict that its folder promises."""

    path: Path
    language: str
    expected: str
    source: str


@dataclass(frozen=True)
class Package:
    question: Question
    submissions: tuple[PackageSubmission, ...]


def _lenient_name(value: Any) -> Any:
    """A name may be one text or one per language: English if there, else the first."""
    if isinstance(value, dict) and value:
        return value.get("en", next(iter(value.values())))
    return value


class _Limits(BaseModel):
    model_config = ConfigDict(extra="ignore")

    time_limit: PositiveFloat | None = None
    memory: PositiveInt | None = Field(default=None, description="MiB")
    output: PositiveInt | None = Field(default=None, description="MiB")


class _Problem(BaseModel):
    """`problem.yaml`, as far as we support it. Unknown keys are refused: they may change what is right."""

    model_config = ConfigDict(extra="forbid")

    problem_format_version: Literal["legacy", "2023-07", "2023-07-draft"] = "legacy"
    name: Annotated[str | None, BeforeValidator(_lenient_name)] = None
    type: Literal["pass-fail"] | list[Literal["pass-fail"]] = "pass-fail"
    limits: _Limits = _Limits()
    validation: Literal["default"] = "default"
    validator_flags: Literal[""] | None = None
    languages: Literal["all"] | list[str] = "all"
    # what says nothing about judging
    uuid: Any = None
    author: Any = None
    credits: Any = None
    source: Any = None
    source_url: Any = None
    license: Any = None
    rights_owner: Any = None
    keywords: Any = None
    version: Any = None
    embargo_until: Any = None


class _Ours(BaseModel):
    """`run-code.yaml`: what the format has no word for."""

    model_config = ConfigDict(extra="forbid")

    points: PositiveInt = 100
    run_stops_early: bool = False
    languages: list[str] | None = None


def read_package(folder: Path) -> Package:
    """Read and check a whole package. Raises PackageError with everything that is wrong in it."""
    folder = folder.resolve()
    if not folder.is_dir():
        raise PackageError(folder.name, ["there is no such folder"])
    problems: list[str] = []
    if not QUESTION_ID.fullmatch(folder.name):
        problems.append("the folder's name is the question's id: letters, digits, _ and -, at most 64")
    problems += _too_large_or_outside(folder)
    if problems:
        raise PackageError(folder.name, problems)
    problem = _yaml(folder, "problem.yaml", _Problem, problems) or _Problem()
    ours = _yaml(folder, "run-code.yaml", _Ours, problems) or _Ours()
    problems += [f"{name}/ is not supported" for name in UNSUPPORTED_FOLDERS if (folder / name).exists()]
    title, statement = _statement(folder, problem, problems)
    limits = _limits(folder, problem, problems)
    tests = _tests(folder, problems)
    submissions = _submissions(folder, problems)
    if problems:
        raise PackageError(folder.name, problems)
    allowed = ours.languages or ([] if problem.languages == "all" else problem.languages)
    question = Question(
        question_id=folder.name,
        title=problem.name or title or folder.name,
        statement=statement,
        tests=tests,
        limits=limits,
        languages=tuple("python" if name == "python3" else name for name in allowed),
        points=ours.points,
        run_stops_early=ours.run_stops_early,
    )
    return Package(replace(question, version=version_of(question)), submissions)


def version_of(question: Question) -> str:
    """A short hash of everything else in the question: the same content is the same version everywhere."""
    digest = hashlib.sha256()
    head = {key: value for key, value in asdict(replace(question, tests=())).items() if key != "version"}
    for part in (
        json.dumps(head, sort_keys=True).encode(),
        *(data for test in question.tests for data in (test.stdin, test.expected, bytes([test.hidden]))),
    ):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


def _too_large_or_outside(folder: Path) -> Iterator[str]:
    total = 0
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if not path.resolve().is_relative_to(folder):
            yield f"{name}: a link that leads out of the package"
        elif path.is_file():
            size = path.stat().st_size
            total += size
            if size > MAX_FILE_BYTES:
                yield f"{name}: {size} bytes; at most {MAX_FILE_BYTES}"
    if total > MAX_PACKAGE_BYTES:
        yield f"{total} bytes in all; at most {MAX_PACKAGE_BYTES}"


def _yaml(folder: Path, name: str, model: type[M], problems: list[str]) -> M | None:
    path = folder / name
    if not path.exists():
        if model is _Problem:
            problems.append(f"{name} is missing")
        return None
    try:
        return model.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        problems.append(f"{name}: no YAML: {str(error).splitlines()[0]}")
    except ValidationError as error:
        for each in error.errors(include_url=False):
            where = ".".join(map(str, each["loc"]))
            what = "is not supported" if each["type"] in ("extra_forbidden", "literal_error") else each["msg"]
            given = f" {each['input']!r}" if each["type"] == "literal_error" else ""
            problems.append(f"{name}: {where}:{given} {what}")
    return None


def _statement(folder: Path, problem: _Problem, problems: list[str]) -> tuple[str | None, str]:
    """The English statement, else the only one, as Markdown; and the title where the statement names it."""
    where = folder / ("problem_statement" if problem.problem_format_version == "legacy" else "statement")
    found = sorted(where.glob("problem*.md")) + sorted(where.glob("problem*.tex"))
    english = [path for path in found if path.name.split(".")[1] in ("en", "md", "tex")]
    if not found or (not english and len({path.stem for path in found}) > 1):
        problems.append(f"{where.name}/: there is no problem.en.md or problem.en.tex")
        return None, ""
    path = (english or found)[0]
    try:
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".md":
            return None, text
        converted = to_markdown(text)
        return converted.title, converted.markdown
    except UnicodeDecodeError:
        problems.append(f"{path.relative_to(folder)}: not UTF-8")
    except LatexError as error:
        problems += [f"{path.relative_to(folder)}: {each}" for each in str(error).splitlines()]
    return None, ""


def _limits(folder: Path, problem: _Problem, problems: list[str]) -> Limits:
    default = Limits()
    given = problem.limits
    limits = Limits(
        cpu_seconds=given.time_limit or _legacy_time_limit(folder, problems) or default.cpu_seconds,
        memory_kb=1024 * given.memory if given.memory else default.memory_kb,
        output_kb=1024 * given.output if given.output else default.output_kb,
    )
    for name, value, most in (
        ("time limit", limits.cpu_seconds, MAX_CPU_SECONDS),
        ("limits.memory", limits.memory_kb, MAX_MEMORY_KB),
        ("limits.output", limits.output_kb, MAX_OUTPUT_KB),
    ):
        if value > most:
            unit = "s" if name == "time limit" else "KB"
            problems.append(f"{name}: {value:g} {unit}; Judge0 allows at most {most:g} {unit}")
    return limits


def _legacy_time_limit(folder: Path, problems: list[str]) -> float | None:
    """Seconds from `.timelimit`, or from DOMjudge's ini file; the legacy format itself only has a multiplier."""
    text = None
    if (folder / ".timelimit").exists():
        text = (folder / ".timelimit").read_text()
    elif (folder / "domjudge-problem.ini").exists():
        parser = configparser.ConfigParser()
        parser.read_string("[problem]\n" + (folder / "domjudge-problem.ini").read_text())
        text = parser["problem"].get("timelimit", "").strip("'\" ")
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        problems.append(f"time limit: {text.strip()!r} is no number of seconds")
        return None
    return seconds


def _tests(folder: Path, problems: list[str]) -> tuple[TestCase, ...]:
    """The samples, then the secret tests, each in the order of their names."""
    tests = []
    for kind in ("sample", "secret"):
        for path in sorted((folder / "data" / kind).rglob("*.in")):
            answer = path.with_suffix(".ans")
            if not answer.exists():
                problems.append(f"{path.relative_to(folder)}: its .ans is missing")
                continue
            tests.append(TestCase(path.read_bytes(), answer.read_bytes(), hidden=kind == "secret"))
        for path in sorted((folder / "data" / kind).rglob("*.ans")):
            if not path.with_suffix(".in").exists():
                problems.append(f"{path.relative_to(folder)}: its .in is missing")
    for path in sorted((folder / "data").rglob("test_group.yaml")) + sorted((folder / "data").rglob("testdata.yaml")):
        problems.append(f"{path.relative_to(folder)}: groups are not supported")
    if not tests and not problems:
        problems.append("data/: there are no tests")
    if len(tests) > MAX_TESTS:
        problems.append(f"data/: {len(tests)} tests; at most {MAX_TESTS}")
    return tuple(tests)


def _submissions(folder: Path, problems: list[str]) -> tuple[PackageSubmission, ...]:
    found = []
    root = folder / "submissions"
    for kind in sorted(path for path in root.iterdir() if path.is_dir()) if root.exists() else []:
        if kind.name not in EXPECTED:
            problems.append(f"submissions/{kind.name}/ is not supported (only {', '.join(EXPECTED)})")
            continue
        for path in sorted(kind.iterdir()):
            name = path.relative_to(folder)
            files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
            if len(files) != 1:
                problems.append(f"{name}: a submission of {len(files)} files is not supported")
            elif files[0].suffix not in LANGUAGES:
                problems.append(f"{name}: no language is known by {files[0].suffix or 'no extension'}")
            else:
                source = files[0].read_text(encoding="utf-8", errors="replace")
                language = LANGUAGES[files[0].suffix]
                found.append(PackageSubmission(files[0].relative_to(root), language, str(EXPECTED[kind.name]), source))
    return tuple(found)
