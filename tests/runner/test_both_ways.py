"""Compiled once or with every test: the same verdicts, messages and limits, at the local runner."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from functions.domain.question import Limits, Question, TestCase
from functions.domain.submission import Submission
from functions.domain.verdict import Ending, Execution, Verdict
from functions.ports import Program, Step
from functions.service import Rules
from infra import local
from infra.judge0 import Judge0Judge
from infra.kattis import PARTIALLY_ACCEPTED, PackageSubmission, read_package
from tests.conftest import our_process
from tests.contract.test_judge import adapter_for
from tests.judging import Counted, judged_at

QUESTIONS = Path(local.__file__).parent / "questions"
ALL = [
    (folder.name, submission)
    for folder in sorted(QUESTIONS.iterdir())
    for submission in read_package(folder).submissions
]
COMPILED = ("c", "cpp", "java")
FULL = bool(os.environ.get("FULL"))


def short_form() -> list[tuple[str, PackageSubmission]]:
    """One submission for each pair of a language and an expected outcome, without the slow ones."""
    slow = Verdict.TIME_LIMIT_EXCEEDED
    compiled = [(name, each) for name, each in ALL if each.language in COMPILED and each.expected != slow]
    return list({(each.language, each.expected): (name, each) for name, each in compiled}.values())


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A real Judge0 where JUDGE0_URL names one, else the local runner."""
    if given := os.environ.get("JUDGE0_URL"):
        yield given
        return
    with our_process("infra.local.judge0_runner") as started:
        yield started


@pytest.fixture
def host(url: str) -> Iterator[Judge0Judge]:
    adapter = adapter_for(url)
    yield adapter
    adapter.close()


def both_ways(host: Judge0Judge, question: Question, language: str, source: str) -> tuple[Submission, Submission]:
    once, each_time = Counted(host), Counted(host, compiles_once=False)
    return judged_at(once, question, language, source), judged_at(each_time, question, language, source)


def outcome(submission: Submission) -> tuple[object, ...]:
    """All that a student sees but times and memory."""
    results = [replace(result, time_seconds=None, memory_kb=None) for result in submission.results]
    return submission.verdict, submission.score, submission.passed, submission.compile_output, results


@pytest.mark.parametrize(
    ("name", "submission"),
    ALL if FULL else short_form(),
    ids=lambda value: value if isinstance(value, str) else value.path.as_posix(),
)
def test_a_sample_question_gets_the_same_both_ways(host: Judge0Judge, name: str, submission: PackageSubmission) -> None:
    question = read_package(QUESTIONS / name).question
    once, each_time = both_ways(host, question, submission.language, submission.source)
    assert submission.score in (None, once.score)
    assert once.score == each_time.score
    verdicts = {once.verdict, each_time.verdict}
    if submission.expected != PARTIALLY_ACCEPTED:
        assert verdicts == {submission.expected}
    elif len(verdicts) > 1:  # a test of a lost group at its very time limit may fail first, or not
        assert Verdict.TIME_LIMIT_EXCEEDED in verdicts
        return
    if submission.language in COMPILED:  # others go one way only: twice the same, but for chance and the clock
        assert outcome(once) == outcome(each_time)


def echo_question(tests: int = 3, **changes: object) -> Question:
    cases = tuple(TestCase(f"{n}\n".encode(), f"{n}\n".encode(), hidden=n > 1) for n in range(1, tests + 1))
    values: dict[str, object] = {"limits": Limits(cpu_seconds=5, memory_kb=256_000), "version": "1"}
    return Question("echo", "Echo", "", cases, **(values | changes))  # type: ignore[arg-type]


ECHO = {
    "c": '#include <stdio.h>\nint main(void) { int n; scanf("%d", &n); printf("%d\\n", n); return 0; }',
    "cpp": "#include <iostream>\nint main() { int n; std::cin >> n; std::cout << n << std::endl; }",
    "java": "import java.util.Scanner;\npublic class Main { public static void main(String[] a) {"
    " Runnable r = () -> System.out.println(new Scanner(System.in).nextInt()); r.run(); } class Inner {} }",
}


@pytest.mark.parametrize("language", COMPILED)
def test_it_is_compiled_once_and_each_test_has_a_box_of_its_own(host: Judge0Judge, language: str) -> None:
    once = Counted(host)
    assert judged_at(once, echo_question(6), language, ECHO[language]).verdict is Verdict.ACCEPTED
    assert once.batches[0] == 1  # the build
    assert sum(once.batches) == 7


@pytest.mark.parametrize("language", COMPILED)
def test_one_test_is_not_worth_a_build(host: Judge0Judge, language: str) -> None:
    once = Counted(host)
    assert judged_at(once, echo_question(1), language, ECHO[language]).verdict is Verdict.ACCEPTED
    assert once.batches == [1]


