"""Kattis problem packages: what is read from them, and every refusal by its own words."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.domain.question import Data, Limits, Question, TestCase, Validator, version_of
from functions.domain.scoring import Group
from functions.domain.verdict import Verdict
from infra import local
from infra.kattis import Package, PackageError, PackageSubmission, read_package
from infra.kattis import settings as kattis
from infra.kattis.files import Files
from infra.latex import LatexError, to_markdown

QUESTIONS = Path(local.__file__).parent / "questions"
MD, GROUP, OWN = "problem_statement/problem.en.md", "data/secret/testdata.yaml", "run-code.yaml"
NEW = "problem_format_version: 2023-07\nname: Hello\nuuid: 8ee7605a-d1ce-47b3-be37-15de5acd757e\n"
LEGACY_FILES: dict[str, str | bytes] = {
    "problem.yaml": "name: Hello\n",
    "problem_statement/problem.en.md": "Say hello.\n",
    "data/sample/1.in": "1\n",
    "data/sample/1.ans": "one\n",
    "data/secret/2.in": "2\n",
    "data/secret/2.ans": "two\n",
}
NEW_FILES: dict[str, str | bytes] = {
    **{name: content for name, content in LEGACY_FILES.items() if name.startswith("data/")},
    "problem.yaml": NEW,
    "statement/problem.en.md": "Say hello.\n",
}


class Folder:
    """A package on disk that a test can change."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, files: dict[str, str | bytes]) -> Folder:
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return self

    def without(self, *names: str) -> Folder:
        for name in names:
            (self.path / name).unlink()
        return self

    def read(self) -> Package:
        return read_package(self.path)

    def problems(self) -> tuple[str, ...]:
        with pytest.raises(PackageError) as refused:
            self.read()
        return refused.value.problems


@pytest.fixture
def legacy(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "hello").put(LEGACY_FILES)


@pytest.fixture
def new(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "hello").put(NEW_FILES)


# What is read.


@pytest.mark.parametrize("files", [LEGACY_FILES, NEW_FILES], ids=["legacy", "2023-07"])
def test_a_minimal_package_becomes_a_question_with_the_domains_defaults(
    tmp_path: Path, files: dict[str, str | bytes]
) -> None:
    question = Folder(tmp_path / "hello").put(files).read().question
    assert question == Question(
        question_id="hello",
        title="Hello",
        statement="Say hello.\n",
        tests=(TestCase(b"1\n", b"one\n", hidden=False), TestCase(b"2\n", b"two\n", hidden=True)),
        version=question.version,
    )
    assert (question.limits, question.points, question.languages) == (Limits(), 100, ())


