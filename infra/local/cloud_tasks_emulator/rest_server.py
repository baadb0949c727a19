"""Cloud Tasks v2 over REST, as `gcloud` and other clients speak it, and the keys that sign the tickets' tokens."""

from __future__ import annotations

import base64
import json
import re
import socket
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from google.protobuf import json_format
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from infra.local.cloud_tasks_emulator.metrics import CONTENT_TYPE, Exposition
from infra.local.cloud_tasks_emulator.model import RpcCode
from infra.local.cloud_tasks_emulator.oidc import Signer
from infra.local.cloud_tasks_emulator.service import CloudTasks, CloudTasksError, Operation

PAGE = Path(__file__).with_name("page.html")
CERTS_PATH = "/oauth2/v3/certs"
LOCATION = r"projects/[^/]+/locations/[^/]+"
QUEUE = rf"{LOCATION}/queues/[^/:]+"
TASK = rf"{QUEUE}/tasks/[^/:]+"


class Route(NamedTuple):
    """One line of google.api.http: `GET /v2/{parent=LOCATION}/queues` is ListQueues."""

    method: str
    field: str
    """The field of the request message that the path names, ``.`` between levels."""
    resource: str
    suffix: str
    rpc: str
    body: str = ""
    """The field that the body is; ``*`` where the body's fields are the request's own."""

    def named(self, method: str, path: str) -> str | None:
        """The resource that a request's path names, or None where it is not for this route."""
        match = re.fullmatch(f"/v2/({self.resource}){self.suffix}", path)
        return match[1] if match and method == self.method else None


ROUTES = (
    Route("GET", "parent", LOCATION, "/queues", "ListQueues"),
    Route("POST", "parent", LOCATION, "/queues", "CreateQueue", body="queue"),
    Route("GET", "name", QUEUE, "", "GetQueue"),
    Route("PATCH", "queue.name", QUEUE, "", "UpdateQueue", body="queue"),
    Route("DELETE", "name", QUEUE, "", "DeleteQueue"),
    Route("POST", "name", QUEUE, ":purge", "PurgeQueue", body="*"),
    Route("POST", "name", QUEUE, ":pause", "PauseQueue", body="*"),
    Route("POST", "name", QUEUE, ":resume", "ResumeQueue", body="*"),
    Route("GET", "parent", QUEUE, "/tasks", "ListTasks"),
    Route("POST", "parent", QUEUE, "/tasks", "CreateTask", body="*"),
    Route("GET", "name", TASK, "", "GetTask"),
    Route("DELETE", "name", TASK, "", "DeleteTask"),
    Route("POST", "name", TASK, ":run", "RunTask", body="*"),
    Route("POST", "parent", QUEUE, "/tasks:batchCreate", "BatchCreateTasks", body="*"),
    Route("POST", "parent", QUEUE, "/tasks:batchDelete", "BatchDeleteTasks", body="*"),
    Route("POST", "resource", QUEUE, ":getIamPolicy", "GetIamPolicy", body="*"),
    Route("POST", "resource", QUEUE, ":setIamPolicy", "SetIamPolicy", body="*"),
    Route("POST", "resource", QUEUE, ":testIamPermissions", "TestIamPermissions", body="*"),
    Route("GET", "name", f"{LOCATION}/cmekConfig", "", "GetCmekConfig"),
    Route("PATCH", "cmek_config.name", f"{LOCATION}/cmekConfig", "", "UpdateCmekConfig", body="cmek_config"),
    Route("GET", "name", f"{LOCATION}/operations/[^/:]+", "", "GetOperation"),
    Route("GET", "name", LOCATION, "", "GetLocation"),
    Route("GET", "name", "projects/[^/]+", "/locations", "ListLocations"),
)

BUFFER = re.compile(rf"/v2/({QUEUE})/tasks(?:/([^/:]*))?:buffer")
"""No gRPC call: the body is the task's own, of whatever type."""

HTTP_STATUS = {
    RpcCode.INVALID_ARGUMENT: 400,
    RpcCode.NOT_FOUND: 404,
    RpcCode.ALREADY_EXISTS: 409,
    RpcCode.ABORTED: 409,
    RpcCode.PERMISSION_DENIED: 403,
}


def serve(
    tasks: CloudTasks, operations: Mapping[str, Operation], signer: Signer, metrics: Exposition, port: int
) -> tuple[BaseWSGIServer, int]:
    """A started server on 127.0.0.1 and its port. Raises OSError where the port is taken."""
    with socket.socket() as listener:  # werkzeug itself would print its own lines and exit where the port is taken
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(socket.SOMAXCONN)
        port = listener.getsockname()[1]
        api = RestApi(tasks, operations, signer, metrics)
        server = make_server("127.0.0.1", port, api, threaded=True, request_handler=_Quiet, fd=listener.fileno())
    threading.Thread(target=server.serve_forever, name="rest", daemon=True).start()
    return server, port


