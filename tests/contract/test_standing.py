"""Places in the line as a process follows them, over every store."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from functions import records, standing
from functions.access import submission_in_passing
from functions.claims import claim, close, look
from functions.domain.submission import RunType, Status, Submission
from functions.errors import Refusal
from functions.intake import cancel
from functions.ports import Caller, Create, Delete, Document, DocumentStore, Query, ServerTime, Unavailable, Update
from functions.standing import (
    FRESH_SECONDS,
    KEPT_SECONDS,
    MEND_SECONDS,
    RELOAD_SECONDS,
    SETTLE_SECONDS,
    SOON_SECONDS,
    Standing,
)
from tests.contract.test_line import UNLIMITED, Counting
from tests.fakes import NOON, World, make_world


@pytest.fixture
def line(store: DocumentStore) -> World:
    return make_world(store, max_concurrent_submissions=1, **UNLIMITED)


def place(world: World, submission: Submission) -> int:
    """Its queue_position."""
    now = world.read(submission)
    return sum(world.service.standing.ahead(now.run_type, now.turn_at, now.submission_id).values()) + 1


def students(world: World, kind: RunType, number: int, prefix: str = "s") -> list[Submission]:
    made = []
    for each in range(number):
        made.append(world.submit(kind, caller=world.add_student(f"{prefix}{each}")))
        world.clock.seconds += 0.001
    return made


def judge_first(world: World, kind: RunType) -> Submission:
    seen = look(world.service, kind)
    assert seen is not None
    lease = claim(world.service, seen)
    assert lease is not None
    close(world.service, lease, replace(lease.submission, status=Status.COMPLETED), go_on=False)
    return lease.submission


def test_each_place_is_counted_in_the_order_of_taking_and_submits_come_before_runs(line: World) -> None:
    runs = students(line, RunType.RUN, 3, "r")
    submits = students(line, RunType.SUBMIT, 2, "t")
    assert [place(line, each) for each in submits] == [1, 2]
    assert [place(line, each) for each in runs] == [3, 4, 5]


def test_a_place_moves_on_within_a_second_as_others_are_taken_cancel_or_come(line: World) -> None:
    waiting = students(line, RunType.SUBMIT, 5)
    assert [place(line, each) for each in waiting] == [1, 2, 3, 4, 5]
    assert judge_first(line, RunType.SUBMIT).submission_id == waiting[0].submission_id
    document = line.store.get(records.submission_path(waiting[2].submission_id))[0]
    assert document is not None
    cancel(line.service, waiting[2], document.version)
    [late] = students(line, RunType.SUBMIT, 1, "late")
    line.clock.seconds += FRESH_SECONDS
    assert [place(line, waiting[number]) for number in (1, 3, 4)] == [1, 2, 3]
    assert place(line, late) == 4


def test_a_newer_run_has_the_place_of_the_one_that_it_replaces(line: World) -> None:
    first = line.submit(RunType.RUN)
    line.clock.seconds += 0.001
    students(line, RunType.RUN, 3)
    assert place(line, first) == 1
    newer = line.submit(RunType.RUN)
    line.clock.seconds += FRESH_SECONDS
    assert line.read(first).status is Status.SUPERSEDED
    assert place(line, newer) == 1
    assert line.service.standing.length(RunType.RUN) == 4


def test_one_who_came_since_the_last_reading_is_behind_all_that_came_before(line: World) -> None:
    students(line, RunType.SUBMIT, 2)
    assert line.service.standing.length(RunType.SUBMIT) == 2
    burst = students(line, RunType.SUBMIT, 3, "new")
    assert [place(line, each) for each in burst] == [3, 4, 5]


def test_an_abandoned_submission_stands_where_it_will_be_taken(line: World) -> None:
    students(line, RunType.SUBMIT, 3)
    students_last = students(line, RunType.SUBMIT, 1, "last")[0]
    assert place(line, students_last) == 4
    head = line.store.find(records.line(RunType.SUBMIT, 1))[0]
    before = records.submission_of(head)
    later = replace(before, turn_at=before.turn_at + timedelta(minutes=1))
    changes = {"turn_at": later.turn_at, "changed_at": records.submission_fields(before)["changed_at"]}
    line.store.commit(Update(head.path, changes))
    line.clock.seconds += FRESH_SECONDS
    assert place(line, students_last) == 3
    assert place(line, later) == 4


def test_a_change_that_was_missed_is_mended_at_the_head_and_forgotten_by_reading_anew(line: World) -> None:
    waiting = students(line, RunType.SUBMIT, 3)
    assert place(line, waiting[2]) == 3
    line.clock.seconds += SETTLE_SECONDS
    assert place(line, waiting[2]) == 3
    # taken without a stamp: as if the reading had not seen it
    line.store.commit(Update(records.submission_path(waiting[0].submission_id), {"status": "processing"}))
    line.clock.seconds += FRESH_SECONDS
    assert place(line, waiting[2]) == 3
    line.clock.seconds += MEND_SECONDS
    assert place(line, waiting[2]) == 2
    line.store.commit(Update(records.submission_path(waiting[2].submission_id), {"status": "processing"}))
    line.clock.seconds += RELOAD_SECONDS
    assert line.service.standing.length(RunType.SUBMIT) == 1


@dataclass
class Watched:
    """A line of three, and what one who polls the second of it sees and has read."""

    world: World
    counting: Counting
    waiting: list[Submission]

    def seen(self, caller: Caller | None = None) -> Submission:
        mine = self.waiting[1]
        return submission_in_passing(self.world.service, caller or Caller(mine.student), mine.submission_id)

    def documents_read(self) -> int:
        """By two polls within what is fresh, so that the line is not read anew in between."""
        self.seen()
        before = self.counting.read
        self.seen()
        return self.counting.read - before

    def write(self, **fields: object) -> None:
        self.world.store.commit(Update(records.submission_path(self.waiting[1].submission_id), fields))


@pytest.fixture
def watched(store: DocumentStore) -> Watched:
    counting = Counting(store)
    world = make_world(counting, max_concurrent_submissions=1, **UNLIMITED)
    waiting = students(world, RunType.SUBMIT, 3)
    world.service.standing.length(RunType.SUBMIT)
    world.clock.seconds += SETTLE_SECONDS
    return Watched(world, counting, waiting)


def test_a_poll_of_what_waits_does_not_read_it_again(watched: Watched) -> None:
    assert watched.seen() == watched.world.read(watched.waiting[1])
    assert watched.documents_read() == 0


def test_what_is_taken_is_seen_taken_within_a_second(watched: Watched) -> None:
    assert watched.seen().status is Status.QUEUED
    for _ in range(2):
        judge_first(watched.world, RunType.SUBMIT)
    watched.world.clock.seconds += FRESH_SECONDS
    assert watched.seen().status is Status.COMPLETED
    assert watched.documents_read() == 1


def test_who_cancels_sees_it_cancelled_at_once(watched: Watched) -> None:
    watched.seen()
    mine = watched.waiting[1]
    [document] = watched.world.store.get(records.submission_path(mine.submission_id))
    assert document is not None
    cancel(watched.world.service, mine, document.version)
    assert watched.seen().status is Status.CANCELLED
    assert watched.world.service.standing.length(RunType.SUBMIT) == 2


def test_a_poll_that_was_on_its_way_when_one_cancelled_is_not_kept(watched: Watched) -> None:
    mine, service = watched.waiting[1], watched.world.service

    def read() -> Document | None:
        [before] = watched.world.store.get(records.submission_path(mine.submission_id))
        assert before is not None
        cancel(service, mine, before.version)
        return before

    assert service.standing.submission(mine.submission_id, read) == mine
    assert watched.seen().status is Status.CANCELLED


def test_what_is_erased_is_gone_within_seconds_and_out_of_the_line(watched: Watched) -> None:
    watched.seen()
    watched.world.store.commit(Delete(records.submission_path(watched.waiting[1].submission_id)))
    watched.world.clock.seconds += KEPT_SECONDS
    with pytest.raises(Refusal):
        watched.seen()
    assert watched.world.service.standing.length(RunType.SUBMIT) == 2


def test_who_runs_again_sees_the_first_superseded_at_once(line: World) -> None:
    first = line.submit(RunType.RUN)
    line.service.standing.length(RunType.RUN)
    line.clock.seconds += SETTLE_SECONDS
    who = Caller(first.student)
    assert submission_in_passing(line.service, who, first.submission_id).status is Status.QUEUED
    newer = line.submit(RunType.RUN)
    assert submission_in_passing(line.service, who, first.submission_id).status is Status.SUPERSEDED
    assert place(line, newer) == 1


def test_what_comes_back_into_the_line_is_seen_as_it_is_then(watched: Watched) -> None:
    assert watched.seen().judgings == 0
    watched.write(judgings=1, changed_at=ServerTime.NOW)
    watched.world.clock.seconds += FRESH_SECONDS
    assert watched.seen().judgings == 1


def test_a_change_that_was_missed_is_seen_within_a_minute(watched: Watched) -> None:
    watched.seen()
    watched.write(status="cancelled")  # without a stamp: as if the reading had not seen it
    watched.world.clock.seconds += FRESH_SECONDS
    assert watched.seen().status is Status.QUEUED
    for _ in range(int(KEPT_SECONDS / FRESH_SECONDS)):
        watched.world.clock.seconds += FRESH_SECONDS
        after = watched.seen()
    assert after.status is Status.CANCELLED


def test_what_is_kept_is_shown_to_its_student_only(watched: Watched) -> None:
    watched.seen()
    with pytest.raises(Refusal) as refused:
        watched.seen(Caller(watched.waiting[0].student))
    assert refused.value.status == 404


def test_a_reading_that_the_line_overtook_is_not_kept(watched: Watched) -> None:
    """What it read may be older than the change that the line has already seen, and does not look at again."""
    line, mine = watched.world.service.standing, watched.waiting[1]

    def slowly() -> Document | None:
        [found] = watched.world.store.get(records.submission_path(mine.submission_id))
        watched.write(status="processing", changed_at=ServerTime.NOW)
        watched.world.clock.seconds += FRESH_SECONDS
        line.length(RunType.SUBMIT)
        return found

    assert line.submission(mine.submission_id, slowly).status is Status.QUEUED  # type: ignore[union-attr]
    watched.world.clock.seconds += 2 * SETTLE_SECONDS
    assert watched.seen().status is Status.PROCESSING


def test_while_one_reads_the_line_the_others_go_on_with_what_is_fresh(
    line: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    students(line, RunType.SUBMIT, 3)
    following, find = line.service.standing, line.store.find
    assert following.length(RunType.SUBMIT) == 3
    began, may_end = threading.Event(), threading.Event()

    def slowly(query: Query) -> list[Document]:
        began.set()
        may_end.wait()
        return find(query)

    monkeypatch.setattr(line.store, "find", slowly)
    students(line, RunType.SUBMIT, 1, "late")
    line.clock.seconds += SOON_SECONDS
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(following.length, RunType.SUBMIT)
        began.wait()
        assert following.length(RunType.SUBMIT) == 3
        may_end.set()
        assert reading.result() == 4


def test_those_who_wait_for_one_reading_share_its_end(line: World, monkeypatch: pytest.MonkeyPatch) -> None:
    following, monotonic = line.service.standing, line.clock.monotonic
    may_end, askers, readings = threading.Event(), set[int](), []

    def fails(query: Query) -> list[Document]:
        readings.append(query)
        may_end.wait()
        raise Unavailable("away")

    def asked() -> float:
        askers.add(threading.get_ident())
        return monotonic()

    assert following.length(RunType.SUBMIT) == 0
    line.clock.seconds += FRESH_SECONDS
    monkeypatch.setattr(line.store, "find", fails)
    monkeypatch.setattr(line.clock, "monotonic", asked)
    with ThreadPoolExecutor(8) as pool:
        waiting = [pool.submit(following.length, RunType.SUBMIT) for _ in range(8)]
        while len(askers) < 8:
            time.sleep(0.01)
        may_end.set()
        assert all(isinstance(each.exception(), Unavailable) for each in waiting)
    assert len(readings) == 1
    with pytest.raises(Unavailable):
        following.length(RunType.SUBMIT)
    assert len(readings) == 2


def test_of_much_source_code_the_oldest_is_read_again(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    one = standing.Kept(watched.waiting[0], NOON, 0.0).bytes
    monkeypatch.setattr(standing, "KEPT_BYTES", 2 * one)
    assert watched.documents_read() == 0
    for other in (watched.waiting[0], watched.waiting[2]):
        submission_in_passing(watched.world.service, Caller(other.student), other.submission_id)
    before = watched.counting.read
    watched.seen()
    assert watched.counting.read == before + 1


def test_a_poll_reads_as_much_at_ten_thousand_waiting_as_at_ten(store: DocumentStore) -> None:
    counting = Counting(store)
    world = make_world(counting, **UNLIMITED)
    template = records.submission_fields(world.submit(RunType.RUN))

    def fill(first: int, last: int) -> None:
        for start in range(first, last, 400):
            numbers = range(start, min(start + 400, last))
            turns = [NOON + timedelta(seconds=number) for number in numbers]
            store.commit(
                *(
                    Create(f"submissions/w{n:05d}", {**template, "turn_at": turn})
                    for n, turn in zip(numbers, turns, strict=True)
                )
            )

    def cost_of_a_minutes_polls(taken: str, last: int) -> tuple[int, int]:
        """(calls, documents) while one of the line is taken."""
        following = Standing(counting, world.clock)
        before = following.ahead(RunType.RUN, NOON + timedelta(seconds=last), f"w{last:05d}")[RunType.RUN]
        world.clock.seconds += 2 * SETTLE_SECONDS
        following.length(RunType.RUN)
        store.commit(Update(f"submissions/{taken}", {"status": "processing", "changed_at": ServerTime.NOW}))
        counting.calls = counting.read = 0
        for _ in range(480):
            world.clock.seconds += 0.125
            after = following.ahead(RunType.RUN, NOON + timedelta(seconds=last), f"w{last:05d}")[RunType.RUN]
        assert (before, after) == (last + 1, last)
        return counting.calls, counting.read

    fill(0, 10)
    at_ten = cost_of_a_minutes_polls("w00000", 9)
    store.commit(Update("submissions/w00000", {"status": "queued"}))
    fill(10, 10_000)
    assert cost_of_a_minutes_polls("w00000", 9999) == at_ten