def test_a_package_is_also_read_where_its_folder_is_the_working_folder(
    legacy: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(legacy.path)
    assert read_package(Path()).question.question_id == "hello"


def text(data: Data) -> str:
    assert isinstance(data, bytes)
    return data.decode()


def test_samples_come_first_and_tests_of_groups_follow_in_the_order_of_their_names(legacy: Folder) -> None:
    for name in ("data/secret/a/10", "data/secret/a/9", "data/secret/1", "data/sample/0"):
        legacy.put({f"{name}.in": name, f"{name}.ans": ""})
    tests = legacy.read().question.tests
    assert [(text(test.stdin).strip(), test.hidden) for test in tests] == [
        ("data/sample/0", False),
        ("1", False),
        ("data/secret/1", True),
        ("2", True),
        ("data/secret/a/10", True),
        ("data/secret/a/9", True),
    ]


def test_tests_are_bytes_and_need_not_be_text(legacy: Folder) -> None:
    legacy.put({"data/secret/2.in": b"\xff\r\n", "data/secret/2.ans": b"\x00"})
    assert legacy.read().question.tests[1] == TestCase(b"\xff\r\n", b"\x00", hidden=True)


def test_limits_are_turned_from_mib_into_kb_and_a_time_limit_may_be_a_fraction(new: Folder) -> None:
    new.put({"problem.yaml": NEW + "limits: {time_limit: 0.5, memory: 256, output: 4}"})
    assert new.read().question.limits == Limits(cpu_seconds=0.5, memory_kb=262_144, output_kb=4096)


@pytest.mark.parametrize(
    "files",
    [
        {".timelimit": "1.5\n"},
        {"domjudge-problem.ini": "timelimit='1.5'\ncolor=#ff0000\n"},
        {".timelimit": "1.5", "domjudge-problem.ini": "timelimit = 1.5"},
    ],
)
def test_a_legacy_packages_time_limit_stands_in_a_file_of_its_own(
    legacy: Folder, files: dict[str, str | bytes]
) -> None:
    assert legacy.put(files).read().question.limits.cpu_seconds == 1.5


def test_what_says_nothing_about_judging_is_accepted_in_a_legacy_package(legacy: Folder) -> None:
    legacy.put(
        {
            "problem.yaml": "name: Hello\nauthor: A\nsource: S\nsource_url: http://s.example\nlicense: cc0\n"
            "uuid: 1\nrights_owner: R\nkeywords: a b\ntype: pass-fail\nvalidation: default\nvalidator_flags: ''\n"
            "grading: {}\nproblem_format_version: legacy\n"
            "limits: {time_multiplier: 5, time_safety_margin: 2, code: 128, compilation_time: 60}\n",
            "input_validators/check.py": "",
            "answer_validators/check.py": "",
            "data/secret/testdata.yaml": "on_reject: continue\ngrading: default\ninput_validator_flags: a\n",
            "data/secret/2.hint": "",
            "data/.DS_Store": b"\xff",
        }
    )
    assert legacy.read().question.title == "Hello"


def test_what_says_nothing_about_judging_is_accepted_in_a_new_package(new: Folder) -> None:
    new.put(
        {
            "problem.yaml": NEW + "version: 1\nkeywords: [a]\nembargo_until: 2030-01-01\ncredits: {authors: A}\n"
            "source: [S]\nlicense: cc0\nrights_owner: R\nallow_file_writing: false\ntype: [pass-fail]\nconstants: {}\n"
            "limits: {time_multipliers: {ac_to_time_limit: 2}, time_resolution: 1.0, validation_time: 60}\n",
            "data/secret/test_group.yaml": "full_feedback: false\noutput_validator_args: []\n",
            "data/secret/2.yaml": "hint: h\ndescription: d\n",
            "solution/solution.en.md": "",
            "generators/make.py": "",
            "data/invalid_input/1.in": "",
        }
    )
    assert new.read().question.title == "Hello"


def test_run_codes_own_settings_stand_in_a_file_of_their_own(legacy: Folder) -> None:
    legacy.put({"run-code.yaml": "points: 40\nrun_stops_early: true\nlanguages: [python, cpp]\n"})
    question = legacy.read().question
    assert (question.points, question.run_stops_early) == (40, True)
    assert question.languages == ("python", "cpp")


@pytest.mark.parametrize(
    ("languages", "names"), [("all", ()), ("[python3, cpp]", ("python", "cpp")), ("[c, c]", ("c",))]
)
def test_the_formats_names_of_languages_become_ours(new: Folder, languages: str, names: tuple[str, ...]) -> None:
    new.put({"problem.yaml": NEW + f"languages: {languages}\n"})
    assert new.read().question.languages == names


@pytest.mark.parametrize(
    ("names", "chosen"),
    [
        (["problem.en.md", "problem.sv.md", "problem.de.tex"], "problem.en.md"),
        (["problem.sv.md"], "problem.sv.md"),
        (["problem.md", "problem.sv.md"], "problem.md"),
        (["problem.en-GB.md", "problem.sv.md", "problem.en.pdf"], "problem.en-GB.md"),
    ],
)
def test_the_english_statement_is_taken_or_else_the_only_one(legacy: Folder, names: list[str], chosen: str) -> None:
    legacy.without("problem_statement/problem.en.md")
    legacy.put({f"problem_statement/{name}": name for name in names})
    assert legacy.read().question.statement == chosen


def test_a_statement_has_the_same_lines_wherever_it_was_written(legacy: Folder) -> None:
    legacy.put({MD: "Say\r\nhello.\r\n"})
    assert legacy.read().question.statement == "Say\nhello.\n"


def test_the_title_is_that_of_the_statements_language(new: Folder) -> None:
    new.put({"problem.yaml": NEW.replace("name: Hello", "name: {sv: Hej, en: Hi}")})
    assert new.read().question.title == "Hi"


@pytest.mark.parametrize(
    ("latex", "title"),
    [
        ("\\problemname{A \\& B}\nText.", "A & B"),
        ("%% plainproblemname: x^2\n\\problemname{$x^2$}\nText.", "x^2"),
    ],
)
def test_a_legacy_statement_may_hold_the_title(legacy: Folder, latex: str, title: str) -> None:
    legacy.without("problem_statement/problem.en.md")
    legacy.put({"problem.yaml": "", "problem_statement/problem.tex": latex})
    question = legacy.read().question
    assert (question.title, question.statement) == (title, "Text.")


def test_a_submissions_folder_tells_what_is_expected_and_its_extension_the_language(legacy: Folder) -> None:
    legacy.put(
        {
            "submissions/accepted/a.py": "print('å')",
            "submissions/accepted/java/Main.java": "",
            "submissions/wrong_answer/a.c": "",
            "submissions/time_limit_exceeded/a.cc": "",
            "submissions/run_time_error/a.js": "",
            "submissions/compile_error/a.cpp": "",
            "submissions/memory_limit_exceeded/a.sh": "",
            "submissions/output_limit_exceeded/a.py": "",
        }
    )
    assert legacy.read().submissions == (
        PackageSubmission(Path("accepted/a.py"), "python", "accepted", "print('å')"),
        PackageSubmission(Path("accepted/java/Main.java"), "java", "accepted", ""),
        PackageSubmission(Path("compile_error/a.cpp"), "cpp", "compilation_error", ""),
        PackageSubmission(Path("memory_limit_exceeded/a.sh"), "bash", "memory_limit_exceeded", ""),
        PackageSubmission(Path("output_limit_exceeded/a.py"), "python", "output_limit_exceeded", ""),
        PackageSubmission(Path("run_time_error/a.js"), "javascript", "runtime_error", ""),
        PackageSubmission(Path("time_limit_exceeded/a.cc"), "cpp", "time_limit_exceeded", ""),
        PackageSubmission(Path("wrong_answer/a.c"), "c", "wrong_answer", ""),
    )


def test_a_link_inside_of_the_package_is_followed(legacy: Folder) -> None:
    legacy.without("data/secret/2.ans")
    (legacy.path / "data/secret/2.ans").symlink_to("../sample/1.ans")
    assert legacy.read().question.tests[1].expected == b"one\n"


# How outputs are compared, and what they score.


@pytest.mark.parametrize(
    ("files", "checker"),
    [
        ({}, "default"),
        ({"problem.yaml": "name: Hello\nvalidator_flags: float_tolerance 1e-6\n"}, "float_tolerance 1e-6"),
        ({GROUP: "output_validator_flags: tokens"}, "tokens"),
        ({"data/testdata.yaml": "output_validator_flags: exact", GROUP: "output_validator_flags: exact"}, "exact"),
    ],
)
def test_validator_flags_choose_the_checker(legacy: Folder, files: dict[str, str | bytes], checker: str) -> None:
    assert legacy.put(files).read().question.checker == checker


def test_the_new_formats_arguments_choose_it_too(new: Folder) -> None:
    new.put({"data/test_group.yaml": "output_validator_args: [float_tolerance, '1e-6']"})
    assert new.read().question.checker == "float_tolerance 1e-6"


def test_a_language_may_be_called_by_any_of_its_names(legacy: Folder) -> None:
    legacy.put({"run-code.yaml": "languages: [python3, py, c]\ntime_multipliers: {python3: 2}\n"})
    question = legacy.read().question
    assert (question.languages, question.time_multipliers) == (("python", "c"), (("python", 2.0),))


CUSTOM = "name: Hello\nvalidation: custom\nvalidator_flags: 3 x\n"


def test_a_flag_that_yaml_takes_for_a_number_is_a_flag(legacy: Folder) -> None:
    legacy.put({"problem.yaml": CUSTOM.replace("3 x", "1000"), "output_validators/check.py": ""})
    assert legacy.read().question.validator == Validator("python", "", ("1000",))


def test_a_package_may_bring_its_own_validator(legacy: Folder, new: Folder) -> None:
    legacy.put({"problem.yaml": CUSTOM, "output_validators/check/check.cpp": "int main;"})
    assert legacy.read().question.validator == Validator("cpp", "int main;", ("3", "x"))


def test_in_the_new_format_its_folder_says_so(new: Folder) -> None:
    assert new.put({"output_validator/check.py": "exit"}).read().question.validator == Validator("python", "exit")


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, "output_validators/: 0 files: a validator is one file here"),
        (
            {"output_validators/a.py": "", "output_validators/b.py": ""},
            "output_validators/: 2 files: a validator is one file here",
        ),
        (
            {"output_validators/a.rkt": ""},
            "output_validators/a.rkt: its language is not known (only .py, .c, .cpp, .cc, .java, .js, .sh)",
        ),
        (
            {"output_validators/a.py": "", "problem.yaml": CUSTOM.replace("x", "$x")},
            "the output validator's flags: Judge0 takes no white space, $ & ; < > | ` and at most 400 characters",
        ),
        (
            {"output_validators/a.py": "", "data/secret/2.in": b"x" * 8_000_000},
            "data/: a validator's test has at most 8000000 bytes",
        ),
    ],
)
def test_a_validator_that_cannot_be_run_is_refused(legacy: Folder, files: dict[str, str | bytes], problem: str) -> None:
    assert f"hello: {problem}" in legacy.put({"problem.yaml": CUSTOM, **files}).problems()


