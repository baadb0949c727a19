"""The operations of Cloud Tasks v2 over the engine: names, validation, views, pages. One for both wires.

Each takes the published request message and returns the published answer; what is wrong is a CloudTasksError with
Google's code and, where it is known, Google's text.
"""

from __future__ import annotations

import base64
import re
import uuid
from typing import Any

from google.cloud import tasks_v2
from google.protobuf import empty_pb2

from infra.local.cloud_tasks_emulator import model
from infra.local.cloud_tasks_emulator.engine import Engine, QueueState
from infra.local.cloud_tasks_emulator.model import QueueMessage, TaskEntry, TaskMessage

QUEUE_NAME = re.compile(r"projects/[A-Za-z0-9:._-]+/locations/[a-z0-9-]+/queues/[A-Za-z0-9-]{1,100}")
PARENT_NAME = re.compile(r"projects/[A-Za-z0-9:._-]+/locations/[a-z0-9-]+")
TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,500}")
MAX_TASK_BYTES = 1_048_569
MAX_URL_CHARACTERS = 2083
MAX_SCHEDULE_SECONDS = 30 * 24 * 3600.0
MAX_RATE = 500.0
MAX_CONCURRENCY = 5000
PAGE_SIZE = 1000

NOT_FOUND, ALREADY_EXISTS, INVALID_ARGUMENT, FAILED_PRECONDITION = (
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "INVALID_ARGUMENT",
    "FAILED_PRECONDITION",
)
ENTITY_NOT_FOUND = "Requested entity was not found."
NO_QUEUE = "Queue does not exist. If you just created the queue, wait at least a minute for the queue to initialize."


