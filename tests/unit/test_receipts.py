"""Receipts: what a student can hold against "it was never submitted"."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import assume, example, given

from functions.api import create_app
from functions.domain.submission import RunType
from functions.receipts import read, receipt_for
from tests.fakes import NOON, World
from tests.unit.test_api import BODY, NameIsToken, get, judge_everything, post

KEY = "k" * 32
OTHER_KEY = "o" * 32


@pytest.fixture
def client(world: World) -> Iterator[Any]:
    service = replace(world.service, receipt_key=KEY)
    app = create_app(service, NameIsToken(), version="test", max_body_bytes=100_000)
    with app.test_client() as client:
        yield client


def test_what_is_accepted_bears_a_receipt_and_a_repeat_the_same(client: Any) -> None:
    first, again = (post(client, Idempotency_Key="k") for _ in range(2))
    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json["receipt"] == again.json["receipt"]
    found = read(first.json["receipt"], KEY)
    assert found is not None
    assert (found.submission_id, found.recorded_at) == (first.json["submission_id"], NOON)
    assert "receipt" not in get(client, f"/submissions/{found.submission_id}").json


def test_a_receipt_is_of_this_very_code(client: Any) -> None:
    receipts = [read(post(client, BODY | {"code": code}).json["receipt"], KEY) for code in ("a", "b", "a")]
    first, other, same = (each.code_sha256 for each in receipts if each is not None)
    assert (first == same, first == other) == (True, False)


def test_without_a_key_there_are_no_receipts(world: World) -> None:
    app = create_app(world.service, NameIsToken(), version="test", max_body_bytes=100_000)
    with app.test_client() as client:
        assert "receipt" not in post(client).json


def test_another_key_or_a_changed_character_makes_it_nobodys(world: World) -> None:
    receipt = receipt_for(world.submit(), KEY)
    assert read(f"  {receipt}\n", KEY) is not None  # as it is pasted
    assert read(receipt, OTHER_KEY) is None

    @given(st.integers(0, len(receipt) - 1), st.characters())
    def changed(at: int, character: str) -> None:
        other = receipt[:at] + character + receipt[at + 1 :]
        assume(other.strip() != receipt)
        assert read(other, KEY) is None

    changed()


@given(st.text(st.characters()))
@example("\udcff.\udcff")
def test_what_is_no_receipt_is_none(text: str) -> None:
    assert read(text, KEY) is None


# Links to outputs.


def test_links_are_given_to_those_who_may_follow_them(world: World) -> None:
    from functions.domain.verdict import Ending, Execution

    world.judge.run = lambda program: Execution(Ending.WELL, stdout=b"1\n" * 5000)
    app = create_app(world.service, NameIsToken(), version="test", max_body_bytes=100_000)
    with app.test_client() as client:
        submission_id = post(client).json["submission_id"]
        judge_everything(world)
        path = f"/submissions/{submission_id}"
        student, staff = get(client, path).json, get(client, path, "teacher").json
        again = get(client, path)
    for shown in (student, staff):
        assert [("full_output_url" in test, test["hidden"]) for test in shown["tests"]] == [
            (True, False),
            (True, False),
            (False, True),
            (False, True),
        ]
    assert "hidden_outputs_url" not in student
    assert staff["hidden_outputs_url"].endswith("hidden.json?seconds=300")
    assert again.json == student  # the same link for a minute: a poll finds nothing new


def test_a_run_has_no_hidden_outputs(world: World) -> None:
    world.submit(RunType.RUN)
    judge_everything(world)
    assert world.objects.objects == {}