SCORING = "name: Hello\ntype: scoring\n"


def with_tests(*names: str) -> dict[str, str | bytes]:
    return {f"data/secret/{name}{end}": "1\n" for name in names for end in (".in", ".ans")}


def test_groups_and_weights_are_read_from_testdata_yaml(legacy: Folder) -> None:
    legacy.without("data/secret/2.in", "data/secret/2.ans").put(
        {
            "problem.yaml": SCORING,
            "data/testdata.yaml": "grader_flags: ignore_sample",
            "data/secret/testdata.yaml": "grader_flags: first_error sum",
            "data/secret/a/testdata.yaml": "grader_flags: min\naccept_score: 30\nrange: 0 30\non_reject: break",
            "data/secret/b/2.yaml": "accept_score: 69.5",
            "data/secret/b/testdata.yaml": "accept_score: 0.5",
            **with_tests("a/1", "a/2", "b/1", "b/2"),
        }
    )
    question = legacy.read().question
    assert question.groups == Group(
        "sum",
        (),
        (
            Group(
                "sum",
                (),
                (Group("min", ((1, 30.0), (2, 30.0))), Group("sum", ((3, 0.5), (4, 69.5)))),
            ),
        ),
    )
    assert question.points == 100


def test_without_flags_the_samples_count_and_each_test_is_a_point(legacy: Folder) -> None:
    question = legacy.put({"problem.yaml": SCORING}).read().question
    assert question.groups is not None
    assert (question.groups.most, question.points) == (2.0, 2)
    assert legacy.put({"run-code.yaml": "points: 50\n"}).read().question.points == 50


def test_in_the_new_format_groups_have_maxima_and_what_is_left_is_shared(new: Folder) -> None:
    new.put(
        {
            "problem.yaml": NEW + "type: scoring\n",
            "data/secret/a/test_group.yaml": "max_score: 40",
            "data/secret/b/test_group.yaml": "score_aggregation: sum",
            **with_tests("a/1", "a/2", "b/1", "b/2", "b/3"),
        }
    )
    question = new.read().question
    assert question.groups == Group(
        "sum",
        ((1, 30.0),),
        (Group("min", ((2, 40.0), (3, 40.0))), Group("sum", ((4, 10.0), (5, 10.0), (6, 10.0)))),
    )
    assert question.points == 100


def test_a_group_that_no_test_can_score_in_is_refused(legacy: Folder) -> None:
    legacy.put({"problem.yaml": SCORING, "data/testdata.yaml": "accept_score: 0"})
    assert legacy.problems() == ("hello: data/: no test scores anything",)


def test_grader_flags_that_we_lack_are_named(legacy: Folder) -> None:
    legacy.put({"problem.yaml": SCORING, GROUP: "grader_flags: accept_if_any_accepted ignore_sample"})
    assert legacy.problems() == (
        "hello: data/secret: grader_flags: accept_if_any_accepted is not supported",
        "hello: data/secret: grader_flags: ignore_sample is not supported",
    )


def test_a_submission_may_say_what_it_scores(legacy: Folder) -> None:
    legacy.put({"submissions/partially_accepted/a.py": "# @EXPECTED_SCORE@: 30\n"})
    [one] = legacy.read().submissions
    assert (one.expected, one.score) == ("partially_accepted", 30)


# What is refused.


@pytest.mark.parametrize(
    ("yaml", "problem"),
    [
        (
            "validation: custom interactive",
            "validation: 'custom interactive' is not supported (only 'default' or 'custom')",
        ),
        ("type: interactive", "type: 'interactive' is not supported (only 'pass-fail' or 'scoring')"),
        ("validator_flags: {a: 1}", "validator_flags: Input should be a valid tuple, not {'a': 1}"),
        ("grading: {objective: min}", "grading.objective: 'min' is not supported (only 'max')"),
        ("grader_flags: min", "grader_flags: is not known"),
        ("languages: all", "languages: is not known"),
        ("points: 10", "points: is not known"),
        ("limits: {time_limit: 2}", "limits.time_limit: is not known"),
        ("limits: {memory: 0}", "limits.memory: Input should be greater than 0, not 0"),
        ("limits: {memory: .inf}", "limits.memory: Input should be a finite number, not inf"),
        ("limits: {memory: much}", "limits.memory: Input should be a valid number, not 'much'"),
        ("limits: {memory: 1}", "limits.memory: 1 MiB: Judge0 allows 2048 to 512000 KB"),
        ("limits: {memory: 512}", "limits.memory: 512 MiB: Judge0 allows 2048 to 512000 KB"),
        ("limits: {output: 8}", "limits.output: 8 MiB: Judge0 allows 1 to 4096 KB"),
    ],
)
def test_what_a_legacy_package_asks_for_and_we_lack_is_named(legacy: Folder, yaml: str, problem: str) -> None:
    legacy.put({"problem.yaml": f"name: Hello\n{yaml}\n"})
    assert legacy.problems() == (f"hello: problem.yaml: {problem}",)


@pytest.mark.parametrize(
    ("yaml", "problem"),
    [
        ("type: interactive", "type: 'interactive' is not supported (only 'pass-fail' or 'scoring')"),
        ("type: [pass-fail, multi-pass]", "type: 'multi-pass' is not supported (only 'pass-fail' or 'scoring')"),
        ("validation: default", "validation: is not known"),
        ("constants: {n: 5}", "constants: {'n': 5} is not supported"),
        ("languages: none", "languages: neither 'all' nor a list of languages"),
        ("languages: []", "languages: neither 'all' nor a list of languages"),
        ("languages: [C++ 17]", "languages: String should match pattern '^[a-z0-9-]+$', not 'c++ 17'"),
        ("languages: [1]", "languages: Input should be a valid string, not 1"),
        ("limits: {time_limit: 16}", "limits.time_limit: 16 s: Judge0 allows at most 15 s"),
        ("limits: {time_limit: -1}", "limits.time_limit: Input should be greater than 0, not -1"),
        ("limits: {validation_passes: 2}", "limits.validation_passes: is not known"),
    ],
)
def test_what_a_new_package_asks_for_and_we_lack_is_named(new: Folder, yaml: str, problem: str) -> None:
    new.put({"problem.yaml": f"{NEW}{yaml}\n"})
    assert new.problems() == (f"hello: problem.yaml: {problem}",)


