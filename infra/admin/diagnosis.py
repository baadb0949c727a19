"""`diagnose`: why it is stuck, silent or slow. What is so is read first; what that means is decided by `findings`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from statistics import median

import requests

from functions import records
from functions.domain.breaker import Breaker, State
from functions.domain.line import Slot
from functions.domain.submission import RunType, Status, Submission
from functions.judges import states
from functions.ports import Query
from functions.service import Service
from functions.slots import read_slots
from infra.admin.context import Context
from infra.admin.operations import OperationError
from infra.admin.queues import QueueRow, rows

LATEST = 50
"""Over how many judgings of each kind the times are looked at."""
LONG_WAIT_SECONDS = 60.0
BUSY_JUDGE = 2.0
"""So many times the programs' own time is more than batches and polls explain: the judge makes them wait."""
CALL_SECONDS = 10.0


@dataclass(frozen=True)
class Page:
    """What a page from ``origin`` would get of the service; ``error`` where it does not answer at all."""

    url: str
    origin: str | None
    error: str | None = None
    may_read: bool = True


@dataclass(frozen=True)
class Times:
    """Medians over the latest judgings, in seconds: a slot held, and what the programs alone must have taken."""

    judged: int
    slot: float
    programs: float


@dataclass(frozen=True)
class Facts:
    queues: Sequence[QueueRow]
    judges: Mapping[str, Breaker]
    slots: Sequence[Slot]
    overdue: Sequence[Slot]
    """Held by somebody whose lease ended so long ago that a sweep must have come since."""
    tickets: Mapping[RunType, bool | None]
    """Whether a queue of Cloud Tasks has any; None where it cannot be asked."""
    failed: int
    times: Times | None
    page: Page
    submission: Submission | None
    ahead: int
    """How many are taken before it, where it waits."""


@dataclass(frozen=True)
class Finding:
    """What is so, and what to do about it; ``trouble`` False: as it should be."""

    trouble: bool
    says: str
    do: str = ""


def gather(context: Context, submission_id: str | None, origin: str | None) -> Facts:
    """Reads only. Raises Unavailable where the store is away, OperationError for no such submission."""
    service = context.service
    now = service.clock.now()
    slots = [slot for slot in read_slots(service)[0] if slot.is_held(now) or not slot.retired]
    patience = service.rules.margin + timedelta(seconds=context.settings.sweep_interval + 10)
    submission = None
    if submission_id is not None:
        document = service.store.get(records.submission_path(submission_id))[0]
        if document is None:
            raise OperationError(f"no such submission: {submission_id}")
        submission = records.submission_of(document)
    ahead = {}
    if submission is not None and submission.status is Status.QUEUED:
        ahead = dict(service.standing.ahead(submission.run_type, submission.turn_at, submission.submission_id))
    return Facts(
        queues=rows(service),
        judges=states(service),
        slots=slots,
        overdue=[slot for slot in slots if slot.owner is not None and slot.expires_at + patience < now],
        tickets={kind: context.queues.has_tickets(kind) for kind in RunType},
        failed=service.store.count(Query(records.SUBMISSIONS, (("status", "==", str(Status.FAILED)),))),
        times=_times(service),
        page=_page(context.url, origin),
        submission=submission,
        ahead=sum(ahead.values()),
    )


def _times(service: Service) -> Times | None:
    done = [
        records.submission_of(each)
        for kind in RunType
        for each in service.store.find(
            Query(
                records.SUBMISSIONS,
                (("status", "==", str(Status.COMPLETED)), ("run_type", "==", str(kind))),
                order_by=(("finished_at", True),),
                limit=LATEST,
            )
        )
    ]
    held = [
        (each.finished_at - each.started_at).total_seconds() for each in done if each.finished_at and each.started_at
    ]
    if not held:
        return None
    side_by_side = service.rules.batch_size
    programs = [sum(result.time_seconds or 0.0 for result in each.results) / side_by_side for each in done]
    return Times(len(held), median(held), median(programs))


def _page(url: str, origin: str | None) -> Page:
    headers = {} if origin is None else {"Origin": origin}
    try:
        answer = requests.get(f"{url}/health", headers=headers, timeout=CALL_SECONDS)
        answer.json()
    except (requests.RequestException, ValueError) as error:
        return Page(url, origin, error=type(error).__name__)
    return Page(url, origin, may_read=origin is None or answer.headers.get("Access-Control-Allow-Origin") == origin)


