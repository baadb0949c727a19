"""Problem packages in the format of Kattis, read into questions: the legacy layout and that of 2023-07.

Sources of the rules: the specifications `legacy` and `2023-07-draft` under https://www.kattis.com/problem-package-format.
What the format knows and run-code does not is refused by its name, never left out in silence. What only tools for
authors use (validators of the input, generators, descriptions of solutions) is passed over.
"""

from __future__ import annotations

import configparser
import hashlib
import os
import re
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from functions.domain.question import Limits, Question, TestCase
from functions.domain.verdict import Verdict
from infra import latex

MAX_TESTS = 1000
MAX_TEST_FILE_BYTES = 10_000_000
MAX_PACKAGE_BYTES = 100_000_000
MAX_TEXT_BYTES = 262_144
"""Of one statement, settings file or submission."""
MAX_SHOWN_BYTES = 700_000
"""Statement and samples together: they share one Firestore document, which holds 1 MiB in all."""

MAX_CPU_SECONDS = 15.0
MIN_MEMORY_KB, MAX_MEMORY_KB = 2048, 512_000
MAX_OUTPUT_KB = 4096
"""Judge0's own bounds in its default configuration (cpu_time_limit, memory_limit, max_file_size)."""

LEGACY, NEW = ("legacy", "legacy-icpc"), ("2023-07", "2023-07-draft")
QUESTION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
STATEMENT = re.compile(r"problem(?:\.(?P<language>[a-z]{2,3}(?:-[A-Z]{2})?))?\.(?P<type>md|tex|pdf)")
PLAIN_NAME = re.compile(r"^%%\s*plainproblemname:(.*)$", re.MULTILINE)
NOT_IN_MARKDOWN = re.compile(r"!\[[^]\n]*\][(\[]|<img\b|\{\{(?:nextsample|remainingsamples)\}\}")

LANGUAGES = {
    ".py": "python",
    ".c": "c",
    ".cpp": "cpp",
    ".cc": "cpp",
    ".java": "java",
    ".js": "javascript",
    ".sh": "bash",
}
LANGUAGE_CODES = {"python3": "python"}
"""Where the format's code of a language is not our name."""
EXPECTED = {
    "accepted": Verdict.ACCEPTED,
    "wrong_answer": Verdict.WRONG_ANSWER,
    "time_limit_exceeded": Verdict.TIME_LIMIT_EXCEEDED,
    "run_time_error": Verdict.RUNTIME_ERROR,
    "compile_error": Verdict.COMPILATION_ERROR,
    "memory_limit_exceeded": Verdict.MEMORY_LIMIT_EXCEEDED,
    "output_limit_exceeded": Verdict.OUTPUT_LIMIT_EXCEEDED,
}
"""Folders of `submissions/`; the last three are not in the format."""
UNSUPPORTED_FOLDERS = (
    "attachments",
    "graders",
    "include",
    "output_validator",
    "output_validators",
    "static_validator",
)
UNSUPPORTED_BESIDE_TESTS = (".files", ".interaction", ".statement")


@dataclass(frozen=True)
class PackageSubmission:
    """One of the package's own solutions. ``path`` is relative to its folder `submissions`."""

    path: Path
    language: str
    expected: str
    source: str


@dataclass(frozen=True)
class Package:
    question: Question
    submissions: tuple[PackageSubmission, ...]


class PackageError(Exception):
    """The package cannot be used; ``problems`` names all that was found, a line each."""

    def __init__(self, name: str, problems: list[str]) -> None:
        self.problems = tuple(f"{name}: {problem}" for problem in problems)
        super().__init__("\n".join(self.problems))


def read_package(folder: Path) -> Package:
    """The question with its version, and the package's own submissions. Raises PackageError."""
    name = Path(os.path.abspath(folder)).name
    if not folder.is_dir():
        raise PackageError(name, ["not a folder"])
    files = _Files(folder)
    package = None if files.problems else _package(name, files)
    if package is None or files.problems:
        raise PackageError(name, files.problems)
    return package


def version_of(question: Question) -> str:
    """16 hex digits over everything but the version itself: alike on every platform and Python."""
    return hashlib.sha256(_canonical(replace(question, version=""))).hexdigest()[:16]


def _canonical(value: object) -> bytes:
    """Type, length, content: two values never share an encoding."""
    if is_dataclass(value):
        kind, content = (
            "d",
            b"".join(_canonical((each.name, getattr(value, each.name))) for each in fields(value)),
        )
    elif isinstance(value, tuple):
        kind, content = "t", b"".join(map(_canonical, value))
    elif isinstance(value, bytes):
        kind, content = "b", value
    elif isinstance(value, str):
        kind, content = "s", value.encode()
    else:
        kind, content = type(value).__name__, repr(value).encode()
    return f"{kind}{len(content)}:".encode() + content


