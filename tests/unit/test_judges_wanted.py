"""The sweep says how many judges there should be: what it reckons that from, and whom it tells."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from google.auth.exceptions import DefaultCredentialsError
from google.auth.transport.requests import AuthorizedSession
from google.oauth2.credentials import Credentials

from functions import records
from functions.domain.concurrency import Bounds
from functions.ports import Put, Unavailable, Update
from functions.slots import read_slots
from functions.sweeping import sweep
from infra import bootstrap, settings
from infra.cloud_monitoring import METRIC, CloudMonitoringAutoscaler
from infra.sqlite import SQLiteDocumentStore
from tests.fakes import FakeClock, World, make_world


class Told:
    """An autoscaler that remembers."""

    def __init__(self) -> None:
        self.numbers: list[int] = []
        self.away = False

    def want(self, judges: int) -> None:
        if self.away:
            raise Unavailable("nobody listens")
        self.numbers.append(judges)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def scaled(told: Told) -> World:
    """Two judges with three slots each; one to five there may be."""
    world = make_world(SQLiteDocumentStore(":memory:"), {"a": 3, "b": 3}, judges_scale=Bounds(1, 5), turn_spacing=0.0,
                       rate_submit_per_minute=1000)  # fmt: skip
    return replace(world, service=replace(world.service, autoscaler=told))


def swept(world: World, seconds: float = 60.0) -> None:
    sweep(world.service)
    world.clock.seconds += seconds


def hold(world: World, number: int) -> None:
    later = world.clock.now().replace(year=2027)
    for slot in read_slots(world.service)[0][:number]:
        taken = replace(slot, owner="somebody", expires_at=later, free_at=later)
        world.store.commit(Update(records.slot_path(slot.number), records.lease_fields(taken)))


def judged_lately(world: World, seconds: float) -> None:
    now = world.clock.now()
    changes = {"status": "completed", "started_at": now - timedelta(seconds=seconds), "finished_at": now}
    world.store.commit(Update(records.submission_path(world.submit().submission_id), changes))


def test_what_waits_and_is_in_hand_is_to_be_judged_within_a_minute(scaled: World, told: Told) -> None:
    """Nothing was judged yet: 2 s each, so a judge of three slots does 90 a minute."""
    hold(scaled, 6)
    for _ in range(200):
        scaled.submit()
    swept(scaled)
    assert told.numbers == [3]


def test_how_many_slots_a_judge_has_is_what_they_have_now(told: Told) -> None:
    world = make_world(SQLiteDocumentStore(":memory:"), {"a": 12, "b": 12}, judges_scale=Bounds(1, 5), turn_spacing=0.0,
                       rate_submit_per_minute=1000)  # fmt: skip
    hold(world, 24)
    for _ in range(200):
        world.submit()
    sweep(replace(world.service, autoscaler=told))
    assert told.numbers == [2]  # one would do, but who is busy stays while somebody waits


def test_who_has_waited_for_long_shows_that_there_are_too_few(scaled: World, told: Told) -> None:
    hold(scaled, 6)
    scaled.submit()
    scaled.clock.seconds += 31
    for _ in range(4):
        swept(scaled)
    assert told.numbers == [3, 4, 5, 5]


def test_where_nobody_waits_they_go_one_by_one_and_those_that_are_found_count(scaled: World, told: Told) -> None:
    scaled.store.commit(Put(records.FLEET_PATH, {"wanted": 4, "at": scaled.clock.now()}))
    for _ in range(4):
        swept(scaled)
    assert told.numbers == [3, 2, 1, 1]


def test_what_is_in_hand_keeps_its_judges(scaled: World, told: Told) -> None:
    hold(scaled, 2)
    swept(scaled)
    assert told.numbers == [2]


def test_what_was_wanted_long_ago_is_not_starting_any_more(scaled: World, told: Told) -> None:
    scaled.store.commit(Put(records.FLEET_PATH, {"wanted": 5, "at": scaled.clock.now()}))
    scaled.clock.seconds += 3600
    swept(scaled)
    assert told.numbers == [1]


def test_a_long_judging_wants_more_judges(scaled: World, told: Told) -> None:
    judged_lately(scaled, 30.0)
    for _ in range(13):
        scaled.submit()
    hold(scaled, 6)
    swept(scaled)
    assert told.numbers == [4]  # 19 of 30 s each, by six a minute


def test_that_nobody_listens_harms_no_sweep(scaled: World, told: Told) -> None:
    told.away = True
    swept(scaled)
    told.away = False
    swept(scaled)
    assert told.numbers == [1]


def test_without_the_setting_nothing_is_reckoned_or_told(world: World, told: Told) -> None:
    swept(replace(world, service=replace(world.service, autoscaler=told)))
    assert told.numbers == []
    assert world.store.get(records.FLEET_PATH) == [None]


# Cloud Monitoring


class Monitoring(BaseHTTPRequestHandler):
    status: ClassVar[int] = 200
    sent: ClassVar[list[tuple[str, str, Mapping[str, Any]]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.sent.append((self.path, self.headers["Authorization"], body))
        self.send_response(self.status)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None: ...


def session() -> AuthorizedSession:
    return AuthorizedSession(Credentials("t0ken"))  # type: ignore[no-untyped-call]


@pytest.fixture
def monitoring() -> Iterator[str]:
    Monitoring.sent.clear()
    Monitoring.status = 200
    with ThreadingHTTPServer(("127.0.0.1", 0), Monitoring) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_number_is_one_point_of_a_gauge_of_the_project(monitoring: str) -> None:
    with session() as authorized:
        CloudMonitoringAutoscaler(lambda: authorized, "p", FakeClock(), monitoring).want(3)
    [(path, authorization, body)] = Monitoring.sent
    assert (path, authorization) == ("/v3/projects/p/timeSeries", "Bearer t0ken")
    [series] = body["timeSeries"]
    assert series == {
        "metric": {"type": METRIC},
        "resource": {"type": "global", "labels": {"project_id": "p"}},
        "metricKind": "GAUGE",
        "valueType": "INT64",
        "points": [{"interval": {"endTime": "2026-06-01T12:00:00+00:00"}, "value": {"int64Value": "3"}}],
    }


@pytest.mark.parametrize("status", [400, 403, 429, 503])
def test_a_refusal_is_told_as_unavailable(monitoring: str, status: int) -> None:
    Monitoring.status = status
    with session() as authorized, pytest.raises(Unavailable, match=str(status)):
        CloudMonitoringAutoscaler(lambda: authorized, "p", FakeClock(), monitoring).want(3)


def test_so_is_silence_and_an_account_that_is_none() -> None:
    def no_account() -> AuthorizedSession:
        raise DefaultCredentialsError("none")  # type: ignore[no-untyped-call]

    with session() as authorized, pytest.raises(Unavailable):
        CloudMonitoringAutoscaler(lambda: authorized, "p", FakeClock(), "http://127.0.0.1:1").want(3)
    with pytest.raises(Unavailable, match="DefaultCredentialsError"):
        CloudMonitoringAutoscaler(no_account, "p", FakeClock()).want(3)


@pytest.mark.parametrize(
    ("given", "tells"),
    [
        ({"JUDGES_SCALE": "1:5", "K_SERVICE": "sweep"}, True),
        ({"JUDGES_SCALE": "1:5"}, False),
        ({"K_SERVICE": "sweep"}, False),
    ],
    ids=["deployed", "on one machine", "not asked for"],
)
def test_it_is_told_only_where_a_setting_asks_for_it(given: dict[str, str], tells: bool) -> None:
    assert (bootstrap.autoscaler(settings.read(given)) is not None) is tells


@pytest.mark.parametrize("given", ["5", "5:1", "0:2", "a:b"])
def test_bounds_that_are_none_are_named(given: str) -> None:
    with pytest.raises(settings.SettingsError, match=r"JUDGES_SCALE.*1:5"):
        settings.read({"JUDGES_SCALE": given})
