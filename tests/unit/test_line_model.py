"""The line, slots and leases under arbitrary arrivals, crashes, late writers and clocks that differ.

A model-based test: hypothesis invents histories; after every step the rules of the line must hold (design, rules 1, 2,
3 and 5), and at the end everything that was accepted must come to its end.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from functions import records
from functions.claims import claim, close, look
from functions.domain.line import FOOT_IN_THE_DOOR, RESERVED_FOR
from functions.domain.submission import RunType, Status, Submission
from functions.errors import Refusal
from functions.intake import cancel
from functions.leases import Lease, LeaseLost
from functions.ports import Caller, Conflict, Query
from functions.records import line
from functions.slots import read_slots, set_slots
from functions.sweeping import sweep
from infra.sqlite import SQLiteDocumentStore
from tests.fakes import World, make_world

STUDENTS = ("alice", "bob", "carol")
SLOTS = 2
KINDS = st.sampled_from(RunType)
FINAL = (Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.SUPERSEDED)


class TheLine(RuleBasedStateMachine):
    """Workers are leases in ``held`` (alive) or ``dead`` (stalled: they may wake up late and try to write)."""

    @initialize()
    def start(self) -> None:
        self.store = SQLiteDocumentStore(":memory:")
        self.world: World = make_world(
            self.store, max_concurrent_submissions=SLOTS, rate_run_per_minute=1000, rate_submit_per_minute=1000
        )
        self.world.add_student("carol")
        self.accepted: dict[str, Submission] = {}
        self.held: list[Lease] = []
        self.dead: list[Lease] = []
        self.results: dict[str, int] = {}
        self.count = SLOTS

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.everything_accepted_comes_to_its_end()
            self.store.close()

    @rule(student=st.sampled_from(STUDENTS), kind=KINDS)
    def arrive(self, student: str, kind: RunType) -> None:
        # a key makes the id the same at every replay of a history
        submitted = self.world.submit(kind, caller=Caller(student), key=str(len(self.accepted)))
        assert submitted.submission_id not in self.accepted
        self.accepted[submitted.submission_id] = submitted

    @rule(seconds=st.sampled_from([0.1, 0.9, 1.0, 5.0, 14.0, 17.0, 31.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.seconds += seconds

    @rule(milliseconds=st.integers(-900, 900))
    def clocks_differ_by_less_than_the_margin(self, milliseconds: int) -> None:
        self.world.clock.wall_offset = timedelta(milliseconds=milliseconds)

    @rule(kind=KINDS)
    def a_visit_looks_for_work(self, kind: RunType) -> None:
        now = self.world.clock.now()
        free = {slot.number: slot for slot in read_slots(self.world.service)[0] if slot.is_free(now)}
        first = [each.document_id for each in self.store.find(line(kind, max(1, len(free))))]
        submits = self.store.find(line(RunType.SUBMIT))
        runs = [records.submission_of(each) for each in self.store.find(line(RunType.RUN, 1))]
        seen = look(self.world.service, kind)
        assert (seen is None) is (not first)
        lease = claim(self.world.service, seen) if seen is not None else None
        if lease is None:
            return
        assert lease.slot.number in free
        assert lease.submission.submission_id in first
        slot = free[lease.slot.number]
        aged = bool(runs) and now - runs[0].created_at >= timedelta(seconds=30)
        foot = slot.number == FOOT_IN_THE_DOOR and aged and slot.last_kind is not RunType.RUN
        long_free = now - slot.free_at >= RESERVED_FOR
        if kind is RunType.RUN and submits:
            assert foot or long_free or len(free) > len(submits)
        if kind is RunType.SUBMIT and foot:
            assert long_free
        self.held.append(lease)

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def a_worker_stalls(self, data: st.DataObject) -> None:
        self.dead.append(self.held.pop(data.draw(st.integers(0, len(self.held) - 1))))

    @precondition(lambda self: self.held)
    @rule(data=st.data())
    def a_worker_renews(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.held) - 1))
        try:
            self.held[number].keep(finished_tests=data.draw(st.integers(0, 4)))
        except LeaseLost:
            self.held.pop(number)

    @precondition(lambda self: self.held)
    @rule(data=st.data(), go_on=st.booleans())
    def a_worker_finishes(self, data: st.DataObject, go_on: bool) -> None:
        self.finish(self.held.pop(data.draw(st.integers(0, len(self.held) - 1))), go_on)

    @precondition(lambda self: self.dead)
    @rule(data=st.data())
    def a_stalled_worker_wakes_up_and_writes(self, data: st.DataObject) -> None:
        self.finish(self.dead.pop(data.draw(st.integers(0, len(self.dead) - 1))), go_on=False)

    def finish(self, lease: Lease, go_on: bool) -> None:
        before = self.world.read(lease.submission)
        judged = replace(
            lease.submission,
            status=Status.COMPLETED,
            finished_at=self.world.clock.now(),
            score=100,
            owner=lease.slot.owner,
        )
        try:
            following = close(self.world.service, lease, judged, go_on=go_on)
        except LeaseLost:
            assert self.world.read(lease.submission) == before
            return
        assert before.owner == lease.slot.owner
        self.results[judged.submission_id] = self.results.get(judged.submission_id, 0) + 1
        if following is not None:
            assert following.slot.number == lease.slot.number
            self.held.append(following)

    @rule()
    def the_sweep_runs(self) -> None:
        sweep(self.world.service)

    @rule(number=st.integers(1, 4))
    def an_operator_changes_the_slots(self, number: int) -> None:
        set_slots(self.world.service, number)
        self.count = number

    @precondition(lambda self: self.accepted)
    @rule(data=st.data())
    def a_student_cancels(self, data: st.DataObject) -> None:
        chosen = data.draw(st.sampled_from(sorted(self.accepted)))
        document = self.store.get(records.submission_path(chosen))[0]
        assert document is not None
        submission = records.submission_of(document)
        try:
            cancel(self.world.service, submission, document.version)
        except Refusal:
            assert submission.status is not Status.QUEUED

    @invariant()
    def never_more_slots_are_held_than_ever_existed_and_none_twice(self) -> None:
        if not hasattr(self, "world"):
            return
        now = self.world.clock.now()
        slots = read_slots(self.world.service)[0]
        assert sum(not slot.retired for slot in slots) == self.count
        named = [slot.submission_id for slot in slots if slot.is_held(now)]
        assert len(named) == len(set(named))

    @invariant()
    def what_is_processing_is_named_by_exactly_one_slot(self) -> None:
        if not hasattr(self, "world"):
            return
        owners = [slot.owner for slot in read_slots(self.world.service)[0] if slot.owner is not None]
        processing = self.store.find(Query(records.SUBMISSIONS, (("status", "==", "processing"),)))
        assert sorted(each.fields["owner"] for each in processing) == sorted(owners)

    @invariant()
    def nothing_is_judged_twice(self) -> None:
        if not hasattr(self, "world"):
            return
        assert all(times == 1 for times in self.results.values())
        completed = self.store.find(Query(records.SUBMISSIONS, (("status", "==", "completed"),)))
        assert {each.document_id for each in completed} == set(self.results)

    def everything_accepted_comes_to_its_end(self) -> None:
        """Every worker is dead now; the sweep, and visits that end well, must do."""
        for _ in range(3 * len(self.accepted) + 10):
            self.world.clock.seconds += 20
            sweep(self.world.service)
            for kind in RunType:
                seen = look(self.world.service, kind)
                try:
                    lease = claim(self.world.service, seen) if seen is not None else None
                except Conflict:  # pragma: no cover - one thread has no rival
                    raise AssertionError("a conflict without a rival") from None
                while lease is not None:
                    judged = replace(lease.submission, status=Status.COMPLETED, score=100)
                    self.results[judged.submission_id] = self.results.get(judged.submission_id, 0) + 1
                    lease = close(self.world.service, lease, judged, go_on=True)
        for submission_id, submitted in self.accepted.items():
            ended = self.world.read(submitted)
            assert ended.status in FINAL
            assert (ended.status is Status.COMPLETED) is (submission_id in self.results)
        assert all(times == 1 for times in self.results.values())


TestTheLine = TheLine.TestCase
TestTheLine.settings = settings(max_examples=150, stateful_step_count=40, deadline=None, derandomize=True)
