"""`queues`: both queues at a glance, as an operator wants them during an exam."""

from __future__ import annotations

import time
from dataclasses import dataclass

from rich.console import Console
from rich.live import Live
from rich.table import Table

from functions import records, tickets
from functions.domain.submission import RunType
from functions.service import Service
from functions.slots import read_slots
from infra.admin.context import Context

REFRESH_SECONDS = 1.0


@dataclass(frozen=True)
class QueueRow:
    """One queue now. ``paused`` is None where Cloud Tasks does not say."""

    kind: RunType
    waiting: int
    in_hand: int
    oldest_seconds: float | None
    paused: bool | None


def show(context: Context, *, once: bool) -> None:
    console = Console()
    service = context.service
    if once or not console.is_terminal:
        console.print(_table(service))
        return
    with Live(_table(service), console=console, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(REFRESH_SECONDS)
                live.update(_table(service), refresh=True)
        except KeyboardInterrupt:
            return


def rows(service: Service) -> list[QueueRow]:
    """Raises Unavailable where the store is away."""
    now = service.clock.now()
    held = [slot.last_kind for slot in read_slots(service)[0] if slot.is_held(now)]
    found = []
    for kind in (RunType.SUBMIT, RunType.RUN):
        first = service.store.find(records.line(kind, 1, select=("created_at",)))
        oldest = (now - first[0].fields["created_at"]).total_seconds() if first else None
        waiting = service.standing.length(kind)
        found.append(QueueRow(kind, waiting, held.count(kind), oldest, tickets.is_paused(service, kind)))
    return found


def _table(service: Service) -> Table:
    slots = [slot for slot in read_slots(service)[0] if not slot.retired]
    table = Table("queue", "waiting", "in hand", "oldest", "state", caption=f"{len(slots)} slots")
    for row in rows(service):
        oldest = "" if row.oldest_seconds is None else f"{max(0.0, row.oldest_seconds):.0f} s"
        state = {True: "[bold red]PAUSED", False: "running", None: "[yellow]unknown: Cloud Tasks does not answer"}
        table.add_row(str(row.kind), str(row.waiting), str(row.in_hand), oldest, state[row.paused])
    return table
