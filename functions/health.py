"""How the service is: for anybody in short, and at length for staff. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from statistics import median

from functions import models, records, staff_models
from functions.domain.breaker import State
from functions.domain.line import Slot
from functions.domain.submission import RunType, Status
from functions.judges import best, states, usable
from functions.keeping import keep
from functions.ports import Condition, Query, Unavailable
from functions.service import Service
from functions.slots import read_slots
from functions.views import expected_wait

HEALTH_SECONDS = 1.0
LONG_WAIT_SECONDS = 60.0
OVERVIEW_SECONDS = 2.0
STEP = timedelta(minutes=5)
STEPS = 12
LATE = timedelta(minutes=1)
"""For so long a step that is over may still change: clocks differ, and what is written is seen a little later."""


def health(service: Service, uptime_seconds: float, version: str) -> models.HealthView:
    """How the service is; kept for a second, so that anybody may poll it. Never raises for a store that is away."""
    try:
        return keep(service, "health", HEALTH_SECONDS, lambda: _health(service, uptime_seconds, version))
    except Unavailable:
        return models.HealthView(
            status="unhealthy",
            queue_length=0,
            processing=0,
            max_concurrent=service.rules.max_concurrent_submissions,
            uptime=int(uptime_seconds),
            queues={},
            judge=models.JudgeHealth(state=State.CLOSED, since=None),
            judges=[],
            version=version,
        )


def _health(service: Service, uptime_seconds: float, version: str) -> models.HealthView:
    now = service.clock.now()
    slots = [slot for slot in read_slots(service)[0] if slot.is_held(now) or not slot.retired]
    in_use = [slot for slot in slots if not slot.retired]
    queues = _queues(service, in_use)
    judge = best(service)
    judges = _judges(service, in_use)
    longest = max(queue.oldest_seconds or 0.0 for queue in queues.values())
    degraded = any(each.state is not State.CLOSED for each in judges) or longest > LONG_WAIT_SECONDS
    return models.HealthView(
        status="degraded" if degraded else "healthy",
        queue_length=sum(queue.length for queue in queues.values()),
        processing=sum(slot.is_held(now) for slot in slots),
        max_concurrent=len(in_use),
        uptime=int(uptime_seconds),
        queues=queues,
        judge=models.JudgeHealth(state=judge.state, since=judge.since),
        judges=judges,
        version=version,
    )


def _queues(service: Service, in_use: list[Slot]) -> dict[str, models.QueueHealth]:
    up = usable(service)
    slots = sum(slot.judge in up for slot in in_use)
    return {str(kind): _queue_health(service, kind, slots) for kind in (RunType.SUBMIT, RunType.RUN)}


def _judges(service: Service, in_use: list[Slot]) -> list[models.JudgeSlots]:
    counts = Counter(slot.judge for slot in in_use)
    found = states(service).items()
    return [models.JudgeSlots(name=name, state=each.state, slots=counts[name]) for name, each in found]


def _queue_health(service: Service, kind: RunType, slots: int) -> models.QueueHealth:
    length = service.standing.length(kind)
    first = service.store.find(records.line(kind, 1, select=("created_at",))) if length else []
    oldest = (service.clock.now() - first[0].fields["created_at"]).total_seconds() if first else None
    estimate = expected_wait(service, service.standing.all_ahead(kind), slots) if length else 0.0
    return models.QueueHealth(
        length=length,
        oldest_seconds=None if oldest is None else round(max(0.0, oldest), 1),
        estimated_wait_seconds=estimate,
    )


def overview(service: Service) -> staff_models.OverviewView:
    """Queues, slots, breaker, waits and counts; kept for two seconds. Raises Unavailable."""
    return keep(service, "overview", OVERVIEW_SECONDS, lambda: _overview(service))


def _overview(service: Service) -> staff_models.OverviewView:
    now = service.clock.now()
    slots = [slot for slot in read_slots(service)[0] if slot.is_held(now) or not slot.retired]
    in_use = [slot for slot in slots if not slot.retired]
    judge = best(service)
    begins = _begin_of_step(now) - STEPS * STEP
    return staff_models.OverviewView(
        queues=_queues(service, in_use),
        slots=[
            staff_models.SlotView(
                number=slot.number,
                held=slot.is_held(now),
                submission_id=slot.submission_id if slot.is_held(now) else None,
                retired=slot.retired,
                judge=slot.judge,
            )
            for slot in slots
        ],
        judge=models.JudgeHealth(state=judge.state, since=judge.since),
        judges=_judges(service, in_use),
        waits=[_waits(service, begins + number * STEP, now) for number in range(STEPS + 1)],
        statuses={str(status): _count(service, status) for status in Status},
    )


def _begin_of_step(moment: datetime) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() // STEP.total_seconds() * STEP.total_seconds(), UTC)


def _waits(service: Service, begins: datetime, now: datetime) -> staff_models.WaitsView:
    """How long those waited whose judging began in this step. A step that is over is read once."""

    def read() -> staff_models.WaitsView:
        where: tuple[Condition, ...] = (("started_at", ">=", begins), ("started_at", "<", begins + STEP))
        select = ("run_type", "created_at", "started_at")
        found = service.store.find(Query(records.SUBMISSIONS, where, select=select))
        waited: Mapping[RunType, list[float]] = {RunType.SUBMIT: [], RunType.RUN: []}
        for each in (document.fields for document in found):
            seconds = (each["started_at"] - each["created_at"]).total_seconds()
            waited[RunType(each["run_type"])].append(max(0.0, seconds))
        return staff_models.WaitsView(
            begins_at=begins,
            queues={
                str(kind): staff_models.WaitView(
                    started=len(times),
                    median_seconds=round(median(times), 1) if times else None,
                    longest_seconds=round(max(times), 1) if times else None,
                )
                for kind, times in waited.items()
            },
        )

    over = begins + STEP + LATE <= now
    return keep(service, f"waits {begins.isoformat()}", STEPS * STEP.total_seconds() if over else 0.0, read)


def _count(service: Service, status: Status) -> int:
    return service.store.count(Query(records.SUBMISSIONS, (("status", "==", str(status)),)))
