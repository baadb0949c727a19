"""From a package's files to the question, with its version, and the package's own submissions."""

from __future__ import annotations

import configparser
import os
import re
import reprlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from functions.domain.languages import BY_EXTENSION, canonical
from functions.domain.question import (
    MAX_CPU_SECONDS,
    MAX_MEMORY_KB,
    MAX_OUTPUT_KB,
    MAX_SHOWN_BYTES,
    MIN_MEMORY_KB,
    Limits,
    Question,
    version_of,
)
from functions.domain.scoring import Group
from functions.domain.verdict import Verdict
from infra import latex
from infra.kattis.files import Files, PackageError
from infra.kattis.grading import groups_of
from infra.kattis.settings import Legacy, New, NewLimits, PackageLimits, RunCode
from infra.kattis.tests import Keep, read_tests, test_settings
from infra.kattis.validation import validation_of

LEGACY, NEW = ("legacy", "legacy-icpc"), ("2023-07", "2023-07-draft")
QUESTION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
STATEMENT = re.compile(r"problem(?:\.(?P<language>[a-z]{2,3}(?:-[A-Z]{2})?))?\.(?P<type>md|tex|pdf)")
PLAIN_NAME = re.compile(r"^%%\s*plainproblemname:(.*)$", re.MULTILINE)
NOT_IN_MARKDOWN = re.compile(r"!\[[^]\n]*\][(\[]|<img\b|\{\{(?:nextsample|remainingsamples)\}\}")

PARTIALLY_ACCEPTED = "partially_accepted"
"""Not a verdict: some score, but not all of it."""
EXPECTED = {
    "accepted": Verdict.ACCEPTED,
    "wrong_answer": Verdict.WRONG_ANSWER,
    "time_limit_exceeded": Verdict.TIME_LIMIT_EXCEEDED,
    "run_time_error": Verdict.RUNTIME_ERROR,
    "compile_error": Verdict.COMPILATION_ERROR,
    "memory_limit_exceeded": Verdict.MEMORY_LIMIT_EXCEEDED,
    "output_limit_exceeded": Verdict.OUTPUT_LIMIT_EXCEEDED,
    "partially_accepted": PARTIALLY_ACCEPTED,
}
"""Folders of `submissions/`; memory and output limit are not in the format."""
EXPECTED_SCORE = re.compile(r"@EXPECTED_SCORE@:\s*(\d{1,9})")
"""In a submission's comment, as in DOMjudge's."""
UNSUPPORTED_FOLDERS = ("attachments", "graders", "include", "static_validator")


@dataclass(frozen=True)
class PackageSubmission:
    """One of the package's own solutions. ``path`` is relative to its folder `submissions`."""

    path: Path
    language: str
    expected: str
    source: str
    score: int | None = None
    """What it must score, where it says so."""


@dataclass(frozen=True)
class Package:
    question: Question
    submissions: tuple[PackageSubmission, ...]


def read_package(folder: Path, keep: Keep | None = None) -> Package:
    """The question with its version, and the package's own submissions. Raises PackageError.

    ``keep`` writes large test data into the object store; without it a package that has some is refused.
    """
    name = Path(os.path.abspath(folder)).name
    if not folder.is_dir():
        raise PackageError(name, ["not a folder"])
    files = Files(folder)
    package = None if files.problems else _package(name, files, keep)
    if package is None or files.problems:
        raise PackageError(name, files.problems)
    return package


def _package(name: str, files: Files, keep: Keep | None) -> Package | None:
    if not QUESTION_ID.fullmatch(name):
        files.refuse(f"the folder's name is the question's id: it must match {QUESTION_ID.pattern}")
    for folder in UNSUPPORTED_FOLDERS:
        if files.under(folder):
            files.refuse(f"{folder}/ is not supported")
    settings = _settings(files)
    own = files.settings("run-code.yaml", RunCode) if "run-code.yaml" in files else RunCode()
    if settings is None or own is None:
        return None
    languages = settings.languages if isinstance(settings, New) else []
    if languages and own.languages:
        files.refuse("run-code.yaml: languages: problem.yaml names some already")
    title, statement = _statement(files, settings)
    stems, tests = read_tests(files, keep)
    given = test_settings(files, settings)
    groups = groups_of(files, settings, given, stems)
    validator, checker = validation_of(files, settings, given, tests)
    question = Question(
        question_id=name,
        title=title,
        statement=statement,
        tests=tests,
        limits=_limits(files, settings.limits),
        languages=tuple(dict.fromkeys(map(canonical, own.languages or languages))),
        checker=checker,
        points=own.points if own.points is not None else _points(groups),
        run_stops_early=own.run_stops_early,
        validator=validator,
        time_multipliers=tuple(sorted({canonical(name): n for name, n in own.time_multipliers.items()}.items())),
        groups=groups,
    )
    if question.shown_bytes > MAX_SHOWN_BYTES:
        files.refuse(f"the statement and the samples have more than {MAX_SHOWN_BYTES} bytes together")
    return Package(replace(question, version=version_of(question)), _submissions(files))


def _points(groups: Group | None) -> int:
    """What the package's own scores add up to, where it has some."""
    return round(groups.most) if groups is not None and round(groups.most) > 0 else Question.points


def _settings(files: Files) -> Legacy | New | None:
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
        return files.settings("problem.yaml", New)
    return files.settings("problem.yaml", Legacy)


def _limits(files: Files, given: PackageLimits) -> Limits:
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


def _time_limits(files: Files, given: PackageLimits) -> dict[str, float]:
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
    if isinstance(given, NewLimits) and given.time_limit is not None:
        seconds["problem.yaml: limits.time_limit"] = float(given.time_limit)
    for place, text in texts.items():
        if not re.fullmatch(r"\d{1,9}(\.\d{0,9})?", text, re.ASCII) or float(text) == 0:
            files.refuse(f"{place}: {reprlib.repr(text)} is not a number of seconds")
        else:
            seconds[place] = float(text)
    return seconds


def _statement(files: Files, settings: Legacy | New) -> tuple[str, str]:
    """Title and Markdown. English is preferred; otherwise the one statement that there is."""
    folder = "statement" if isinstance(settings, New) else "problem_statement"
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


def _markdown(files: Files, name: str, text: str) -> tuple[str, str | None]:
    try:
        statement = latex.to_markdown(text)
    except latex.LatexError as error:
        for problem in error.problems:
            files.refuse(f"{name}: {problem}")
        return "", None
    return statement.markdown, statement.title


def _submissions(files: Files) -> tuple[PackageSubmission, ...]:
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


def _known_submissions(files: Files, programs: dict[str, list[str]]) -> Iterator[PackageSubmission]:
    for program, names in sorted(programs.items()):
        language = BY_EXTENSION.get(PurePosixPath(names[0]).suffix)
        expected = EXPECTED.get(program.split("/")[1])
        if len(names) > 1:
            files.refuse(f"{program}: a submission of several files is not supported")
        elif language is None:
            files.refuse(f"{names[0]}: its language is not known (only {', '.join(BY_EXTENSION)})")
        elif expected is not None:
            path = Path(names[0].removeprefix("submissions/"))
            source = files.text(names[0])
            score = EXPECTED_SCORE.search(source)
            yield PackageSubmission(path, language, str(expected), source, int(score[1]) if score else None)