@pytest.mark.parametrize(
    ("yaml", "beginning"),
    [
        ("name: [", "not YAML: while parsing"),
        ("name: 2030-13-01", "not YAML: month must be in 1..12"),
        ("name: " + "[" * 5000, "line 1: more than 20 levels in one another"),
        ("- name", "not a map of keys to values"),
        ("name: 2048", "name: 2048 is neither a text nor a map of languages to texts"),
        ("name: {sv: Hej}", "name: there is none for the statement's language (en)"),
        ("", "name: there is none for the statement's language (en)"),
        (
            "problem_format_version: 2025-09",
            "problem_format_version: '2025-09' is not supported (only 'legacy', ",
        ),
        ("problem_format_version: 2023-07", "name: is missing"),
        (b"name: \xff", "not UTF-8 (byte 6)"),
        ("name: " + "x" * 16_379, "16385 bytes: at most 16384"),
    ],
)
def test_a_damaged_problem_yaml_is_refused(legacy: Folder, yaml: str | bytes, beginning: str) -> None:
    legacy.put({"problem.yaml": yaml})
    assert legacy.problems()[0].startswith(f"hello: problem.yaml: {beginning}")


def test_a_yaml_file_that_grows_by_references_is_refused_at_once(legacy: Folder) -> None:
    levels = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 30)]
    legacy.put({"problem.yaml": "\n".join(["name: Hello", "a0: &a0 [x]", *levels, "validator_flags: *a29"])})
    assert legacy.problems() == ("hello: problem.yaml: line 3: a reference (*a0) is not supported",)


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"include/python3/help.py": ""}, "include/ is not supported"),
        ({"output_validators/check.py": ""}, "output_validators/ needs `validation: custom` in problem.yaml"),
        ({"output_validator/check.py": ""}, "output_validator/ is not supported in this version of the format"),
        ({"static_validator/check.py": ""}, "static_validator/ is not supported"),
        ({"graders/grade.py": ""}, "graders/ is not supported"),
        ({"attachments/tool.py": ""}, "attachments/ is not supported"),
        ({"data/secret/3.in": ""}, "data/secret/3.in: its data/secret/3.ans is missing"),
        ({"data/sample/3.ans": ""}, "data/sample/3.ans: its data/sample/3.in is missing"),
        ({"data/sample/1.ans.statement": ""}, "data/sample/1.ans.statement is not supported"),
        ({"data/secret/2.files/a.txt": ""}, "data/secret/2.files/a.txt is not supported"),
        ({"data/sample/1.interaction": ""}, "data/sample/1.interaction is not supported"),
        ({GROUP: "grading: custom"}, f"{GROUP}: grading: 'custom' is not supported (only 'default')"),
        ({"data/testdata.yaml": "accept_score: 5"}, "data: accept_score needs `type: scoring` in problem.yaml"),
        ({GROUP: "reject_score: 5"}, f"{GROUP}: reject_score: 5 is not supported"),
        ({GROUP: "require_pass: sample"}, f"{GROUP}: require_pass: 'sample' is not supported"),
        ({GROUP: "output_validator_flags: near"}, "the output validator's flags: 'near' is not known"),
        (
            {GROUP: "output_validator_flags: tokens", "data/testdata.yaml": "output_validator_flags: exact"},
            "the output validator's flags differ: data, data/secret",
        ),
        ({OWN: "time_multipliers: {java: 0}"}, f"{OWN}: time_multipliers.java: Input should be greater than 0, not 0"),
        ({"data/secret/2.yaml": "args: [a]"}, "data/secret/2.yaml: args: ['a'] is not supported"),
        ({"data/secret/2.yaml": "weight: 1"}, "data/secret/2.yaml: weight: is not known"),
        ({OWN: "point: 1"}, f"{OWN}: point: is not known"),
        ({OWN: "points: -1"}, f"{OWN}: points: Input should be greater than or equal to 0, not -1"),
        ({OWN: "run_stops_early: 1"}, f"{OWN}: run_stops_early: Input should be a valid boolean, not 1"),
        ({OWN: "languages: []"}, f"{OWN}: languages: List should have at least 1 item after validation, not 0, not []"),
        ({".timelimit": "soon"}, ".timelimit: 'soon' is not a number of seconds"),
        ({".timelimit": "0.0"}, ".timelimit: '0.0' is not a number of seconds"),
        ({".timelimit": "20"}, ".timelimit: 20 s: Judge0 allows at most 15 s"),
        ({"domjudge-problem.ini": "special_compare=cmp"}, "domjudge-problem.ini: special_compare is not supported"),
        (
            {".timelimit": "2", "domjudge-problem.ini": "timelimit=3"},
            "several time limits that differ: domjudge-problem.ini: timelimit 3 s, .timelimit 2 s",
        ),
        ({MD: " \n"}, f"{MD}: is empty"),
        ({MD: b"a\xff"}, f"{MD}: not UTF-8 (byte 1)"),
        ({MD: "\n![a](b.png)"}, f"{MD}: line 2: ![a]( is not supported"),
        ({MD: '<img src="b">'}, f"{MD}: line 1: <img is not supported"),
        (
            {MD: "{{nextsample}}"},
            f"{MD}: line 1: {{{{nextsample}}}} is not supported",
        ),
        (
            {"problem_statement/problem.en.tex": ""},
            "problem_statement/: several statements to choose from: "
            "problem_statement/problem.en.md, problem_statement/problem.en.tex",
        ),
        (
            {"submissions/accepted/a.kt": ""},
            "submissions/accepted/a.kt: its language is not known (only .py, .c, .cpp, .cc, .java, .js, .sh)",
        ),
        (
            {"submissions/accepted/two/a.py": "", "submissions/accepted/two/b.py": ""},
            "submissions/accepted/two: a submission of several files is not supported",
        ),
        ({"submissions/accepted/a.py": b"\xff"}, "submissions/accepted/a.py: not UTF-8 (byte 0)"),
        ({"submissions/submissions.yaml": ""}, "submissions/submissions.yaml is not supported"),
    ],
)  # fmt: skip
def test_each_thing_that_cannot_be_used_is_named_with_its_file(
    legacy: Folder, files: dict[str, str | bytes], problem: str
) -> None:
    assert legacy.put(files).problems() == (f"hello: {problem}",)


def test_a_submissions_folder_without_one_verdict_is_refused(legacy: Folder) -> None:
    (problem,) = legacy.put({"submissions/brute_force/a.py": ""}).problems()
    assert problem.startswith("hello: submissions/brute_force/ is not supported (only accepted, wrong_answer, ")


