"""A visit: what one ticket promises. Take a slot, judge the first in that queue's line, and go on with the next."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from enum import Enum

from functions import breaker, records, tickets
from functions.asking import JudgeAway, Stopped
from functions.claims import after_abandoned, claim, close, look, tell_failed
from functions.domain import retry
from functions.domain.breaker import State
from functions.domain.submission import RunType, Status, Submission
from functions.domain.window import TestCannotBeJudged
from functions.gate import Gate
from functions.judging import judge
from functions.leases import Lease, LeaseLost
from functions.logs import log
from functions.pacing import adapt
from functions.ports import Conflict, Unavailable
from functions.questions import QuestionDamaged, question_version
from functions.service import Service
from functions.slots import follow_judges, layout
from functions.stored_data import TestDataAway

MOST_STUCK = 20
"""How many whose test data is away a visit passes by; then Cloud Tasks' backoff sets the pace."""


class End(Enum):
    """How a visit ended; `functions.machine` says it to Cloud Tasks as a status."""

    JUDGED = "judged"
    LINE_EMPTY = "line_empty"
    NO_SLOT = "no_slot"
    JUDGE_AWAY = "judge_away"


def visit(service: Service, gate: Gate, kind: RunType) -> End:
    """Serve one queue's line. Raises Unavailable where the store is away: what is held then expires by itself.

    Copies that are judged again have no tickets of their own: who leaves some behind issues one for the others.
    """
    served: list[Submission] = []
    end = _serve(service, gate, kind, served)
    if any(each.is_copy for each in served):
        for left in service.store.find(records.rejudged_line(1, select=("run_type",))):
            tickets.issue(service, RunType.RUN, left.document_id)
    return end


def _serve(service: Service, gate: Gate, kind: RunType, served: list[Submission]) -> End:
    begun = service.clock.monotonic()

    def may_go_on() -> bool:
        in_budget = service.clock.monotonic() - begun < service.rules.visit_budget
        return in_budget and not service.draining.begun and not _is_paused(service, kind, begun)

    stuck: set[str] = set()
    while not served or may_go_on():
        taken = _wait_for_slot(service, gate, kind, begun, may_wait=not served)
        if isinstance(taken, End):
            return End.JUDGED if served else taken
        lease: Lease | None = taken
        while lease is not None:
            try:
                after = _traced(service, lease)
            except LeaseLost:
                log("warning", "lease_lost", "The slot is somebody else's; nothing was written.", lease.submission)
                break
            away = after.status is Status.QUEUED and after.judgings < lease.submission.judgings
            passes = away and _may_be_passed_by(lease.submission, after, stuck)
            if passes:
                stuck.add(after.submission_id)
            try:
                following = close(service, lease, after, go_on=may_go_on() and (passes or not away))
            except LeaseLost:
                log("warning", "lease_lost", "The slot is somebody else's; nothing was written.", lease.submission)
                break
            if following is None:
                gate.open()
            adapt(service, lease.judge_name)
            if passes and following is not None:
                lease = following
                continue
            if away and may_go_on() and _others_answer(service, lease.judge_name):
                if served:  # this visit's own ticket is used up
                    tickets.issue(service, kind, after.submission_id)
                break  # another judge may take it, or what comes after it
            if away and not served:
                return End.JUDGE_AWAY  # this ticket is not used up: Cloud Tasks brings it again
            if away:
                tickets.issue(service, kind, after.submission_id)
                return End.JUDGED
            _tell(service, after, lease)
            served.append(after)
            lease = following
    return End.JUDGED


def _may_be_passed_by(before: Submission, after: Submission, stuck: set[str]) -> bool:
    """Only its test data is away, which others of the line need not wait for; it went back behind them."""
    went_back = after.turn_at > before.turn_at
    return went_back and after.submission_id not in stuck and len(stuck) < MOST_STUCK


def _others_answer(service: Service, judge: str) -> bool:
    """Whether the judge is away and another one is not."""
    return breaker.state(service, judge).state is not State.CLOSED and breaker.any_ready(service)


def _is_paused(service: Service, kind: RunType, begun: float) -> bool:
    """Pausing a queue pauses its work: visits under way too. One that came just now proves that it is not paused."""
    return service.clock.monotonic() - begun >= tickets.PAUSE_SECONDS and bool(tickets.is_paused(service, kind))


