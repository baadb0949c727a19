"""The engine: which task is delivered when, and what becomes of it. Knows nothing of the wire that clients use."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from bisect import bisect_left, insort
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import requests
from google.cloud import tasks_v2
from requests.structures import CaseInsensitiveDict

from infra.local.cloud_tasks_emulator import model, targets
from infra.local.cloud_tasks_emulator.model import TaskEntry, TokenBucket
from infra.local.cloud_tasks_emulator.oidc import Signer
from infra.local.cloud_tasks_emulator.storage import Storage

NAME_BLOCKED_SECONDS = 24 * 3600.0
MOST_DELIVERIES = 5000
"""Threads, made as they are needed, one per delivery in flight: the most that a queue may have at once."""
CONNECT_SECONDS = 5.0
READ_BYTES = 65_536
COUNTED_SECONDS = 60.0
"""How far back QueueStats.executed_last_minute_count looks."""
RESERVED_HEADERS = ("host", "content-length", "user-agent", "x-google-", "x-appengine-", "x-cloudtasks-")
"""What a task says of these (or of names that begin so) is ignored or replaced (HttpRequest.headers)."""


@dataclass
class QueueState:
    """A queue with what the engine knows of it beside its message."""

    message: Any
    bucket: TokenBucket
    tasks: dict[str, TaskEntry] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    """Those of the tasks, sorted: a page costs the same however many wait."""
    waiting: list[tuple[float, int, str]] = field(default_factory=list)
    """A heap of (due, arrival, name). An entry whose task is gone, in flight or due at another time is stale."""
    in_flight: int = 0
    replies: deque[float] = field(default_factory=deque)
    """When deliveries of the last minute came to their end."""
    attempts: Counter[int] = field(default_factory=Counter)
    """How many have come to their end since the process began, by status."""

    def put(self, entry: TaskEntry) -> None:
        if entry.name not in self.tasks:
            insort(self.names, entry.name)
        self.tasks[entry.name] = entry

    def drop(self, name: str) -> None:
        if self.tasks.pop(name, None) is not None:
            del self.names[bisect_left(self.names, name)]

    def clear(self) -> None:
        self.tasks.clear()
        self.names.clear()
        self.waiting.clear()

    @property
    def paused(self) -> bool:
        return bool(self.message.state != tasks_v2.Queue.State.RUNNING)

    @property
    def rate(self) -> float:
        return float(self.message.rate_limits.max_dispatches_per_second)

    def replied(self, now: float) -> int:
        """How many deliveries came to their end in the last minute."""
        while self.replies and self.replies[0] <= now - COUNTED_SECONDS:
            self.replies.popleft()
        return len(self.replies)


class Answer(NamedTuple):
    """What came of one HTTP delivery."""

    status: int
    """504 past the deadline and 503 without a connection, where nothing was answered."""
    answered: bool
    retry_after: float


class Engine:
    """Threads and time. Whoever reads or changes ``queues`` holds ``changed``."""

    def __init__(self, storage: Storage, signer: Signer, clock: Callable[[], float] = time.time) -> None:
        self._storage = storage
        self._signer = signer
        self._clock = clock
        self.changed = threading.Condition(threading.RLock())
        """Notified when the dispatcher should look again."""
        self.queues: dict[str, QueueState] = {}
        self._arrivals = itertools.count()
        self._stopping = False
        self._pool = ThreadPoolExecutor(MOST_DELIVERIES, thread_name_prefix="delivery")
        self._sessions = threading.local()
        self._dispatcher = threading.Thread(target=self._dispatch, name="dispatcher", daemon=True)

    def load(self) -> None:
        """Take up what was kept. What was being delivered when the last process ended is due again."""
        with self.changed:
            self._storage.forget_used_names(self._clock())
            for message in self._storage.queues():
                self._add(message)
            for entry in self._storage.tasks():
                self._enqueue(self.queues[entry.queue], entry)

    def start(self) -> None:
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
                if state.rate != state.bucket.limit:
                    state.bucket = state.bucket.limited(state.rate, self._clock())
            self.changed.notify_all()
            return state

    def delete_queue(self, name: str) -> None:
        with self.changed:
            self._storage.delete_queue(name, self._clock() + NAME_BLOCKED_SECONDS)
            self.queues.pop(name).clear()

    def purge(self, name: str) -> None:
        """Drop every task. Those being delivered come to their end, but are not repeated."""
        with self.changed:
            state = self.queues[name]
            self._storage.delete_tasks_of(name, self._clock() + NAME_BLOCKED_SECONDS)
            state.clear()

    def add_task(self, message: Any) -> None:
        """Deliver it at its ``schedule_time``."""
        with self.changed:
            entry = TaskEntry(message, model.moment(message.schedule_time))
            self._storage.put_task(entry)
            self._enqueue(self.queues[entry.queue], entry)
            self.changed.notify_all()

    def delete_task(self, entry: TaskEntry) -> None:
        """Forget a task; its name stays blocked for a day."""
        with self.changed:
            self._storage.delete_task(entry.name, self._clock() + NAME_BLOCKED_SECONDS)
            self.queues[entry.queue].drop(entry.name)

    def name_is_blocked(self, name: str) -> bool:
        return self._storage.is_used(name, self._clock())

    def run_now(self, entry: TaskEntry) -> None:
        """Deliver at once: past every limit, though the queue be paused, and even beside another delivery (RunTask)."""
        with self.changed:
            self._deliver_in_background(self.queues[entry.queue], entry, run_at=self._clock())

    def _add(self, message: Any) -> QueueState:
        rate = float(message.rate_limits.max_dispatches_per_second)
        state = QueueState(message, TokenBucket.full(rate, self._clock()))
        self.queues[message.name] = state
        return state

    def _enqueue(self, state: QueueState, entry: TaskEntry) -> None:
        state.put(entry)
        heapq.heappush(state.waiting, (entry.due, next(self._arrivals), entry.name))

    def _dispatch(self) -> None:
        """The dispatcher: sleeps until something is due or changed, never polls."""
        with self.changed:
            while not self._stopping:
                waits = [self._dispatch_due(state) for state in self.queues.values()]
                self.changed.wait(min([threading.TIMEOUT_MAX, *(wait for wait in waits if wait is not None)]))

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
            state.bucket, wait = state.bucket.taken(now)
            if wait > 0:
                return wait
            heapq.heappop(state.waiting)
            self._deliver_in_background(state, entry)
        return None

    def _deliver_in_background(self, state: QueueState, entry: TaskEntry, run_at: float | None = None) -> None:
        """``run_at`` is when RunTask was called: a retry after it is counted from there."""
        entry.in_flight += 1
        state.in_flight += 1
        message = entry.message
        request = targets.targeted(message.http_request, state.message.http_target)
        headers = _headers(entry, request)
        dispatched_at = self._clock()
        message.last_attempt.Clear()
        model.set_timestamp(message.last_attempt.schedule_time, entry.due)
        model.set_timestamp(message.last_attempt.dispatch_time, dispatched_at)
        if not message.HasField("first_attempt"):
            model.set_timestamp(message.first_attempt.dispatch_time, dispatched_at)
        message.dispatch_count += 1
        self._storage.put_task(entry)  # so that a delivery repeated after a crash counts as a retry
        delivery = self._pool.submit(self._deliver, state, entry, request, headers, run_at)
        delivery.add_done_callback(Future.result)  # an error of our own is logged, not swallowed

    def _deliver(
        self,
        state: QueueState,
        entry: TaskEntry,
        request: Any,
        headers: CaseInsensitiveDict[str],
        run_at: float | None,
    ) -> None:
        answer = self._request(request, headers, model.seconds(entry.message.dispatch_deadline))
        with self.changed:
            entry.in_flight -= 1
            state.in_flight -= 1
            if not self._stopping:
                self._settle(state, entry, answer, run_at)
                self.changed.notify_all()

    def _request(self, request: Any, headers: CaseInsensitiveDict[str], deadline: float) -> Answer:
        """One HTTP delivery, cancelled when the dispatch ``deadline`` (seconds) is over."""
        until = time.monotonic() + deadline
        if request.HasField("oidc_token"):
            audience = request.oidc_token.audience or request.url
            headers["Authorization"] = (
                f"Bearer {self._signer.token(request.oidc_token.service_account_email, audience)}"
            )
        try:
            with self._session().request(
                tasks_v2.HttpMethod(request.http_method).name,
                request.url,
                data=request.body,
                headers=headers,
                timeout=(CONNECT_SECONDS, deadline),
                allow_redirects=False,
                stream=True,
            ) as response:
                for _ in response.iter_content(READ_BYTES):  # the time-out is one for each read, not for all of them
                    if time.monotonic() > until:
                        return Answer(504, answered=False, retry_after=0.0)
                after = model.retry_after(response.headers.get("Retry-After", ""), self._clock())
                return Answer(response.status_code, answered=True, retry_after=after)
        except (requests.RequestException, ValueError):  # ValueError: a URL or header that no request can carry
            return Answer(504 if time.monotonic() >= until else 503, answered=False, retry_after=0.0)

    def _session(self) -> requests.Session:
        """This thread's own, so that its connections are kept open from one delivery to the next."""
        session: requests.Session | None = getattr(self._sessions, "session", None)
        if session is None:
            session = self._sessions.session = requests.Session()
            session.trust_env = False
            session.headers.clear()  # nothing is added to what the task says, no Content-Type either
        return session

    def _settle(self, state: QueueState, entry: TaskEntry, answer: Answer, run_at: float | None) -> None:
        """Only 2xx is a success. All else is repeated after the backoff, until both limits are used up."""
        now = self._clock()
        state.replied(now)
        state.replies.append(now)
        state.attempts[answer.status] += 1
        if answer.status in (429, 503):
            state.bucket = state.bucket.slowed(now)
        if state.tasks.get(entry.name) is not entry:
            return  # deleted, purged, or done by another delivery meanwhile
        if 200 <= answer.status < 300:
            self.delete_task(entry)
            return
        message = entry.message
        message.response_count += answer.answered
        model.set_timestamp(message.last_attempt.response_time, now)
        status = message.last_attempt.response_status
        status.code, status.message = model.attempt_status(answer.status)
        entry.previous = answer.status
        entry.executions += answer.status < 500
        retry = state.message.retry_config
        age = now - model.moment(message.first_attempt.dispatch_time)
        if model.gives_up(message.dispatch_count, age, retry.max_attempts, model.seconds(retry.max_retry_duration)):
            self.delete_task(entry)
            return
        wait = model.retry_wait(
            message.dispatch_count,
            answer.retry_after,
            model.seconds(retry.min_backoff),
            model.seconds(retry.max_backoff),
            retry.max_doublings,
        )
        model.set_timestamp(message.schedule_time, (now if run_at is None else run_at) + wait)
        entry.due = model.moment(message.schedule_time)
        self._storage.put_task(entry)
        self._enqueue(state, entry)


def _headers(entry: TaskEntry, request: Any) -> CaseInsensitiveDict[str]:
    """The task's own, and those that Cloud Tasks adds (recorded from the real service)."""
    headers = CaseInsensitiveDict[str](
        (name, value) for name, value in request.headers.items() if not name.lower().startswith(RESERVED_HEADERS)
    )
    headers["User-Agent"] = "Google-Cloud-Tasks"
    headers["X-CloudTasks-QueueName"] = entry.queue.rpartition("/")[2]
    headers["X-CloudTasks-TaskName"] = entry.name.rpartition("/")[2]
    headers["X-CloudTasks-TaskRetryCount"] = str(entry.message.dispatch_count)
    headers["X-CloudTasks-TaskExecutionCount"] = str(entry.executions)
    headers["X-CloudTasks-TaskETA"] = f"{entry.due:.6f}"
    if entry.previous:
        headers["X-CloudTasks-TaskPreviousResponse"] = str(entry.previous)
        headers["X-CloudTasks-TaskRetryReason"] = ""
    return headers
