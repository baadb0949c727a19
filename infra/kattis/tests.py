"""A package's tests, and what is said beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import PurePosixPath

from functions.domain.question import MAX_TESTS, Data, Stored, TestCase
from infra.kattis.files import Files
from infra.kattis.settings import Legacy, New, TestSettings

MAX_TEST_FILE_BYTES = 10_000_000
MAX_GROUPS = 100
"""Folders with tests in them, in one another too: the grading looks at all tests for each."""
LARGE_BYTES = 262_144
MOST_INLINE_BYTES = 8_000_000
"""Of one question in documents: each process that judges it keeps them in memory."""
UNSUPPORTED_BESIDE_TESTS = (".files", ".interaction", ".statement")


Keep = Callable[[bytes], Stored]
"""Writes what is too large for a document into the object store."""


def read_tests(files: Files, keep: Keep | None) -> tuple[list[str], tuple[TestCase, ...]]:
    """The samples, then the secret tests, each in the order of their names, folder by folder; and their names.

    Of secret tests what is over LARGE_BYTES, and all that comes once the rest has MOST_INLINE_BYTES, goes to ``keep``.
    """
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
    kept = _Kept(keep)
    tests = []
    for stem, hidden in inputs:
        stdin, expected = (files.content(f"{stem}{end}", MAX_TEST_FILE_BYTES) for end in (".in", ".ans"))
        if hidden:
            tests.append(TestCase(kept.where_it_fits(stdin), kept.where_it_fits(expected), hidden))
        else:
            tests.append(TestCase(stdin, expected, hidden))
    if kept.refused:
        files.refuse(
            f"data/: {kept.refused} files are too large for the store of documents: set OBJECT_STORE_ENDPOINT and what "
            "goes with it"
        )
    return [stem for stem, _ in inputs], tuple(tests)


class _Kept:
    """Where tests' data goes: beside the others into documents, or into the object store."""

    def __init__(self, keep: Keep | None) -> None:
        self._keep = keep
        self._inline = 0
        self.refused = 0
        """Files that need an object store, where there is none."""

    def where_it_fits(self, content: bytes) -> Data:
        if len(content) <= LARGE_BYTES and self._inline + len(content) <= MOST_INLINE_BYTES:
            self._inline += len(content)
            return content
        if self._keep is None:
            self.refused += 1
            return Stored("", len(content))
        return self._keep(content)


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
