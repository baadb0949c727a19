"""Cloud Tasks v2 over gRPC: generic handlers over the published message types, no generated service code."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud import tasks_v2

from infra.local.cloud_tasks_emulator.service import CloudTasks, CloudTasksError

SERVICE = "google.cloud.tasks.v2.CloudTasks"
THREADS = 16


def serve(tasks: CloudTasks, port: int) -> tuple[grpc.Server, int]:
    """A started server on 127.0.0.1 and its port. Raises OSError where the port is taken."""
    requests: dict[str, tuple[Callable[[Any], Any], Any]] = {
        "ListQueues": (tasks.list_queues, tasks_v2.ListQueuesRequest),
        "GetQueue": (tasks.get_queue, tasks_v2.GetQueueRequest),
        "CreateQueue": (tasks.create_queue, tasks_v2.CreateQueueRequest),
        "UpdateQueue": (tasks.update_queue, tasks_v2.UpdateQueueRequest),
        "DeleteQueue": (tasks.delete_queue, tasks_v2.DeleteQueueRequest),
        "PurgeQueue": (tasks.purge_queue, tasks_v2.PurgeQueueRequest),
        "PauseQueue": (tasks.pause_queue, tasks_v2.PauseQueueRequest),
        "ResumeQueue": (tasks.resume_queue, tasks_v2.ResumeQueueRequest),
        "ListTasks": (tasks.list_tasks, tasks_v2.ListTasksRequest),
        "GetTask": (tasks.get_task, tasks_v2.GetTaskRequest),
        "CreateTask": (tasks.create_task, tasks_v2.CreateTaskRequest),
        "DeleteTask": (tasks.delete_task, tasks_v2.DeleteTaskRequest),
        "RunTask": (tasks.run_task, tasks_v2.RunTaskRequest),
    }
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(
            _answering(operation),
            request_deserializer=request.pb().FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )
        for name, (operation, request) in requests.items()
    }
    server = grpc.server(ThreadPoolExecutor(THREADS), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    try:
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
    except RuntimeError as error:
        raise OSError(f"port {port} is taken") from error
    server.start()
    return server, bound


def _answering(operation: Callable[[Any], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return operation(request)
        except CloudTasksError as error:
            context.abort(grpc.StatusCode[error.code], str(error))

    return answer
