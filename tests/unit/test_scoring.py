"""From tests to points."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.domain.scoring import Group, Scored, counting, equal_points, score
from tests.fakes import NOON


@pytest.mark.parametrize(
    ("points", "passed", "total", "expected"),
    [(100, 0, 10, 0), (100, 10, 10, 100), (100, 1, 3, 33), (100, 2, 3, 67), (1, 1, 2, 1), (5, 1, 2, 3), (0, 1, 1, 0)],
)
def test_a_score_is_the_fraction_passed_rounded_half_up(points: int, passed: int, total: int, expected: int) -> None:
    accepted = {index: index < passed for index in range(total)}
    assert score(points, equal_points(total), accepted) == expected


THIRTY_AND_SEVENTY = Group("sum", (), (Group("min", ((0, 30.0), (1, 30.0))), Group("min", ((2, 70.0), (3, 70.0)))))


@pytest.mark.parametrize(
    ("wrong", "expected"), [((), 100), ((0,), 70), ((0, 1), 70), ((3,), 30), ((1, 2), 0), ((0, 1, 2, 3), 0)]
)
def test_a_group_of_which_all_must_be_right_scores_all_or_nothing(wrong: tuple[int, ...], expected: int) -> None:
    accepted = {index: index not in wrong for index in range(4)}
    assert score(100, THIRTY_AND_SEVENTY, accepted) == expected


def test_tests_may_weigh_differently_and_points_are_scaled() -> None:
    weighted = Group("sum", ((0, 1.0), (1, 3.0), (2, 0.0)))
    assert score(100, weighted, {0: True, 1: False, 2: True}) == 25
    assert score(10, weighted, {0: False, 1: True, 2: False}) == 8  # 7.5


def test_a_half_is_rounded_up_though_its_float_is_a_little_less() -> None:
    thirds = Group("sum", ((0, 0.7), (1, 0.7), (2, 0.7), (3, 0.7)))
    assert score(10, thirds, {0: True, 1: True, 2: True, 3: False}) == 8  # 7.5


def test_tests_are_settled_only_where_their_group_can_score_nothing_else() -> None:
    assert THIRTY_AND_SEVENTY.settled({}) == set()
    assert THIRTY_AND_SEVENTY.settled({0: True, 2: True}) == set()
    assert THIRTY_AND_SEVENTY.settled({2: False}) == {2, 3}
    assert THIRTY_AND_SEVENTY.settled({0: False, 3: False}) == {0, 1, 2, 3}
    assert equal_points(4).settled({0: False, 1: False}) == set()  # each still counts
    nothing = Group("sum", ((1, 0.0), (2, 0.0)))
    assert Group("sum", ((0, 1.0),), (nothing,)).settled({}) == set()  # what counts nothing is still shown


def groups(indices: list[int]) -> st.SearchStrategy[Group]:
    """Any tree over these tests."""
    aggregate: st.SearchStrategy[Literal["sum", "min"]] = st.sampled_from(["sum", "min"])
    points = st.sampled_from([0.0, 1.0, 2.5, 30.0])
    leaf = st.tuples(aggregate, st.tuples(*[points] * len(indices))).map(
        lambda drawn: Group(drawn[0], tuple(zip(indices, drawn[1], strict=True)))
    )
    if len(indices) < 2:
        return leaf
    half = len(indices) // 2
    inner = st.tuples(aggregate, groups(indices[:half]), groups(indices[half:])).map(
        lambda drawn: Group(drawn[0], (), (drawn[1], drawn[2]))
    )
    return st.one_of(leaf, inner)


@given(groups([0, 1, 2, 3, 4]), st.dictionaries(st.integers(0, 4), st.booleans()))
def test_whatever_the_settled_tests_would_give_the_score_is_the_same(group: Group, done: dict[int, bool]) -> None:
    left = sorted(group.settled(done) - done.keys())
    others = [index for index in range(5) if index not in done and index not in left]
    for other in itertools.product([False, True], repeat=len(others)):
        known = {**done, **dict(zip(others, other, strict=True))}
        scores = {
            group.bounds({**known, **dict(zip(left, guess, strict=True))})
            for guess in itertools.product([False, True], repeat=len(left))
        }
        assert len(scores) == 1


def test_best_counts_the_highest_and_of_equals_the_first_and_last_the_newest() -> None:
    scores = [("a", 10), ("b", 90), ("c", 90), ("d", 20)]
    submits = [Scored(name, "q", value, 100, NOON + timedelta(n)) for n, (name, value) in enumerate(scores)]
    for counts, expected in (("best", "b"), ("last", "d")):
        counted = counting(reversed(submits), counts)
        assert counted is not None
        assert counted.submission_id == expected
    assert counting([], "best") is None
