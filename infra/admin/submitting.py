"""Submitting one file and showing what came out, for a person at a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from infra.admin.client import Client

PAUSE_SECONDS = 0.5


def submit_and_wait(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    """Submit, show the place in line and then the tests done, and return the final submission. Raises Refused."""
    accepted = client.submit(body)
    columns = TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed} of {task.total} tests")
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("accepted", total=accepted["total"])

        def tell(shown: dict[str, Any]) -> None:
            place = shown["queue_position"]
            where = f"number {place} in line" if place else shown["status"]
            progress.update(bar, description=where, completed=shown["progress"]["finished"])

        return client.wait(accepted["submission_id"], tell, PAUSE_SECONDS)


def show(judged: dict[str, Any]) -> None:
    """The verdict, each test, and the first failed sample with what was expected."""
    console = Console()
    console.print(f"[bold]{judged['verdict'] or judged['status']}[/bold]", f"({judged['submission_id']})")
    if judged["score"] is not None:
        console.print(f"{judged['score']} of {judged['points']} points")
    if judged["message"]:
        console.print(judged["message"], markup=False)
    if judged["compile_output"]:
        console.print(judged["compile_output"], markup=False, highlight=False)
    if judged["tests"]:
        table = Table("test", "verdict", "time", "memory")
        for test in judged["tests"]:
            name = f"{test['number']}" + (" (hidden)" if test["hidden"] else "")
            seconds, kilobytes = test["time_seconds"], test["memory_kb"]
            table.add_row(
                name,
                test["verdict"],
                "" if seconds is None else f"{seconds:.2f} s",
                "" if kilobytes is None else f"{kilobytes // 1024} MB",
            )
        console.print(table)
    failed = next((t for t in judged["tests"] if t["verdict"] != "accepted" and "stdout" in t), None)
    if failed is not None:
        for title, key in (
            ("input", "stdin"),
            ("expected", "expected_output"),
            ("got", "stdout"),
            ("stderr", "stderr"),
        ):
            if failed.get(key):
                console.print(f"[bold]test {failed['number']}: {title}[/bold]")
                console.print(failed[key], markup=False, highlight=False)
    elif judged["run_type"] == "run" and judged["stdin"] is not None and judged["tests"]:
        console.print(judged["tests"][0]["stdout"], markup=False, highlight=False)