def _wait_for_slot(service: Service, gate: Gate, kind: RunType, begun: float, *, may_wait: bool) -> Lease | End:
    """A lease, or how the visit ends without one."""
    while True:
        if service.draining.begun or _is_paused(service, kind, begun):
            return End.NO_SLOT
        follow_judges(service)
        breaker.ask_languages(service)
        if not breaker.any_ready(service) and not breaker.any_answers(service):
            return End.JUDGE_AWAY
        seen = look(service, kind)
        if seen is None:
            return End.LINE_EMPTY
        try:
            lease = claim(service, seen)
        except Conflict:
            service.clock.sleep(service.rng.uniform(0.0, 0.02))
            continue
        if lease is not None:
            return lease
        left = begun + service.rules.slot_wait - service.clock.monotonic()
        if not may_wait or left <= 0 or not _has_slots(service):
            return End.NO_SLOT
        breaker.any_answers(service)  # who has nothing else to do asks whether those that are away are back
        gate.wait(kind, left)


def _has_slots(service: Service) -> bool:
    """Whether a judge of this process has any. Else the next deployment has others: its processes serve the line."""
    return any(slot.judge in service.judges() for slot in layout(service))


def _traced(service: Service, lease: Lease) -> Submission:
    """``_judge`` as a span. Its parent is the visit, whose ticket may be another submission's: so it has a link."""
    submission = lease.submission
    facts = {"submission_id": submission.submission_id, "run_type": str(submission.run_type)}
    with service.tracer.span("judging", link=submission.traceparent, **facts):
        return _judge(service, lease)


def _judge(service: Service, lease: Lease) -> Submission:
    """The submission as it is to be written: completed, failed, or waiting again. Raises LeaseLost.

    Where we could not ask the judge or the store it waits with its old turn, and the judging does not count.
    """
    submission = lease.submission
    try:
        question = question_version(service, submission.question_id, submission.question_version)
        return judge(service, lease, question)
    except LeaseLost:
        raise
    except JudgeAway as error:
        breaker.trip(service, lease.judge_name, error)
        return retry.put_back(lease.submission)
    except Stopped:
        return retry.put_back(lease.submission)
    except TestDataAway:
        return retry.set_back(lease.submission, service.clock.now())
    except QuestionDamaged as error:
        log("error", "question_damaged", "A question's tests cannot be read.", submission, error=error)
        failed = replace(lease.submission, status=Status.FAILED, finished_at=service.clock.now(), owner=None)
        return replace(failed, failure=str(error))
    except TestCannotBeJudged as error:
        return _again(service, lease, str(error))
    except Unavailable as error:
        log("warning", "store_away", "The store did not answer during a judging.", submission, error=error)
        return retry.put_back(lease.submission)
    except Exception as error:
        # A fault of ours in one submission must not take the visit's others along, nor loop for ever.
        log("error", "judging_failed", "A judging failed.", submission, error=error)
        return _again(service, lease, f"{type(error).__name__} in the service")


def _again(service: Service, lease: Lease, reason: str) -> Submission:
    return retry.abandoned(lease.submission, service.clock.now(), service.rules.max_judgings, reason)


def _tell(service: Service, after: Submission, lease: Lease) -> None:
    if after.status is Status.COMPLETED:
        _tell_judged(after, lease)
    elif after.status is Status.FAILED:
        tell_failed(after)
    else:
        after_abandoned(service, after)


def _tell_judged(after: Submission, lease: Lease) -> None:
    """The metrics of waits, service times and verdicts are made of this line, so a rejudging's copy has another action.

    ``wait_seconds``: from when it last came into the line (sent, requeued, or put back by an interrupted judging) to
    when its slot was taken. ``service_seconds``: from then until its result was there to be written.
    """
    started_at, finished_at = after.started_at, after.finished_at
    assert started_at is not None
    assert finished_at is not None
    log(
        "info",
        "rejudged" if after.is_copy else "judged",
        "A submission was judged.",
        after,
        verdict=str(after.verdict),
        language=after.language,
        judgings=after.judgings,
        judge=lease.judge_name,
        wait_seconds=_seconds(lease.queued_at, started_at),
        service_seconds=_seconds(started_at, finished_at),
    )


def _seconds(begin: datetime, end: datetime) -> float:
    """Clocks differ a little: never less than none."""
    return round(max(0.0, (end - begin).total_seconds()), 3)
