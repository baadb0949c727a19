"""CloudTasksTicketQueue: tickets on the queues `submit` and `run` of Cloud Tasks (or of the local emulator)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from google.api_core import exceptions, retry
from google.api_core.gapic_v1 import method, routing_header
from google.cloud import tasks_v2
from google.protobuf import duration_pb2, field_mask_pb2

from functions.domain.submission import RunType
from functions.ports import Unavailable

CreateTaskRequest = tasks_v2.CreateTaskRequest.pb()
POST = int(tasks_v2.HttpMethod.POST)
CALL_SECONDS = 5.0
LOOK_SECONDS = 1.0
"""Whether a queue is paused is asked while a slot is held: nobody may wait long for it."""
LIMIT_SECONDS = 2.0
"""A limit is changed while a slot is held, too, where it follows what a judge bears."""
RETRY = retry.Retry(
    predicate=retry.if_exception_type(exceptions.ServiceUnavailable, exceptions.ResourceExhausted),
    initial=0.05,
    maximum=1.0,
    timeout=CALL_SECONDS,
)


def local_client(address: str) -> tasks_v2.CloudTasksClient:
    """A client of the emulator: `api_endpoint` alone would try TLS, so the channel is made by hand."""
    import grpc
    from google.cloud.tasks_v2.services.cloud_tasks.transports import CloudTasksGrpcTransport

    return tasks_v2.CloudTasksClient(transport=CloudTasksGrpcTransport(channel=grpc.insecure_channel(address)))


class CloudTasksTicketQueue:
    """``handler_url`` is where the tickets are delivered, and the audience of the token that they carry.

    ``patient``: for operators, who hold no slot while they ask, over a connection that is still to be made.
    """

    def __init__(
        self,
        client: tasks_v2.CloudTasksClient,
        *,
        project: str,
        location: str,
        handler_url: str,
        service_account: str,
        dispatch_deadline_seconds: float,
        patient: bool = False,
    ) -> None:
        self._client = client
        self._look_seconds = CALL_SECONDS if patient else LOOK_SECONDS
        self._limit_seconds = CALL_SECONDS if patient else LIMIT_SECONDS
        self._queues = f"projects/{project}/locations/{location}/queues"
        self._handler_url = handler_url
        self._service_account = service_account
        self._deadline = duration_pb2.Duration(seconds=int(dispatch_deadline_seconds))
        self._create_task = _create_task(client)

    def enqueue(self, queue: RunType, submission_id: str, *, named: bool, traceparent: str | None = None) -> None:
        parent = f"{self._queues}/{queue}"
        request = CreateTaskRequest(parent=parent)
        task = request.task
        task.name = f"{parent}/tasks/{submission_id}" if named else ""
        task.dispatch_deadline.CopyFrom(self._deadline)
        sent = task.http_request
        sent.url = self._handler_url
        sent.http_method = POST
        sent.headers["Content-Type"] = "application/json"
        if traceparent is not None:
            sent.headers["traceparent"] = traceparent
        sent.body = json.dumps({"queue": str(queue), "submission_id": submission_id}).encode()
        sent.oidc_token.service_account_email = self._service_account
        sent.oidc_token.audience = self._handler_url
        where = routing_header.to_grpc_metadata((("parent", parent),))  # type: ignore[no-untyped-call]
        # already there means enqueued before: that is what was asked for
        with _told_plainly(), suppress(exceptions.AlreadyExists):
            self._create_task(request, metadata=(where,))

    def is_paused(self, queue: RunType) -> bool:
        with _told_plainly():
            found = self._client.get_queue(
                name=f"{self._queues}/{queue}",
                retry=RETRY.with_timeout(self._look_seconds),
                timeout=self._look_seconds,
            )
        return bool(found.state == tasks_v2.Queue.State.PAUSED)

    def has_tickets(self, queue: RunType) -> bool | None:
        """Whether any is in it, waiting or on its way; None where Cloud Tasks does not answer. For operators."""
        try:
            with _told_plainly():
                first = tasks_v2.ListTasksRequest(parent=f"{self._queues}/{queue}", page_size=1)
                return bool(self._client.list_tasks(first, timeout=CALL_SECONDS).tasks)
        except Unavailable:
            return None

    def pause(self, queue: RunType) -> None:
        """Deliver nothing more until it is resumed; for operators. Raises Unavailable."""
        with _told_plainly():
            self._client.pause_queue(name=f"{self._queues}/{queue}", timeout=CALL_SECONDS)

    def resume(self, queue: RunType) -> None:
        """Raises Unavailable."""
        with _told_plainly():
            self._client.resume_queue(name=f"{self._queues}/{queue}", timeout=CALL_SECONDS)

    def limit(self, queue: RunType, concurrent: int) -> None:
        """Raises Unavailable."""
        changed = tasks_v2.Queue(
            name=f"{self._queues}/{queue}", rate_limits=tasks_v2.RateLimits(max_concurrent_dispatches=concurrent)
        )
        mask = field_mask_pb2.FieldMask(paths=["rate_limits.max_concurrent_dispatches"])
        with _told_plainly():
            self._client.update_queue(queue=changed, update_mask=mask, timeout=self._limit_seconds)


def _create_task(client: tasks_v2.CloudTasksClient) -> Any:
    """The call that each submission costs, on plain messages: with the client's own objects it takes twice as long."""
    channel: Any = client.transport.grpc_channel  # type: ignore[attr-defined]
    call = channel.unary_unary(
        "/google.cloud.tasks.v2.CloudTasks/CreateTask",
        request_serializer=CreateTaskRequest.SerializeToString,
        response_deserializer=tasks_v2.Task.pb().FromString,
    )
    return method.wrap_method(call, default_retry=RETRY, default_timeout=CALL_SECONDS)  # type: ignore[no-untyped-call]


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Whatever Cloud Tasks refuses, also for a wrong setting: the submission is safe and the sweep tries again."""
    try:
        yield
    except (exceptions.GoogleAPICallError, exceptions.RetryError) as error:
        raise Unavailable(f"Cloud Tasks: {type(error).__name__}") from error
