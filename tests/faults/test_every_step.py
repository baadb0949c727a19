"""The process killed between each two outside calls of intake and of judging, one after the other."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from functions import records
from functions.domain.verdict import Verdict
from functions.ports import Query
from tests.conftest import ROOT
from tests.faults.rig import Rig, rig
from tests.stack.conftest import wait_until

pytestmark = pytest.mark.stack

STEP = 1 if os.environ.get("FULL") else 5
"""The short form plays every fifth point."""
MOST_POINTS = 60
"""Should the calls not come to an end, something calls for ever."""


@pytest.fixture(scope="module")
def crash_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crashing") / "order"


@pytest.fixture(scope="module")
def broken(crash_file: Path) -> Iterator[Rig]:
    crashing = str(ROOT / "tests" / "faults" / "crashing")
    with rig(PYTHONPATH=crashing, CRASH_FILE=str(crash_file), LEASE_SECONDS="4") as made:
        yield made


@pytest.mark.parametrize(("target", "fewest"), [("run_code", 5), ("judge_submission", 12)])
def test_the_rules_hold_wherever_a_process_dies(broken: Rig, crash_file: Path, target: str, fewest: int) -> None:
    """``fewest``: calls that there are at least, so that nobody believes in an enumeration of nothing."""
    for point in range(1, MOST_POINTS, STEP):
        assert broken.kill(broken.function(target))  # one that has just started asks for everything
        order = {"target": target, "point": point, "id": uuid.uuid4().hex}
        crash_file.write_text(json.dumps(order))
        before = broken.service.store.count(Query(records.SUBMISSIONS))
        sent = broken.send_one(Verdict.ACCEPTED)
        [ended] = broken.assert_right([sent])
        wait_until(lambda: broken.tickets_left() == 0)  # the visit has made its last call
        died = not crash_file.exists()
        crash_file.unlink(missing_ok=True)
        assert broken.service.store.count(Query(records.SUBMISSIONS)) == before + 1
        assert ended.judgings <= 2
        assert broken.times_judged([sent])[0] <= 1
        [score] = sent.student.attempt()["scores"]
        assert (score["score"], score["submission_id"]) == (100, sent.submission_id)
        if not died:  # there is no such call: all points have been through
            assert point > fewest
            print(f"\n{target}: died before each of {point - STEP} calls, step {STEP}")
            return
    raise AssertionError(f"{target} makes {MOST_POINTS} calls and more")
