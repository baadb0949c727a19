"""Stand-ins for the ports in unit tests. The contract suites prove them equal to the real adapters."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from functions import records
from functions.domain.exam import Attempt, Exam
from functions.domain.line import ONLY_JUDGE
from functions.domain.question import Question, TestCase
from functions.domain.submission import RunType, Submission
from functions.domain.verdict import Ending, Execution
from functions.intake import Request, submit
from functions.ports import Caller, Create, DocumentStore, Host, Judge, Language, Program, Step, Unavailable
from functions.questions import put_question
from functions.service import Draining, Rules, Service
from functions.slots import seed_slots

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
ALICE = Caller("alice")


class FakeClock:
    """Time that moves only when somebody sleeps or a test says so."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.wall_offset = timedelta()

    def now(self) -> datetime:
        return NOON + timedelta(seconds=self.seconds) + self.wall_offset

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass
class FakeTicketQueue:
    tickets: list[tuple[RunType, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    paused: set[RunType] = field(default_factory=set)
    traceparents: list[str | None] = field(default_factory=list)
    """What each ticket came with."""
    away: bool = False
    limits: dict[RunType, int] = field(default_factory=dict)

    def enqueue(self, queue: RunType, submission_id: str, *, named: bool, traceparent: str | None = None) -> None:
        if self.away:
            raise Unavailable("the queue is away")
        if named and submission_id in self.names:
            return
        if named:
            self.names.add(submission_id)
        self.tickets.append((queue, submission_id))
        self.traceparents.append(traceparent)

    def is_paused(self, queue: RunType) -> bool:
        if self.away:
            raise Unavailable("the queue is away")
        return queue in self.paused

    def limit(self, queue: RunType, concurrent: int) -> None:
        if self.away:
            raise Unavailable("the queue is away")
        self.limits[queue] = concurrent


@dataclass
class InMemoryObjectStore:
    objects: dict[str, bytes] = field(default_factory=dict)
    away: bool = False
    read: list[str] = field(default_factory=list)
    """The keys that were asked for, in order."""

    def put(self, key: str, content: bytes) -> None:
        self._called()
        self.objects[key] = content

    def get(self, key: str) -> bytes | None:
        self.read.append(key)
        self._called()
        return self.objects.get(key)

    def delete(self, key: str) -> None:
        self._called()
        self.objects.pop(key, None)

    def keys(self, prefix: str) -> Iterator[str]:
        self._called()
        return iter(sorted(key for key in self.objects if key.startswith(prefix)))

    def link(self, key: str, seconds: int) -> str:
        return f"memory:{key}?seconds={seconds}"

    def _called(self) -> None:
        if self.away:
            raise Unavailable("the object store is away")


def echo(program: Program) -> Execution:
    """A judge whose every program prints its input."""
    return Execution(Ending.WELL, stdout=program.stdin, time_seconds=0.01, memory_kb=1000)


class FakeJudge:
    """Runs each program for ``seconds`` of the clock; what it prints is ``run``'s affair."""

    def __init__(self, clock: FakeClock, run: Callable[[Program], Execution] = echo, seconds: float = 0.0) -> None:
        self._clock = clock
        self.run = run
        self.seconds = seconds
        self.away = False
        self.calls: list[str] = []
        self.batches: list[int] = []
        self.most_at_once = 0
        self.names: tuple[str, ...] = ("cpp", "python")
        self.compiled: tuple[str, ...] = ()
        """The languages that it can compile once."""
        self._at_work: dict[str, tuple[float, Execution]] = {}
        self._numbers = itertools.count()

    def create(self, programs: Sequence[Program]) -> list[str | None]:
        self._called("create")
        self.batches.append(len(programs))
        tokens: list[str | None] = []
        for program in programs:
            if program.language not in self.names:
                tokens.append(None)
                continue
            token = f"token-{next(self._numbers)}"
            built = Execution(Ending.WELL, stdout=b"build of " + program.source)
            execution = built if program.step is Step.BUILD else self.run(program)
            self._at_work[token] = (self._clock.monotonic() + self.seconds, execution)
            tokens.append(token)
        running = [done_at for done_at, _ in self._at_work.values() if done_at > self._clock.monotonic()]
        self.most_at_once = max(self.most_at_once, len(running))
        return tokens

    def poll(self, tokens: Sequence[str]) -> dict[str, Execution | None]:
        self._called("poll")
        now = self._clock.monotonic()
        return {
            token: execution if done_at <= now else None
            for token in tokens
            for done_at, execution in [self._at_work[token]]
        }

    def forget(self) -> None:
        """As Judge0 does when its database was made anew."""
        self._at_work.clear()

    def languages(self) -> tuple[Language, ...]:
        self._called("languages")
        return tuple(Language(name, f"{name.title()} (1.0)", "1.0") for name in self.names)

    def builds(self, language: str) -> bool:
        return language in self.compiled

    def is_build(self, language: str, output: bytes) -> bool:
        return output.startswith(b"build of ")

    def probe(self) -> None:
        self._called("probe")

    def _called(self, what: str) -> None:
        self.calls.append(what)
        if self.away:
            raise Unavailable("the judge is away")


def question(tests: int = 4, samples: int = 2, **changes: object) -> Question:
    """A question whose right answer is its input."""
    cases = tuple(
        TestCase(stdin=f"{number}\n".encode(), expected=f"{number}\n".encode(), hidden=number > samples)
        for number in range(1, tests + 1)
    )
    values: dict[str, object] = {"title": "Echo", "statement": "Print the input.", "tests": cases, "version": "v1"}
    return Question(question_id="echo", **(values | changes))  # type: ignore[arg-type]


def one_judge(judge: Judge) -> Callable[[], Mapping[str, Host]]:
    """The judge of a deployment that has one."""
    return lambda: {ONLY_JUDGE: Host(judge)}


@dataclass
class World:
    """A whole service over fakes and the embedded store, with an exam, a question and two students in it."""

    service: Service
    clock: FakeClock
    tickets: FakeTicketQueue
    judge: FakeJudge
    objects: InMemoryObjectStore

    @property
    def store(self) -> DocumentStore:
        return self.service.store

    def judge_named(self, name: str) -> FakeJudge:
        """One of several."""
        found = self.service.judges()[name].judge
        assert isinstance(found, FakeJudge)
        return found

    def submit(
        self,
        run_type: RunType = RunType.SUBMIT,
        *,
        caller: Caller = ALICE,
        question_id: str = "echo",
        code: str = "print(input())",
        language: str = "python",
        stdin: str | None = None,
        key: str | None = None,
    ) -> Submission:
        request = Request(f"attempt-{caller.subject}", question_id, language, code, run_type, stdin)
        return submit(self.service, caller, request, key).submission

    def read(self, submission: Submission) -> Submission:
        document = self.store.get(records.submission_path(submission.submission_id))[0]
        assert document is not None
        return records.submission_of(document)

    def add_student(self, name: str) -> Caller:
        attempt = Attempt(f"attempt-{name}", student=name, exam_id="exam")
        self.store.commit(Create(f"attempts/attempt-{name}", records.attempt_fields(attempt)))
        return Caller(name)


def make_world(store: DocumentStore, slots: Mapping[str, int] | None = None, /, **rules: object) -> World:
    """``slots``: several judges with so many each, by name; without it there is one, as most have it."""
    clock = FakeClock()
    tickets, judge, objects = FakeTicketQueue(), FakeJudge(clock), InMemoryObjectStore()
    hosts = {name: Host(FakeJudge(clock), number) for name, number in (slots or {}).items()}
    service = Service(
        store=store,
        tickets=tickets,
        judges=(lambda: hosts) if slots else one_judge(judge),
        clock=clock,
        rules=Rules(**rules),  # type: ignore[arg-type]
        draining=Draining(clock),
        rng=random.Random(1),
        objects=objects,
    )
    world = World(service, clock, tickets, judge, objects)
    seed_slots(service)
    exam = Exam("exam", "An exam")
    service.store.commit(Create("exams/exam", records.exam_fields(exam)))
    put_question(service, question())
    world.add_student("alice")
    world.add_student("bob")
    return world
