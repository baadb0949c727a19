"""Cloud Tasks v2 over REST, as `gcloud` and other clients speak it, and the keys that sign the tickets' tokens."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from typing import Any

from google.cloud import tasks_v2
from google.protobuf import json_format
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server
from werkzeug.wrappers import Request, Response

from infra.local.cloud_tasks_emulator.oidc import Signer
from infra.local.cloud_tasks_emulator.service import CloudTasks, CloudTasksError

HTTP_STATUS = {"INVALID_ARGUMENT": 400, "FAILED_PRECONDITION": 400, "NOT_FOUND": 404, "ALREADY_EXISTS": 409}
LOCATION = r"(?P<parent>projects/[^/]+/locations/[^/]+)"
QUEUE = r"(?P<queue>projects/[^/]+/locations/[^/]+/queues/[^/:]+)"
TASK = r"(?P<task>projects/[^/]+/locations/[^/]+/queues/[^/:]+/tasks/[^/:]+)"

Call = Callable[[dict[str, str], dict[str, str], dict[str, Any]], Any]
"""(names from the path, query, body) -> the answer's message."""


class RestApi:
    def __init__(self, tasks: CloudTasks, signer: Signer) -> None:
        self._tasks = tasks
        self._signer = signer
        self._routes: list[tuple[str, re.Pattern[str], Call]] = [
            (method, re.compile(f"/v2/{pattern}"), call)
            for method, pattern, call in (
                ("GET", f"{LOCATION}/queues", self._list_queues),
                ("POST", f"{LOCATION}/queues", self._create_queue),
                ("GET", QUEUE, lambda n, _q, _b: tasks.get_queue(_made(tasks_v2.GetQueueRequest, name=n["queue"]))),
                ("PATCH", QUEUE, self._update_queue),
                (
                    "DELETE",
                    QUEUE,
                    lambda n, _q, _b: tasks.delete_queue(_made(tasks_v2.DeleteQueueRequest, name=n["queue"])),
                ),
                (
                    "POST",
                    f"{QUEUE}:purge",
                    lambda n, _q, _b: tasks.purge_queue(_made(tasks_v2.PurgeQueueRequest, name=n["queue"])),
                ),
                (
                    "POST",
                    f"{QUEUE}:pause",
                    lambda n, _q, _b: tasks.pause_queue(_made(tasks_v2.PauseQueueRequest, name=n["queue"])),
                ),
                (
                    "POST",
                    f"{QUEUE}:resume",
                    lambda n, _q, _b: tasks.resume_queue(_made(tasks_v2.ResumeQueueRequest, name=n["queue"])),
                ),
                ("GET", f"{QUEUE}/tasks", self._list_tasks),
                ("POST", f"{QUEUE}/tasks", self._create_task),
                ("GET", TASK, self._get_task),
                (
                    "DELETE",
                    TASK,
                    lambda n, _q, _b: tasks.delete_task(_made(tasks_v2.DeleteTaskRequest, name=n["task"])),
                ),
                (
                    "POST",
                    f"{TASK}:run",
                    lambda n, _q, b: tasks.run_task(_read(tasks_v2.RunTaskRequest, {**b, "name": n["task"]})),
                ),
            )
        ]

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        request = Request(environ)
        return self._answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.path == "/oauth2/v3/certs" and request.method == "GET":
            return _json(200, self._signer.jwks())
        try:
            body = json.loads(request.get_data() or b"{}")
            if not isinstance(body, dict):
                raise ValueError("not an object")
        except ValueError:
            return _error(400, "INVALID_ARGUMENT", "Invalid JSON payload received.")
        for method, pattern, call in self._routes:
            match = pattern.fullmatch(request.path)
            if match is None or method != request.method:
                continue
            try:
                message = call(match.groupdict(), request.args.to_dict(), body)
            except CloudTasksError as error:
                return _error(HTTP_STATUS[error.code], error.code, str(error))
            except (json_format.ParseError, ValueError) as error:
                return _error(400, "INVALID_ARGUMENT", f"Invalid value: {error}")
            return _json(200, self._written(message, request))
        return _error(404, "NOT_FOUND", "The requested URL was not found on this server.")

    def _written(self, message: Any, request: Request) -> dict[str, Any]:
        integers = "enum-encoding=int" in request.args.get("$alt", "")
        written = json_format.MessageToDict(message, use_integers_for_enums=integers)
        if request.method == "GET" and message.DESCRIPTOR.name == "Queue":
            written["stats"] = self._tasks.stats(message.name)
        return written

    def _list_queues(self, names: dict[str, str], query: dict[str, str], _body: dict[str, Any]) -> Any:
        return self._tasks.list_queues(_read(tasks_v2.ListQueuesRequest, {"parent": names["parent"], **_paging(query)}))

    def _create_queue(self, names: dict[str, str], _query: dict[str, str], body: dict[str, Any]) -> Any:
        return self._tasks.create_queue(_read(tasks_v2.CreateQueueRequest, {"parent": names["parent"], "queue": body}))

    def _update_queue(self, names: dict[str, str], query: dict[str, str], body: dict[str, Any]) -> Any:
        given: dict[str, Any] = {"queue": {**body, "name": names["queue"]}}
        if query.get("updateMask"):
            given["updateMask"] = query["updateMask"]
        return self._tasks.update_queue(_read(tasks_v2.UpdateQueueRequest, given))

    def _list_tasks(self, names: dict[str, str], query: dict[str, str], _body: dict[str, Any]) -> Any:
        given = {"parent": names["queue"], **_paging(query), **_response_view(query)}
        return self._tasks.list_tasks(_read(tasks_v2.ListTasksRequest, given))

    def _create_task(self, names: dict[str, str], _query: dict[str, str], body: dict[str, Any]) -> Any:
        return self._tasks.create_task(_read(tasks_v2.CreateTaskRequest, {**body, "parent": names["queue"]}))

    def _get_task(self, names: dict[str, str], query: dict[str, str], _body: dict[str, Any]) -> Any:
        return self._tasks.get_task(_read(tasks_v2.GetTaskRequest, {"name": names["task"], **_response_view(query)}))


def serve(tasks: CloudTasks, signer: Signer, port: int) -> tuple[BaseWSGIServer, int]:
    """A started server on 127.0.0.1 and its port. Raises OSError where the port is taken."""
    server = make_server("127.0.0.1", port, RestApi(tasks, signer), threaded=True, request_handler=_Quiet)
    threading.Thread(target=server.serve_forever, name="rest", daemon=True).start()
    return server, server.server_port


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Nothing: a person looks at the queues, not at who asked for them."""


def _made(kind: Any, **fields: Any) -> Any:
    return kind.pb()(**fields)


def _read(kind: Any, given: dict[str, Any]) -> Any:
    return json_format.ParseDict(given, kind.pb()(), ignore_unknown_fields=True)


def _paging(query: dict[str, str]) -> dict[str, Any]:
    return {name: query[name] for name in ("pageSize", "pageToken") if query.get(name)}


def _response_view(query: dict[str, str]) -> dict[str, Any]:
    view = query.get("responseView")
    return {} if not view else {"responseView": int(view) if view.isdigit() else view}


def _json(status: int, body: dict[str, Any]) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json")


def _error(status: int, code: str, message: str) -> Response:
    return _json(status, {"error": {"code": status, "message": message, "status": code}})
