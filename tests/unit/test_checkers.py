"""Checkers: what is right, and where the first difference is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.checkers import Difference, checker_of
from functions.domain.explaining import explain
from functions.domain.question import Limits
from functions.domain.verdict import Ending, Execution

FLAGS = (
    "",
    "default",
    "exact",
    "tokens",
    "case_sensitive",
    "case_insensitive",
    "case_sensitive space_change_sensitive",
    "unordered_lines",
    "float_tolerance 1e-6",
    "float_absolute_tolerance 1e-6",
    "float_relative_tolerance 0.01 case_sensitive",
)
TABLE = [
    # flags, expected, actual, right
    ("default", b"1 2\n3\n", b"1 2\n3\n", True),
    ("default", b"1 2\n3\n", b"1 2  \n3", True),  # each line right-trimmed, final newline ignored
    ("default", b"1\n", b"1\r\n\n \n", True),  # final blank lines ignored
    ("default", b"1\n2\n", b"1\n\n2\n", False),  # a blank line in between counts
    ("default", b"1\n", b"\n1\n", False),  # ... and one before
    ("default", b"1\n", b" 1\n", False),  # leading white space counts
    ("default", b"a b\n", b"a  b\n", False),  # inner white space counts
    ("default", b"", b"", True),
    ("default", b"", b"\n\n", True),
    ("default", b"\xff\n", b"\xff", True),  # no text needed
    ("default", b"\xff\n", b"\xfe", False),
    ("default", b"A\n", b"a\n", False),
    ("default", b"1\n2\n3\n", b"1\n2\n", False),
    ("exact", b"1\n", b"1\n", True),
    ("exact", b"1\n", b"1", False),
    ("exact", b"1\n", b"1 \n", False),
    ("exact", b"1", b"1\n", False),
    ("exact", b"1\n", b"1\r\n", False),
    ("case_sensitive space_change_sensitive", b"a b", b"a  b", False),
    ("tokens", b"1 2\n3\n", b"1\n2 3", True),
    ("tokens", b"12\n", b"1 2\n", False),
    ("tokens", b"Yes\n", b"yes\n", False),
    ("tokens", b"1 2\n", b"1 2 3\n", False),
    ("tokens", b"1 2 3\n", b"1 2\n", False),
    ("tokens", b"", b" \n\t", True),
    ("case_insensitive", b"YES no\n", b"yes\nNO", True),
    ("case_insensitive", b"yes\n", b"no\n", False),
    ("float_tolerance 1e-6", b"0.5\n", b"0.5000004", True),
    ("float_tolerance 1e-6", b"0.5\n", b"0.50001", False),
    ("float_tolerance 1e-6", b"1000000\n", b"1000000.5", True),  # relatively near
    ("float_tolerance 0.25", b"1\n", b"1.25", True),  # the bound itself is within
    ("float_absolute_tolerance 1e-6", b"1000000\n", b"1000000.5", False),
    ("float_relative_tolerance 1e-6", b"1000000\n", b"1000000.5", True),
    ("float_relative_tolerance 1e-6", b"0\n", b"0.0000001", False),  # nothing is near zero relatively
    ("float_absolute_tolerance 1e-6 float_relative_tolerance 1e-2", b"100 0\n", b"101 1e-7", True),
    ("float_tolerance 1e-6", b"1e3\n", b"1000.0", True),
    ("float_tolerance 1e-6", b"-0.0\n", b"0", True),
    ("float_tolerance 1e-6", b".5 5.\n", b"0.5 5", True),
    ("float_tolerance 1e-6", b"1\n", b"nan", False),
    ("float_tolerance 1e-6", b"1e9\n", b"inf", False),
    ("float_tolerance 1e999999", b"1\n", b"2", None),  # no number
    ("float_tolerance 1e-6", b"1e400\n", b"1e401", False),  # neither is finite
    ("float_tolerance 1e-6", b"1\n", b"0x1", False),
    ("float_tolerance 1e-6", b"10\n", b"1_0", False),
    ("float_tolerance 1e-6", b"1\n", b"1 2", False),
    ("float_tolerance 1e-6", b"x: 1\n", b"X:\n1.0", True),  # words as Kattis compares them
    ("float_tolerance 1e-6 case_sensitive", b"x: 1\n", b"X: 1", False),
    ("unordered_lines", b"a\nb\nc\n", b"c\na \nb", True),
    ("unordered_lines", b"a\na\nb\n", b"a\nb\nb\n", False),  # each as often as expected
    ("unordered_lines", b"a\nb\n", b"a\n", False),
    ("unordered_lines", b"a\n", b"a\nb\n", False),
    ("unordered_lines", b"a b\n", b"b a\n", False),
    ("unordered_lines", b"", b"\n", True),
]


@pytest.mark.parametrize(("flags", "expected", "actual", "right"), [row for row in TABLE if row[3] is not None])
def test_each_checker_accepts_what_its_flags_say(flags: str, expected: bytes, actual: bytes, right: bool) -> None:
    assert (checker_of(flags)(expected, actual) is None) is right


@pytest.mark.parametrize("flags", FLAGS)
@given(output=st.binary())
def test_every_output_is_right_when_it_is_the_expected_one(flags: str, output: bytes) -> None:
    assert checker_of(flags)(output, output) is None


@pytest.mark.parametrize("flags", FLAGS)
@given(expected=st.binary(), actual=st.binary())
def test_a_difference_can_always_be_told(flags: str, expected: bytes, actual: bytes) -> None:
    found = checker_of(flags)(expected, actual)
    told = explain(Execution(Ending.WELL), Limits(), found)
    assert (told is None) is (found is None)
    assert told is None or (len(told) < 400 and told.isprintable())


@pytest.mark.parametrize(
    "flags",
    [
        "nonsense",
        "exact tokens",
        "float_tolerance",
        "float_tolerance x",
        "float_tolerance -1",
        "float_tolerance nan",
        "float_tolerance inf",
        "float_tolerance 1e-6 unordered_lines",
        "space_change_sensitive",
        "1e-6",
    ],
)
def test_flags_that_name_no_checker_are_refused(flags: str) -> None:
    with pytest.raises(ValueError, match=r"no checker|not known|needs a number"):
        checker_of(flags)


@pytest.mark.parametrize(
    ("flags", "expected", "actual", "told"),
    [
        ("", b"1\n7\n", b"1\n8\n", "Line 2: expected `7`, but got `8`."),
        ("", b"1\n7\n", b"1\n", "Line 2: expected `7`, but it is missing."),
        ("", b"1\n", b"1\n8\n", "Line 2: `8` should not be there."),
        ("", b"7\n", b"", "Line 1: expected `7`, but it is missing."),
        ("", b"1\n\n2\n", b"1\n2\n", "Line 2: expected an empty line, but got `2`."),
        ("", b"a\tb\n", b"a b\n", "Line 1: expected `a\\tb`, but got `a b`."),  # what is invisible is shown
        ("exact", b"1\n", b"1", "Line 1: expected `1\\n`, but got `1`."),
        ("tokens", b"1 2 3", b"1 2 4", "Word 3: expected `3`, but got `4`."),
        ("unordered_lines", b"a\nb\n", b"b\nc\n", "Line 2: `c` should not be there."),
        ("unordered_lines", b"a\nb\n", b"b\n", "The lines: expected `a`, but it is missing."),
        ("", b"\xff\n", b"x\n", "Line 1: expected `�`, but got `x`."),
        (
            "",
            b"x" * 100 + b"y" + b"z" * 100,
            b"x" * 100 + b"w",
            f"Line 1: expected `…{'x' * 20}y{'z' * 39}…`, but got `…{'x' * 20}w`.",
        ),
    ],
)
def test_a_student_is_told_where_the_output_is_wrong(flags: str, expected: bytes, actual: bytes, told: str) -> None:
    assert explain(Execution(Ending.WELL), Limits(), checker_of(flags)(expected, actual)) == told


@pytest.mark.parametrize(
    ("execution", "told"),
    [
        (Execution(Ending.RUNTIME_ERROR, exit_code=1), "Ended with exit code 1, where 0 means success."),
        (Execution(Ending.RUNTIME_ERROR, exit_code=0, exit_signal=11), "Crashed: a segmentation fault (SIGSEGV)"),
        (Execution(Ending.RUNTIME_ERROR, exit_signal=8), "Crashed: an arithmetic fault (SIGFPE)"),
        (Execution(Ending.RUNTIME_ERROR, exit_signal=31), "Crashed: signal 31."),
        (Execution(Ending.RUNTIME_ERROR), "Crashed."),
        (Execution(Ending.TIME_LIMIT, time_seconds=2.1), "Still running after 2 s of processor time."),
        (Execution(Ending.TIME_LIMIT, time_seconds=0.1), "Still running after 6 s, though it computed little"),
        (Execution(Ending.MEMORY_LIMIT), "Needed more than 125 MB of memory."),
        (Execution(Ending.OUTPUT_LIMIT), "Wrote more than 1024 KB of output."),
        (Execution(Ending.WELL), None),
    ],
)
def test_each_bad_ending_is_told_in_words(execution: Execution, told: str | None) -> None:
    found = explain(execution, Limits(), None)
    assert found == told if told is None or found is None else found.startswith(told)


def test_a_validators_no_is_a_sentence() -> None:
    no = Difference("The question's validator does not accept this output", None, None)
    assert explain(Execution(Ending.WELL), Limits(), no) == f"{no.place}."