def test_a_broken_ini_file_is_refused(legacy: Folder) -> None:
    (problem,) = legacy.put({"domjudge-problem.ini": "timelimit"}).problems()
    assert problem.startswith("hello: domjudge-problem.ini: ")


def test_all_problems_are_told_at_once_a_line_each(legacy: Folder) -> None:
    legacy.put({"problem.yaml": "name: Hello\nvalidation: own\ntype: race\n", "include/a/b": ""})
    with pytest.raises(PackageError) as refused:
        legacy.read()
    assert str(refused.value).splitlines() == [
        "hello: include/ is not supported",
        "hello: problem.yaml: type: 'race' is not supported (only 'pass-fail' or 'scoring')",
        "hello: problem.yaml: validation: 'own' is not supported (only 'default' or 'custom')",
    ]


def test_languages_are_named_in_one_place_only(new: Folder) -> None:
    new.put({"problem.yaml": NEW + "languages: [c]\n", "run-code.yaml": "languages: [python]\n"})
    assert new.problems() == ("hello: run-code.yaml: languages: problem.yaml names some already",)


def test_a_package_without_a_problem_yaml_is_refused(legacy: Folder) -> None:
    assert legacy.without("problem.yaml").problems() == ("hello: problem.yaml is missing",)


def test_a_package_without_a_statement_is_refused(legacy: Folder) -> None:
    expected = "hello: problem_statement/: no statement: problem.LANGUAGE.md or .tex"
    assert legacy.without("problem_statement/problem.en.md").problems() == (expected,)
    legacy.put({"problem_statement/problem.en.pdf": b"%PDF"})
    assert legacy.problems() == (f"{expected} (a PDF is not supported)",)


def test_a_statement_in_the_other_layouts_folder_is_not_found(new: Folder) -> None:
    new.put({"problem_statement/problem.en.md": "Say hello."}).without("statement/problem.en.md")
    assert new.problems() == ("hello: statement/: no statement: problem.LANGUAGE.md or .tex",)


def test_several_statements_without_an_english_one_are_refused(legacy: Folder) -> None:
    legacy.without("problem_statement/problem.en.md")
    legacy.put({"problem_statement/problem.de.md": "a", "problem_statement/problem.sv.md": "b"})
    assert legacy.problems()[0].startswith("hello: problem_statement/: several statements to choose from: ")


def test_latex_that_markdown_cannot_tell_is_named_with_its_line(legacy: Folder) -> None:
    legacy.without("problem_statement/problem.en.md")
    legacy.put({"problem_statement/problem.en.tex": "See\n\\includegraphics[width=5cm]{a.png}"})
    assert legacy.problems() == (
        "hello: problem_statement/problem.en.tex: line 2: \\includegraphics is not supported here",
    )


def test_a_package_without_tests_is_refused(legacy: Folder) -> None:
    legacy.without(*(name for name in LEGACY_FILES if name.startswith("data/")))
    assert legacy.problems() == ("hello: data/: no tests",)


@pytest.mark.parametrize("name", ["Hello World", "héllo", "x" * 65, "a.b"])
def test_a_folder_whose_name_is_no_question_id_is_refused(tmp_path: Path, name: str) -> None:
    (problem,) = Folder(tmp_path / name).put(LEGACY_FILES).problems()
    assert problem.startswith(f"{name}: the folder's name is the question's id: it must match ")


def test_what_is_not_a_folder_is_refused(tmp_path: Path) -> None:
    assert Folder(tmp_path / "nothing").problems() == ("nothing: not a folder",)
    (tmp_path / "file").touch()
    assert Folder(tmp_path / "file").problems() == ("file: not a folder",)


def test_a_link_out_of_the_package_is_refused(legacy: Folder) -> None:
    (legacy.path.parent / "secret.ans").write_text("not yours")
    (legacy.path / "data/secret/3.ans").symlink_to("../../../secret.ans")
    (legacy.path / "include").symlink_to(legacy.path.parent)
    assert legacy.problems() == (
        "hello: include: a link that leads outside of the package",
        "hello: data/secret/3.ans: a link that leads outside of the package",
    )


def test_a_link_to_a_folder_and_what_is_no_file_are_refused(legacy: Folder) -> None:
    (legacy.path / "data/secret/more").symlink_to("../sample")
    os.mkfifo(legacy.path / "data/secret/3.in")
    assert legacy.problems() == (
        "hello: data/secret/3.in: not a file",
        "hello: data/secret/more: a link to a folder is not supported",
    )


def test_a_link_that_leads_nowhere_or_round_is_refused(legacy: Folder) -> None:
    (legacy.path / "nowhere").symlink_to("gone")
    (legacy.path / "round").symlink_to("round")
    assert legacy.problems() == ("hello: nowhere: not a file", "hello: round: not a file")


def test_a_test_file_above_the_bound_is_refused(legacy: Folder) -> None:
    with (legacy.path / "data/secret/2.in").open("wb") as file:
        file.truncate(10_000_001)
    assert legacy.problems() == ("hello: data/secret/2.in: 10000001 bytes: at most 10000000",)


def test_a_package_above_the_bound_is_refused_before_it_is_read(legacy: Folder) -> None:
    with (legacy.path / "notes.txt").open("wb") as file:
        file.truncate(2_000_000_001)
    (problem,) = legacy.put({"problem.yaml": "["}).problems()
    assert problem.endswith(" bytes in all: at most 2000000000")


def test_a_statement_above_the_bound_or_with_an_endless_line_is_refused(legacy: Folder) -> None:
    legacy.put({MD: "x\n" * 32_769})
    assert legacy.problems() == (f"hello: {MD}: 65538 bytes: at most 65536",)
    legacy.put({MD: "a\n" + "x" * 10_001})
    assert legacy.problems() == (f"hello: {MD}: line 2: 10001 characters: at most 10000",)
    legacy.put({MD: "x" * 10_000, "submissions/accepted/a.py": "x" * 262_144})
    assert len(legacy.read().submissions[0].source) == 262_144
    legacy.put({"submissions/accepted/a.py": "x" * 262_145})
    assert legacy.problems() == ("hello: submissions/accepted/a.py: 262145 bytes: at most 262144",)


@pytest.mark.parametrize("name", ["problem.yaml", OWN, GROUP, "domjudge-problem.ini", ".timelimit"])
def test_settings_above_the_bound_are_refused(legacy: Folder, name: str) -> None:
    legacy.put({name: "#" * 16_385})
    assert legacy.problems()[0] == f"hello: {name}: 16385 bytes: at most 16384"


