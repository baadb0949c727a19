"""The operations of Cloud Tasks v2 over the engine: names, validation, views, pages. One for both wires.

Each takes the published request message and returns the published answer; what is wrong is a CloudTasksError with
Google's code and, where it is known, Google's text. ``operations`` is the one table of them, by the name of the rpc.
"""

from __future__ import annotations

import base64
import re
import uuid
from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from google.cloud import tasks_v2
from google.protobuf import empty_pb2, timestamp_pb2

from infra.local.cloud_tasks_emulator import model, targets
from infra.local.cloud_tasks_emulator.engine import Engine, QueueState
from infra.local.cloud_tasks_emulator.model import QueueMessage, RpcCode, TaskEntry

QUEUE_NAME = re.compile(r"projects/[A-Za-z0-9:._-]+/locations/[a-z0-9-]+/queues/[A-Za-z0-9-]{1,100}")
PARENT_NAME = re.compile(r"projects/[A-Za-z0-9:._-]+/locations/[a-z0-9-]+")
TASK_ID = re.compile(r"[A-Za-z0-9_-]{1,500}")
MAX_TASK_BYTES = 1_048_569
MAX_URL_CHARACTERS = 2083
MAX_HEADER_BYTES = 80 * 1024
MAX_SCHEDULE_SECONDS = 30 * 24 * 3600.0
MAX_RATE = 500.0
MAX_CONCURRENCY = 5000
PAGE_SIZE = 1000

NO_QUEUE = "Queue does not exist. If you just created the queue, wait at least a minute for the queue to initialize."
NO_TASK = "Requested entity was not found."
TASK_WAS = (
    "The task no longer exists, though a task with this name existed recently. "
    "The task either successfully completed or was deleted."
)
QUEUE_FORMAT = 'Queue name must be formatted: "projects/<PROJECT_ID>/locations/<LOCATION_ID>/queues/<QUEUE_ID>"'


Operation = tuple[Callable[[Any], Any], Any]
"""(from the request message to the answer's, the request message's type)"""


