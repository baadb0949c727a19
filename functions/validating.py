"""A question's own validator: run at the judge like any program, never in our process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from functions.asking import ask
from functions.domain.checkers import Difference
from functions.domain.question import VALIDATOR_LIMITS, Question, TestCase, Validator
from functions.domain.verdict import Ending, Execution
from functions.leases import Lease
from functions.ports import Program
from functions.questions import QuestionDamaged
from functions.running import Made, build, run, was_not_executed, with_build
from functions.service import Service
from functions.stored_data import content_of

RIGHT, WRONG = 42, 43
"""A validator's exit codes, in Kattis' format and elsewhere."""
NOT_ACCEPTED = Difference("The question's validator does not accept this output", None, None)


def validate(
    service: Service,
    lease: Lease,
    question: Question,
    validator: Validator,
    tests: Sequence[TestCase],
    executions: Mapping[int, Execution],
) -> dict[int, Difference | None]:
    """Where each output is wrong, by index of the test; None for what is right, or did not end well anyway.

    Raises QuestionDamaged where the validator says neither right nor wrong, and what `run` raises.
    """
    indices = [index for index, execution in executions.items() if execution.ending is Ending.WELL]

    def program(place: int) -> Program:
        test = tests[indices[place]]
        files = {"input": content_of(service, lease, test.stdin), "answer": content_of(service, lease, test.expected)}
        return _program(validator, files, executions[indices[place]].stdout)

    programs = Made(len(indices), program)
    found: dict[int, Difference | None] = dict.fromkeys(executions)
    if programs:
        ended = _run(service, lease, question, programs)
        for place, index in enumerate(indices):
            found[index] = _said(ended[place], index)
    return found


def _program(validator: Validator, files: Mapping[str, bytes], output: bytes) -> Program:
    return Program(
        source=validator.source.encode(),
        language=validator.language,
        stdin=output,
        limits=VALIDATOR_LIMITS,
        files={**files, "feedback/.keep": b""},
        arguments=("input", "answer", "feedback", *validator.flags),
    )


def _run(service: Service, lease: Lease, question: Question, programs: Sequence[Program]) -> Mapping[int, Execution]:
    """Compiled once for this process, not for each submission, where its language and the host allow it."""
    known = ask(service, lease, lease.judge.languages)
    if programs[0].language not in {language.name for language in known}:
        raise QuestionDamaged(f"its output validator is in {programs[0].language}, which the judge does not have")
    key = f"{lease.judge_name} {question.question_id}@{question.version}"
    if key not in service.validator_builds:
        built = build(service, lease, programs[0])
        if built is not None and built.ending is Ending.COMPILATION_ERROR:
            raise QuestionDamaged("its output validator does not compile")
        service.validator_builds[key] = None if built is None else built.stdout
    kept = service.validator_builds[key]
    if kept is None:
        return run(service, lease, programs)
    ended = run(service, lease, with_build(programs, kept))
    if any(map(was_not_executed, ended.values())):
        service.validator_builds[key] = None
        return run(service, lease, programs)
    return ended


def _said(execution: Execution, index: int) -> Difference | None:
    if execution.exit_code in (RIGHT, WRONG):
        return None if execution.exit_code == RIGHT else NOT_ACCEPTED
    ended = f"exit code {execution.exit_code}" if execution.exit_code is not None else execution.ending.value
    raise QuestionDamaged(f"its output validator ended with {ended} on test {index + 1}")
