"""Cloud Tasks v2 over REST, as `gcloud` and other clients speak it, and the keys that sign the tickets' tokens."""

from __future__ import annotations

import json
import re
import socket
import threading
from typing import Any, NamedTuple

from google.protobuf import json_format
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from infra.local.cloud_tasks_emulator.model import RpcCode
from infra.local.cloud_tasks_emulator.oidc import Signer
from infra.local.cloud_tasks_emulator.service import CloudTasks, CloudTasksError

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
)

HTTP_STATUS = {
    RpcCode.INVALID_ARGUMENT: 400,
    RpcCode.NOT_FOUND: 404,
    RpcCode.ALREADY_EXISTS: 409,
}


def serve(tasks: CloudTasks, signer: Signer, port: int) -> tuple[BaseWSGIServer, int]:
    """A started server on 127.0.0.1 and its port. Raises OSError where the port is taken."""
    with socket.socket() as listener:  # werkzeug itself would print its own lines and exit where the port is taken
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(socket.SOMAXCONN)
        port = listener.getsockname()[1]
        api = RestApi(tasks, signer)
        server = make_server("127.0.0.1", port, api, threaded=True, request_handler=_Quiet, fd=listener.fileno())
    threading.Thread(target=server.serve_forever, name="rest", daemon=True).start()
    return server, port


class RestApi:
    """A WSGI application."""

    def __init__(self, tasks: CloudTasks, signer: Signer) -> None:
        self._tasks = tasks
        self._operations = tasks.operations()
        self._signer = signer

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        return self._answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if (request.method, request.path) == ("GET", CERTS_PATH):
            return _json(200, self._signer.jwks())
        found = ((route, route.named(request.method, request.path)) for route in ROUTES)
        for route, name in found:
            if name is not None:
                return self._call(route, name, request)
        return _error(RpcCode.NOT_FOUND, "The requested URL was not found on this server.")

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
    target = given
    *outer, last = route.field.split(".")
    for field in outer:
        target = target[field]
    target[last] = name
    return json_format.ParseDict(given, kind())


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json")


def _error(code: RpcCode, message: str) -> Response:
    status = HTTP_STATUS[code]
    return _json(status, {"error": {"code": status, "message": message, "status": code.name}})
