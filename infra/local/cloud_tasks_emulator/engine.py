"""The engine: which task is delivered when, and what becomes of it. Knows nothing of the wire that clients use."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import requests
from google.cloud import tasks_v2

from infra.local.cloud_tasks_emulator import model
from infra.local.cloud_tasks_emulator.model import TaskEntry, TokenBucket
from infra.local.cloud_tasks_emulator.oidc import Signer
from infra.local.cloud_tasks_emulator.storage import Storage

NAME_BLOCKED_SECONDS = 24 * 3600.0
MOST_DELIVERIES = 2000
"""Threads, made as they are needed: one per delivery in flight."""
CONNECT_SECONDS = 5.0


@dataclass
class QueueState:
    """A queue with what the engine knows of it beside its message."""

    message: Any
    bucket: TokenBucket
    tasks: dict[str, TaskEntry] = field(default_factory=dict)
    waiting: list[tuple[float, int, str]] = field(default_factory=list)
    """A heap of (due, arrival, name). An entry whose task is gone, in flight or due at another time is stale."""
    in_flight: int = 0

    @property
    def paused(self) -> bool:
        return bool(self.message.state != tasks_v2.Queue.State.RUNNING)

    @property
    def rate(self) -> float:
        return float(self.message.rate_limits.max_dispatches_per_second)


class Engine:
    def __init__(self, storage: Storage, signer: Signer, clock: Callable[[], float] = time.time) -> None:
        self._storage = storage
        self._signer = signer
        self._clock = clock
        self.changed = threading.Condition(threading.RLock())
        """Held for every look at or change of ``queues``; notified when the dispatcher should look again."""
        self.queues: dict[str, QueueState] = {}
        self._arrivals = itertools.count()
        self._stopping = False
        self._pool = ThreadPoolExecutor(MOST_DELIVERIES, thread_name_prefix="delivery")
        self._sessions = threading.local()
        self._dispatcher = threading.Thread(target=self._dispatch, name="dispatcher", daemon=True)

    def start(self) -> None:
        """Load what was kept. What was being delivered when the last process ended is delivered again."""
        with self.changed:
            self._storage.forget_used_names(self._clock())
            for message in self._storage.queues():
                self._add(message)
            for entry in self._storage.tasks():
                self._enqueue(self.queues[entry.queue], entry)
        self._dispatcher.start()

    def stop(self) -> None:
        """Deliveries under way are left alone: their tasks are kept, and delivered again after a restart."""
        with self.changed:
            self._stopping = True
            self.changed.notify_all()
        self._dispatcher.join()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def now(self) -> float:
        return self._clock()

    def put_queue(self, message: Any) -> QueueState:
        """Add a queue, or give one new limits or another state; they hold at once."""
        with self.changed:
            self._storage.put_queue(message)
            state = self.queues.get(message.name)
            if state is None:
                state = self._add(message)
            else:
                state.message = message
                state.bucket.change_rate(state.rate, self._clock())
            self.changed.notify_all()
            return state

    def delete_queue(self, name: str) -> None:
        with self.changed:
            self.purge(name)
            self._storage.delete_queue(name)
            del self.queues[name]

    def purge(self, name: str) -> None:
        """Drop every task. Those being delivered come to their end, but are not repeated."""
        with self.changed:
            state = self.queues[name]
            self._storage.delete_tasks_of(name)
            state.tasks.clear()
            state.waiting.clear()

    def add_task(self, message: Any, due: float) -> None:
        with self.changed:
            entry = TaskEntry(message, due)
            self._storage.put_task(entry)
            self._enqueue(self.queues[entry.queue], entry)
            self.changed.notify_all()

    def delete_task(self, entry: TaskEntry) -> None:
        """Forget a task; its name stays blocked for a day."""
        with self.changed:
            self.queues[entry.queue].tasks.pop(entry.name, None)
            self._storage.delete_task(entry.name, self._clock() + NAME_BLOCKED_SECONDS)

    def name_is_blocked(self, name: str) -> bool:
        return self._storage.is_used(name, self._clock())

    def run_now(self, entry: TaskEntry) -> None:
        """Deliver at once, past every limit and though the queue be paused (RunTask)."""
        with self.changed:
            if not entry.in_flight:
                self._deliver_in_background(self.queues[entry.queue], entry)

    def _add(self, message: Any) -> QueueState:
        rate = float(message.rate_limits.max_dispatches_per_second)
        state = QueueState(message, TokenBucket.full(rate, self._clock()))
        self.queues[message.name] = state
        return state

    def _enqueue(self, state: QueueState, entry: TaskEntry) -> None:
        state.tasks[entry.name] = entry
        heapq.heappush(state.waiting, (entry.due, next(self._arrivals), entry.name))

    def _dispatch(self) -> None:
        """The dispatcher: sleeps until something is due or changed, never polls."""
        with self.changed:
            while not self._stopping:
                waits = [self._dispatch_due(state) for state in self.queues.values()]
                self.changed.wait(min((wait for wait in waits if wait is not None), default=None))

    def _dispatch_due(self, state: QueueState) -> float | None:
        """Deliver what is due and allowed; the seconds until something may be, None until a change."""
        while state.waiting and not state.paused:
            due, _, name = state.waiting[0]
            entry = state.tasks.get(name)
            if entry is None or entry.in_flight or entry.due != due:
                heapq.heappop(state.waiting)
                continue
            if state.in_flight >= state.message.rate_limits.max_concurrent_dispatches:
                return None
            now = self._clock()
            if due > now:
                return due - now
            wait = state.bucket.take(now)
            if wait > 0:
                return wait
            heapq.heappop(state.waiting)
            self._deliver_in_background(state, entry)
        return None

    def _deliver_in_background(self, state: QueueState, entry: TaskEntry) -> None:
        entry.in_flight = True
        state.in_flight += 1
        dispatched_at = self._clock()
        attempt = entry.message.last_attempt
        attempt.Clear()
        model.set_timestamp(attempt.schedule_time, entry.due)
        model.set_timestamp(attempt.dispatch_time, dispatched_at)
        if not entry.message.HasField("first_attempt"):
            model.set_timestamp(entry.message.first_attempt.dispatch_time, dispatched_at)
        headers = self._headers(entry)
        entry.message.dispatch_count += 1
        self._pool.submit(self._deliver, state, entry, headers)

    def _headers(self, entry: TaskEntry) -> dict[str, str]:
        """The client's headers, and those that Cloud Tasks adds (recorded from the real service)."""
        request = entry.message.http_request
        headers = dict(request.headers) | {
            "User-Agent": "Google-Cloud-Tasks",
            "X-CloudTasks-QueueName": entry.queue.rpartition("/")[2],
            "X-CloudTasks-TaskName": entry.name.rpartition("/")[2],
            "X-CloudTasks-TaskRetryCount": str(entry.message.dispatch_count),
            "X-CloudTasks-TaskExecutionCount": str(entry.executions),
            "X-CloudTasks-TaskETA": f"{entry.due:.6f}",
        }
        if entry.previous:
            headers |= {"X-CloudTasks-TaskPreviousResponse": str(entry.previous), "X-CloudTasks-TaskRetryReason": ""}
        if request.HasField("oidc_token"):
            audience = request.oidc_token.audience or request.url
            token = self._signer.token(request.oidc_token.service_account_email, audience)
            headers["Authorization"] = f"Bearer {token}"
        return headers

    def _deliver(self, state: QueueState, entry: TaskEntry, headers: dict[str, str]) -> None:
        status, retry_after = self._request(entry.message, headers)
        with self.changed:
            entry.in_flight = False
            state.in_flight -= 1
            if not self._stopping:
                self._settle(state, entry, status, retry_after)
                self.changed.notify_all()

    def _request(self, message: Any, headers: dict[str, str]) -> tuple[int, float]:
        """One HTTP delivery: its status (504 past the deadline, 503 without a connection) and Retry-After."""
        request = message.http_request
        session = getattr(self._sessions, "session", None)
        if session is None:
            session = self._sessions.session = requests.Session()
            session.trust_env = False
            session.headers.clear()  # nothing is added to what the task says, no Content-Type either
        try:
            answer = session.request(
                tasks_v2.HttpMethod(request.http_method or tasks_v2.HttpMethod.POST).name,
                request.url,
                data=request.body,
                headers=headers,
                timeout=(CONNECT_SECONDS, model.seconds(message.dispatch_deadline)),
                allow_redirects=False,
            )
        except requests.ReadTimeout:
            return 504, 0.0
        except (requests.RequestException, ValueError):
            return 503, 0.0
        after = answer.headers.get("Retry-After", "")
        return answer.status_code, float(after) if after.isdigit() else 0.0

    def _settle(self, state: QueueState, entry: TaskEntry, status: int, retry_after: float) -> None:
        """Only 2xx is a success. All else is repeated after the backoff, until both limits are used up."""
        now = self._clock()
        message = entry.message
        success = 200 <= status < 300
        if state.message.name in self.queues:
            limit = state.rate
            if status in (429, 503):
                state.bucket.change_rate(model.slower(state.bucket.rate), now)
            elif success and state.bucket.rate < limit:
                state.bucket.change_rate(model.faster(state.bucket.rate, limit), now)
        if entry.name not in state.tasks:
            return  # deleted or purged meanwhile
        if success:
            self.delete_task(entry)
            return
        message.response_count += 1
        model.set_timestamp(message.last_attempt.response_time, now)
        message.last_attempt.response_status.code = model.RPC_CODE_OF_STATUS.get(status, 2)
        message.last_attempt.response_status.message = f"HTTP status code {status}"
        entry.previous = status
        entry.executions += status < 500
        retry = state.message.retry_config
        age = now - message.first_attempt.dispatch_time.ToNanoseconds() / 1e9
        if model.gives_up(message.dispatch_count, age, retry.max_attempts, model.seconds(retry.max_retry_duration)):
            self.delete_task(entry)
            return
        wait = model.backoff(
            message.dispatch_count,
            model.seconds(retry.min_backoff),
            model.seconds(retry.max_backoff),
            retry.max_doublings,
        )
        entry.due = now + max(wait, retry_after)
        model.set_timestamp(message.schedule_time, entry.due)
        self._storage.put_task(entry)
        heapq.heappush(state.waiting, (entry.due, next(self._arrivals), entry.name))
