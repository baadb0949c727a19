"""Judge0's HTTP interface, by the rules of its app/controllers/submissions_controller.rb and models/submission.rb."""

import base64
import binascii
import hmac
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from infra.local.judge0_runner.about import MAX_SUBMISSION_BATCH_SIZE, Range, about
from infra.local.judge0_runner.judge import DESCRIPTIONS, Submission
from infra.local.judge0_runner.languages import Language
from infra.local.judge0_runner.queue import Queue, QueueFull, Record

#: The model's errors: attribute to messages, in the words of Rails.
Errors = dict[str, list[str]]


RANGES = {
    "number_of_runs": Range(1, 1, 20),
    "cpu_time_limit": Range(5.0, 0, 15.0),
    "cpu_extra_time": Range(1.0, 0, 5.0),
    "wall_time_limit": Range(10.0, 1, 20.0),
    "memory_limit": Range(128_000, 2048, 512_000),
    "stack_limit": Range(64_000, 0, 128_000),
    "max_processes_and_or_threads": Range(60, 1, 120),
    "max_file_size": Range(1024, 0, 4096),
}

#: Where Rails says "must be greater than 0" and not "greater than or equal to 1".
POSITIVE = ("number_of_runs", "max_processes_and_or_threads")

#: Columns of type decimal: JSON strings in Rails.
DECIMALS = ("time", "wall_time", "cpu_time_limit", "cpu_extra_time", "wall_time_limit")

#: Texts, encoded where base64 is asked for.
TEXTS = ("source_code", "stdin", "expected_output", "stdout", "stderr", "compile_output", "message")

#: db/schema.rb without `id`, then what serializers/submission_serializer.rb adds.
FIELDS = (
    "source_code",
    "language_id",
    "stdin",
    "expected_output",
    "stdout",
    "status_id",
    "created_at",
    "finished_at",
    "time",
    "memory",
    "stderr",
    "token",
    "number_of_runs",
    "cpu_time_limit",
    "cpu_extra_time",
    "wall_time_limit",
    "memory_limit",
    "stack_limit",
    "max_processes_and_or_threads",
    "enable_per_process_and_thread_time_limit",
    "enable_per_process_and_thread_memory_limit",
    "max_file_size",
    "compile_output",
    "exit_code",
    "exit_signal",
    "message",
    "wall_time",
    "compiler_options",
    "command_line_arguments",
    "redirect_stderr_to_stdout",
    "callback_url",
    "additional_files",
    "enable_network",
    "status",
    "language",
)

DEFAULT_FIELDS = ("stdout", "time", "memory", "stderr", "token", "compile_output", "message", "status")

#: What the runner leaves out, and answers as a Judge0 host does that has it switched off.
NOT_ALLOWED = {
    "callback_url": "setting callback is not allowed",
}


NOT_UTF8 = "some attributes for {} cannot be converted to UTF-8, use base64_encoded=true query parameter"


class UnknownFields(Exception):
    """The query's `fields` names some that a submission does not have; the message is Judge0's."""


class NotUtf8(Exception):
    """A text that cannot go into JSON as it is; Judge0 refuses every byte that is not ASCII."""


