"""The line, slots and leases under arbitrary arrivals, crashes, late and double tickets, and clocks that jump.

A model-based test over the embedded store and over Firestore: hypothesis invents histories; after every step the
rules of the line must hold (design, rules 1 to 5), and at the end everything that was accepted must come to its end.
"""

from __future__ import annotations

import itertools
import os
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from operator import attrgetter
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from functions import breaker, records
from functions.claims import Look, claim, close, look
from functions.domain.line import FIRST_SLOT, ONLY_JUDGE, RESERVED_FOR, Slot
from functions.domain.submission import RunType, Status, Submission
from functions.errors import Refusal
from functions.intake import cancel
from functions.keeping import forget
from functions.leases import Lease, LeaseLost
from functions.ports import Caller, Conflict, DocumentStore, Query, Unavailable
from functions.records import line
from functions.slots import read_slots, set_slots
from functions.sweeping import sweep
from infra.firestore import FirestoreDocumentStore
from infra.local.clients import firestore_client
from infra.sqlite import SQLiteDocumentStore
from tests.fakes import World, make_world

STUDENTS = ("alice", "bob", "carol")
SLOTS = 2
JUDGES = ("a", "b")
TWO = {"a": 1, "b": 2}
BY_STUDENT = attrgetter("student")
KINDS = st.sampled_from(RunType)
FINAL = (Status.COMPLETED, Status.FAILED, Status.CANCELLED, Status.SUPERSEDED)