def test_all_settings_together_have_a_bound(legacy: Folder) -> None:
    legacy.put({f"data/secret/{number}.yaml": "#" * 16_000 for number in range(20)})
    problems = legacy.problems()
    assert len(problems) == 2
    assert problems[0] == "hello: data/secret/8.yaml: with it the settings have more than 300000 characters in all"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("keywords: [&a x, *a]", "line 2: a reference (*a) is not supported"),
        ("a0: &a {x: 1}\na1: &b {<<: [*a, *a]}", "line 3: a reference (*a) is not supported"),
        ("keywords: " + "[" * 20, "line 2: more than 20 levels in one another"),
        ("keywords:\n" + "- " * 20, "line 3: more than 20 levels in one another"),
        ("keywords: {" + "a: {" * 20, "line 2: more than 20 levels in one another"),
        ("keywords:\n  " + "? " * 20, "line 3: more than 20 levels in one another"),
        ("keywords: !!int ''", "line 2: a tag (!) is not supported"),
        ("keywords: !!python/object/apply:os.abort []", "line 2: a tag (!) is not supported"),
        ("keywords: ! x", "line 2: a tag (!) is not supported"),
        ("keywords: 0x" + "f" * 10_000, "line 2: a number of 10002 characters: at most 40"),
        ("keywords: 1" + ":59" * 4000, "line 2: a number of 12001 characters: at most 40"),
        ("keywords: 1" + ":59" * 4000 + ".5", "line 2: a number of 12003 characters: at most 40"),
        ("keywords: " + "9" * 41, "line 2: a number of 41 characters: at most 40"),
        ('keywords: "\\ud83d"', "line 2: half a surrogate pair is no character"),
    ],
)
def test_yaml_that_is_made_to_grow_or_to_break_its_parser_is_refused(legacy: Folder, text: str, problem: str) -> None:
    legacy.put({"problem.yaml": f"name: Hello\n{text}\n"})
    assert legacy.problems() == (f"hello: problem.yaml: {problem}",)


def test_yaml_that_is_plain_is_taken_up_to_each_bound(legacy: Folder) -> None:
    legacy.put({"problem.yaml": f"name: Hello\nkeywords: [{'[' * 17}x{']' * 17}, {'9' * 40}, '{'9' * 50}', 1.5e+3]\n"})
    assert legacy.read().question.title == "Hello"


SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.datetimes() | st.text() | st.binary()
)
MODELS = (kattis.Legacy, kattis.New, kattis.TestSettings, kattis.RunCode, kattis.LegacyLimits, kattis.NewLimits)
KEYS = st.sampled_from(sorted({key for model in MODELS for key in model.model_fields}))
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS | SCALARS, inner, max_size=4),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(KEYS, TREES, max_size=4), st.sampled_from(["problem.yaml", OWN, GROUP]), st.booleans())
def test_any_settings_are_read_or_refused_but_break_nothing(
    tmp_path_factory: pytest.TempPathFactory, tree: dict[str, object], name: str, new: bool
) -> None:
    folder = Folder(tmp_path_factory.mktemp("any") / "hello").put(NEW_FILES if new else LEGACY_FILES)
    with suppress(PackageError):
        folder.put({name: yaml.safe_dump(tree)}).read()


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.text() | st.text("{}[]&*!|>'\"%@`#,:?-. \n\tab0<=~") | st.binary(), st.sampled_from(["problem.yaml", OWN, GROUP])
)
def test_any_text_as_settings_is_read_or_refused_but_breaks_nothing(
    tmp_path_factory: pytest.TempPathFactory, content: str | bytes, name: str
) -> None:
    folder = Folder(tmp_path_factory.mktemp("any") / "hello").put(LEGACY_FILES)
    with suppress(PackageError):
        folder.put({name: content}).read()


def test_more_files_than_the_bound_are_not_looked_at(legacy: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.kattis.files.MAX_FILES", 11)
    legacy.put({".git/objects/1": "", ".git/objects/2": "", "notes/1": ""})
    assert legacy.problems() == ("hello: more than 11 files and folders",)
    monkeypatch.setattr("infra.kattis.files.MAX_FILES", 12)
    assert legacy.read().question.title == "Hello"
    legacy.put({"notes/a/b/2": ""})
    assert legacy.problems() == ("hello: more than 12 files and folders",)


def test_folders_that_lie_in_one_another_without_end_are_not_followed(legacy: Folder) -> None:
    deep = legacy.path
    for _ in range(200):
        deep = deep / "d"
        deep.mkdir()
    assert legacy.problems() == (f"hello: {'/'.join('d' * 129)}: its name has 257 bytes: at most 255",)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("data/a\nb", "data/a\\nb: its name has a control character"),
        ("data/a\x1b[2Jb/c", "data/a\\x1b[2Jb: its name has a control character"),
        ("data/a\u2028b", "data/a\\u2028b: its name has a control character"),
        ("data/\udcff", "data/\\udcff: its name is not UTF-8"),
        ("data/\udcff/a", "data/\\udcff: its name is not UTF-8"),
    ],
)
def test_a_name_that_cannot_be_told_in_a_line_is_refused(legacy: Folder, name: str, problem: str) -> None:
    assert legacy.put({name: ""}).problems() == (f"hello: {problem}",)


@pytest.mark.parametrize(
    ("module", "function", "name"),
    [
        (os, "scandir", "data/secret"),
        (os, "stat", "data/secret/2.in"),
        (io, "open", "data/secret/2.in"),
        (io, "open", "problem.yaml"),
    ],
)
def test_what_cannot_be_read_is_told_and_never_left_out(
    legacy: Folder, monkeypatch: pytest.MonkeyPatch, module: Any, function: str, name: str
) -> None:
    original = getattr(module, function)

    def denied(path: object, *more: object, **other: object) -> object:
        if str(path).endswith(name):
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, *more, **other)

    with monkeypatch.context() as patched:
        patched.setattr(module, function, denied)
        assert legacy.problems() == (f"hello: {name}: cannot be read (Permission denied)",)
    assert legacy.read().question.title == "Hello"


def test_a_file_that_grows_after_it_was_found_is_read_to_the_bound_only(legacy: Folder) -> None:
    files = Files(legacy.path)
    legacy.put({"data/secret/2.in": b"x" * 1000})
    assert files.content("data/secret/2.in", 100) == b""
    assert files.problems == ["data/secret/2.in: 1000 bytes: at most 100"]
    legacy.without("data/secret/2.ans")
    assert files.content("data/secret/2.ans", 100) == b""
    assert files.problems[1] == "data/secret/2.ans: cannot be read (No such file or directory)"


