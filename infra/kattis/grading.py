"""How a package of type `scoring` makes its score: `testdata.yaml` (legacy) or `test_group.yaml` (2023-07)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from functions.domain.scoring import Group
from infra.kattis.files import Files
from infra.kattis.settings import Legacy, New, TestSettings

AGGREGATES = {"sum": "sum", "min": "min", "pass-fail": "min"}
IGNORE_SAMPLE = "ignore_sample"
VERDICT_FLAGS = ("first_error", "worst_error")
"""Of how tests' verdicts make the group's; here that is the order of the verdicts for all questions."""
NEW_MOST = 100.0
"""What 2023-07's `secret` can score where it does not say."""


def groups_of(
    files: Files, settings: Legacy | New, found: Mapping[str, TestSettings], stems: Sequence[str]
) -> Group | None:
    """The grading, tests by their place in ``stems``; None for a package of type `pass-fail`: all count alike."""
    scoring = "scoring" in settings.type if isinstance(settings, New) else settings.type == "scoring"
    if not scoring:
        for place, given in found.items():
            for key in ("accept_score", "max_score", "score_aggregation"):
                if getattr(given, key) is not None:
                    files.refuse(f"{place}: {key} needs `type: scoring` in problem.yaml")
        return None
    tests = {stem: index for index, stem in enumerate(stems)}
    group = _new(tests, found, "data/secret", None) if isinstance(settings, New) else _legacy(files, tests, found)
    if group.most <= 0:
        files.refuse("data/: no test scores anything")
        return None
    return group


def _legacy(files: Files, tests: Mapping[str, int], found: Mapping[str, TestSettings]) -> Group:
    root = found.get("data", TestSettings())
    for place, given in found.items():
        for flag in given.grader_flags or ():
            known = flag in ("sum", "min", *VERDICT_FLAGS) or (flag == IGNORE_SAMPLE and place == "data")
            if not known:
                files.refuse(f"{place}: grader_flags: {flag} is not supported")
    if IGNORE_SAMPLE in (root.grader_flags or ()):
        tests = {stem: index for stem, index in tests.items() if not stem.startswith("data/sample/")}
    return _legacy_group(tests, found, "data", TestSettings(accept_score=1.0, grader_flags=()))


def _legacy_group(
    tests: Mapping[str, int], found: Mapping[str, TestSettings], place: str, outer: TestSettings
) -> Group:
    """A group's settings that are not given are those of the group around it."""
    own = _over(found.get(place), outer)
    return Group(
        "min" if "min" in (own.grader_flags or ()) else "sum",
        tuple(
            (index, _over(found.get(stem), own).accept_score or 0.0)
            for stem, index in tests.items()
            if str(PurePosixPath(stem).parent) == place
        ),
        tuple(_legacy_group(tests, found, inner, own) for inner in _inner(tests, place)),
    )


def _over(given: TestSettings | None, outer: TestSettings) -> TestSettings:
    if given is None:
        return outer
    score = outer.accept_score if given.accept_score is None else given.accept_score
    flags = outer.grader_flags if given.grader_flags is None else given.grader_flags
    return TestSettings(accept_score=score, grader_flags=flags)


def _new(tests: Mapping[str, int], found: Mapping[str, TestSettings], place: str, most: float | None) -> Group:
    """Of a sum, groups have what they say, and what is left is shared evenly; of a minimum each has all of it."""
    own = found.get(place, TestSettings())
    if own.max_score is not None:
        most = float(own.max_score)
    if most is None:
        most = NEW_MOST
    aggregate = AGGREGATES[own.score_aggregation or ("sum" if place == "data/secret" else "pass-fail")]
    direct = [index for stem, index in tests.items() if str(PurePosixPath(stem).parent) == place]
    inner = _inner(tests, place)
    said = {name: found[name].max_score for name in inner if name in found}
    given = sum(score for score in said.values() if score is not None)
    sharing = len(direct) + sum(said.get(name) is None for name in inner)
    share = most if aggregate == "min" else max(0.0, most - given) / max(1, sharing)
    return Group(
        "min" if aggregate == "min" else "sum",
        tuple((index, share) for index in direct),
        tuple(_new(tests, found, name, share) for name in inner),
    )


def _inner(tests: Mapping[str, int], place: str) -> list[str]:
    """The folders in ``place`` that hold tests, in the order of their tests."""
    depth = len(PurePosixPath(place).parts)
    parts = (PurePosixPath(stem).parts for stem in tests if stem.startswith(f"{place}/"))
    return list(dict.fromkeys("/".join(each[: depth + 1]) for each in parts if len(each) > depth + 1))