def findings(facts: Facts) -> list[Finding]:
    """The most telling first; what is in order last."""
    found = [*_silent(facts), *_stuck(facts), *_slow(facts)]
    if facts.submission is not None:
        found.insert(0, _where(facts.submission, facts.ahead))
    return sorted(found, key=lambda each: not each.trouble)


def _where(submission: Submission, ahead: int) -> Finding:
    """Never trouble by itself: what holds it up is among the others."""
    says = {
        Status.QUEUED: f"is in the line of {submission.run_type}, {ahead} before it",
        Status.PROCESSING: f"is being judged, {submission.finished_tests} of {submission.total} tests are done",
        Status.COMPLETED: f"is judged: {submission.verdict}",
        Status.FAILED: f"could not be judged: {submission.failure}",
        Status.CANCELLED: "was cancelled by its student",
        Status.SUPERSEDED: "was replaced by a newer Run",
    }
    do = "`failed requeue` has it judged again" if submission.status is Status.FAILED else ""
    judgings = f"; judging {submission.judgings}" if submission.judgings > 1 else ""
    return Finding(bool(do), f"{submission.submission_id} {says[submission.status]}{judgings}", do)


def _silent(facts: Facts) -> list[Finding]:
    page = facts.page
    if page.error is not None:
        return [Finding(True, f"{page.url} does not answer ({page.error})", "look at run_code's log and its address")]
    if not page.may_read:
        says = f"a page at {page.origin} may not read the answers: its status never changes there"
        return [Finding(True, says, f"add {page.origin} to ALLOWED_ORIGINS and deploy")]
    found = [Finding(False, f"{page.url} answers" + (f", also to {page.origin}" if page.origin else ""))]
    for slot in facts.overdue:
        says = f"slot {slot.number} is held by a worker that is gone; {slot.submission_id} still says that it is judged"
        found.append(Finding(True, says, "the sweep would have put it back: look at the scheduler and the sweep's log"))
    return found


def _stuck(facts: Facts) -> list[Finding]:
    found = []
    away = {name: each for name, each in facts.judges.items() if each.state is not State.CLOSED}
    for name, each in away.items():
        rest = "the others go on" if len(away) < len(facts.judges) else "everything waits and keeps its turn"
        says = f"the judge {name} does not answer since {each.since:%H:%M:%S}Z; {rest}"
        found.append(Finding(True, says, "mend it: work goes on by itself within 30 s of its return"))
    if not facts.slots:
        found.append(Finding(True, "there is no slot: nothing can be judged", "`slots --set N`"))
    for queue in facts.queues:
        if queue.paused is None:
            found.append(Finding(True, f"the queue {queue.kind} cannot be asked: Cloud Tasks does not answer"))
        elif queue.paused:
            says = f"the queue {queue.kind} is paused; {queue.waiting} wait in it"
            found.append(Finding(True, says, f"`queues resume {queue.kind}`"))
        elif queue.waiting and not queue.in_hand and facts.tickets[queue.kind] is False:
            says = f"{queue.waiting} wait for {queue.kind} without a ticket"
            found.append(Finding(True, says, "the sweep issues them within a minute: look whether it runs"))
        else:
            found.append(Finding(False, f"the queue {queue.kind} is running; {queue.waiting} wait in it"))
    if facts.failed:
        says = f"{facts.failed} could not be judged (`failed`)"
        found.append(Finding(True, says, "`failed list` says why, `failed requeue` has them judged again"))
    return found


def _slow(facts: Facts) -> list[Finding]:
    times, found = facts.times, []
    held = sum(slot.owner is not None for slot in facts.slots)
    oldest = max((queue.oldest_seconds or 0.0 for queue in facts.queues), default=0.0)
    waiting = sum(queue.waiting for queue in facts.queues)
    works = any(each.state is State.CLOSED for each in facts.judges.values()) and not any(
        queue.paused for queue in facts.queues
    )
    if works and oldest > LONG_WAIT_SECONDS and held == len(facts.slots):
        says = f"all {held} slots are busy, {waiting} wait, the first for {oldest:.0f} s: more work than slots"
        found.append(Finding(True, says, "`slots --set N`, if the judge bears N x BATCH_SIZE tests at once"))
    if times is not None and times.slot > BUSY_JUDGE * (times.programs + 1.0):
        says = f"a judging takes {times.slot:.1f} s, its programs {times.programs:.1f} s: they wait inside the judge"
        found.append(Finding(True, says, "fewer slots (`slots --set N`), or a larger judge"))
    elif times is not None:
        says = f"a judging takes {times.slot:.1f} s, its programs {times.programs:.1f} s (the last {times.judged})"
        found.append(Finding(False, says))
    return found
