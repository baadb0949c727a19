"""One judging: a submission's tests through the judge, under a lease, and what came out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from functions.asking import ask
from functions.domain.checkers import Difference, checker_of
from functions.domain.outcome import is_compared, judged, tests_for
from functions.domain.question import Question, TestCase
from functions.domain.submission import RunType, Submission
from functions.domain.verdict import Ending, Execution
from functions.domain.window import Window
from functions.judges import learn
from functions.leases import Lease
from functions.outputs import Outputs
from functions.ports import Program
from functions.running import Made, build, run, was_not_executed, with_build
from functions.service import Service
from functions.stored_data import content_of
from functions.validating import validate


def judge(service: Service, lease: Lease, question: Question) -> Submission:
    """Judge the lease's submission; the completed submission, not yet written.

    Raises LeaseLost, JudgeAway, Stopped, TestCannotBeJudged, TestDataAway, QuestionDamaged.
    """
    submission = lease.submission
    tests = tests_for(submission, question)
    limits = question.limits_for(submission.language, service.rules.time_multipliers)

    def program(index: int) -> Program:
        stdin = content_of(service, lease, tests[index].stdin)
        return Program(submission.code.encode(), submission.language, stdin, limits)

    programs = Made(len(tests), program)
    # once an hour it is a call of its own, which a lease must outlast
    learn(service, lease.judge_name, ask(service, lease, lease.judge.languages))
    outputs = Outputs(service, lease, tests)
    watch = _Watch(service, lease, question, tests, outputs)
    done = _all_tests(service, lease, programs, watch)
    found: Mapping[int, Difference | None] = watch.found
    if question.validator is not None and not submission.custom_input:
        found = validate(service, lease, question, question.validator, tests, done)
        done = {index: outputs.trimmed(index, execution) for index, execution in done.items()}
    after = judged(lease.submission, question, limits, tests, done, found, service.clock.now())
    return outputs.added_to(after, done)


@dataclass
class _Watch:
    """Looks at what comes back, and keeps from the judge what is not needed."""

    service: Service
    lease: Lease
    question: Question
    tests: Sequence[TestCase]
    outputs: Outputs
    found: dict[int, Difference | None] = field(default_factory=dict)
    """Where each output is wrong, of the tests that are done. What a validator says comes later."""

    def look(self, window: Window) -> None:
        """A compile error ends it after one test, and a failed sample ends a Run where the question says so.

        Of a Submit hidden tests are left out only where the score can no longer change.
        """
        for index in window.done.keys() - self.found.keys():
            self.found[index] = self._compared(index, window.done[index])
            if self.question.validator is None:  # it has yet to see the outputs whole
                window.done[index] = self.outputs.trimmed(index, window.done[index])
        accepted = {
            index: execution.ending is Ending.WELL and self.found[index] is None
            for index, execution in window.done.items()
        }
        if any(execution.ending is Ending.COMPILATION_ERROR for execution in window.done.values()):
            window.stop()
        elif self.lease.submission.run_type is RunType.SUBMIT:
            settled = self.question.grading.settled(accepted)
            window.skip(index for index in settled if self.tests[index].hidden)
        elif self.question.run_stops_early and not all(accepted.values()):
            window.stop()

    def _compared(self, index: int, execution: Execution) -> Difference | None:
        """Where the question's checker finds the output wrong."""
        if not is_compared(self.lease.submission, self.question, execution):
            return None
        expected = content_of(self.service, self.lease, self.tests[index].expected)
        return checker_of(self.question.checker)(expected, execution.stdout)


def _all_tests(service: Service, lease: Lease, programs: Sequence[Program], watch: _Watch) -> Mapping[int, Execution]:
    """The executions by index; compiled once where that pays and the host can, else with each test."""
    built = build(service, lease, programs[0]) if len(programs) > 1 else None
    if built is None:
        return run(service, lease, programs, watch.look, tell=True)
    if built.ending is Ending.COMPILATION_ERROR:
        return {0: built}
    done = run(service, lease, with_build(programs, built.stdout), watch.look, tell=True)
    if any(map(was_not_executed, done.values())):
        watch.found.clear()
        done = run(service, lease, programs, watch.look, tell=True)
    return {index: replace(execution, compile_output=built.compile_output) for index, execution in done.items()}