class CloudTasksError(Exception):
    """``code`` is the name of a google.rpc.Code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class CloudTasks:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def list_queues(self, request: Any) -> Any:
        with self._engine.changed:
            prefix = f"{request.parent}/queues/"
            found = sorted(name for name in self._engine.queues if name.startswith(prefix))
            names, token = _page(found, request.page_size, request.page_token)
            queues = [self._engine.queues[name].message for name in names]
        return tasks_v2.ListQueuesResponse.pb()(queues=queues, next_page_token=token)

    def get_queue(self, request: Any) -> Any:
        with self._engine.changed:
            return _copy(self._queue(request.name).message)

    def create_queue(self, request: Any) -> Any:
        queue = _copy(request.queue)
        _require(
            PARENT_NAME.fullmatch(request.parent), f'Invalid resource field value in the request: "{request.parent}"'
        )
        _require(QUEUE_NAME.fullmatch(queue.name), f'Queue name "{queue.name}" is not well formed.')
        _require(queue.name.startswith(f"{request.parent}/queues/"), "The queue name must match the parent.")
        _check_limits(queue)
        with self._engine.changed:
            if queue.name in self._engine.queues:
                raise CloudTasksError(ALREADY_EXISTS, "Queue already exists")
            queue.state = tasks_v2.Queue.State.RUNNING
            return _copy(self._engine.put_queue(model.with_defaults(queue)).message)

    def update_queue(self, request: Any) -> Any:
        """Makes the queue where it is missing, as the real service does."""
        given = request.queue
        _require(QUEUE_NAME.fullmatch(given.name), f'Queue name "{given.name}" is not well formed.')
        with self._engine.changed:
            known = self._engine.queues.get(given.name)
            changed = _copy(known.message) if known is not None else QueueMessage(name=given.name)
            if request.update_mask.paths:
                try:
                    request.update_mask.MergeMessage(given, changed, replace_message_field=True)
                except ValueError as error:
                    raise CloudTasksError(INVALID_ARGUMENT, f"Invalid update mask: {error}") from None
            else:
                changed.rate_limits.CopyFrom(given.rate_limits)
                changed.retry_config.CopyFrom(given.retry_config)
            changed.name = given.name
            changed.state = known.message.state if known is not None else tasks_v2.Queue.State.RUNNING
            _check_limits(changed)
            return _copy(self._engine.put_queue(model.with_defaults(changed)).message)

    def delete_queue(self, request: Any) -> Any:
        with self._engine.changed:
            self._engine.delete_queue(self._queue(request.name).message.name)
        return empty_pb2.Empty()

    def purge_queue(self, request: Any) -> Any:
        with self._engine.changed:
            state = self._queue(request.name)
            self._engine.purge(request.name)
            state.message.purge_time.FromNanoseconds(int(self._engine.now() * 1e9))
            return _copy(self._engine.put_queue(state.message).message)

    def pause_queue(self, request: Any) -> Any:
        return self._set_state(request.name, tasks_v2.Queue.State.PAUSED)

    def resume_queue(self, request: Any) -> Any:
        return self._set_state(request.name, tasks_v2.Queue.State.RUNNING)

    def create_task(self, request: Any) -> Any:
        with self._engine.changed:
            if request.parent not in self._engine.queues:
                raise CloudTasksError(NOT_FOUND, NO_QUEUE)
            now = self._engine.now()
            task = self._new_task(request, now)
            due = max(now, task.schedule_time.ToNanoseconds() / 1e9)
            model.set_timestamp(task.schedule_time, due)
            self._engine.add_task(task, due)
            return _view(task, request.response_view)

    def get_task(self, request: Any) -> Any:
        with self._engine.changed:
            return _view(self._task(request.name).message, request.response_view)

    def list_tasks(self, request: Any) -> Any:
        with self._engine.changed:
            tasks = self._queue(request.parent).tasks
            names, token = _page(sorted(tasks), request.page_size, request.page_token)
            shown = [_view(tasks[name].message, request.response_view) for name in names]
        return tasks_v2.ListTasksResponse.pb()(tasks=shown, next_page_token=token)

    def delete_task(self, request: Any) -> Any:
        with self._engine.changed:
            self._engine.delete_task(self._task(request.name))
        return empty_pb2.Empty()

    def run_task(self, request: Any) -> Any:
        with self._engine.changed:
            entry = self._task(request.name)
            self._engine.run_now(entry)
            return _view(entry.message, request.response_view)

    def stats(self, name: str) -> dict[str, Any]:
        """What v2beta3 tells of a queue, and a person wants to know: how much waits, since when, what is in flight."""
        with self._engine.changed:
            state = self._queue(name)
            dues = [entry.due for entry in state.tasks.values()]
            shown: dict[str, Any] = {
                "tasksCount": str(len(state.tasks)),
                "concurrentDispatchesCount": str(state.in_flight),
                "effectiveExecutionRate": state.bucket.rate,
            }
            if dues:
                moment = TaskMessage()
                model.set_timestamp(moment.schedule_time, min(dues))
                shown["oldestEstimatedArrivalTime"] = moment.schedule_time.ToJsonString()
            return shown

    def _queue(self, name: str) -> QueueState:
        state = self._engine.queues.get(name)
        if state is None:
            raise CloudTasksError(NOT_FOUND, ENTITY_NOT_FOUND)
        return state

    def _task(self, name: str) -> TaskEntry:
        state = self._engine.queues.get(name.rpartition("/tasks/")[0])
        entry = state.tasks.get(name) if state is not None else None
        if entry is None:
            raise CloudTasksError(NOT_FOUND, ENTITY_NOT_FOUND)
        return entry

    def _set_state(self, name: str, value: int) -> Any:
        with self._engine.changed:
            message = self._queue(name).message
            message.state = value
            return _copy(self._engine.put_queue(message).message)

    def _new_task(self, request: Any, now: float) -> Any:
        task = _copy(request.task)
        for output_only in ("create_time", "dispatch_count", "response_count", "first_attempt", "last_attempt", "view"):
            task.ClearField(output_only)
        _require(task.HasField("http_request"), "Task.http_request must be set: other targets are not emulated.")
        url = task.http_request.url
        _require(re.match(r"https?://[^/]", url), "HttpRequest.url must start with 'http://' or 'https://'.")
        _require(len(url) <= MAX_URL_CHARACTERS, f"HttpRequest.url must be at most {MAX_URL_CHARACTERS} characters.")
        _require(task.ByteSize() <= MAX_TASK_BYTES, f"Task size too large: at most {MAX_TASK_BYTES} bytes.")
        ahead = task.schedule_time.ToNanoseconds() / 1e9 - now
        _require(ahead <= MAX_SCHEDULE_SECONDS, "Task.scheduleTime must be within 30 days.")
        if task.HasField("dispatch_deadline"):
            deadline = model.seconds(task.dispatch_deadline)
            _require(15 <= deadline <= 1800, "Task.dispatchDeadline must be between [15s, 30m].")
        else:
            task.dispatch_deadline.FromMicroseconds(int(model.DEFAULT_DEADLINE * 1e6))
        prefix = f"{request.parent}/tasks/"
        if task.name:
            _require(
                task.name.startswith(prefix) and TASK_ID.fullmatch(task.name.removeprefix(prefix)),
                f'Task name must be formatted: "{prefix}[A-Za-z0-9_-]{{1,500}}"',
            )
            if task.name in self._engine.queues[request.parent].tasks:
                raise CloudTasksError(ALREADY_EXISTS, "Requested entity already exists")
            if self._engine.name_is_blocked(task.name):
                message = "The task cannot be created because a task with this name existed too recently."
                raise CloudTasksError(ALREADY_EXISTS, message)
        else:
            task.name = prefix + str(uuid.uuid4().int % 10**20)
        model.set_timestamp(task.create_time, now)
        return task


def _check_limits(queue: Any) -> None:
    limits = queue.rate_limits
    _require(
        0 <= limits.max_dispatches_per_second <= MAX_RATE,
        "RateLimits.maxDispatchesPerSecond must be between 0 and 500.",
    )
    _require(
        0 <= limits.max_concurrent_dispatches <= MAX_CONCURRENCY,
        "RateLimits.maxConcurrentDispatches must be between 0 and 5000.",
    )
    _require(queue.retry_config.max_attempts >= -1, "RetryConfig.maxAttempts must be -1 or at least 1.")
    _require(queue.retry_config.max_doublings >= 0, "RetryConfig.maxDoublings must not be negative.")
    for name in ("min_backoff", "max_backoff", "max_retry_duration"):
        _require(model.seconds(getattr(queue.retry_config, name)) >= 0, f"RetryConfig.{name} must not be negative.")


def _require(condition: object, message: str) -> None:
    if not condition:
        raise CloudTasksError(INVALID_ARGUMENT, message)


def _copy(message: Any) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def _view(task: Any, view: int) -> Any:
    """BASIC leaves out the body, which may be large or secret; it is the default."""
    shown = _copy(task)
    full = view == tasks_v2.Task.View.FULL
    shown.view = tasks_v2.Task.View.FULL if full else tasks_v2.Task.View.BASIC
    if not full:
        shown.http_request.ClearField("body")
    return shown


def _page(names: list[str], size: int, token: str) -> tuple[list[str], str]:
    """The next names after ``token`` and the token of the page behind them."""
    _require(size >= 0, "The page size must not be negative.")
    if token:
        try:
            last = base64.urlsafe_b64decode(token.encode()).decode()
        except ValueError:
            raise CloudTasksError(INVALID_ARGUMENT, "Invalid page token.") from None
        names = [name for name in names if name > last]
    page = names[: min(size or PAGE_SIZE, PAGE_SIZE)]
    more = len(names) > len(page)
    return page, base64.urlsafe_b64encode(page[-1].encode()).decode() if more else ""
