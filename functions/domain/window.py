"""The rolling window: which tests go to the judge next, when it is asked, and which are sent again.

Pure; time is passed in, as monotonic seconds. At most ``size`` tests are at the judge at a time; whatever is free at a
poll is refilled at once, without waiting for the slowest of a batch.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median_low

from functions.domain.verdict import Ending, Execution

MAX_SENDS = 3
"""How often one test is sent in one judging: a stuck test or an internal error is tried again, up to this."""

SHORTEST_POLL_SECONDS = 0.05
LONGEST_POLL_SECONDS = 0.5
POLL_SHARE = 1 / 4
"""The pause between two polls as a share of the time waited so far: a long test costs few calls, and what is finished
is seen after an eighth more of its time on average."""
TOGETHER_SHARE = 1 / 4
"""Tests that are due within so much of a test's time are asked for, and replaced, in one call each."""
RECENT = 3
"""The next test is expected to take as long as the middle one of so many before it."""
IMPATIENCE = 0.8
"""What was done when it was first asked for may have been done long before: the next one is asked for earlier."""


class TestCannotBeJudged(Exception):
    """The judge failed on the same test MAX_SENDS times in this judging."""

    __test__ = False  # the word belongs to judging; pytest must not collect it


@dataclass
class _AtJudge:
    """A test there. ``first`` is its time-out beside others, where it is now run once more alone."""

    index: int
    sent_at: float
    first: Execution | None
    beside_others: bool = False
    asked_before: bool = False


@dataclass
class Window:
    """The state of one judging. ``deadline_seconds``: a test that is not done so long after it was sent is stuck.

    The first time-out that was measured while others were at the judge is run once more alone: a busy machine must
    cost nobody marks. If it stands, the program is slow, and the rest stand.
    """

    total: int
    size: int
    deadline_seconds: float
    done: dict[int, Execution] = field(default_factory=dict)
    _waiting: list[int] = field(init=False)
    _at_judge: dict[str, _AtJudge] = field(default_factory=dict)
    _sends: dict[int, int] = field(default_factory=dict)
    _doubted: dict[int, Execution] = field(default_factory=dict)
    """Time-outs to be measured again, each alone."""
    _slow_for_sure: bool = False
    _overhead: float = math.inf
    """The time between sending a test and seeing it done, beside its own running time."""
    _recent: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT))
    """The running times of the tests that were last seen done."""

    def __post_init__(self) -> None:
        self._waiting = list(range(self.total))

    @property
    def tokens(self) -> list[str]:
        return list(self._at_judge)

    def sent_at(self, token: str) -> float:
        return self._at_judge[token].sent_at

    @property
    def complete(self) -> bool:
        return not (self._waiting or self._doubted or self._at_judge)

    def to_send(self) -> list[int]:
        """The indices of the tests that have a place now."""
        if self._doubted:
            return [] if self._at_judge else list(self._doubted)[:1]
        if any(test.first is not None for test in self._at_judge.values()):
            return []
        return self._waiting[: max(0, self.size - len(self._at_judge))]

    def sent(self, index: int, token: str | None, now: float) -> None:
        """``index`` went out. Without a token the judge did not take this one."""
        self._sends[index] = self._sends.get(index, 0) + 1
        test = _AtJudge(index, now, self._doubted.pop(index, None))
        if index in self._waiting:
            self._waiting.remove(index)
        if token is None:
            self._send_again(test)
            return
        self._at_judge[token] = test
        if len(self._at_judge) > 1:
            for each in self._at_judge.values():
                each.beside_others = True

    def polled(self, token: str, execution: Execution | None, now: float) -> None:
        """What the judge says of ``token``: None while it is not done."""
        test = self._at_judge[token]
        if execution is None and now - test.sent_at < self.deadline_seconds:
            test.asked_before = True
            return
        del self._at_judge[token]
        if execution is None or execution.ending is Ending.INTERNAL_ERROR:
            self._send_again(test)
            return
        self._learn(test, execution, now)
        if execution.ending is Ending.TIME_LIMIT:
            if test.beside_others and not self._slow_for_sure:
                self._doubted[test.index] = execution
                self._sends[test.index] = 0
                return
            self._slow_for_sure = True
            self.done.update(self._doubted)
            self._doubted.clear()
        self.done[test.index] = execution

    def lost(self, token: str) -> None:
        """The judge does not know this token (it was restarted): sent again."""
        self._send_again(self._at_judge.pop(token))

    def skip(self, indices: Iterable[int]) -> None:
        """What of these is not yet at the judge need not go there."""
        unwanted = set(indices)
        self._waiting = [index for index in self._waiting if index not in unwanted]

    def stop(self) -> None:
        """What is done is all that is wanted (a compile error, or a Run that stops early)."""
        self._waiting.clear()
        self._doubted.clear()
        self._at_judge.clear()

    def pause(self, now: float) -> float:
        """Seconds until the judge is asked again.

        Once the first test is done the others are asked for when they are due; before, and for those that are late,
        after a share of the time waited so far.
        """
        expected = self._overhead + (median_low(self._recent) if self._recent else 0.0)
        left = [_left(now - test.sent_at, expected) for test in self._at_judge.values()]
        first = min(left, default=0.0)
        if math.isfinite(expected):
            first = max(each for each in left if each <= first + TOGETHER_SHARE * expected) if left else first
        return min(LONGEST_POLL_SECONDS, max(SHORTEST_POLL_SECONDS, first))

    def _learn(self, test: _AtJudge, execution: Execution, now: float) -> None:
        seconds = execution.wall_seconds or 0.0
        self._recent.append(seconds)
        seen = max(0.0, now - test.sent_at - seconds)
        self._overhead = seen if test.asked_before else min(seen, IMPATIENCE * self._overhead)

    def _send_again(self, test: _AtJudge) -> None:
        if self._sends[test.index] >= MAX_SENDS:
            raise TestCannotBeJudged(f"test {test.index + 1} was sent {MAX_SENDS} times without an answer")
        if test.first is not None:
            self._doubted[test.index] = test.first
        else:
            self._waiting.insert(0, test.index)


def _left(waited: float, expected: float) -> float:
    """Seconds until a test is worth being asked for that was sent ``waited`` ago."""
    return expected - waited if waited < expected < math.inf else waited * POLL_SHARE
