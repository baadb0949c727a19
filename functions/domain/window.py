"""The rolling window: which tests go to the judge next, and when one of them is sent again. Pure; time is passed in.

At most ``size`` tests are at the judge at a time; whatever is free at a poll is refilled at once, without waiting
for the slowest of a batch.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from functions.domain.verdict import Ending, Execution

MAX_SENDS = 3
"""How often one test is sent in one judging: a stuck test or an internal error is tried again, up to this."""


SHORTEST_POLL_SECONDS = 0.05
LONGEST_POLL_SECONDS = 0.5


def poll_pause(waited: float) -> float:
    """Seconds until the judge is asked again, where nothing has finished for ``waited`` seconds.

    A fifth of the time waited so far: what is finished is seen after a tenth more of its time on average, and a long
    test costs few calls.
    """
    return min(LONGEST_POLL_SECONDS, max(SHORTEST_POLL_SECONDS, waited / 5))


class TestCannotBeJudged(Exception):
    """The judge failed on the same test MAX_SENDS times in this judging."""

    __test__ = False  # the word belongs to judging; pytest must not collect it


@dataclass
class Window:
    """The state of one judging. ``deadline_seconds``: a test that is not done so long after it was sent is stuck."""

    total: int
    size: int
    deadline_seconds: float
    done: dict[int, Execution] = field(default_factory=dict)
    _at_judge: dict[str, tuple[int, float]] = field(default_factory=dict)
    _sends: dict[int, int] = field(default_factory=dict)
    _again: list[int] = field(default_factory=list)
    _next: int = 0

    @property
    def tokens(self) -> list[str]:
        return list(self._at_judge)

    @property
    def complete(self) -> bool:
        return len(self.done) == self.total

    def to_send(self) -> list[int]:
        """The indices of the tests that have a place now, those to be sent again first."""
        places = self.size - len(self._at_judge)
        fresh = range(self._next, self.total)
        return [*self._again, *fresh][: max(0, places)]

    def sent(self, index: int, token: str | None, now: float) -> None:
        """``index`` went out at monotonic second ``now``. Without a token the judge did not take this one."""
        self._sends[index] = self._sends.get(index, 0) + 1
        if index in self._again:
            self._again.remove(index)
        else:
            self._next = index + 1
        if token is None:
            self._send_again(index)
        else:
            self._at_judge[token] = (index, now)

    def polled(self, token: str, execution: Execution | None, now: float) -> None:
        """What the judge says of ``token``: None while it is not done."""
        index, sent_at = self._at_judge[token]
        if execution is None:
            if now - sent_at < self.deadline_seconds:
                return
        elif execution.ending is not Ending.INTERNAL_ERROR:
            self.done[index] = execution
            del self._at_judge[token]
            return
        del self._at_judge[token]
        self._send_again(index)

    def lost(self, token: str) -> None:
        """The judge does not know this token (it was restarted): sent again."""
        index, _ = self._at_judge.pop(token)
        self._send_again(index)

    def stop(self) -> None:
        """What is done is all that is wanted (a compile error, or a Run that stops early)."""
        self.total = len(self.done)
        self._at_judge.clear()
        self._again.clear()
        self._next = self.total

    def _send_again(self, index: int) -> None:
        if self._sends[index] >= MAX_SENDS:
            raise TestCannotBeJudged(f"test {index + 1} was sent {MAX_SENDS} times without an answer")
        self._again.append(index)
