"""Firestore's messages, made and read directly.

Google's client wraps each value of each message in an object of its own: that was a third of what an intake cost in
all, and nine tenths of following the line.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.cloud.firestore_v1.field_path import FieldPath
from google.cloud.firestore_v1.types import firestore, query

from functions.ports import Create, Delete, Document, Fields, Put, Query, ServerTime, Update, Write

CommitRequest = firestore.CommitRequest.pb()
StructuredQuery = query.StructuredQuery.pb()
SIMPLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
NULL = 0
REQUEST_TIME = 1
AND, DESCENDING = 1, 2
OPERATORS = {"<": 1, "<=": 2, ">": 3, ">=": 4, "==": 5, "in": 8}
"""The numbers of `StructuredQuery.FieldFilter.Operator`; the ones above are those of their enums, too."""


def commit_request(database: str, writes: tuple[Write, ...]) -> Any:
    request = CommitRequest(database=database)
    for write in writes:
        _add_write(request.writes.add(), f"{database}/documents/{write.path}", write)
    return request


def _add_write(into: Any, name: str, write: Write) -> None:
    match write:
        case Create(fields=fields):
            into.current_document.exists = False
            _add_content(into, name, fields)
        case Put(fields=fields):
            _add_content(into, name, fields)
        case Update(fields=fields, version=version):
            _add_condition(into, version)
            if version is None:
                into.current_document.exists = True
            into.update_mask.SetInParent()  # without a mask all other fields would go
            into.update_mask.field_paths.extend(
                _path(field) for field, value in fields.items() if value is not ServerTime.NOW
            )
            _add_content(into, name, fields)
        case Delete(version=version):
            into.delete = name
            _add_condition(into, version)


def _add_condition(into: Any, version: object | None) -> None:
    if isinstance(version, datetime):
        _put(into.current_document.update_time, version)


def _add_content(into: Any, name: str, fields: Fields) -> None:
    into.update.name = name
    content = into.update.fields
    for field, value in fields.items():
        if value is ServerTime.NOW:
            into.update_transforms.add(field_path=_path(field), set_to_server_value=REQUEST_TIME)
        else:
            encode(value, content[field])


def encode(value: Any, into: Any) -> None:
    """Write one of the port's values into a Firestore ``Value``. Raises TypeError for anything else."""
    match value:
        case None:
            into.null_value = NULL
        case bool():
            into.boolean_value = value
        case str():
            into.string_value = value
        case int():
            into.integer_value = value
        case float():
            into.double_value = value
        case datetime():
            _put(into.timestamp_value, value)
        case bytes():
            into.bytes_value = value
        case list() | tuple():
            into.array_value.SetInParent()
            for each in value:
                encode(each, into.array_value.values.add())
        case dict():
            into.map_value.SetInParent()
            for key, each in value.items():
                encode(each, into.map_value.fields[key])
        case _:
            raise TypeError(f"Firestore cannot keep a {type(value).__name__}")


def decode(value: Any) -> Any:
    kind = value.WhichOneof("value_type")
    found = getattr(value, kind)
    match kind:
        case "null_value":
            return None
        case "timestamp_value":
            return moment(found)
        case "array_value":
            return [decode(each) for each in found.values]
        case "map_value":
            return {key: decode(each) for key, each in found.fields.items()}
        case _:
            return found


def moment(timestamp: Any) -> datetime:
    """To the nanosecond, as Firestore compares versions."""
    read: datetime = DatetimeWithNanoseconds.from_timestamp_pb(timestamp)  # type: ignore[no-untyped-call]
    return read


def document_of(message: Any) -> Document:
    """A ``Document`` of theirs as one of ours: its path begins behind `.../documents/`, its version is its time."""
    path = message.name.split("/", 5)[5]
    fields = {name: decode(value) for name, value in message.fields.items()}
    return Document(path, fields, moment(message.update_time))


def structured_query(database: str, asked: Query) -> Any:
    built = StructuredQuery()
    built.from_.add(collection_id=asked.collection)  # `from` is a word of Python
    for name in asked.select or ():
        built.select.fields.add(field_path=_path(name))
    _add_conditions(built, asked)
    for name, descending in asked.order_by:
        _add_order(built, name, descending)
    if asked.after is not None:
        _add_order(built, "__name__", bool(asked.order_by) and asked.order_by[-1][1])
        *values, document_id = asked.after
        for value in values:
            encode(value, built.start_at.values.add())
        built.start_at.values.add().reference_value = f"{database}/documents/{asked.collection}/{document_id}"
    if asked.limit is not None:
        built.limit.value = asked.limit
    return built


def _add_conditions(built: Any, asked: Query) -> None:
    several = len(asked.where) > 1
    for name, operator, value in asked.where:
        place = built.where.composite_filter.filters.add() if several else built.where
        place.field_filter.field.field_path = _path(name)
        place.field_filter.op = OPERATORS[operator]
        encode(value, place.field_filter.value)
    if several:
        built.where.composite_filter.op = AND


def _add_order(built: Any, name: str, descending: bool) -> None:
    order = built.order_by.add(direction=DESCENDING if descending else 1)
    order.field.field_path = name if name == "__name__" else _path(name)


def _path(name: str) -> str:
    """A top-level field's name, quoted where Firestore wants it."""
    return name if SIMPLE_NAME.fullmatch(name) else str(FieldPath(name).to_api_repr())


def _put(into: Any, time: datetime) -> None:
    if isinstance(time, DatetimeWithNanoseconds):
        into.CopyFrom(time.timestamp_pb())  # type: ignore[no-untyped-call]
    else:
        into.FromDatetime(time)
