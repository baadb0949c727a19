"""How a package has outputs compared: by the flags of the default validator, or by a validator of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from functions.domain.checkers import DEFAULT, checker_of
from functions.domain.languages import BY_EXTENSION
from functions.domain.question import TestCase, Validator
from infra.kattis.files import Files
from infra.kattis.settings import Legacy, New, TestSettings

MAX_VALIDATED_BYTES = 8_000_000
"""Of a test's input and expected output, where a validator gets them as files: Judge0 unpacks at most 10 MB."""
NOT_IN_ARGUMENTS = re.compile(r"[\s$&;<>|`]")
"""Judge0 takes the latter out of a program's arguments."""


def validation_of(
    files: Files, settings: Legacy | New, found: Mapping[str, TestSettings], tests: Sequence[TestCase]
) -> tuple[Validator | None, str]:
    """The package's own validator, and the flags of the checker."""
    flags = _flags(files, settings, found)
    folder = "output_validator" if isinstance(settings, New) else "output_validators"
    other = "output_validators" if isinstance(settings, New) else "output_validator"
    if files.under(other):
        files.refuse(f"{other}/ is not supported in this version of the format")
    programs = files.under(folder)
    wanted = bool(programs) if isinstance(settings, New) else settings.validation == "custom"
    if programs and not wanted:
        files.refuse(f"{folder}/ needs `validation: custom` in problem.yaml")
    if wanted:
        return _validator(files, folder, programs, flags, tests), DEFAULT
    try:
        checker_of(" ".join(flags))
    except ValueError as error:
        files.refuse(f"the output validator's flags: {error}")
    return None, " ".join(flags) or DEFAULT


def _flags(files: Files, settings: Legacy | New, found: Mapping[str, TestSettings]) -> tuple[str, ...]:
    """From problem.yaml, or from the tests' settings; the same for all tests."""
    given = {place: each.output_validator_flags or each.output_validator_args for place, each in found.items()}
    said = {place: flags for place, flags in given.items() if flags}
    if len(set(said.values())) > 1:
        files.refuse(f"the output validator's flags differ: {', '.join(said)}")
    own = settings.validator_flags if isinstance(settings, Legacy) else ()
    return next(iter(said.values()), own)


def _validator(
    files: Files, folder: str, programs: Sequence[str], flags: tuple[str, ...], tests: Sequence[TestCase]
) -> Validator | None:
    language = BY_EXTENSION.get(PurePosixPath(programs[0]).suffix) if programs else None
    if len(programs) != 1:
        files.refuse(f"{folder}/: {len(programs)} files: a validator is one file here")
    elif language is None:
        files.refuse(f"{programs[0]}: its language is not known (only {', '.join(BY_EXTENSION)})")
    if any(NOT_IN_ARGUMENTS.search(flag) for flag in flags) or len(" ".join(flags)) > 400:
        files.refuse(
            "the output validator's flags: Judge0 takes no white space, $ & ; < > | ` and at most 400 characters"
        )
    if any(len(test.stdin) + len(test.expected) > MAX_VALIDATED_BYTES for test in tests):
        files.refuse(f"data/: a validator's test has at most {MAX_VALIDATED_BYTES} bytes")
    return None if language is None else Validator(language, files.text(programs[0]), flags)