def test_of_many_problems_the_first_hundred_are_told_each_in_a_short_line(legacy: Folder) -> None:
    legacy.put({MD: "![a](\n" * 1000})
    problems = legacy.problems()
    assert (len(problems), problems[-1]) == (101, "hello: and more")
    legacy.put({MD: f"![{'x' * 5000}]("})
    (problem,) = legacy.problems()
    assert len(problem) <= 500
    assert problem.startswith(f"hello: {MD}: line 1: ![xxx")
    assert problem.endswith("xxx]( is not supported")


def test_more_groups_than_the_bound_are_refused(legacy: Folder) -> None:
    legacy.put({f"data/secret/{number}/1{end}": "" for number in range(96) for end in (".in", ".ans")})
    assert len(legacy.read().question.tests) == 98
    legacy.put({f"data/secret/96/1{end}": "" for end in (".in", ".ans")})
    assert legacy.problems() == ("hello: data/: more than 100 folders of tests",)


@pytest.mark.parametrize("score", ["10000.5", "1.0e+308", "99999999999999999999"])
def test_a_score_that_no_mark_can_be_is_refused(legacy: Folder, score: str) -> None:
    legacy.put({"problem.yaml": SCORING, "data/testdata.yaml": f"accept_score: {score}"})
    (problem,) = legacy.problems()
    assert problem.startswith("hello: data/testdata.yaml: accept_score: Input should be less than or equal to 10000")


def test_a_groups_score_that_no_mark_can_be_is_refused(new: Folder) -> None:
    new.put({"problem.yaml": NEW + "type: scoring\n", "data/secret/test_group.yaml": "max_score: 10001"})
    (problem,) = new.problems()
    assert problem.endswith("max_score: Input should be less than or equal to 10000, not 10001")


def test_more_tests_than_the_bound_are_refused(legacy: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.kattis.tests.MAX_TESTS", 1)
    assert legacy.problems() == ("hello: data/: 2 tests: at most 1",)


def test_a_statement_and_samples_that_fit_no_document_are_refused(legacy: Folder) -> None:
    legacy.put({"data/sample/1.in": b"x" * 700_000})
    assert legacy.problems() == ("hello: the statement and the samples have more than 700000 bytes together",)


# The version.

QUESTION = Question("q", "T", "S", (TestCase(b"a", b"b", hidden=False),), version="old")


def test_the_version_is_the_same_on_every_platform_and_python() -> None:
    assert version_of(QUESTION) == "59b7ff2b6ce4c44c"


@pytest.mark.parametrize(
    "other",
    [
        replace(QUESTION, question_id="p"),
        replace(QUESTION, title="TS", statement=""),
        replace(QUESTION, tests=(TestCase(b"ab", b"", hidden=False),)),
        replace(QUESTION, tests=(TestCase(b"a", b"b", hidden=True),)),
        replace(QUESTION, tests=QUESTION.tests * 2),
        replace(QUESTION, limits=Limits(cpu_seconds=2.5)),
        replace(QUESTION, languages=("c",)),
        replace(QUESTION, points=10),
        replace(QUESTION, run_stops_early=True),
        replace(QUESTION, checker="other"),
        replace(QUESTION, validator=Validator("python", "")),
        replace(QUESTION, time_multipliers=(("java", 2.0),)),
        replace(QUESTION, groups=Group("sum", ((0, 1.0),))),
    ],
)
def test_every_change_makes_another_version(other: Question) -> None:
    assert version_of(other) != version_of(QUESTION)


questions = st.builds(
    Question,
    question_id=st.text(),
    title=st.text(),
    statement=st.text(),
    tests=st.lists(st.builds(TestCase, st.binary(), st.binary(), st.booleans())).map(tuple),
    languages=st.lists(st.text()).map(tuple),
    points=st.integers(),
)


@given(questions, questions)
def test_two_questions_share_a_version_only_when_they_are_alike(one: Question, other: Question) -> None:
    assert (version_of(one) == version_of(other)) == (one == other)


@given(questions, st.text())
def test_the_version_does_not_depend_on_an_earlier_one(question: Question, version: str) -> None:
    assert version_of(replace(question, version=version)) == version_of(question)


# LaTeX.


@pytest.mark.parametrize(
    ("latex", "markdown"),
    [
        ("One\nline.\n\nTwo.\\par Three.", "One line.\n\nTwo.\n\nThree."),
        ("a % comment\n b\n% all\nc", "a b c"),
        ("a\n% comment\n\nb", "a\n\nb"),
        ("\\section*{Input}\nx\n\\subsection{Sub}", "## Input\n\nx\n\n### Sub"),
        ("\\begin{Input}x\\end{Input}\\begin{Output}y\\end{Output}", "## Input\n\nx\n\n## Output\n\ny"),
        ("\\textbf{bold} \\emph{it}, \\textit{it}\\texttt{a\\_b*}", "**bold** *it*, *it*`a_b*`"),
        ("\\textbf{a \\emph{b}} x\\emph{ c }d", "**a *b*** x *c* d"),
        ("\\texttt{`} \\verb|a  \\b|", "`` ` `` `a  \\b`"),
        ("``a'' `b' it's 1--2---3~km\\ldots{} x", "“a” ‘b’ it’s 1–2—3\u00a0km… x"),
        ("50\\% \\$5 \\& \\# \\_ \\{ \\}", "50% \\$5 \\& \\# \\_ { }"),
        ("a * b [c] <d> `", "a \\* b \\[c\\] \\<d\\> ‘"),
        ("- no list\n\n1. no list\n\n\\# x", "\\- no list\n\n1\\. no list\n\n\\# x"),
        ("one\\\\two\\newline three\\\\", "one\\\ntwo\\\nthree"),
        ("$a_i \\le\n 5\\%$ and \\(x\\)", "$a_i \\le 5\\%$ and $x$"),
        ("Sum: $$\\sum_{i=1}^n i$$ is \\[x\\]", "Sum:\n\n$$\n\\sum_{i=1}^n i\n$$\n\nis\n\n$$\nx\n$$"),
        ("$a % comment\n b$", "$a b$"),
        ("\\begin{itemize}\\item a\n\n b \\item c\\end{itemize}", "- a\n\n  b\n\n- c"),
        (
            "\\begin{enumerate}\\item a \\begin{itemize}\\item b\\end{itemize}\\end{enumerate}",
            "1. a\n\n   - b",
        ),
        ("\\begin{verbatim}\n a $ % \\x\n\n```\n\\end{verbatim}", "````\n a $ % \\x\n\n```\n````"),
        ("\\begin{lstlisting}[language=C]\nx\n\\end{lstlisting}", "```\nx\n```"),
        ("\\begin{quote}a\n\nb\\end{quote}\\begin{center}c\\end{center}", "> a\n>\n> b\n\nc"),
        ("\\noindent a {b} \\bigskip\n\nc", "a b\n\nc"),
        ("a\r\n\r\nb", "a\n\nb"),
        ("", ""),
    ],
)
def test_latex_becomes_markdown(latex: str, markdown: str) -> None:
    assert to_markdown(latex).markdown == markdown


@pytest.mark.parametrize(
    ("latex", "problem"),
    [
        ("\n\\includegraphics[width=0.5\\textwidth]{a}", "line 2: \\includegraphics is not supported here"),
        ("\\begin{tabular}{ll}a & b\\\\\\hline\\end{tabular}", "line 1: \\begin{tabular} is not supported"),
        ("\\bf x", "line 1: \\bf is not supported here"),
        ("\\item x", "line 1: \\item is not supported here"),
        ("a_b", "line 1: _ outside of a formula"),
        ("a & b", "line 1: & outside of a formula"),
        ("costs 5$", "line 1: $ outside of a formula"),
        ("{a", "line 1: { without its }"),
        ("a}", "line 1: } without its {"),
        ("\\begin{center}a", "\\begin{center} without its \\end"),
        ("a\\end{center}", "line 1: \\end{center} without its \\begin"),
        ("\\textbf a", "line 1: \\textbf without its argument in braces"),
        ("\\textbf{a\n\nb}", "line 1: a blank line inside of braces"),
        ("\\textbf{\\[x\\]}", "line 1: a formula is not supported here"),
        ("\\texttt{$x$}", "line 1: a formula is not supported in \\texttt"),
        ("x\\textbf{(a)}", "line 1: \\textbf between a letter and a sign is not supported"),
        ("\\textbf{(a)}x", "line 1: \\textbf between a letter and a sign is not supported"),
        ("\\texttt{a}\\texttt{b}", "line 1: \\texttt with nothing before it but its like is not supported"),
        ("\\emph{a}\\emph{b}", "line 1: \\emph with nothing before it but its like is not supported"),
        ("$a$$b$", "line 1: $b$ with nothing before it but its like is not supported"),
        (
            "\\begin{itemize}x\\item y\\end{itemize}",
            "line 1: text before the first \\item of itemize is not supported",
        ),
        ("\\begin{itemize}\\item[a] y\\end{itemize}", "line 1: \\item[...] in itemize is not supported"),
        ("{" * 31 + "}" * 31, "line 1: more than 30 levels in one another"),
    ],
)
def test_latex_that_is_not_known_is_refused_and_never_mangled(latex: str, problem: str) -> None:
    with pytest.raises(LatexError) as refused:
        to_markdown(latex)
    assert refused.value.problems[0] == problem


PIECES = (
    "\\begin{itemize}", "\\end{itemize}", "\\begin{verbatim}", "\\end{verbatim}", "\\item", "\\textbf", "\\texttt",
    "\\section*", "\\problemname", "\\\\", "\\", "{", "}", "[", "]", "$", "$$", "%", "\n", "\n\n", " ", "~", "`", "''",
    "-", "*", "&", "\\(", "\\)", "\\verb|", "|", "word", "å", "\\ldots", "\\par",
)  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text())
def test_any_text_is_converted_or_refused_but_breaks_nothing(latex: str) -> None:
    with suppress(LatexError):
        to_markdown(latex)