def create_app(
    languages: Sequence[Language], queue: Queue, max_queue_size: int, auth_token: str | None = None
) -> Flask:
    """The application; `auth_token` is asked for in the header X-Auth-Token of every request, if given."""
    app = Flask(__name__)
    by_id = {language.id: language for language in languages}

    @app.before_request
    def authenticate() -> Response | None:
        given = request.headers.get("X-Auth-Token", request.args.get("X-Auth-Token", ""))
        if auth_token is not None and not hmac.compare_digest(given.encode(), auth_token.encode()):
            return Response(status=401)
        return None

    @app.errorhandler(HTTPException)
    def http_error(error: HTTPException) -> Response:
        return _json({"status": error.code, "error": error.name}, error.code or 500)

    @app.errorhandler(UnknownFields)
    def unknown_fields(error: UnknownFields) -> Response:
        return _error(str(error), 400)

    @app.post("/submissions/batch")
    def create_batch() -> Response:
        items = _body().get("submissions")
        items = items if isinstance(items, list) else []
        number = len(items)
        if not queue.has_room_for(number or 1):
            return _queue_full()
        if number > MAX_SUBMISSION_BATCH_SIZE:
            return _error(
                f"number of submissions in a batch should be less than or equal to {MAX_SUBMISSION_BATCH_SIZE}", 400
            )
        if number == 0:
            return _error("there should be at least one submission in a batch", 400)
        parsed = [parse(item if isinstance(item, dict) else {}, _base64_asked(), by_id) for item in items]
        try:
            records = iter(queue.add([item for item in parsed if isinstance(item, Submission)], number))
        except QueueFull:
            return _queue_full()
        answer = [{"token": next(records).token} if isinstance(item, Submission) else item for item in parsed]
        return _json(answer, 201 if any(isinstance(item, Submission) for item in parsed) else 422)

    @app.get("/submissions/batch")
    def show_batch() -> Response:
        fields = _fields()
        tokens = (request.headers.get("tokens") or request.args.get("tokens") or "").strip().split(",")
        while tokens and not tokens[-1]:  # Ruby's split drops empty ends
            tokens.pop()
        if len(tokens) > MAX_SUBMISSION_BATCH_SIZE:
            return _error(
                f"number of submissions in a batch should be less than or equal to {MAX_SUBMISSION_BATCH_SIZE}", 400
            )
        if not tokens:
            return _error("there should be at least one submission in a batch", 400)
        records = [queue.get(token) for token in tokens]
        try:
            shown = [record and serialize(record, fields, _base64_asked()) for record in records]
        except NotUtf8:
            return _error(NOT_UTF8.format("one or more submissions"), 400)
        return _json({"submissions": shown})

    @app.post("/submissions")
    def create() -> Response:
        if not queue.has_room_for(1):
            return _queue_full()
        fields = _fields()
        submission = parse(_body(), _base64_asked(), by_id)
        if not isinstance(submission, Submission):
            return _json(submission, 422)
        try:
            [record] = queue.add([submission], 1)
        except QueueFull:
            return _queue_full()
        if request.args.get("wait") != "true":
            return _json({"token": record.token}, 201)
        try:
            return _json(serialize(queue.wait(record.token), fields, _base64_asked()), 201)
        except NotUtf8:
            return _not_utf8(201, {"token": record.token})

    @app.get("/submissions/<token>")
    def show(token: str) -> Response:
        fields = _fields()
        record = queue.get(token)
        if record is None:
            return _json({"status": 404, "error": "Not Found"}, 404)
        try:
            return _json(serialize(record, fields, _base64_asked()))
        except NotUtf8:
            return _not_utf8(400, {})

    @app.get("/languages")
    def list_languages() -> Response:
        return _json([{"id": language.id, "name": language.name} for language in languages])

    @app.get("/languages/<int:language_id>")
    def show_language(language_id: int) -> Response:
        language = by_id.get(language_id)
        if language is None:
            return _json({"status": 404, "error": "Not Found"}, 404)
        return _json(
            {
                "id": language.id,
                "name": language.name,
                "is_archived": False,
                "source_file": language.source_file,
                "compile_cmd": language.compile_cmd,
                "run_cmd": language.run_cmd,
            }
        )

    app.register_blueprint(about(queue, languages, max_queue_size, RANGES))
    return app


def parse(item: Mapping[str, Any], base64_encoded: bool, languages: Mapping[int, Language]) -> Submission | Errors:
    """The submission that an item of a request asks for, or what is wrong with it in Rails' words.

    Unknown attributes are ignored, and `enable_network` with them: there is none.
    """
    errors: Errors = {}
    texts = {name: _bytes(item.get(name), base64_encoded) for name in ("source_code", "stdin", "expected_output")}
    source_code = texts["source_code"]
    additional_files = _bytes(item.get("additional_files"), base64_encoded=True)
    language_id = item.get("language_id")
    number = _number(language_id)
    language = languages.get(int(number)) if number is not None else None
    if language is None:
        shown = "" if language_id is None else int(number or 0)
        blank = ["can't be blank"] if language_id in (None, "") else []
        errors["language_id"] = [*blank, f"language with id {shown} doesn't exist"]
    if language is not None and language.source_file is None:
        source_code = None
        if not additional_files:
            errors["additional_files"] = ["can't be blank"]
    elif source_code is None or not source_code.strip():
        errors["source_code"] = ["can't be blank"]
    numbers: dict[str, float] = {}
    for name, allowed in RANGES.items():
        numbers[name], message = _in_range(item.get(name), allowed, name in POSITIVE)
        if message is not None:
            errors[name] = [message]
    options = {name: _text(item.get(name)) for name in ("compiler_options", "command_line_arguments")}
    for name, text in options.items():
        if text is not None and len(text) > 512:
            errors[name] = ["is too long (maximum is 512 characters)"]
    if options["compiler_options"] and language is not None and language.compile_cmd is None:
        errors["compiler_options"] = ["setting compiler options is only allowed for compiled languages"]
    errors.update({name: [message] for name, message in NOT_ALLOWED.items() if item.get(name)})
    if errors or language is None:
        return errors
    return Submission(
        source_code=source_code,
        language=language,
        stdin=texts["stdin"],
        expected_output=texts["expected_output"],
        compiler_options=options["compiler_options"],
        command_line_arguments=options["command_line_arguments"],
        number_of_runs=int(numbers["number_of_runs"]),
        cpu_time_limit=numbers["cpu_time_limit"],
        cpu_extra_time=numbers["cpu_extra_time"],
        wall_time_limit=numbers["wall_time_limit"],
        memory_limit=int(numbers["memory_limit"]),
        stack_limit=int(numbers["stack_limit"]),
        max_processes_and_or_threads=int(numbers["max_processes_and_or_threads"]),
        enable_per_process_and_thread_time_limit=_flag(item.get("enable_per_process_and_thread_time_limit")),
        enable_per_process_and_thread_memory_limit=_flag(item.get("enable_per_process_and_thread_memory_limit")),
        max_file_size=int(numbers["max_file_size"]),
        redirect_stderr_to_stdout=_flag(item.get("redirect_stderr_to_stdout")),
        additional_files=additional_files or None,
    )


