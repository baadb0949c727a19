"""Tests whose data is in the object store: judged as all others, and never by anything but that data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from functions import rejudging, stored_data
from functions.data_cache import DataCache
from functions.domain.question import Question, Stored, TestCase
from functions.domain.submission import RunType, Status, Submission
from functions.domain.verdict import Ending, Execution, Verdict
from functions.gate import Gate
from functions.ports import Caller, Program, Query, Unavailable
from functions.questions import put_question, question_version
from functions.slots import set_slots
from functions.visit import End, visit
from infra.kattis import PackageError, read_package
from tests.fakes import World, echo, question
from tests.unit.test_kattis import LEGACY_FILES, Folder

LARGE = 300_000


def large(number: int) -> bytes:
    return f"{number}\n".encode() * (LARGE // 2)


def large_question(world: World, tests: int = 6, **changes: object) -> Question:
    """Two samples, the rest hidden and in the object store."""
    small = question(tests=2, samples=2).tests
    hidden = tuple(
        TestCase(stored_data.store(world.objects, large(n)), stored_data.store(world.objects, large(n)), hidden=True)
        for n in range(3, tests + 1)
    )
    made = replace(question(), tests=(*small, *hidden), version="large", **changes)  # type: ignore[arg-type]
    put_question(world.service, made)
    return made


def visit_line(world: World, kind: RunType = RunType.SUBMIT) -> End:
    return visit(world.service, Gate(world.clock, lambda: 0, world.service.rng), kind)


def damage(world: World, number: int, content: bytes | None = None) -> None:
    """What is stored for test ``number`` is now ``content``, or gone."""
    key = stored_data.key_of(stored_data.store(world.objects, large(number)).sha256)
    if content is None:
        world.objects.delete(key)
    else:
        world.objects.put(key, content)


def test_it_is_read_back_as_it_was_written(world: World) -> None:
    written = large_question(world)
    assert question_version(world.service, "echo", "large") == written
    assert {type(test.stdin) for test in written.tests if test.hidden} == {Stored}


def test_a_submission_is_judged_on_all_of_it(world: World) -> None:
    large_question(world)
    seen: list[bytes] = []

    def run(program: Program) -> Execution:
        seen.append(program.stdin)
        return echo(program)

    world.judge.run = run
    submission = world.submit()
    visit_line(world)
    after = world.read(submission)
    assert (after.status, after.verdict, after.score, after.passed) == (Status.COMPLETED, Verdict.ACCEPTED, 100, 6)
    assert sorted(seen) == sorted([b"1\n", b"2\n", *map(large, range(3, 7))])


def test_a_wrong_answer_on_it_is_wrong(world: World) -> None:
    large_question(world)
    world.judge.run = lambda program: replace(echo(program), stdout=program.stdin[:-2] + b"0\n")
    submission = world.submit()
    visit_line(world)
    assert world.read(submission).verdict is Verdict.WRONG_ANSWER


def test_an_instance_reads_each_object_once_as_far_as_its_memory_goes(world: World) -> None:
    large_question(world)
    for _ in range(3):
        world.submit()
    visit_line(world)
    assert len(world.objects.read) == len(set(world.objects.read)) == 4  # input and output of a test are alike here


def test_the_cache_keeps_the_latest_used_within_its_bound() -> None:
    cache = DataCache(most_bytes=10)
    cache.put("a", b"1234")
    cache.put("b", b"1234")
    assert cache.get("a") == b"1234"
    cache.put("c", b"1234")
    assert (cache.get("a"), cache.get("b"), cache.get("c")) == (b"1234", None, b"1234")
    cache.put("too large", b"x" * 11)
    assert cache.get("too large") is None
    assert cache.get("c") == b"1234"
    cache.put("c", b"1234")  # twice is once
    cache.put("d", b"12")
    assert (cache.get("a"), cache.get("c"), cache.get("d")) == (b"1234", b"1234", b"12")


def waits(world: World, submission: Submission) -> None:
    """The visit ends, and nothing was counted or lost."""
    turn_at = world.read(submission).turn_at
    assert visit_line(world) is End.JUDGE_AWAY
    after = world.read(submission)
    assert (after.status, after.judgings, after.verdict, after.results) == (Status.QUEUED, 0, None, ())
    assert after.turn_at > turn_at  # whoever needs nothing of the object store comes first


@pytest.mark.parametrize("fault", ["away", "missing", "damaged", "cut", "longer", "another's"])
def test_while_its_data_cannot_be_had_whole_a_submission_waits_and_is_judged_later(world: World, fault: str) -> None:
    large_question(world)
    submission = world.submit()
    if fault == "away":
        world.objects.away = True
    else:
        content = {
            "missing": None,
            "damaged": large(4)[:-2] + b"5\n",
            "cut": large(4)[:-2],
            "longer": large(4) + b"4\n",
            "another's": large(3),
        }
        damage(world, 4, content[fault])
    for _ in range(7):  # more often than MAX_JUDGINGS
        waits(world, submission)
        world.clock.seconds += 90
    world.objects.away = False
    damage(world, 4, large(4))  # as importing the question again does
    visit_line(world)
    after = world.read(submission)
    assert (after.status, after.verdict, after.judgings) == (Status.COMPLETED, Verdict.ACCEPTED, 1)


def test_with_its_data_away_other_questions_submissions_are_judged_first(world: World) -> None:
    large_question(world)
    put_question(world.service, replace(question(), question_id="small"))
    stuck = world.submit()
    world.clock.seconds += 1
    other = world.submit(question_id="small", caller=Caller("bob"))
    set_slots(world.service, 1)  # then the first in line is taken, not any of the first few
    world.objects.away = True
    assert visit_line(world) is End.JUDGED
    assert world.read(other).status is Status.COMPLETED
    assert world.read(stuck).status is Status.QUEUED


def test_many_that_wait_for_their_data_hold_nobody_else_up(world: World) -> None:
    large_question(world)
    put_question(world.service, replace(question(), question_id="small"))
    for number in range(60):
        world.clock.seconds += 0.1
        world.submit(caller=world.add_student(f"s{number}"))
    world.clock.seconds += 1
    other = world.submit(question_id="small", caller=Caller("bob"))
    set_slots(world.service, 1)
    world.objects.away = True
    begun, visits = world.clock.seconds, 0
    while world.read(other).status is not Status.COMPLETED:
        visit_line(world)
        visits += 1
    assert world.clock.seconds - begun < 10  # of the clock of this world: the budget of one of them, once
    assert visits <= 4
    world.objects.away = False
    world.clock.seconds += 60
    while visit_line(world) is not End.LINE_EMPTY:
        pass
    assert len(world.store.find(Query("submissions", (("status", "==", "completed"),)))) == 61


def test_a_judge_is_not_blamed_for_the_object_store(world: World) -> None:
    large_question(world)
    world.submit()
    world.objects.away = True
    visit_line(world)
    assert world.store.get("control/judge") == [None]  # the breaker was never touched


def test_with_no_object_store_set_it_waits_too(world: World) -> None:
    large_question(world)
    submission = world.submit()
    service = replace(world.service, objects=None)
    assert visit(service, Gate(world.clock, lambda: 0, service.rng), RunType.SUBMIT) is End.JUDGE_AWAY
    assert world.read(submission).status is Status.QUEUED


# Importing.


@pytest.fixture
def legacy(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "hello").put(LEGACY_FILES)


@pytest.fixture
def package(legacy: Folder) -> Folder:
    legacy.put({"data/secret/big.in": large(7), "data/secret/big.ans": b"7\n"})
    return legacy


def test_what_is_large_goes_to_the_object_store_and_the_rest_into_documents(world: World, package: Folder) -> None:
    read = read_package(package.path, lambda content: stored_data.store(world.objects, content)).question
    [big] = [test for test in read.tests if isinstance(test.stdin, Stored)]
    assert (len(big.stdin), big.expected) == (len(large(7)), b"7\n")
    assert list(world.objects.objects.values()) == [large(7)]


def test_without_an_object_store_it_is_refused_in_one_line(package: Folder) -> None:
    with pytest.raises(PackageError) as refused:
        read_package(package.path)
    [problem] = refused.value.problems
    assert "OBJECT_STORE_ENDPOINT" in problem


def test_many_small_ones_fill_documents_up_to_a_bound(
    world: World, legacy: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.kattis.tests.MOST_INLINE_BYTES", 1000)
    for number in range(10):
        legacy.put({f"data/secret/t{number}.in": b"x" * 150, f"data/secret/t{number}.ans": b""})
    read = read_package(legacy.path, lambda content: stored_data.store(world.objects, content)).question
    inline = sum(len(test.stdin) for test in read.tests if test.hidden and isinstance(test.stdin, bytes))
    assert 700 <= inline <= 1000
    assert sum(isinstance(test.stdin, Stored) for test in read.tests) >= 4


def test_a_change_in_large_data_makes_another_version(world: World, package: Folder) -> None:
    def version() -> str:
        return read_package(package.path, lambda content: stored_data.store(world.objects, content)).question.version

    first = version()
    assert version() == first
    package.put({"data/secret/big.in": large(8)})
    assert version() != first


# Outputs.


def test_an_output_longer_than_a_document_keeps_is_linked_whole(world: World) -> None:
    long = b"1\n" * 5000
    world.judge.run = lambda program: Execution(Ending.WELL, stdout=long)
    put_question(world.service, question(tests=3, samples=2, version="v2"))
    world.clock.seconds += 10
    submission = world.submit()
    visit_line(world)
    after = world.read(submission)
    first, second, hidden = after.results
    for sample in (first, second):
        assert sample.truncated
        assert sample.full_output is not None
        assert world.objects.objects[sample.full_output] == long
    assert hidden.full_output is None
    assert hidden.stdout is None


def test_a_short_output_needs_no_object(world: World) -> None:
    submission = world.submit(RunType.RUN)
    visit_line(world, RunType.RUN)
    assert world.read(submission).status is Status.COMPLETED
    assert world.objects.objects == {}


def test_what_was_printed_on_hidden_tests_is_kept_for_staff_where_it_was_not_accepted(world: World) -> None:
    world.judge.run = lambda program: Execution(Ending.WELL, stdout=b"3\n" * 50_000, stderr=b"why")
    submission = world.submit()
    visit_line(world)
    after = world.read(submission)
    assert after.hidden_outputs is not None
    text = world.objects.objects[after.hidden_outputs].decode()
    assert '"number": 4' in text
    assert '"why"' in text
    assert len(text) < 60_000  # a bound for each test


def test_with_the_store_away_no_verdict_waits_for_an_output(world: World) -> None:
    world.judge.run = lambda program: Execution(Ending.WELL, stdout=b"no\n" * 9000)
    world.objects.away = True
    submission = world.submit()
    visit_line(world)
    after = world.read(submission)
    assert (after.status, after.verdict, after.hidden_outputs) == (Status.COMPLETED, Verdict.WRONG_ANSWER, None)
    assert after.results[0].truncated
    assert after.results[0].full_output is None


def test_a_store_that_took_one_output_not_is_not_asked_for_the_next(world: World) -> None:
    asked: list[str] = []

    def put(key: str, content: bytes) -> None:
        asked.append(key)
        raise Unavailable("slow")

    world.objects.put = put  # type: ignore[method-assign]
    world.judge.run = lambda program: Execution(Ending.WELL, stdout=b"no\n" * 9000)
    world.submit()
    visit_line(world)
    assert len(asked) == 1


def test_a_rejudging_that_finds_all_right_takes_the_wrong_outputs_away(world: World) -> None:
    world.judge.run = lambda program: Execution(Ending.WELL, stdout=b"no")
    submission = world.submit()
    visit_line(world)
    assert world.read(submission).hidden_outputs is not None
    world.judge.run = echo
    identifier = rejudging.start_one(world.service, "teacher", submission.submission_id).rejudging_id
    visit_line(world, RunType.RUN)
    rejudging.apply(world.service, "teacher", identifier)
    after = world.read(submission)
    assert (after.verdict, after.hidden_outputs) == (Verdict.ACCEPTED, None)
