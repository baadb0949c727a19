"""A package's tests, and what is said beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from functions.domain.question import MAX_TESTS, TestCase
from infra.kattis.files import Files
from infra.kattis.settings import Legacy, New, TestSettings

MAX_TEST_FILE_BYTES = 10_000_000
MAX_GROUPS = 100
"""Folders with tests in them, in one another too: the grading looks at all tests for each."""
UNSUPPORTED_BESIDE_TESTS = (".files", ".interaction", ".statement")


def read_tests(files: Files) -> tuple[list[str], tuple[TestCase, ...]]:
    """The samples, then the secret tests, each in the order of their names, folder by folder; and their names."""
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
        return [], ()
    if len(_folders(stem for stem, _ in inputs)) > MAX_GROUPS:
        files.refuse(f"data/: more than {MAX_GROUPS} folders of tests")
        return [], ()
    tests = tuple(
        TestCase(
            stdin=files.content(f"{stem}.in", MAX_TEST_FILE_BYTES),
            expected=files.content(f"{stem}.ans", MAX_TEST_FILE_BYTES),
            hidden=hidden,
        )
        for stem, hidden in inputs
    )
    return [stem for stem, _ in inputs], tests


def _folders(stems: Iterable[str]) -> set[PurePosixPath]:
    return {folder for stem in stems for folder in PurePosixPath(stem).parents}


def _beside_a_test(name: str) -> bool:
    return any(part.endswith(UNSUPPORTED_BESIDE_TESTS) for part in name.split("/"))


def test_settings(files: Files, settings: Legacy | New) -> Mapping[str, TestSettings]:
    """What stands in `data`, by the folder that it is for, or by the test beside which it lies."""
    for_folder = "test_group.yaml" if isinstance(settings, New) else "testdata.yaml"
    found = {}
    for path in files.under("data"):
        if path.endswith(".yaml") and path.startswith(("data/sample/", "data/secret/", "data/test")):
            given = files.settings(path, TestSettings)
            folder, _, name = path.rpartition("/")
            if given is not None:
                found[folder if name == for_folder else path.removesuffix(".yaml")] = given
    return found
