"""What Cloud Tasks hears of the handler before a visit begins."""

from __future__ import annotations

import pytest
from flask import Request
from werkzeug.test import EnvironBuilder

from functions.gate import Gate
from functions.machine import handle_ticket
from functions.ports import Caller, InvalidToken, Unavailable
from tests.fakes import World


class OnlyOurs:
    def verify(self, token: str) -> Caller:
        if token != "ours":
            raise InvalidToken("not ours")
        return Caller("tasks")


def store_away() -> Gate:
    raise Unavailable("the store")


@pytest.mark.parametrize(("token", "status"), [("somebody's", 401), ("ours", 503)])
def test_with_the_store_away_strangers_are_turned_away_and_tickets_come_again(
    world: World, token: str, status: int
) -> None:
    ticket = {"queue": "run", "submission_id": "x"}
    built = EnvironBuilder(method="POST", headers=[("Authorization", f"Bearer {token}")], json=ticket)
    request = Request(built.get_environ())
    assert handle_ticket(world.service, store_away, OnlyOurs(), request).status_code == status