class CloudTasksError(Exception):
    """What Cloud Tasks refuses; ``str()`` of it is for the client."""

    def __init__(self, code: RpcCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class CloudTasks:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def operations(self) -> dict[str, Operation]:
        return {
            "ListQueues": (self.list_queues, tasks_v2.ListQueuesRequest.pb()),
            "GetQueue": (self.get_queue, tasks_v2.GetQueueRequest.pb()),
            "CreateQueue": (self.create_queue, tasks_v2.CreateQueueRequest.pb()),
            "UpdateQueue": (self.update_queue, tasks_v2.UpdateQueueRequest.pb()),
            "DeleteQueue": (self.delete_queue, tasks_v2.DeleteQueueRequest.pb()),
            "PurgeQueue": (self.purge_queue, tasks_v2.PurgeQueueRequest.pb()),
            "PauseQueue": (self.pause_queue, tasks_v2.PauseQueueRequest.pb()),
            "ResumeQueue": (self.resume_queue, tasks_v2.ResumeQueueRequest.pb()),
            "ListTasks": (self.list_tasks, tasks_v2.ListTasksRequest.pb()),
            "GetTask": (self.get_task, tasks_v2.GetTaskRequest.pb()),
            "CreateTask": (self.create_task, tasks_v2.CreateTaskRequest.pb()),
            "DeleteTask": (self.delete_task, tasks_v2.DeleteTaskRequest.pb()),
            "RunTask": (self.run_task, tasks_v2.RunTaskRequest.pb()),
        }

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
        require(PARENT_NAME.fullmatch(request.parent), "Invalid resource field value in the request.")
        require(QUEUE_NAME.fullmatch(queue.name), QUEUE_FORMAT)
        require(queue.name.startswith(f"{request.parent}/queues/"), "The queue name must match the parent.")
        _check_limits(queue)
        with self._engine.changed:
            if queue.name in self._engine.queues:
                raise CloudTasksError(RpcCode.ALREADY_EXISTS, "Queue already exists")
            _set_output_only(queue, None)
            return _copy(self._engine.put_queue(model.with_defaults(queue)).message)

    def update_queue(self, request: Any) -> Any:
        """Makes the queue where it is missing, as the real service does."""
        given = request.queue
        require(QUEUE_NAME.fullmatch(given.name), QUEUE_FORMAT)
        known_fields = request.update_mask.IsValidForDescriptor(QueueMessage.DESCRIPTOR)
        require(known_fields, "The update mask names an unknown field.")
        with self._engine.changed:
            known = self._engine.queues.get(given.name)
            changed = _copy(given)
            if request.update_mask.paths:
                changed = _copy(known.message) if known is not None else QueueMessage()
                request.update_mask.MergeMessage(given, changed, replace_message_field=True)
            _check_limits(changed)
            changed.name = given.name
            _set_output_only(changed, known.message if known is not None else None)
            return _copy(self._engine.put_queue(model.with_defaults(changed)).message)

    def delete_queue(self, request: Any) -> Any:
        with self._engine.changed:
            self._engine.delete_queue(self._queue(request.name).message.name)
        return empty_pb2.Empty()

    def purge_queue(self, request: Any) -> Any:
        with self._engine.changed:
            state = self._queue(request.name)
            self._engine.purge(request.name)
            model.set_timestamp(state.message.purge_time, self._engine.now())
            return _copy(self._engine.put_queue(state.message).message)

    def pause_queue(self, request: Any) -> Any:
        return self._set_state(request.name, tasks_v2.Queue.State.PAUSED)

    def resume_queue(self, request: Any) -> Any:
        return self._set_state(request.name, tasks_v2.Queue.State.RUNNING)

    def create_task(self, request: Any) -> Any:
        with self._engine.changed:
            self._queue(request.parent)
            now = self._engine.now()
            task = self._new_task(request, now)
            model.set_timestamp(task.schedule_time, max(now, model.moment(task.schedule_time)))
            self._engine.add_task(task)
            return _view(task, request.response_view)

    def get_task(self, request: Any) -> Any:
        with self._engine.changed:
            return _view(self._task(request.name).message, request.response_view)

    def list_tasks(self, request: Any) -> Any:
        with self._engine.changed:
            state = self._queue(request.parent)
            tasks = state.tasks
            names, token = _page(state.names, request.page_size, request.page_token)
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

    def buffer_task(self, queue: str, task_id: str, body: bytes, content_type: str) -> Any:
        """BufferTask: a task of the body alone, for a queue that says itself where its tasks go."""
        with self._engine.changed:
            request = targets.buffered(self._queue(queue).message.http_target, body, content_type)
            require(request is not None, "Queue.http_target.uri_override.host must be set to buffer a task.")
            task = tasks_v2.Task.pb()(http_request=request, name=f"{queue}/tasks/{task_id}" if task_id else "")
            return self.create_task(tasks_v2.CreateTaskRequest.pb()(parent=queue, task=task))

    def locations(self, project: str) -> set[str]:
        """Where the project has queues."""
        with self._engine.changed:
            return {name.split("/")[3] for name in self._engine.queues if name.startswith(f"{project}/")}

    def queues(self) -> list[str]:
        """The names of all queues of all projects."""
        with self._engine.changed:
            return sorted(self._engine.queues)

    def now(self) -> float:
        return self._engine.now()

    def stats(self, name: str) -> dict[str, Any]:
        """The QueueStats of v2beta3, in JSON; v2 has none.

        ``tasksCount`` includes what is in flight and what is scheduled for later.
        """
        with self._engine.changed:
            state = self._queue(name)
            dues = [entry.due for entry in state.tasks.values()]
            shown: dict[str, Any] = {
                "tasksCount": str(len(state.tasks)),
                "executedLastMinuteCount": str(state.replied(self._engine.now())),
                "concurrentDispatchesCount": str(state.in_flight),
                "effectiveExecutionRate": state.bucket.refilled(self._engine.now()).rate,
            }
            if dues:
                oldest = timestamp_pb2.Timestamp()
                model.set_timestamp(oldest, min(dues))
                shown["oldestEstimatedArrivalTime"] = oldest.ToJsonString()
            return shown

    def _queue(self, name: str) -> QueueState:
        state = self._engine.queues.get(name)
        if state is None:
            raise CloudTasksError(RpcCode.NOT_FOUND, NO_QUEUE)
        return state

    def _task(self, name: str) -> TaskEntry:
        state = self._engine.queues.get(name.rpartition("/tasks/")[0])
        entry = state.tasks.get(name) if state is not None else None
        if entry is None:
            existed = self._engine.name_is_blocked(name)
            raise CloudTasksError(RpcCode.NOT_FOUND, TASK_WAS if existed else NO_TASK)
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
        _check_request(task)
        ahead = model.moment(task.schedule_time) - now
        require(ahead <= MAX_SCHEDULE_SECONDS, "Task.scheduleTime must be at most 30 days in the future.")
        if task.HasField("dispatch_deadline"):
            deadline = model.seconds(task.dispatch_deadline)
            require(15 <= deadline <= 1800, "Task.dispatchDeadline must be between [15s, 30m].")
        else:
            task.dispatch_deadline.FromMicroseconds(int(model.DEFAULT_DEADLINE * 1e6))
        task.http_request.http_method = task.http_request.http_method or tasks_v2.HttpMethod.POST
        if task.name:
            self._require_new(task.name, request.parent)
        else:
            task.name = f"{request.parent}/tasks/{uuid.uuid4().int % 10**20}"
        task.create_time.FromSeconds(int(now))  # "will be truncated to the nearest second"
        require(task.ByteSize() <= MAX_TASK_BYTES, "Task size too large")
        return task

    def _require_new(self, name: str, queue: str) -> None:
        prefix = f"{queue}/tasks/"
        require(
            name.startswith(prefix) and TASK_ID.fullmatch(name.removeprefix(prefix)),
            f'Task name must be formatted: "{prefix}<TASK_ID>", TASK_ID being [A-Za-z0-9_-]{{1,500}}',
        )
        if name in self._engine.queues[queue].tasks:
            raise CloudTasksError(RpcCode.ALREADY_EXISTS, "Requested entity already exists")
        if self._engine.name_is_blocked(name):
            message = "The task cannot be created because a task with this name existed too recently."
            raise CloudTasksError(RpcCode.ALREADY_EXISTS, message)


def _check_request(task: Any) -> None:
    """What HttpRequest says of its fields, and what is refused because it could only be pretended."""
    require(task.HasField("http_request"), "Task.http_request must be set: the emulator has no other target.")
    request = task.http_request
    require(re.match(r"https?://[^/]", request.url), "HttpRequest.url must start with 'http://' or 'https://'.")
    require(len(request.url) <= MAX_URL_CHARACTERS, f"HttpRequest.url is longer than {MAX_URL_CHARACTERS} characters.")
    require(targets.is_url(request.url), "HttpRequest.url is not a valid URL.")
    methods = tasks_v2.HttpMethod
    with_body = (methods.HTTP_METHOD_UNSPECIFIED, methods.POST, methods.PUT, methods.PATCH)
    require(
        not request.body or request.http_method in with_body,
        "HttpRequest.body is allowed for POST, PUT and PATCH only.",
    )
    size = sum(len(name.encode()) + len(value.encode()) for name, value in request.headers.items())
    require(size < MAX_HEADER_BYTES, "HttpRequest.headers must be less than 80KB.")
    require(not request.HasField("oauth_token"), "HttpRequest.oauth_token: the emulator signs OIDC tokens only.")
    if request.HasField("oidc_token"):
        require(request.oidc_token.service_account_email, "OidcToken.service_account_email must be set.")


def _check_limits(queue: Any) -> None:
    limits = queue.rate_limits
    require(
        0 <= limits.max_dispatches_per_second <= MAX_RATE,
        "RateLimits.maxDispatchesPerSecond must be between 0 and 500.",
    )
    require(
        0 <= limits.max_concurrent_dispatches <= MAX_CONCURRENCY,
        "RateLimits.maxConcurrentDispatches must be between 0 and 5000.",
    )
    require(queue.retry_config.max_attempts >= -1, "RetryConfig.maxAttempts must be -1 or at least 1.")
    require(queue.retry_config.max_doublings >= 0, "RetryConfig.maxDoublings must not be negative.")
    for name in ("min_backoff", "max_backoff", "max_retry_duration"):
        require(model.seconds(getattr(queue.retry_config, name)) >= 0, f"RetryConfig.{name} must not be negative.")
    with_defaults = model.with_defaults(_copy(queue)).retry_config
    require(
        model.seconds(with_defaults.min_backoff) <= model.seconds(with_defaults.max_backoff),
        "RetryConfig.minBackoff must not be greater than RetryConfig.maxBackoff.",
    )


def _set_output_only(queue: Any, known: Any) -> None:
    """What no client may say of a queue: it stays as it is known, or as it is in a new one."""
    queue.state = tasks_v2.Queue.State.RUNNING if known is None else known.state
    queue.ClearField("purge_time")
    if known is not None and known.HasField("purge_time"):
        queue.purge_time.CopyFrom(known.purge_time)


def require(condition: object, message: str) -> None:
    if not condition:
        raise CloudTasksError(RpcCode.INVALID_ARGUMENT, message)


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
    """The next of the sorted ``names`` after ``token``, and the token of the page behind them."""
    require(size >= 0, "The page size must not be negative.")
    start = 0
    if token:
        try:
            last = base64.urlsafe_b64decode(token.encode()).decode()
        except ValueError:
            raise CloudTasksError(RpcCode.INVALID_ARGUMENT, "Invalid page token.") from None
        start = bisect_right(names, last)
    page = names[start : start + min(size or PAGE_SIZE, PAGE_SIZE)]
    more = len(names) > start + len(page)
    return page, base64.urlsafe_b64encode(page[-1].encode()).decode() if more else ""
