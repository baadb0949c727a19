"""validate.py INPUT ANSWER FEEDBACK_FOLDER < OUTPUT; 42 is right, 43 is wrong."""

import sys
from pathlib import Path

RIGHT, WRONG = 42, 43


def verdict(wanted: list[str], given: list[str]) -> str | None:
    if sorted(wanted) != sorted(given):
        return "other numbers"
    if any(one == other for one, other in zip(given, given[1:], strict=False)):
        return "equal neighbours"
    return None


why = verdict(Path(sys.argv[1]).read_text().split()[1:], sys.stdin.read().split())
if why is not None:
    Path(sys.argv[3], "judgemessage.txt").write_text(why + "\n")
sys.exit(RIGHT if why is None else WRONG)