class TheLine(RuleBasedStateMachine):
    """Workers are leases in ``held`` (alive) or ``dead`` (stalled: they may wake up late and try to write)."""

    def __init__(
        self,
        open_empty: Callable[[], DocumentStore],
        close_all: Callable[[], None],
        judges: Mapping[str, int],
        apart: bool,
    ) -> None:
        super().__init__()
        self.open_empty, self.close_all, self.judges, self.apart = open_empty, close_all, judges, apart

    @initialize()
    def start(self) -> None:
        self.store = self.open_empty()
        rules = {"max_concurrent_submissions": SLOTS, "rate_run_per_minute": 1000, "rate_submit_per_minute": 1000}
        self.world: World = make_world(self.store, self.judges, **rules)
        if self.apart:
            self.world.judge_named("a").names = ("python",)
        assert breaker.any_answers(self.world.service)
        self.world.add_student("carol")
        self.accepted: dict[str, Submission] = {}
        self.held: list[Lease] = []
        self.dead: list[Lease] = []
        self.looks: list[Look] = []
        self.results: dict[str, int] = {}
        self.counts = dict(self.judges) or {ONLY_JUDGE: SLOTS}
        self.away: set[str] = set()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.everything_accepted_comes_to_its_end()
            self.close_all()

    @rule(student=st.sampled_from(STUDENTS), kind=KINDS, language=st.sampled_from(["cpp", "python"]))
    def arrive(self, student: str, kind: RunType, language: str) -> None:
        # a key makes the id the same at every replay of a history
        submitted = self.world.submit(kind, caller=Caller(student), key=str(len(self.accepted)), language=language)
        assert submitted.submission_id not in self.accepted
        self.accepted[submitted.submission_id] = submitted

    @rule(seconds=st.sampled_from([0.1, 0.9, 1.0, 1.0, 1.0, 5.0, 17.0, 31.0, 61.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.seconds += seconds

    @rule(milliseconds=st.integers(-900, 900))
    def clocks_differ_by_less_than_the_margin(self, milliseconds: int) -> None:
        self.world.clock.wall_offset = timedelta(milliseconds=milliseconds)

    @rule(seconds=st.sampled_from([-300, -20, 0, 20, 300]))
    def every_clock_jumps(self, seconds: int) -> None:
        self.world.clock.wall_offset = timedelta(seconds=seconds)

    @rule(kind=KINDS)
    def a_visit_looks_for_work(self, kind: RunType) -> None:
        now = self.world.clock.now()
        free, first_slot = self.free_slots(), self.first_slot()
        lines = {each: [records.submission_of(d) for d in self.store.find(line(each))] for each in RunType}
        other = lines[RunType.RUN if kind is RunType.SUBMIT else RunType.SUBMIT]
        seen = look(self.world.service, kind)
        assert (seen is None) is (not lines[kind])
        if seen is None:
            return
        lease = claim(self.world.service, seen)

        def kept(slot: Slot) -> bool:
            """For the other kind, and not yet in vain."""
            door = slot.number == first_slot and slot.last_kind is not RunType.RUN
            aged = any(now - run.created_at >= timedelta(seconds=30) for run in lines[RunType.RUN][:1])
            has_precedence = not (door and aged) if kind is RunType.RUN else door and aged
            in_vain = bool(other) and now - max(slot.free_at, other[0].created_at) >= RESERVED_FOR
            return bool(other) and has_precedence and not in_vain

        def takeable(slot_number: int) -> list[str]:
            """Each student's first; what was abandoned once is judged on one slot only."""
            firsts = [next(own) for _, own in itertools.groupby(sorted(lines[kind], key=BY_STUDENT), BY_STUDENT)]
            left = [each for each in firsts if slot_number == first_slot or not each.judgings]
            return [each.submission_id for each in sorted(left, key=lambda each: (each.turn_at, each.submission_id))]

        if self.apart:
            self.one_of_two_that_differ(lease, kind, free, lines)
            return
        if lease is None:
            assert all(kept(slot) or not takeable(number) for number, slot in free.items())  # rule 4
            return
        assert lease.submission.submission_id in takeable(lease.slot.number)[: len(free)]
        assert not kept(free[lease.slot.number]) or sum(map(kept, free.values())) > len(other)  # rule 5
        self.held.append(lease)

    def one_of_two_that_differ(
        self, lease: Lease | None, kind: RunType, free: Mapping[int, Slot], lines: Mapping[RunType, list[Submission]]
    ) -> None:
        """Judge `a` has Python only. What nobody has to give way to is taken where it can be."""
        if lease is not None:
            assert (lease.judge_name, lease.submission.language) != ("a", "cpp")
            self.held.append(lease)
            return
        of_a = any(slot.judge == "a" for slot in free.values())
        alone = not any(own for each, own in lines.items() if each is not kind)
        if alone and "a" not in self.away:
            assert not of_a or not any(e.language == "python" and not e.judgings for e in lines[kind])

    @rule(kind=KINDS)
    def a_slow_visit_looks(self, kind: RunType) -> None:
        seen = look(self.world.service, kind)
        if seen is not None:
            self.looks.append(seen)

    @precondition(lambda self: self.looks)
    @rule(data=st.data())
    def a_slow_visit_claims_what_it_saw_long_ago(self, data: st.DataObject) -> None:
        free = self.free_slots(of=self.counts)  # it may not have heard yet that one is away
        try:
            lease = claim(self.world.service, self.looks.pop(data.draw(st.integers(0, len(self.looks) - 1))))
        except Conflict:
            return
        if lease is not None:
            assert lease.slot.number in free
            self.held.append(lease)

    def free_slots(self, of: Collection[str] | None = None) -> dict[int, Slot]:
        up = self.counts.keys() - self.away if of is None else of
        now = self.world.clock.now()
        slots = read_slots(self.world.service)[0]
        return {slot.number: slot for slot in slots if slot.is_free(now) and slot.judge in up}

    def first_slot(self) -> int:
        """The one with the two duties."""
        forget(self.world.service, "slots")  # which is some seconds old elsewhere
        usable = [s for s in read_slots(self.world.service)[0] if not s.retired and s.judge not in self.away]
        return min((slot.number for slot in usable), default=FIRST_SLOT)

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
        lease = self.dead.pop(data.draw(st.integers(0, len(self.dead) - 1)))
        before = read_slots(self.world.service)
        try:
            lease.keep(finished_tests=data.draw(st.integers(0, 4)))
        except LeaseLost:
            assert read_slots(self.world.service) == before
        self.finish(lease, go_on=False)

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
        now = self.world.clock.now()
        assert all(slot.owner is not None or slot.free_at <= now for slot in read_slots(self.world.service)[0])

    @rule(number=st.integers(1, 4), data=st.data())
    def an_operator_changes_the_slots(self, number: int, data: st.DataObject) -> None:
        judge = data.draw(st.sampled_from(sorted(self.counts)))
        set_slots(self.world.service, number, judge)
        self.counts[judge] = number
        forget(self.world.service, "slots")

    @precondition(lambda self: len(self.judges) > 1 and not self.away)
    @rule(judge=st.sampled_from(JUDGES))
    def a_judge_goes_away(self, judge: str) -> None:
        self.away.add(judge)
        self.world.judge_named(judge).away = True
        breaker.trip(self.world.service, judge, Unavailable("gone"))

    @precondition(lambda self: self.away)
    @rule()
    def it_comes_back(self) -> None:
        judge = self.away.pop()
        self.world.judge_named(judge).away = False
        while not breaker.judge_answers(self.world.service, judge):  # longer, where the clocks went back meanwhile
            self.world.clock.seconds += 60

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
        assert Counter(slot.judge for slot in slots if not slot.retired) == self.counts
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
    def nobody_judges_a_language_that_it_does_not_have(self) -> None:
        if hasattr(self, "world") and self.apart:
            held = [lease for lease in self.held if lease.judge_name == "a"]
            assert all(lease.submission.language == "python" for lease in held)

    @precondition(lambda self: not self.judges)
    @invariant()
    def what_was_abandoned_is_judged_one_at_a_time(self) -> None:
        """Of several judges the lowest slot changes as they come and go; which it is, is held when it is taken."""
        if not hasattr(self, "world"):
            return
        others = [slot for slot in read_slots(self.world.service)[0] if slot.number != FIRST_SLOT and slot.owner]
        held = self.store.get(*(records.submission_path(slot.submission_id or "none") for slot in others))
        assert all(each is not None and each.fields["judgings"] == 1 for each in held)

    @invariant()
    def nothing_is_judged_twice(self) -> None:
        if not hasattr(self, "world"):
            return
        assert all(times == 1 for times in self.results.values())
        completed = self.store.find(Query(records.SUBMISSIONS, (("status", "==", "completed"),)))
        assert {each.document_id for each in completed} == set(self.results)

    @precondition(lambda self: not self.apart)
    @invariant()
    def ones_own_turns_are_spaced(self) -> None:
        """Where judges differ, a later one may be taken before an earlier; the next then has a turn beside that."""
        if not hasattr(self, "world"):
            return
        spacing = timedelta(seconds=self.world.service.rules.turn_spacing)
        for kind in RunType:
            waiting = [records.submission_of(document) for document in self.store.find(line(kind))]
            for student in STUDENTS:
                turns = [each.turn_at for each in waiting if each.student == student and not each.judgings]
                assert all(later - earlier >= spacing for earlier, later in itertools.pairwise(turns))

    def everything_accepted_comes_to_its_end(self) -> None:
        """Every worker is dead now; the sweep, and visits that end well, must do."""
        self.world.clock.seconds += 600  # leases may have been taken before the clocks went back
        if self.away:
            self.it_comes_back()
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


def play(
    open_empty: Callable[[], Any], judges: Mapping[str, int], *, examples: int, steps: int, apart: bool = False
) -> None:
    """``open_empty`` gives something to close and an empty store; ``judges`` the slots of several, by name.

    ``apart``: they have not the same languages.
    """
    opened: list[Any] = []

    def next_store() -> DocumentStore:
        closable, store = open_empty()
        opened.append(closable)
        found: DocumentStore = store
        return found

    def close_all() -> None:
        while opened:
            opened.pop().close()

    class Machine(TheLine):
        def __init__(self) -> None:
            super().__init__(next_store, close_all, judges, apart)

    many = settings(deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
    run_state_machine_as_test(Machine, settings=settings(many, max_examples=examples, stateful_step_count=steps))


@pytest.mark.parametrize(
    ("judges", "examples", "apart"),
    [({}, 100, False), (TWO, 60, False), (TWO, 30, True)],
    ids=["one", "two", "apart"],
)
def test_the_rules_hold_over_the_embedded_store(judges: Mapping[str, int], examples: int, apart: bool) -> None:
    def open_empty() -> tuple[SQLiteDocumentStore, DocumentStore]:
        store = SQLiteDocumentStore(":memory:")
        return store, store

    play(open_empty, judges, examples=4 * examples if os.environ.get("FULL") else examples, steps=50, apart=apart)


@pytest.mark.parametrize("judges", [{}, TWO], ids=["one", "two"])
def test_the_rules_hold_over_firestore(judges: Mapping[str, int], firestore_address: str) -> None:
    def open_empty() -> tuple[Any, DocumentStore]:
        client = firestore_client(firestore_address, f"test-{uuid.uuid4().hex[:12]}")
        return client, FirestoreDocumentStore(client)

    play(open_empty, judges, examples=10, steps=30)
