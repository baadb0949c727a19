"""One judging: what goes to the judge, what is left out, and what is made of what comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from functions import records, views
from functions.domain.question import VALIDATOR_LIMITS, Limits, Question, Validator
from functions.domain.scoring import Group
from functions.domain.submission import RunType, Status, Submission
from functions.domain.verdict import Ending, Execution, Verdict
from functions.ports import Program, Step
from functions.questions import put_question
from tests.fakes import ALICE, World, echo, make_world, question
from tests.unit.test_visit import visit_line


def judged(world: World, asked: Question, run_type: RunType = RunType.SUBMIT, **sent: str) -> Submission:
    world.clock.seconds += 10  # what is kept of an older question is forgotten
    put_question(world.service, asked)
    submission = world.submit(run_type, **sent)  # type: ignore[arg-type]
    visit_line(world, run_type)
    return world.read(submission)


def sent_to(world: World) -> list[Program]:
    sent: list[Program] = []
    inner = world.judge.run

    def remember(program: Program) -> Execution:
        sent.append(program)
        return inner(program)

    world.judge.run = remember
    return sent


# Compiled once.


def test_where_the_host_can_a_program_is_compiled_once_and_its_build_is_run(world: World) -> None:
    world.judge.compiled = ("cpp",)
    sent = sent_to(world)
    assert judged(world, question(), language="cpp", code="x").verdict is Verdict.ACCEPTED
    assert world.judge.batches == [1, 3, 1]
    assert {(program.step, program.build) for program in sent} == {(Step.RUN, b"build of x")}


def test_one_test_is_compiled_with_its_run(world: World) -> None:
    world.judge.compiled = ("cpp",)
    judged(world, question(tests=1), language="cpp")
    assert world.judge.batches == [1]


def test_a_build_that_cannot_be_started_is_forgotten_and_nothing_of_its_runs_is_kept(world: World) -> None:
    world.judge.compiled = ("cpp",)

    def run(program: Program) -> Execution:
        if program.step is not Step.RUN:
            return echo(program)
        first = program.stdin == b"1\n"
        return Execution(Ending.RUNTIME_ERROR, exit_code=126) if first else Execution(Ending.WELL, stdout=b"other")

    world.judge.run = run
    assert judged(world, question(), language="cpp").verdict is Verdict.ACCEPTED


# What is left out.


def test_tests_are_skipped_only_where_the_score_can_no_longer_change(world: World) -> None:
    groups = Group("sum", (), (Group("min", tuple((n, 30.0) for n in range(4))), Group("min", ((4, 70.0), (5, 70.0)))))
    wrong = Execution(Ending.WELL, stdout=b"no")
    world.judge.run = lambda program: wrong if program.stdin == b"1\n" else echo(program)
    submission = judged(world, question(tests=6, samples=0, groups=groups), code="y")
    assert (submission.verdict, submission.score) == (Verdict.WRONG_ANSWER, 70)
    assert [result.number for result in submission.results] == [1, 2, 3, 5, 6]  # the first batch, then the other group
    assert (submission.passed, submission.total) == (4, 6)


def test_samples_are_never_skipped(world: World) -> None:
    everything = Group("min", tuple((n, 1.0) for n in range(8)))
    world.judge.run = lambda program: replace(echo(program), stdout=b"no")
    submission = judged(world, question(tests=8, samples=5, groups=everything))
    assert [result.number for result in submission.results] == [1, 2, 3, 4, 5]


def test_where_every_test_counts_none_is_skipped(world: World) -> None:
    world.judge.run = lambda program: replace(echo(program), stdout=b"no")
    assert len(judged(world, question(tests=8)).results) == 8


# What is told.


def test_the_student_sees_the_first_failing_sample_with_the_difference(world: World) -> None:
    world.judge.run = lambda program: replace(echo(program), stdout=b"2\n")
    submission = judged(world, question(tests=4, samples=3))
    assert submission.results[0].message == "Line 1: expected `1`, but got `2`."
    shown = views.submission(world.service, ALICE, submission)
    assert shown.message == "Test 1: Line 1: expected `1`, but got `2`."


def test_of_a_hidden_test_nothing_is_explained(world: World) -> None:
    world.judge.run = lambda program: Execution(Ending.RUNTIME_ERROR, exit_code=42, stderr=b"secret")
    submission = judged(world, question(tests=4, samples=0))
    assert {result.message for result in submission.results} == {None}
    assert views.submission(world.service, ALICE, submission).message is None
    assert "42" not in repr([replace(each, time_seconds=None) for each in submission.results])


def test_an_accepted_submission_needs_no_message(world: World) -> None:
    assert views.submission(world.service, ALICE, judged(world, question())).message is None


def test_a_run_on_ones_own_input_says_how_it_ended(world: World) -> None:
    world.judge.run = lambda program: Execution(Ending.RUNTIME_ERROR, exit_signal=11)
    submission = judged(world, question(), RunType.RUN, stdin="5")
    assert submission.verdict is Verdict.RUNTIME_ERROR
    assert (submission.results[0].message or "").startswith("Crashed: a segmentation fault")


# Limits.


def test_a_slow_language_is_given_longer_and_a_questions_own_word_comes_first() -> None:
    asked = question(limits=Limits(cpu_seconds=1.0), time_multipliers=(("java", 3.0),))
    assert asked.limits_for("java", {"java": 2.0, "python": 1.5}).cpu_seconds == 3.0
    assert asked.limits_for("python", {"java": 2.0, "python": 1.5}).cpu_seconds == 1.5
    assert asked.limits_for("c", {"java": 2.0}).cpu_seconds == 1.0
    assert replace(asked, limits=Limits(cpu_seconds=14.0)).limits_for("java", {}).cpu_seconds == 15.0  # Judge0's bound


def test_the_judge_gets_the_longer_limit() -> None:
    from infra.sqlite import SQLiteDocumentStore

    world = make_world(SQLiteDocumentStore(":memory:"), time_multipliers={"python": 2.0})
    sent = sent_to(world)
    judged(world, question())
    assert {program.limits.cpu_seconds for program in sent} == {4.0}


def test_a_time_out_beside_others_is_measured_again_alone(world: World) -> None:
    beside_others = Execution(Ending.TIME_LIMIT)
    world.judge.run = lambda program: beside_others if len(world.judge.batches) == 1 else echo(program)
    assert judged(world, question(tests=3)).verdict is Verdict.ACCEPTED
    assert world.judge.batches == [3, 1, 1, 1]


# Validators.


def validated(**changes: Any) -> Question:
    return question(validator=Validator("cpp", "the validator", ("3",)), **changes)


def by_validator(program: Program, code: int) -> Execution:
    if program.arguments:
        return Execution(Ending.RUNTIME_ERROR, exit_code=code)
    return replace(echo(program), stdout=b"anything")


@pytest.mark.parametrize(("code", "verdict"), [(42, Verdict.ACCEPTED), (43, Verdict.WRONG_ANSWER)])
def test_a_validator_says_what_is_right(world: World, code: int, verdict: Verdict) -> None:
    world.judge.run = lambda program: by_validator(program, code)
    sent = sent_to(world)
    submission = judged(world, validated())
    assert submission.verdict is verdict
    assert submission.score == (100 if code == 42 else 0)
    [first, *_] = [program for program in sent if program.arguments]
    assert first.arguments == ("input", "answer", "feedback", "3")
    assert (first.files["input"], first.files["answer"], first.stdin) == (b"1\n", b"1\n", b"anything")
    assert (first.language, first.limits) == ("cpp", VALIDATOR_LIMITS)
    if code == 43:
        assert submission.results[0].message == "The question's validator does not accept this output."


def test_what_did_not_end_well_needs_no_validator(world: World) -> None:
    world.judge.run = lambda program: Execution(Ending.RUNTIME_ERROR, exit_code=1)
    sent = sent_to(world)
    assert judged(world, validated()).verdict is Verdict.RUNTIME_ERROR
    assert not any(program.arguments for program in sent)


def test_a_run_on_ones_own_input_is_not_validated(world: World) -> None:
    sent = sent_to(world)
    assert judged(world, validated(), RunType.RUN, stdin="x").verdict is Verdict.ACCEPTED
    assert len(sent) == 1


@pytest.mark.parametrize(
    "ending",
    [Execution(Ending.RUNTIME_ERROR, exit_code=1), Execution(Ending.WELL, exit_code=0), Execution(Ending.TIME_LIMIT)],
    ids=["crashed", "said nothing", "too slow"],
)
def test_a_validator_that_says_neither_is_our_fault_and_costs_no_marks(world: World, ending: Execution) -> None:
    world.judge.run = lambda program: ending if program.arguments else echo(program)
    submission = judged(world, validated())
    assert (submission.status, submission.verdict, submission.score) == (Status.FAILED, None, None)
    assert "its output validator ended with" in (submission.failure or "")


def test_a_validator_is_compiled_once_for_many_submissions(world: World) -> None:
    world.judge.compiled = ("cpp",)
    world.judge.run = lambda program: by_validator(program, 42)
    for _ in range(3):
        judged(world, validated())
    assert world.judge.batches == [3, 1, 1, 3, 1, *[3, 1, 3, 1] * 2]


def test_a_validator_that_does_not_compile_is_our_fault(world: World) -> None:
    world.judge.run = lambda program: (
        Execution(Ending.COMPILATION_ERROR, compile_output=b"no") if program.arguments else echo(program)
    )
    submission = judged(world, validated())
    assert submission.status is Status.FAILED


def test_a_validator_in_a_language_that_the_judge_lacks_is_our_fault(world: World) -> None:
    world.judge.names = ("python",)
    submission = judged(world, validated())
    assert "its output validator is in cpp, which the judge does not have" in (submission.failure or "")


# What is stored.


def test_a_question_comes_back_from_its_chunks_as_it_was() -> None:
    asked = validated(
        time_multipliers=(("java", 2.0),),
        groups=Group("sum", ((0, 1.5),), (Group("min", ((1, 2.0), (2, 2.0))),)),
        checker="float_tolerance 1e-6",
    )
    chunks = [chunk["payload"] for chunk in records.version_chunks(asked)]
    assert records.question_of_chunks("echo", chunks) == asked


def test_nothing_of_validator_and_grading_is_in_the_document_that_is_shown() -> None:
    shown = records.question_fields(validated(groups=Group("sum", ((0, 1.0),))))
    assert "the validator" not in repr(shown)
    assert "groups" not in shown
