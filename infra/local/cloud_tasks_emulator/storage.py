"""Queues, tasks and used names in SQLite: a restart keeps everything."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from typing import Any

from infra.local.cloud_tasks_emulator.model import QueueMessage, TaskEntry, TaskMessage

LOCK_SECONDS = 1.0
"""How long an emulator waits for one that is just ending."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS queues (name TEXT PRIMARY KEY, message BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tasks
  (name TEXT PRIMARY KEY, queue TEXT, due REAL, message BLOB, executions INTEGER, previous INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, content BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS used_names (name TEXT PRIMARY KEY, until REAL) WITHOUT ROWID;
"""


def policy_name(queue: str) -> str:
    """Under which a queue's IAM policy is kept; it goes with the queue."""
    return f"{queue}:policy"


class Storage:
    """``path`` is a file or ``:memory:``. Every method is one transaction. Raises sqlite3.Error.

    The file is held exclusively: two emulators over one would deliver everything twice.
    """

    def __init__(self, path: str) -> None:
        self._lock = threading.Lock()
        self._connection = sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA locking_mode=EXCLUSIVE")
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def queues(self) -> Iterator[Any]:
        for (message,) in self._execute("SELECT message FROM queues ORDER BY name"):
            yield QueueMessage.FromString(message)

    def tasks(self) -> Iterator[TaskEntry]:
        for message, due, executions, previous in self._execute(
            "SELECT message, due, executions, previous FROM tasks ORDER BY due"
        ):
            yield TaskEntry(TaskMessage.FromString(message), due, executions, previous)

    def put_queue(self, queue: Any) -> None:
        self._execute("INSERT OR REPLACE INTO queues VALUES (?, ?)", queue.name, queue.SerializeToString())

    def delete_queue(self, name: str, tasks_blocked_until: float) -> None:
        with self._lock, self._connection:
            self._connection.execute("BEGIN")
            self._delete_tasks("queue", name, tasks_blocked_until)
            self._connection.execute("DELETE FROM queues WHERE name = ?", (name,))
            self._connection.execute("DELETE FROM kept WHERE name = ?", (policy_name(name),))

    def put_task(self, entry: TaskEntry) -> None:
        self._execute(
            "INSERT OR REPLACE INTO tasks VALUES (?, ?, ?, ?, ?, ?)",
            entry.name,
            entry.queue,
            entry.due,
            entry.message.SerializeToString(),
            entry.executions,
            entry.previous,
        )

    def delete_task(self, name: str, blocked_until: float) -> None:
        with self._lock, self._connection:
            self._connection.execute("BEGIN")
            self._delete_tasks("name", name, blocked_until)

    def delete_tasks_of(self, queue: str, blocked_until: float) -> None:
        with self._lock, self._connection:
            self._connection.execute("BEGIN")
            self._delete_tasks("queue", queue, blocked_until)

    def keep(self, name: str, content: bytes) -> None:
        """Whatever else is to be there after a restart."""
        self._execute("INSERT OR REPLACE INTO kept VALUES (?, ?)", name, content)

    def kept(self, name: str) -> bytes | None:
        rows = self._execute("SELECT content FROM kept WHERE name = ?", name)
        return rows[0][0] if rows else None

    def is_used(self, name: str, now: float) -> bool:
        rows = self._execute("SELECT 1 FROM used_names WHERE name = ? AND until > ?", name, now)
        return bool(rows)

    def forget_used_names(self, now: float) -> None:
        self._execute("DELETE FROM used_names WHERE until <= ?", now)

    def _delete_tasks(self, column: str, value: str, blocked_until: float) -> None:
        """In one transaction with the block of their names: a crash in between must not free a name."""
        where = f"FROM tasks WHERE {column} = ?"
        self._connection.execute(f"INSERT OR REPLACE INTO used_names SELECT name, ? {where}", (blocked_until, value))
        self._connection.execute(f"DELETE {where}", (value,))

    def _execute(self, sql: str, *values: object) -> list[Any]:
        with self._lock:
            return self._connection.execute(sql, values).fetchall()
