"""What a package's YAML files may hold. A wrong or unknown key is told by its name, never left out in silence."""

from __future__ import annotations

import reprlib
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from functions.domain.languages import canonical
from functions.domain.question import MAX_POINTS, MAX_TIME_MULTIPLIER


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
    return [canonical(code) if isinstance(code, str) else code for code in value]


def _words(value: object) -> object:
    """One text, or a list of them; a number that stands alone is one."""
    if isinstance(value, str | int | float) and not isinstance(value, bool):
        return tuple(str(value).split())
    return tuple(value) if isinstance(value, list) else value


PassedOver = Any
Flags = Annotated[tuple[str, ...], BeforeValidator(_words)]
Unsupported = Annotated[Any, AfterValidator(_no_other)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Names = Annotated[dict[str, str], BeforeValidator(_by_language)]
LanguageName = Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PackageLimits(_Strict):
    """Memory and output in MiB, the time limit in seconds."""

    memory: Positive | None = None
    output: Positive | None = None
    code: PassedOver = None
    compilation_time: PassedOver = None
    compilation_memory: PassedOver = None
    validation_time: PassedOver = None
    validation_memory: PassedOver = None
    validation_output: PassedOver = None


class LegacyLimits(PackageLimits):
    time_multiplier: PassedOver = None
    time_safety_margin: PassedOver = None


class NewLimits(PackageLimits):
    time_limit: Positive | None = None
    time_multipliers: PassedOver = None
    time_resolution: PassedOver = None


class Grading(_Strict):
    objective: Literal["max"] = "max"
    show_test_data_groups: PassedOver = None


class Legacy(_Strict):
    problem_format_version: PassedOver = None
    type: Literal["pass-fail", "scoring"] = "pass-fail"
    name: Names = {}
    limits: LegacyLimits = LegacyLimits()
    validation: Literal["default", "custom"] = "default"
    validator_flags: Flags = ()
    grading: Grading = Grading()
    uuid: PassedOver = None
    author: PassedOver = None
    source: PassedOver = None
    source_url: PassedOver = None
    license: PassedOver = None
    rights_owner: PassedOver = None
    keywords: PassedOver = None


class New(_Strict):
    problem_format_version: PassedOver = None
    type: Annotated[list[Literal["pass-fail", "scoring"]], BeforeValidator(_listed)] = ["pass-fail"]
    name: Names
    limits: NewLimits = NewLimits()
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


class TestSettings(_Strict):
    """testdata.yaml, test_group.yaml, and the file beside a single test: no key means two things in them."""

    on_reject: PassedOver = None
    grading: Literal["default"] = "default"
    grader_flags: Flags | None = None
    accept_score: Annotated[float, Field(ge=0, le=MAX_POINTS, allow_inf_nan=False)] | None = None
    reject_score: Unsupported = None
    range: PassedOver = None
    max_score: Annotated[int, Field(ge=0, le=MAX_POINTS)] | None = None
    score_aggregation: Literal["pass-fail", "sum", "min"] | None = None
    require_pass: Unsupported = None
    scoring: Unsupported = None
    args: Unsupported = None
    output_validator_flags: Flags | None = None
    output_validator_args: Flags | None = None
    static_validation: Unsupported = None
    input_validator_flags: PassedOver = None
    input_validator_args: PassedOver = None
    full_feedback: PassedOver = None
    hint: PassedOver = None
    description: PassedOver = None


class RunCode(_Strict):
    """run-code.yaml: what the format has no key for, and it allows no key of ours in problem.yaml."""

    points: Annotated[int, Field(ge=0, le=MAX_POINTS)] | None = None
    run_stops_early: bool = False
    time_multipliers: dict[
        LanguageName, Annotated[float, Field(gt=0, le=MAX_TIME_MULTIPLIER, allow_inf_nan=False)]
    ] = {}
    languages: Annotated[list[LanguageName], Field(min_length=1)] | None = None