def serialize(record: Record, fields: Sequence[str], base64_encoded: bool) -> dict[str, Any]:
    """The fields of a submission as Judge0 shows them; NotUtf8 where one needs base64 and it was not asked for."""
    status = record.result.status
    language = record.submission.language
    values: dict[str, Any] = {
        **{name: getattr(record.submission, name) for name in FIELDS if hasattr(record.submission, name)},
        **{name: getattr(record.result, name) for name in FIELDS if hasattr(record.result, name)},
        "token": record.token,
        "created_at": _iso(record.created_at),
        "finished_at": record.finished_at and _iso(record.finished_at),
        "status_id": status,
        "status": {"id": status, "description": DESCRIPTIONS[status]},
        "language_id": language.id,
        "language": {"id": language.id, "name": language.name},
        "callback_url": None,
        "additional_files": record.submission.additional_files and _encode64(record.submission.additional_files),
        "enable_network": False,
    }
    return {name: _shown(name, values[name], base64_encoded) for name in FIELDS if name in fields}


def _shown(name: str, value: Any, base64_encoded: bool) -> Any:
    if value is None:
        return None
    if name in DECIMALS:
        return str(round(float(value), 3))
    if name in TEXTS:
        content: bytes = value.encode() if isinstance(value, str) else value
        if base64_encoded:
            return _encode64(content)
        if name != "message" and not content.isascii():
            raise NotUtf8
        return content.decode()
    return value


def _encode64(content: bytes) -> str:
    """Ruby's Base64.encode64: a line end after every 60 characters and after the last."""
    encoded = base64.b64encode(content).decode()
    return "".join(encoded[start : start + 60] + "\n" for start in range(0, len(encoded), 60))


def _decode64(text: str) -> bytes:
    """Ruby's Base64.decode64: reads what it can up to the first "=" and never fails."""
    digits = re.sub(r"[^A-Za-z0-9+/]", "", text.partition("=")[0])
    if len(digits) % 4 == 1:
        digits = digits[:-1]
    return binascii.a2b_base64(digits + "=" * (-len(digits) % 4))


def _bytes(value: object, base64_encoded: bool) -> bytes | None:
    text = _text(value)
    if text is None:
        return None
    return _decode64(text) if base64_encoded else text.encode(errors="replace")


def _text(value: object) -> str | None:
    """What Rails' permit lets through: single values, as text."""
    return None if value is None or isinstance(value, list | dict) else str(value)


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _in_range(value: object, allowed: Range, positive: bool) -> tuple[float, str | None]:
    """The number, and what Rails says where it is none or out of range."""
    if value is None or value == "":
        return allowed.default, None
    number = _number(value)
    if number is None:
        return allowed.default, "is not a number"
    if positive and not number > 0:
        return allowed.default, "must be greater than 0"
    if not number >= allowed.least:
        return allowed.default, f"must be greater than or equal to {allowed.least}"
    if not number <= allowed.most:
        return allowed.default, f"must be less than or equal to {allowed.most}"
    return number, None


def _flag(value: object) -> bool:
    """Rails' boolean: everything is true but what says false."""
    return value not in (None, "", False, 0, "0", "f", "F", "false", "FALSE", "off", "OFF")


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _base64_asked() -> bool:
    """Missing means false, as in v1.13.1 (on Judge0's master it means true)."""
    return request.args.get("base64_encoded") == "true"


def _body() -> Mapping[str, Any]:
    body = request.get_json() if request.is_json else None
    return body if isinstance(body, dict) else {}


def _fields() -> Sequence[str]:
    asked = [name for name in request.args.get("fields", "").split(",") if name]
    if asked == ["*"]:
        return FIELDS
    unknown = [name for name in asked if name not in FIELDS]
    if unknown:
        raise UnknownFields(f"invalid fields: [{', '.join(unknown)}]")
    return asked or DEFAULT_FIELDS


def _json(value: object, status: int = 200) -> Response:
    return Response(json.dumps(value), status, content_type="application/json; charset=utf-8")


def _error(message: str, status: int) -> Response:
    return _json({"error": message}, status)


def _queue_full() -> Response:
    return _error("queue is full", 503)


def _not_utf8(status: int, also: Mapping[str, str]) -> Response:
    message = (
        "some attributes for this submission cannot be converted to UTF-8, use base64_encoded=true query parameter"
    )
    return _json({"error": message, **also}, status)
