"""What a submission of ten tests and its polls cost: documents, tasks and calls to the judge, counted on the wire.

The counts, and the bounds that they are held to, are those of tests/contract/test_costs.py; the prices are in
infra/admin/costs.toml. Two figures each: of one who is alone on an instance that has kept nothing, and of each of
thirty in company.
"""

from __future__ import annotations

import logging

import structlog

from infra.admin.costs import SUBMISSIONS, dollars, operations, read_costs
from tests.benchmarks.parts import firestore_at
from tests.benchmarks.table import Measured, Row, show
from tests.contract.test_costs import COMPANY, POLLS, Cost, alone, counted_service, in_company

COUNTED = {
    "writes": ("firestore_writes", "documents written", "6"),
    "reads": ("firestore_reads", "documents read", "6"),
    "deletes": ("firestore_deletes", "documents deleted", "0"),
    "task_operations": ("tasks_operations", "Cloud Tasks operations, the delivery included", "2"),
    "judge_calls": ("judge_calls", "calls to the judge, 4 batches and their polls", ""),
}


def measure() -> Measured:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    with firestore_at() as address:
        with counted_service(address) as counted:
            one = alone(counted)
        with counted_service(address) as counted:
            each = in_company(counted)
    beside = f"each of {COMPANY} in company: "
    rows, figures = [], {}
    for name, (counted_as, what, aim) in COUNTED.items():
        figures[name] = one.submission.get(counted_as, 0)
        company = each.submission.get(counted_as, 0)
        rows.append(Row(f"one submission: {what}", f"{figures[name]:g}", aim, f"{beside}{company:.1f}"))
    polls = [cost.poll["firestore_reads"] for cost in (one, each)]
    rows.append(Row("one of 20 polls while it waits: documents read", f"{polls[0]:.1f}", "", f"{beside}{polls[1]:.2f}"))
    money = f"{SUBMISSIONS} submissions with {POLLS} polls each, at list prices"
    rows.append(Row(money, f"{_money(one):.3f} US$", "", f"{beside}{_money(each):.3f} US$"))
    return Measured(rows, figures)


def _money(cost: Cost) -> float:
    return sum(dollars(read_costs(), operations(cost.submission, {"requests": 1, **cost.poll}, POLLS)).values())


if __name__ == "__main__":
    show(measure(), "What a submission costs")