@pytest.mark.parametrize(
    ("language", "source", "verdict"),
    [
        ("cpp", "int main() { for (;;) {} }", Verdict.TIME_LIMIT_EXCEEDED),
        ("c", "#include <unistd.h>\nint main(void) { sleep(60); }", Verdict.TIME_LIMIT_EXCEEDED),
        (
            "java",
            "class Main { public static void main(String[] a) { int[] x = {}; x[1] = 2; } }",
            Verdict.RUNTIME_ERROR,
        ),
        ("c", "int main(void) { return 3; }", Verdict.RUNTIME_ERROR),
        ("c", "int main(void) { return 127; }", Verdict.RUNTIME_ERROR),  # as of a build that cannot be started
        ("cpp", "int main() { return nothing; }", Verdict.COMPILATION_ERROR),
        ("java", "public class Main { int }", Verdict.COMPILATION_ERROR),
        ("java", "public class Other { }", Verdict.COMPILATION_ERROR),
        ("c", '#warning "careful"\nint main(void) { return 0; }', Verdict.WRONG_ANSWER),  # warnings are shown
        ("c", '#include "run"\nint main(void) { return 0; }', Verdict.COMPILATION_ERROR),  # what lies beside it
    ],
)
def test_every_ending_is_the_same_both_ways(host: Judge0Judge, language: str, source: str, verdict: Verdict) -> None:
    cpu_seconds = 0.5 if verdict is Verdict.TIME_LIMIT_EXCEEDED else 5
    question = echo_question(2, limits=Limits(cpu_seconds=cpu_seconds, memory_kb=256_000))
    once, each_time = both_ways(host, question, language, source)
    assert once.verdict is verdict
    assert outcome(once) == outcome(each_time)


def test_warnings_and_errors_are_the_compilers_own_words(host: Judge0Judge) -> None:
    once, each_time = both_ways(host, echo_question(2), "c", '#warning "careful"\nint main(void) { return 0; }')
    assert once.compile_output is not None
    assert "careful" in once.compile_output
    assert once.compile_output == each_time.compile_output


class Without(Judge0Judge):
    """A host that lacks a language."""

    lacking = 0

    def _call(self, method: str, path: str, body: object = None, also: Sequence[int] = ()) -> Any:
        answer = super()._call(method, path, body, also)
        return [each for each in answer if each["id"] != self.lacking] if path == "/languages" else answer


@pytest.mark.parametrize("lacking", [44, 89])
@pytest.mark.parametrize("language", COMPILED)
def test_where_the_host_lacks_what_it_takes_each_test_compiles(url: str, language: str, lacking: int) -> None:
    host = Without(url, {}, timeout=60)
    host.lacking = lacking
    each_time = Counted(host)
    assert judged_at(each_time, echo_question(), language, ECHO[language]).verdict is Verdict.ACCEPTED
    assert sum(each_time.batches) == 3
    host.close()


LARGE = "static char big[4000000] = {1};\nint main(void) { return big[0] - 1; }"


def test_where_the_build_is_too_large_each_test_compiles(host: Judge0Judge) -> None:
    counted = Counted(host)
    judged = judged_at(counted, echo_question(), "c", LARGE)
    assert judged.verdict is Verdict.WRONG_ANSWER
    assert sum(counted.batches) == 1 + 3


@dataclass
class Damaging(Counted):
    """A judge that loses the second half of what a build prints."""

    def create(self, programs: Sequence[Program]) -> list[str | None]:
        self.building = [program.step for program in programs] == [Step.BUILD]
        return super().create(programs)

    def poll(self, tokens: Sequence[str]) -> dict[str, Execution | None]:
        known = super().poll(tokens)
        if not self.building:
            return known
        return {
            token: replace(each, stdout=each.stdout[: len(each.stdout) // 2]) if each is not None else None
            for token, each in known.items()
        }


@pytest.mark.parametrize("language", COMPILED)
def test_where_the_build_comes_back_damaged_each_test_compiles(host: Judge0Judge, language: str) -> None:
    damaging = Damaging(host)
    assert judged_at(damaging, echo_question(), language, ECHO[language]).verdict is Verdict.ACCEPTED
    assert sum(damaging.batches) == 1 + 3


@dataclass
class Refusing(Counted):
    """A judge at which no build can be built, or none started, as on a host that is set up otherwise."""

    ending: Execution | None = None
    step: Step = Step.BUILD

    def create(self, programs: Sequence[Program]) -> list[str | None]:
        self.refused = programs[0].step is self.step
        return super().create(programs)

    def poll(self, tokens: Sequence[str]) -> dict[str, Execution | None]:
        known = super().poll(tokens)
        return dict.fromkeys(known, self.ending) if self.refused else known


@pytest.mark.parametrize(
    ("step", "ending"),
    [
        (Step.BUILD, Execution(Ending.INTERNAL_ERROR)),
        (Step.BUILD, Execution(Ending.RUNTIME_ERROR, exit_code=126)),
        (Step.RUN, Execution(Ending.RUNTIME_ERROR, exit_code=126)),
    ],
    ids=["never built", "not printed", "not started"],
)
def test_where_a_build_cannot_be_made_or_started_each_test_compiles(
    host: Judge0Judge, step: Step, ending: Execution
) -> None:
    refusing = Refusing(host, ending=ending, step=step)
    assert judged_at(refusing, echo_question(), "c", ECHO["c"]).verdict is Verdict.ACCEPTED


def test_a_validator_is_compiled_once_for_the_process_and_each_output_is_validated(host: Judge0Judge) -> None:
    package = read_package(QUESTIONS / "two-numbers")
    counted = Counted(host)
    [source] = [each.source for each in package.submissions if each.path.name == "larger_first.py"]
    question = replace(package.question, limits=replace(package.question.limits, cpu_seconds=5))  # none is repeated
    judged = judged_at(counted, question, "python", source, rules=Rules(batch_size=20))
    assert judged.verdict is Verdict.ACCEPTED
    tests = len(package.question.tests)
    assert counted.batches == [tests, 1, tests]