@given(st.lists(st.text("abcå.,;:!?()/0", min_size=1)))
def test_plain_words_stay_as_they_are(words: list[str]) -> None:
    text = " ".join(["word", *words])
    assert to_markdown(text).markdown == text


def test_a_deep_nesting_of_lists_is_refused_and_breaks_nothing() -> None:
    with pytest.raises(LatexError, match="more than 30 levels"):
        to_markdown("\\begin{itemize}\\item " * 10_000)


# Our own sample questions.

EXPECTED_SUBMISSIONS: dict[str, set[str]] = {
    "brackets": {Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR},
    "circle": {Verdict.ACCEPTED, Verdict.WRONG_ANSWER},
    "countdown": {Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.OUTPUT_LIMIT_EXCEEDED},
    "digits": {Verdict.ACCEPTED, "partially_accepted"},
    "fibonacci": {Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.TIME_LIMIT_EXCEEDED},
    "fizzbuzz": {Verdict.ACCEPTED, Verdict.WRONG_ANSWER},
    "gauss": {Verdict.ACCEPTED, Verdict.MEMORY_LIMIT_EXCEEDED},
    "latin-1": {Verdict.ACCEPTED, Verdict.WRONG_ANSWER},
    "long-words": {Verdict.ACCEPTED, Verdict.WRONG_ANSWER},
    "pairs": {Verdict.ACCEPTED, Verdict.WRONG_ANSWER, "partially_accepted"},
    "palindrome": {Verdict.ACCEPTED, Verdict.WRONG_ANSWER},
    "shuffle": {Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR},
    "sorting": {Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.TIME_LIMIT_EXCEEDED},
    "sum": {Verdict.ACCEPTED, Verdict.WRONG_ANSWER, Verdict.RUNTIME_ERROR, Verdict.COMPILATION_ERROR},
    "test": {Verdict.ACCEPTED},
    "two-numbers": {Verdict.ACCEPTED, Verdict.WRONG_ANSWER},
    "words": {Verdict.ACCEPTED, Verdict.WRONG_ANSWER},
}


@pytest.mark.parametrize(("question_id", "verdicts"), EXPECTED_SUBMISSIONS.items())
def test_each_sample_question_loads_with_its_submissions(question_id: str, verdicts: set[str]) -> None:
    package = read_package(QUESTIONS / question_id)
    assert {submission.expected for submission in package.submissions} >= verdicts
    accepted = {each.language for each in package.submissions if each.expected == Verdict.ACCEPTED}
    assert len(accepted) >= 2
    assert "java" not in accepted or package.question.limits.memory_kb >= 256 * 1024  # what a JVM needs to start
    assert len(package.question.samples) >= 2


def test_no_sample_question_is_forgotten_here() -> None:
    assert {folder.name for folder in QUESTIONS.iterdir()} == set(EXPECTED_SUBMISSIONS)


def test_the_sum_is_solved_in_every_language() -> None:
    submissions = read_package(QUESTIONS / "sum").submissions
    accepted = {each.language for each in submissions if each.expected == Verdict.ACCEPTED}
    assert accepted == {"python", "c", "cpp", "java", "javascript", "bash"}


def test_the_guides_own_request_is_right_on_every_sample_of_the_question_test() -> None:
    question = read_package(QUESTIONS / "test").question
    assert {text(test.expected).strip() for test in question.tests} == {"1"}
