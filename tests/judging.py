"""One submission through the service's own judging at a real judge, without line, queue and page around it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field

from functions import records
from functions.claims import claim, look
from functions.domain.exam import Attempt, Exam
from functions.domain.question import Question
from functions.domain.submission import RunType, Submission
from functions.domain.verdict import Execution
from functions.intake import Request, submit
from functions.judging import judge
from functions.ports import Caller, Create, Judge, Language, Program
from functions.questions import put_question
from functions.service import Draining, Rules, Service
from functions.slots import seed_slots
from infra.clock import SystemClock
from infra.sqlite import SQLiteDocumentStore
from tests.fakes import FakeTicketQueue, one_judge


@dataclass
class Counted:
    """A judge whose calls are counted, and that can be made one that compiles with each test."""

    judge: Judge
    compiles_once: bool = True
    batches: list[int] = field(default_factory=list)
    """The size of each batch, in order."""
    polls: int = 0
    others: int = 0

    @property
    def calls(self) -> int:
        return len(self.batches) + self.polls + self.others

    def create(self, programs: Sequence[Program]) -> list[str | None]:
        self.batches.append(len(programs))
        return self.judge.create(programs)

    def poll(self, tokens: Sequence[str]) -> dict[str, Execution | None]:
        self.polls += 1
        return self.judge.poll(tokens)

    def languages(self) -> tuple[Language, ...]:
        return self.judge.languages()

    def builds(self, language: str) -> bool:
        return self.compiles_once and self.judge.builds(language)

    def is_build(self, language: str, output: bytes) -> bool:
        return self.judge.is_build(language, output)

    def probe(self) -> None:
        self.others += 1
        self.judge.probe()


def judged_at(
    host: Judge,
    question: Question,
    language: str,
    source: str,
    *,
    run_type: RunType = RunType.SUBMIT,
    rules: Rules | None = None,
) -> Submission:
    """The submission as it would be written."""
    clock = SystemClock()
    with closing(SQLiteDocumentStore(":memory:")) as store:
        service = Service(
            store=store,
            tickets=FakeTicketQueue(),
            judges=one_judge(host),
            clock=clock,
            rules=rules or Rules(),
            draining=Draining(clock),
            rng=random.Random(1),
        )
        seed_slots(service)
        put_question(service, question)
        store.commit(
            Create("exams/exam", records.exam_fields(Exam("exam", "An exam"))),
            Create("attempts/attempt", records.attempt_fields(Attempt("attempt", "alice", "exam"))),
        )
        request = Request("attempt", question.question_id, language, source, run_type)
        submit(service, Caller("alice"), request, None)
        seen = look(service, run_type)
        assert seen is not None
        lease = claim(service, seen)
        assert lease is not None
        return judge(service, lease, question)
