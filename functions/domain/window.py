"""The rolling window: which tests go to the judge next, when it is asked, and which are sent again.

Pure; time is passed in, as monotonic seconds. At most ``size`` tests are at the judge at a time; whatever is free at a
poll is refilled at once, without waiting for the slowest of a batch.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from functions.domain.verdict import Ending, Execution

MAX_SENDS = 3
"""How often one test is sent in one judging: a stuck test or an internal error is tried again, up to this."""

SHORTEST_POLL_SECONDS = 0.03
LONGEST_POLL_SECONDS = 0.5
UNKNOWN_SHARE = 1 / 16
"""The pause between two polls as a share of the time waited so far, while nothing is known of when a test is due."""
DUE_SHARE = 1 / 32
"""And once it is due: its place stands empty for half of that on average."""
LATE = 2.0
"""From so many times when it was due a test is of another kind than those before it: as if nothing were known."""
RECENT = 5
"""A test is due at the earliest when the shortest of so many before it would be done ..."""
EARLY = 0.85
"""... and earlier by this, for it may be shorter, and they were done before it was seen."""


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
    """The least time between sending a test and seeing it done, beside its own running time."""
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

    def pause(self, now: float, call_seconds: float = 0.0) -> float:
        """Seconds until the judge is asked again; the last poll took ``call_seconds``, and a judge that is busy or far
        is not asked for more than half of the time.

        Once the first test is done nothing is asked before the next one can be; then, while it runs, often: a place
        that is free and not seen is the judge's time lost. Where nothing is left to be sent, only the last one counts.
        """
        due = self._overhead + EARLY * min(self._recent, default=0.0)
        waited = [now - test.sent_at for test in self._at_judge.values()]
        wanted = (min if self._waiting or self._doubted else max)((_pause(each, due) for each in waited), default=0.0)
        return min(LONGEST_POLL_SECONDS, max(SHORTEST_POLL_SECONDS, call_seconds, wanted))

    def _learn(self, test: _AtJudge, execution: Execution, now: float) -> None:
        seconds = execution.wall_seconds or 0.0
        self._recent.append(seconds)
        self._overhead = min(self._overhead, max(0.0, now - test.sent_at - seconds))

    def _send_again(self, test: _AtJudge) -> None:
        if self._sends[test.index] >= MAX_SENDS:
            raise TestCannotBeJudged(f"test {test.index + 1} was sent {MAX_SENDS} times without an answer")
        if test.first is not None:
            self._doubted[test.index] = test.first
        else:
            self._waiting.insert(0, test.index)


def _pause(waited: float, due: float) -> float:
    """Seconds until a test is worth being asked for that was sent ``waited`` ago."""
    if waited < due < math.inf:
        return due - waited
    return waited * (DUE_SHARE if waited < LATE * due < math.inf else UNKNOWN_SHARE)
