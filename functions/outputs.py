"""What programs printed beyond what a submission's document keeps, in the object store.

A student has a link to the whole output of their own tests; what was printed on hidden tests is for staff only. Where
there is no store, or it is away, the document's share is all that is kept: no verdict waits for this.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from functions.domain.outcome import SHOWN_CHARACTERS, SHOWN_TESTS, cut
from functions.domain.question import TestCase
from functions.domain.submission import Submission
from functions.domain.verdict import Execution, Verdict
from functions.keeping import keep
from functions.leases import Lease
from functions.logs import log
from functions.ports import Unavailable
from functions.service import Service

OUTPUTS = "outputs/"
LINK_SECONDS = 300
SAME_LINK_SECONDS = 60.0
"""For so long the same link is given, so that a poll finds nothing new."""
HIDDEN_BYTES = 16_384
"""Of what a program prints on one hidden test, and of its standard error."""


@dataclass
class Outputs:
    """Of one judging. Long outputs are written as soon as their tests are done, so that they need not be kept."""

    service: Service
    lease: Lease
    tests: Sequence[TestCase]
    whole: dict[int, str] = field(default_factory=dict)
    """The keys of the outputs that were written whole, by index of the test."""
    away: bool = False
    """The store did not take one: no verdict waits for it again."""

    def trimmed(self, index: int, execution: Execution) -> Execution:
        """The execution with as much of its output as is still needed."""
        test, key = self.tests[index], f"{_folder(self.lease.submission)}/{index + 1}.txt"
        self.whole.pop(index, None)
        if test.hidden or index >= SHOWN_TESTS:
            return replace(execution, stdout=execution.stdout[:HIDDEN_BYTES], stderr=execution.stderr[:HIDDEN_BYTES])
        if cut(execution.stdout, SHOWN_CHARACTERS)[1] and self._put(key, execution.stdout):
            self.whole[index] = key
        shown = 4 * SHOWN_CHARACTERS + 4  # a character more than is shown, so that it is seen to be cut
        return replace(execution, stdout=execution.stdout[:shown], stderr=execution.stderr[:shown])

    def added_to(self, submission: Submission, executions: Mapping[int, Execution]) -> Submission:
        """The judged submission with where its outputs are."""
        results = tuple(
            replace(each, full_output=self.whole[each.number - 1]) if each.number - 1 in self.whole else each
            for each in submission.results
        )
        hidden = [
            {
                "number": each.number,
                "verdict": str(each.verdict),
                "stdout": executions[each.number - 1].stdout.decode(errors="replace"),
                "stderr": executions[each.number - 1].stderr.decode(errors="replace"),
            }
            for each in submission.results
            if each.hidden and each.verdict is not Verdict.ACCEPTED
        ]
        key = f"{_folder(submission)}/hidden.json"
        kept = bool(hidden) and self._put(key, json.dumps(hidden, ensure_ascii=False, indent=1).encode())
        return replace(submission, results=results, hidden_outputs=key if kept else None)

    def _put(self, key: str, content: bytes) -> bool:
        if self.service.objects is None or self.away:
            return False
        self.lease.keep()
        try:
            self.service.objects.put(key, content)
        except Unavailable as error:
            self.away = True
            log("warning", "output_not_kept", "An output could not be kept whole.", self.lease.submission, error=error)
            return False
        return True


def objects_of(submission: Mapping[str, Any]) -> list[str]:
    """The keys of the objects that a submission's document refers to."""
    keys = [result["full_output"] for result in submission.get("results", ()) if result.get("full_output")]
    return [*keys, *([submission["hidden_outputs"]] if submission.get("hidden_outputs") else [])]


def all_of(submission_id: str) -> str:
    """Where everything is that was ever kept of this submission's outputs: what all their keys begin with."""
    return f"{OUTPUTS}{submission_id}/"


def _folder(submission: Submission) -> str:
    """Of one judging alone: a rejudging's or a repeated one's outputs never take the place of those that count."""
    return f"{all_of(submission.submission_id)}{submission.owner}"


def link(service: Service, key: str | None) -> str | None:
    """A link that is good for LINK_SECONDS, a minute less at worst; None where there is nothing to link to."""
    objects = service.objects
    if key is None or objects is None:
        return None
    try:
        return keep(service, f"link {key}", SAME_LINK_SECONDS, lambda: objects.link(key, LINK_SECONDS))
    except Unavailable:
        return None
