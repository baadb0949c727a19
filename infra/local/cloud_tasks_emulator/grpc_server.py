"""Cloud Tasks v2 over gRPC: generic handlers over the published message types, no generated service code."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from infra.local.cloud_tasks_emulator.beside import SERVICE_OF
from infra.local.cloud_tasks_emulator.service import CloudTasksError, Operation

SERVICE = "google.cloud.tasks.v2.CloudTasks"
THREADS = 16


def serve(operations: Mapping[str, Operation], port: int) -> tuple[grpc.Server, int]:
    """A started server on 127.0.0.1 and its port. Raises OSError where the port is taken."""
    server = grpc.server(ThreadPoolExecutor(THREADS), options=[("grpc.so_reuseport", 0)])
    for service in {SERVICE, *SERVICE_OF.values()}:
        own = {name: each for name, each in operations.items() if SERVICE_OF.get(name, SERVICE) == service}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, _handlers(own)),))
    _require_free(port)
    try:
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
    except RuntimeError as error:
        raise OSError(str(error)) from error
    server.start()
    return server, bound


def _handlers(operations: Mapping[str, Operation]) -> dict[str, grpc.RpcMethodHandler]:
    return {
        name: grpc.unary_unary_rpc_method_handler(
            _answering(operation),
            request_deserializer=request.FromString,
            response_serializer=lambda message: message.SerializeToString(),
        )
        for name, (operation, request) in operations.items()
    }


def _require_free(port: int) -> None:
    """gRPC itself writes lines of its own to stderr about a port that is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", port))


def _answering(operation: Callable[[Any], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return operation(request)
        except CloudTasksError as error:
            context.abort(grpc.StatusCode[error.code.name], str(error))

    return answer
