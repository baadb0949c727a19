"""Keeping a slot while its submission is judged.

Every write of a judging carries its slot's precondition, so a worker that lost its lease cannot write.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from functions import records
from functions.domain.line import Slot
from functions.domain.submission import Submission
from functions.logs import log
from functions.ports import Conflict, Judge, Unavailable, Update, Write
from functions.service import Service

T = TypeVar("T")

TRIES = 3
"""How often a renewal is tried again that an operator's change came before."""


class LeaseLost(Exception):
    """The slot is, or may be, somebody else's by now: stop, write nothing."""


@dataclass
class Lease:
    """A held slot with the submission that it judges, and the judge to do it, to the end of this judging.

    ``begun``: monotonic second before the write that took it. ``queued_at``: when the submission last came into the
    line, by the store's clock.
    """

    service: Service
    slot: Slot
    version: object
    submission: Submission
    begun: float
    queued_at: datetime
    judge_name: str
    judge: Judge

    def may_call(self) -> bool:
        """Whether a call to the judge that starts now surely ends before others may take the slot (rule 3)."""
        rules = self.service.rules
        end = self.service.clock.monotonic() + rules.judge_timeout + rules.margin.total_seconds()
        return end <= self.begun + rules.lease_seconds

    def keep(self, finished_tests: int | None = None) -> None:
        """Renew the lease where a third of it is over, or where there is progress to tell.

        Raises LeaseLost where the slot is somebody else's or no call could be made in time.
        """
        clock, rules = self.service.clock, self.service.rules
        told = finished_tests is not None and finished_tests != self.submission.finished_tests
        if told or clock.monotonic() - self.begun >= rules.lease_seconds / 3:
            try:
                self._renew(finished_tests if told else None)
            except Unavailable as error:
                log("warning", "renewal_failed", "The lease could not be renewed yet.", self.submission, error=error)
        if not self.may_call():
            raise LeaseLost

    def insist(self, write: Callable[[], T]) -> T:
        """``write``, made again while the store is away, until the lease is over. Raises what it raises.

        It must be one that may be made again where its outcome is unknown.
        """
        while True:
            try:
                return write()
            except Unavailable:
                if self.service.clock.monotonic() - self.begun >= self.service.rules.lease_seconds:
                    raise
                self.service.clock.sleep(self.service.rng.uniform(0.1, 0.5))

    def reread(self) -> None:
        """After a conflict: an operator may have changed the slot, then it is still ours. Raises LeaseLost if not."""
        document = self.service.store.get(records.slot_path(self.slot.number))[0]
        if document is None or document.fields["owner"] != self.slot.owner:
            raise LeaseLost
        self.slot, self.version = records.slot_of(document), document.version

    def _renew(self, finished_tests: int | None) -> None:
        rules, path = self.service.rules, records.slot_path(self.slot.number)
        for _ in range(TRIES):
            begun = self.service.clock.monotonic()
            renewed = self.slot.leased(self.service.clock.now(), rules.lease, rules.margin)
            changes = {"expires_at": renewed.expires_at, "free_at": renewed.free_at}
            writes: list[Write] = [Update(path, changes, self.version)]
            if finished_tests is not None:
                submission_path = records.submission_path(self.submission.submission_id)
                writes.append(Update(submission_path, {"finished_tests": finished_tests}))
            try:
                self.version = self.service.store.commit(*writes)[0]
                self.slot = renewed
            except Conflict:
                self.reread()
                if self.slot.expires_at != renewed.expires_at:
                    continue  # else it was our own commit, its first answer lost
            self.begun = begun
            if finished_tests is not None:
                self.submission = replace(self.submission, finished_tests=finished_tests)
            return
        raise LeaseLost
