"""What a benchmark says: rows of one table, and figures for the line of JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Row:
    """``beside``: the limit, or what the figure is compared with, as measured in the same run."""

    what: str
    figure: str
    goal: str = ""
    beside: str = ""


@dataclass(frozen=True)
class Measured:
    rows: Sequence[Row]
    figures: Mapping[str, float] = field(default_factory=dict)


def show(measured: Measured, title: str) -> None:
    table = Table("measured", "figure", "goal", "limit or peer", title=title)
    for row in measured.rows:
        table.add_row(row.what, row.figure, row.goal, row.beside)
    Console(width=140).print(table)
    print(json.dumps(measured.figures))
