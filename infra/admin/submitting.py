"""Submitting one file and showing what came out, for a person at a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from infra.admin.client import Client


def submit_and_wait(client: Client, body: dict[str, Any]) -> dict[str, Any]:
    """Submit, show the place in line and then the tests done, and return the final submission. Raises Refused."""
    accepted = client.submit(body)
    columns = TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[tests]}")
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("accepted", total=accepted["total"], tests="")

        def tell(shown: dict[str, Any]) -> None:
            place, done = shown["queue_position"], shown["progress"]
            where = shown["message"] or shown["status"]
            progress.update(
                bar,
                description=where if place is None else f"{where} Number {place}.",
                completed=done["finished"],
                tests="" if place is not None else f"{done['finished']} of {done['total']} tests",
            )

        return client.wait(accepted["submission_id"], tell)


def show(judged: dict[str, Any]) -> None:
    """The verdict, each test, and the first failed sample with what was expected."""
    console = Console()
    console.print(f"[bold]{judged['verdict'] or judged['status']}[/bold]", f"({judged['submission_id']})")
    if judged["score"] is not None:
        console.print(f"{judged['score']} of {judged['points']} points")
    for text in (judged["message"], judged["compile_output"]):
        if text:
            console.print(text, markup=False, highlight=False)
    if judged["tests"]:
        table = Table("test", "verdict", "time", "memory")
        for test in judged["tests"]:
            seconds, kilobytes = test["time_seconds"], test["memory_kb"]
            table.add_row(
                f"{test['number']}" + (" (hidden)" if test["hidden"] else ""),
                test["verdict"],
                "" if seconds is None else f"{seconds:.2f} s",
                "" if kilobytes is None else f"{kilobytes / 1024:.1f} MB",
            )
        console.print(table)
    shown = [test for test in judged["tests"] if not test["hidden"]]
    if judged["run_type"] == "run" and judged["stdin"] is not None:  # the student's own input: nothing is compared
        titles = {"output": "stdout", "errors": "stderr"}
    else:
        shown = [test for test in shown if test["verdict"] != "accepted"]
        titles = {"input": "stdin", "expected": "expected_output", "got": "stdout", "errors": "stderr"}
    for test in shown[:1]:
        for title, key in titles.items():
            if test.get(key):
                console.print(f"[bold]test {test['number']}: {title}[/bold]")
                console.print(test[key], markup=False, highlight=False)