# What the package's YAML files may hold.


def _no_other(value: object) -> object:
    if value not in (None, "", False, [], {}):
        raise ValueError(f"{reprlib.repr(value)} is not supported")
    return value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _by_language(value: object) -> object:
    if not isinstance(value, str | dict):
        raise ValueError(f"{reprlib.repr(value)} is neither a text nor a map of languages to texts")
    return {"": value} if isinstance(value, str) else value


def _our_names(value: object) -> object:
    if value == "all":
        return []
    if not isinstance(value, list) or not value:
        raise ValueError("neither 'all' nor a list of languages")
    return [LANGUAGE_CODES.get(code, code) if isinstance(code, str) else code for code in value]


PassedOver = Any
Unsupported = Annotated[Any, AfterValidator(_no_other)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Names = Annotated[dict[str, str], BeforeValidator(_by_language)]
LanguageName = Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _PackageLimits(_Strict):
    """Memory and output in MiB, the time limit in seconds."""

    memory: Positive | None = None
    output: Positive | None = None
    code: PassedOver = None
    compilation_time: PassedOver = None
    compilation_memory: PassedOver = None
    validation_time: PassedOver = None
    validation_memory: PassedOver = None
    validation_output: PassedOver = None


class _LegacyLimits(_PackageLimits):
    time_multiplier: PassedOver = None
    time_safety_margin: PassedOver = None


class _NewLimits(_PackageLimits):
    time_limit: Positive | None = None
    time_multipliers: PassedOver = None
    time_resolution: PassedOver = None


class _Legacy(_Strict):
    problem_format_version: PassedOver = None
    type: Literal["pass-fail"] = "pass-fail"
    name: Names = {}
    limits: _LegacyLimits = _LegacyLimits()
    validation: Literal["default"] = "default"
    validator_flags: Unsupported = None
    grading: Unsupported = None
    uuid: PassedOver = None
    author: PassedOver = None
    source: PassedOver = None
    source_url: PassedOver = None
    license: PassedOver = None
    rights_owner: PassedOver = None
    keywords: PassedOver = None


class _New(_Strict):
    problem_format_version: PassedOver = None
    type: Annotated[list[Literal["pass-fail"]], BeforeValidator(_listed)] = ["pass-fail"]
    name: Names
    limits: _NewLimits = _NewLimits()
    languages: Annotated[list[LanguageName], BeforeValidator(_our_names)] = []
    constants: Unsupported = None
    uuid: PassedOver = None
    version: PassedOver = None
    credits: PassedOver = None
    source: PassedOver = None
    license: PassedOver = None
    rights_owner: PassedOver = None
    embargo_until: PassedOver = None
    keywords: PassedOver = None
    allow_file_writing: PassedOver = None


class _TestSettings(_Strict):
    """testdata.yaml, test_group.yaml, and the file beside a single test: no key means two things in them."""

    on_reject: PassedOver = None
    grading: Literal["default"] = "default"
    grader_flags: Unsupported = None
    accept_score: Unsupported = None
    reject_score: Unsupported = None
    range: Unsupported = None
    scoring: Unsupported = None
    args: Unsupported = None
    output_validator_flags: Unsupported = None
    output_validator_args: Unsupported = None
    static_validation: Unsupported = None
    input_validator_flags: PassedOver = None
    input_validator_args: PassedOver = None
    full_feedback: PassedOver = None
    hint: PassedOver = None
    description: PassedOver = None


class _RunCode(_Strict):
    """run-code.yaml: what the format has no key for, and it allows no key of ours in problem.yaml."""

    points: Annotated[int, Field(ge=0, le=10_000)] = 100
    run_stops_early: bool = False
    languages: Annotated[list[LanguageName], Field(min_length=1)] | None = None


Model = TypeVar("Model", bound=BaseModel)


class _Files:
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


# From the package's files to the question.


def _package(name: str, files: _Files) -> Package | None:
    if not QUESTION_ID.fullmatch(name):
        files.refuse(f"the folder's name is the question's id: it must match {QUESTION_ID.pattern}")
    for folder in UNSUPPORTED_FOLDERS:
        if files.under(folder):
            files.refuse(f"{folder}/ is not supported")
    settings = _settings(files)
    own = files.settings("run-code.yaml", _RunCode) if "run-code.yaml" in files else _RunCode()
    if settings is None or own is None:
        return None
    languages = settings.languages if isinstance(settings, _New) else []
    if languages and own.languages:
        files.refuse("run-code.yaml: languages: problem.yaml names some already")
    title, statement = _statement(files, settings)
    tests = _tests(files)
    shown = [
        statement.encode(),
        *(part for test in tests if not test.hidden for part in (test.stdin, test.expected)),
    ]
    if sum(map(len, shown)) > MAX_SHOWN_BYTES:
        files.refuse(f"the statement and the samples have more than {MAX_SHOWN_BYTES} bytes together")
    question = Question(
        question_id=name,
        title=title,
        statement=statement,
        tests=tests,
        limits=_limits(files, settings.limits),
        languages=tuple(dict.fromkeys(own.languages or languages)),
        points=own.points,
        run_stops_early=own.run_stops_early,
    )
    return Package(replace(question, version=version_of(question)), _submissions(files))


def _settings(files: _Files) -> _Legacy | _New | None:
    if "problem.yaml" not in files:
        files.refuse("problem.yaml is missing")
        return None
    loaded = files.mapping("problem.yaml")
    if loaded is None:
        return None
    version = loaded.get("problem_format_version", "legacy")
    if version not in LEGACY + NEW:
        known = ", ".join(map(repr, LEGACY + NEW))
        files.refuse(f"problem.yaml: problem_format_version: {reprlib.repr(version)} is not supported (only {known})")
        return None
    if version in NEW:
        return files.settings("problem.yaml", _New)
    return files.settings("problem.yaml", _Legacy)


def _limits(files: _Files, given: _PackageLimits) -> Limits:
    """The format has limits in MiB, Judge0 in KB of 1024 bytes; what is not given is the domain's default."""
    limits = Limits()
    seconds = _time_limits(files, given)
    if len(set(seconds.values())) > 1:
        told = ", ".join(f"{place} {value:g} s" for place, value in seconds.items())
        files.refuse(f"several time limits that differ: {told}")
    for place, value in seconds.items():
        if value > MAX_CPU_SECONDS:
            files.refuse(f"{place}: {value:g} s: Judge0 allows at most {MAX_CPU_SECONDS:g} s")
        limits = replace(limits, cpu_seconds=value)
    if given.memory is not None:
        if not MIN_MEMORY_KB <= given.memory * 1024 <= MAX_MEMORY_KB:
            allowed = f"{MIN_MEMORY_KB} to {MAX_MEMORY_KB} KB"
            files.refuse(f"problem.yaml: limits.memory: {given.memory:g} MiB: Judge0 allows {allowed}")
        else:
            limits = replace(limits, memory_kb=int(given.memory * 1024))
    if given.output is not None:
        if not 1 <= given.output * 1024 <= MAX_OUTPUT_KB:
            files.refuse(f"problem.yaml: limits.output: {given.output:g} MiB: Judge0 allows 1 to {MAX_OUTPUT_KB} KB")
        else:
            limits = replace(limits, output_kb=int(given.output * 1024))
    return limits


def _time_limits(files: _Files, given: _PackageLimits) -> dict[str, float]:
    """Seconds by where they stand. The legacy format has no key for them: DOMjudge's files are in use instead."""
    texts: dict[str, str] = {}
    if "domjudge-problem.ini" in files:
        parser = configparser.ConfigParser(interpolation=None)
        try:
            parser.read_string("[problem]\n" + files.text("domjudge-problem.ini"))
        except configparser.Error as error:
            files.refuse(f"domjudge-problem.ini: {error.message.splitlines()[0]}")
        for key, value in parser["problem"].items() if parser.has_section("problem") else ():
            if key.startswith("special_"):
                files.refuse(f"domjudge-problem.ini: {key} is not supported")
            if key == "timelimit":
                texts["domjudge-problem.ini: timelimit"] = value.strip(" '\"")
    if ".timelimit" in files:
        texts[".timelimit"] = files.text(".timelimit").strip()
    seconds: dict[str, float] = {}
    if isinstance(given, _NewLimits) and given.time_limit is not None:
        seconds["problem.yaml: limits.time_limit"] = float(given.time_limit)
    for place, text in texts.items():
        if not re.fullmatch(r"\d{1,9}(\.\d{0,9})?", text, re.ASCII) or float(text) == 0:
            files.refuse(f"{place}: {reprlib.repr(text)} is not a number of seconds")
        else:
            seconds[place] = float(text)
    return seconds


def _statement(files: _Files, settings: _Legacy | _New) -> tuple[str, str]:
    """Title and Markdown. English is preferred; otherwise the one statement that there is."""
    folder = "statement" if isinstance(settings, _New) else "problem_statement"
    found = {name: STATEMENT.fullmatch(name.removeprefix(f"{folder}/")) for name in files.under(folder)}
    languages = {name: match["language"] or "en" for name, match in found.items() if match and match["type"] != "pdf"}
    english = [name for name, language in languages.items() if language.split("-")[0] == "en"]
    choice = english or list(languages)
    if not choice:
        only_pdf = " (a PDF is not supported)" if any(found.values()) else ""
        files.refuse(f"{folder}/: no statement: problem.LANGUAGE.md or .tex{only_pdf}")
        return "", ""
    if len(choice) > 1:
        files.refuse(f"{folder}/: several statements to choose from: {', '.join(choice)}")
        return "", ""
    name = choice[0]
    text = files.text(name).replace("\r\n", "\n")
    plain = PLAIN_NAME.search(text) if name.endswith(".tex") else None
    own_title = plain[1] if plain else None
    if name.endswith(".tex"):
        text, latex_title = _markdown(files, name, text)
        own_title = own_title or latex_title
    for unknown in NOT_IN_MARKDOWN.finditer(text) if name.endswith(".md") else ():
        line = text.count("\n", 0, unknown.start()) + 1
        files.refuse(f"{name}: line {line}: {unknown[0]} is not supported")
    if not text.strip() and not files.problems:
        files.refuse(f"{name}: is empty")
    title = settings.name.get("") or settings.name.get(languages[name]) or own_title or ""
    if not title.strip():
        files.refuse(f"problem.yaml: name: there is none for the statement's language ({languages[name]})")
    return title.strip(), text


def _markdown(files: _Files, name: str, text: str) -> tuple[str, str | None]:
    try:
        statement = latex.to_markdown(text)
    except latex.LatexError as error:
        for problem in error.problems:
            files.refuse(f"{name}: {problem}")
        return "", None
    return statement.markdown, statement.title


def _tests(files: _Files) -> tuple[TestCase, ...]:
    """The samples, then the secret tests, each in the order of their names, folder by folder."""
    for name in files.under("data"):
        if name.endswith(".yaml") and name.startswith(("data/sample/", "data/secret/", "data/test")):
            files.settings(name, _TestSettings)
    inputs: list[tuple[str, bool]] = []
    for group, hidden in (("data/sample", False), ("data/secret", True)):
        names = files.under(group)
        unsupported = [name for name in names if _beside_a_test(name)]
        for name in unsupported:
            files.refuse(f"{name} is not supported")
        stems = {end: {name.removesuffix(end) for name in names if name.endswith(end)} for end in (".in", ".ans")}
        for stem in sorted(stems[".in"] - stems[".ans"]):
            files.refuse(f"{stem}.in: its {stem}.ans is missing")
        for stem in sorted(stems[".ans"] - stems[".in"]):
            files.refuse(f"{stem}.ans: its {stem}.in is missing")
        both = stems[".in"] & stems[".ans"]
        inputs += [(stem, hidden) for stem in sorted(both, key=lambda stem: PurePosixPath(stem).parts)]
    if not inputs:
        files.refuse("data/: no tests")
    if len(inputs) > MAX_TESTS:
        files.refuse(f"data/: {len(inputs)} tests: at most {MAX_TESTS}")
        return ()
    return tuple(
        TestCase(
            stdin=files.content(f"{stem}.in", MAX_TEST_FILE_BYTES),
            expected=files.content(f"{stem}.ans", MAX_TEST_FILE_BYTES),
            hidden=hidden,
        )
        for stem, hidden in inputs
    )


def _beside_a_test(name: str) -> bool:
    return any(part.endswith(UNSUPPORTED_BESIDE_TESTS) for part in name.split("/"))


def _submissions(files: _Files) -> tuple[PackageSubmission, ...]:
    """One for each file in a folder of a verdict, or for each folder there with a single file."""
    programs: dict[str, list[str]] = {}
    for name in files.under("submissions"):
        parts = name.split("/")
        if len(parts) > 2:
            programs.setdefault("/".join(parts[:3]), []).append(name)
        elif parts[1] == "submissions.yaml":
            files.refuse(f"{name} is not supported")
    for folder in sorted({program.split("/")[1] for program in programs} - EXPECTED.keys()):
        files.refuse(f"submissions/{folder}/ is not supported (only {', '.join(EXPECTED)})")
    return tuple(_known_submissions(files, programs))


def _known_submissions(files: _Files, programs: dict[str, list[str]]) -> Iterator[PackageSubmission]:
    for program, names in sorted(programs.items()):
        language = LANGUAGES.get(PurePosixPath(names[0]).suffix)
        expected = EXPECTED.get(program.split("/")[1])
        if len(names) > 1:
            files.refuse(f"{program}: a submission of several files is not supported")
        elif language is None:
            files.refuse(f"{names[0]}: its language is not known (only {', '.join(LANGUAGES)})")
        elif expected is not None:
            path = Path(names[0].removeprefix("submissions/"))
            yield PackageSubmission(path, language, str(expected), files.text(names[0]))
