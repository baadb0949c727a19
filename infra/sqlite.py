"""SQLiteDocumentStore: the embedded store, with the same conditional batches as Firestore.

One adapter for two uses: ``:memory:`` in tests, a file where the local stack runs without Firestore's emulator.
It refuses a query that lacks its composite index, as the deployed Firestore does and the emulator does not.
"""

from __future__ import annotations

import base64
import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from functions.ports import (
    Conflict,
    Create,
    Delete,
    Document,
    Fields,
    Query,
    ServerTime,
    Unavailable,
    Update,
    Write,
)
from functions.records import INDEXES

BUSY_SECONDS = 10.0
"""How long a write waits for another process's: as long as a Firestore call may take."""


class SQLiteDocumentStore:
    """``path`` is a file, shared by processes, or ``:memory:``, private to this object."""

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS documents"
            " (path TEXT PRIMARY KEY, collection TEXT, id TEXT, content TEXT, version INTEGER) WITHOUT ROWID"
        )
        self._connection.execute("CREATE TABLE IF NOT EXISTS versions (last INTEGER)")
        self._connection.execute("INSERT INTO versions SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM versions)")
        for number, (_, fields) in enumerate(INDEXES):
            columns = ", ".join(_column(name) for name, _ in fields)
            self._connection.execute(f"CREATE INDEX IF NOT EXISTS index_{number} ON documents (collection, {columns})")

    def close(self) -> None:
        self._connection.close()

    def get(self, *paths: str) -> list[Document | None]:
        marks = ", ".join("?" * len(paths))
        rows = self._read(f"SELECT path, content, version FROM documents WHERE path IN ({marks})", paths)  # noqa: S608
        found = {path: Document(path, _decode(content), version) for path, content, version in rows}
        return [found.get(path) for path in paths]

    def find(self, query: Query) -> list[Document]:
        _require_index(query)
        condition, values = _condition(query)
        descending = bool(query.order_by) and query.order_by[-1][1]
        order = [(_column(name), down) for name, down in query.order_by] + [("id", descending)]
        order_sql = ", ".join(f"{column} {'DESC' if down else 'ASC'}" for column, down in order)
        limit = "" if query.limit is None else f" LIMIT {query.limit:d}"
        sql = f"SELECT path, content, version FROM documents WHERE {condition} ORDER BY {order_sql}{limit}"  # noqa: S608
        documents = [Document(path, _decode(content), version) for path, content, version in self._read(sql, values)]
        if query.select is None:
            return documents
        return [
            Document(d.path, {name: d.fields[name] for name in query.select if name in d.fields}, d.version)
            for d in documents
        ]

    def count(self, query: Query) -> int:
        _require_index(query)
        condition, values = _condition(query)
        rows = self._read(f"SELECT count(*) FROM documents WHERE {condition}", values)  # noqa: S608
        return int(rows[0][0])

    def commit(self, *writes: Write) -> list[object]:
        with self._transaction() as connection:
            connection.execute("UPDATE versions SET last = last + 1")
            version = connection.execute("SELECT last FROM versions").fetchone()[0]
            now = datetime.now(UTC)
            for write in writes:
                _apply(connection, write, version, now)
        return [version for _ in writes]

    def _read(self, sql: str, values: tuple[Any, ...] | list[Any]) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(sql, tuple(values)).fetchall()
            except sqlite3.OperationalError as error:
                raise Unavailable(f"the embedded store: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self._connection
                except BaseException:
                    self._connection.execute("ROLLBACK")
                    raise
                self._connection.execute("COMMIT")
            except sqlite3.OperationalError as error:
                raise Unavailable(f"the embedded store: {error}") from error


def _apply(connection: sqlite3.Connection, write: Write, version: int, now: datetime) -> None:
    row = connection.execute("SELECT content, version FROM documents WHERE path = ?", (write.path,)).fetchone()
    expected = write.version if isinstance(write, (Update, Delete)) else None
    if isinstance(write, Create) and row is not None:
        raise Conflict(f"{write.path} exists")
    if row is None and (isinstance(write, Update) or expected is not None):
        raise Conflict(f"{write.path} does not exist")
    if expected is not None and row is not None and row[1] != expected:
        raise Conflict(f"{write.path} was changed")
    if isinstance(write, Delete):
        connection.execute("DELETE FROM documents WHERE path = ?", (write.path,))
        return
    given = {name: now if value is ServerTime.NOW else value for name, value in write.fields.items()}
    fields = _decode(row[0]) | given if isinstance(write, Update) else given
    collection, _, document_id = write.path.rpartition("/")
    connection.execute(
        "INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?)",
        (write.path, collection, document_id, _encode(fields), version),
    )


def _condition(query: Query) -> tuple[str, list[Any]]:
    parts, values = ["collection = ?"], [query.collection]
    for name, operator, value in query.where:
        if operator == "in":
            parts.append(f"{_column(name)} IN ({', '.join('?' * len(value))})")
            values += map(_comparable, value)
            continue
        parts.append(f"{_column(name)} {'=' if operator == '==' else operator} ?")
        values.append(_comparable(value))
    if query.after is not None:
        columns = [(_column(name), down) for name, down in query.order_by]
        columns.append(("id", bool(query.order_by) and query.order_by[-1][1]))
        keys = [_comparable(value) for value in query.after]
        alternatives = []
        for length, (column, down) in enumerate(columns):
            equal = [f"{earlier} = ?" for earlier, _ in columns[:length]]
            alternatives.append("(" + " AND ".join([*equal, f"{column} {'<' if down else '>'} ?"]) + ")")
            values += keys[: length + 1]
        parts.append("(" + " OR ".join(alternatives) + ")")
    return " AND ".join(parts), values


def _require_index(query: Query) -> None:
    equal = {name for name, operator, _ in query.where if operator in ("==", "in")}
    ordered = [(name, down) for name, down in query.order_by if name not in equal]
    ranged = {name for name, _, _ in query.where if name not in equal} - {name for name, _ in ordered}
    needed = ordered + [(name, False) for name in sorted(ranged)]
    if not needed or (not equal and len(needed) == 1):
        return  # single fields are indexed by themselves, and equalities are merged from those
    merged: set[str] = set()
    for collection, fields in INDEXES:
        if collection == query.collection and len(fields) == 1 + len(ordered) and list(fields[1:]) == ordered:
            merged |= {fields[0][0]} & equal
    if ordered and not ranged and merged == equal:
        return  # one index an equality, all with this order: merged
    for collection, fields in INDEXES:
        head, tail = fields[: len(equal)], fields[len(equal) :]
        if collection == query.collection and {name for name, _ in head} == equal and list(tail) == needed:
            return
        # a range without an order is served by an index in either direction
        if not ordered and {name for name, _ in head} == equal and [name for name, _ in tail] == [needed[0][0]]:
            return
    raise ValueError(f"no composite index for {query}: add it to functions.records.INDEXES")


def _column(name: str) -> str:
    if not name.isidentifier():
        raise ValueError(f"not a field name: {name!r}")
    return f"coalesce(json_extract(content, '$.{name}.\"$time\"'), json_extract(content, '$.{name}'))"


def _comparable(value: Any) -> Any:
    return _time(value) if isinstance(value, datetime) else value


def _time(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")  # fixed width: sorts as text


def _encode(fields: Fields) -> str:
    def default(value: Any) -> Any:
        if isinstance(value, datetime):
            return {"$time": _time(value)}
        if isinstance(value, bytes):
            return {"$bytes": base64.b64encode(value).decode()}
        raise TypeError(f"cannot be kept in a document: {type(value).__name__}")

    return json.dumps(fields, default=default, separators=(",", ":"))


def _decode(content: str) -> dict[str, Any]:
    def hook(value: dict[str, Any]) -> Any:
        if len(value) == 1:
            if "$time" in value:
                return datetime.fromisoformat(value["$time"])
            if "$bytes" in value:
                return base64.b64decode(value["$bytes"])
        return value

    decoded: dict[str, Any] = json.loads(content, object_hook=hook)
    return decoded