class RestApi:
    """A WSGI application."""

    def __init__(
        self, tasks: CloudTasks, operations: Mapping[str, Operation], signer: Signer, metrics: Exposition
    ) -> None:
        self._tasks = tasks
        self._operations = operations
        self._for_people: dict[str, Callable[[], Response]] = {
            CERTS_PATH: lambda: _json(200, signer.jwks()),
            "/": lambda: Response(PAGE.read_text(), mimetype="text/html"),
            "/queues": lambda: _json(200, {"queues": tasks.queues()}),
            "/metrics": lambda: Response(metrics(), content_type=CONTENT_TYPE),
        }

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        return self._answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.headers.get("Origin", request.host_url.rstrip("/")) != request.host_url.rstrip("/"):
            return _error(RpcCode.PERMISSION_DENIED, "A page from elsewhere may not ask here.")
        if request.method == "GET" and request.path in self._for_people:
            return self._for_people[request.path]()
        if request.method == "POST" and (buffer := BUFFER.fullmatch(request.path)):
            return self._buffer(buffer[1], buffer[2] or "", request)
        found = ((route, route.named(request.method, request.path)) for route in ROUTES)
        for route, name in found:
            if name is not None:
                return self._call(route, name, request)
        return _error(RpcCode.NOT_FOUND, "The requested URL was not found on this server.")

    def _buffer(self, queue: str, task_id: str, request: Request) -> Response:
        """`{"body": {"data": BASE64}}`, as generated clients send it, or the body itself."""
        try:
            body, content_type = _buffered(request)
            task = self._tasks.buffer_task(queue, task_id, body, content_type)
        except CloudTasksError as error:
            return _error(error.code, str(error))
        except ValueError as error:
            return _error(RpcCode.INVALID_ARGUMENT, f"Invalid JSON payload received. {error}")
        return _json(200, {"task": json_format.MessageToDict(task)})

    def _call(self, route: Route, name: str, request: Request) -> Response:
        operation, kind = self._operations[route.rpc]
        try:
            message = operation(_message(kind, route, name, request))
        except CloudTasksError as error:
            return _error(error.code, str(error))
        except (json_format.ParseError, ValueError) as error:
            return _error(RpcCode.INVALID_ARGUMENT, f"Invalid JSON payload received. {error}")
        integers = "enum-encoding=int" in request.args.get("$alt", "")
        written = json_format.MessageToDict(message, use_integers_for_enums=integers)
        if route.rpc == "GetQueue":
            written["stats"] = self._tasks.stats(name)
        return _json(200, written)


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: a person looks at the queues, not at who asked for them."""


def _message(kind: Any, route: Route, name: str, request: Request) -> Any:
    """The request message out of path, query and body. Raises ValueError or ParseError where they are none.

    A query also carries what is the wire's own (`alt`, `$alt`, `key`): only what is a field counts.
    """
    fields = {field.json_name for field in kind.DESCRIPTOR.fields}
    given: dict[str, Any] = {key: value for key, value in request.args.items() if key in fields and value}
    if route.body:
        body = json.loads(request.get_data() or b"{}")
        if not isinstance(body, dict):
            raise ValueError("It must be an object.")
        given |= body if route.body == "*" else {route.body: body}
    if isinstance(given.get("updateMask"), str):  # Google's servers take either spelling, protobuf's JSON only one
        given["updateMask"] = re.sub("_([a-z])", lambda found: found[1].upper(), given["updateMask"])
    target = given
    *outer, last = route.field.split(".")
    for field in outer:
        target = target[field]
    target[last] = name
    return json_format.ParseDict(given, kind())


def _buffered(request: Request) -> tuple[bytes, str]:
    """Body and content type of the task. Raises ValueError where an HttpBody's data is no base64."""
    sent = request.get_data()
    try:
        given = json.loads(sent or b"{}")
    except ValueError:
        return sent, request.mimetype
    if not isinstance(given, dict) or not given.keys() <= {"body"}:
        return sent, request.mimetype
    body = given.get("body") or {}
    if not isinstance(body, dict):
        raise ValueError("Its body must be an HttpBody.")
    return base64.b64decode(str(body.get("data", "")), validate=True), str(body.get("contentType", ""))


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json")


def _error(code: RpcCode, message: str) -> Response:
    status = HTTP_STATUS[code]
    return _json(status, {"error": {"code": status, "message": message, "status": code.name}})
