"""The wire contract over HTTP: statuses, problem documents, headers. The rules behind it have their own suites."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from functions import records
from functions.api import create_app
from functions.domain.exam import Exam
from functions.domain.submission import RunType
from functions.domain.verdict import Ending, Execution
from functions.gate import Gate
from functions.ports import Caller, InvalidToken, Put, Unavailable
from functions.standing import FRESH_SECONDS
from functions.visit import visit
from tests.fakes import NOON, World, echo

BODY = {
    "attempt_id": "attempt-alice",
    "question_id": "echo",
    "language": "python",
    "code": "print(input())",
    "run_type": "submit",
}


class NameIsToken:
    """Whoever says `Bearer alice` is alice."""

    def verify(self, token: str) -> Caller:
        if token == "bad":
            raise InvalidToken("The token is not valid here.")
        return Caller(token, staff=token == "teacher")


@pytest.fixture
def client(world: World) -> Iterator[Any]:
    app = create_app(
        world.service,
        NameIsToken(),
        version="test",
        max_body_bytes=100_000,
        allowed_origins=["https://exam.example"],
    )
    with app.test_client() as client:
        yield client


def post(client: Any, body: object = BODY, *, token: str | None = "alice", **headers: str) -> Any:
    sent = {"Authorization": f"Bearer {token}"} if token else {}
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    return client.post(
        "/", data=body if isinstance(body, bytes) else json.dumps(body), headers=sent, content_type="application/json"
    )


def get(client: Any, path: str, token: str = "alice", **headers: str) -> Any:
    return client.get(path, headers={"Authorization": f"Bearer {token}", **headers})


def judge_everything(world: World) -> None:
    for kind in RunType:
        visit(world.service, Gate(world.clock, lambda: 0, world.service.rng), kind)


def assert_problem(answer: Any, status: int, *fields: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/problem+json"
    problem = answer.json
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert [error["field"] for error in problem["errors"]] == list(fields)


def test_a_submission_is_accepted_at_once_and_says_where_to_look(client: Any, world: World) -> None:
    answer = post(client)
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/submissions/{answer.json['submission_id']}"
    assert answer.headers["Retry-After"] == "2"
    assert answer.headers["X-Request-Id"]
    assert answer.json["status"] == "queued"
    assert answer.json["queue_position"] == 1
    assert answer.json["progress"] == {"finished": 0, "total": 4}
    assert answer.json["verdict"] is None
    assert answer.json["created_at"] == "2026-06-01T12:00:00Z"
    assert world.judge.batches == []


def test_the_two_addresses_for_submitting_are_the_same(client: Any) -> None:
    headers = {"Authorization": "Bearer alice", "Idempotency-Key": "k"}
    first = client.post("/submissions", json=BODY, headers=headers)
    second = client.post("/", json=BODY, headers=headers)
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json["submission_id"] == second.json["submission_id"]


def test_a_judged_submission_shows_samples_whole_and_hidden_tests_by_verdict_alone(client: Any, world: World) -> None:
    accepted = post(client).json
    judge_everything(world)
    shown = get(client, f"/submissions/{accepted['submission_id']}").json
    assert (shown["status"], shown["verdict"], shown["score"]) == ("completed", "accepted", 100)
    assert shown["queue_position"] is None
    assert shown["poll_after_seconds"] is None
    assert shown["tests"][0] == {
        "number": 1,
        "hidden": False,
        "verdict": "accepted",
        "time_seconds": 0.01,
        "memory_kb": 1000,
        "stdin": "1\n",
        "expected_output": "1\n",
        "stdout": "1\n",
        "stderr": "",
    }
    assert shown["tests"][3] == {
        "number": 4,
        "hidden": True,
        "verdict": "accepted",
        "time_seconds": 0.01,
        "memory_kb": 1000,
    }


def test_an_unchanged_submission_is_not_sent_again(client: Any, world: World) -> None:
    path = f"/submissions/{post(client).json['submission_id']}"
    first = get(client, path)
    again = get(client, path, **{"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert "Date" not in again.headers, "the server gives one, and of two a page can read neither"
    for known in ("*", f"W/{first.headers['ETag']}", f'"other", {first.headers["ETag"]}'):
        assert get(client, path, **{"If-None-Match": known}).status_code == 304
    assert get(client, path, **{"If-None-Match": '"other"'}).status_code == 200
    assert again.data == b""
    assert again.headers["Retry-After"] == "2"
    judge_everything(world)
    world.clock.seconds += FRESH_SECONDS
    assert get(client, path, **{"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_positions_count_in_the_order_of_taking(client: Any, world: World) -> None:
    run = world.submit(RunType.RUN)
    first = world.submit()
    world.clock.seconds += 2
    second = world.submit(caller=Caller("bob"))

    def position(submission_id: str) -> int:
        found: int = get(client, f"/submissions/{submission_id}", "teacher").json["queue_position"]
        return found

    assert position(first.submission_id) == 1
    assert position(second.submission_id) == 2
    assert position(run.submission_id) == 3


def test_a_waiting_submission_may_be_cancelled_and_a_judged_one_not(client: Any, world: World) -> None:
    headers = {"Authorization": "Bearer alice"}
    waiting = post(client).json["submission_id"]
    for _ in range(2):
        answer = client.delete(f"/submissions/{waiting}", headers=headers)
        assert (answer.status_code, answer.json["status"]) == (200, "cancelled")
    judged = post(client).json["submission_id"]
    judge_everything(world)
    assert_problem(client.delete(f"/submissions/{judged}", headers=headers), 409)


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"code": None}, ["code"]),
        ({"code": 5}, ["code"]),
        ({"code": ""}, ["code"]),
        ({"run_type": "judge"}, ["run_type"]),
        ({"language": "cobol"}, ["language"]),
        ({"language": ""}, ["language"]),
        ({"question_id": "../x"}, ["question_id"]),
        ({"attempt_id": "a/b", "code": 1}, ["attempt_id", "code"]),
        ({"surplus": 1}, ["surplus"]),
        ({"stdin": "1"}, ["stdin"]),
    ],
)
def test_each_wrong_field_is_named(client: Any, changes: dict[str, object], fields: list[str]) -> None:
    assert_problem(post(client, BODY | changes), 422, *fields)


def test_a_missing_field_is_named(client: Any) -> None:
    assert_problem(post(client, {k: v for k, v in BODY.items() if k != "language"}), 422, "language")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff",
        "{}".encode("utf-16"),
        '{"code": "\\ud800"}'.encode("utf-16-le"),
        b"\xef\xbb\xbf{}",
        b'{"a":' * 50_000,
        b"nonsense",
        b'{"code": "\\ud800"}',
        b'{"\\ud800": 1}',
    ],
)
def test_what_is_not_json_is_a_bad_request(client: Any, body: bytes) -> None:
    assert_problem(post(client, body[:99_999]), 400)


@pytest.mark.parametrize(
    "text",
    [
        '{"run_type": "run", "run_type": "submit"}',
        '{"a": {"\\ud800": 1, "\\ud800": 2}}',
        '{"code": NaN}',
        '{"code": -Infinity}',
        '{"code": ' + "9" * 5000 + "}",
    ],
)
def test_json_that_others_could_read_otherwise_is_a_bad_request(client: Any, text: str) -> None:
    answer = post(client, text.encode())
    assert_problem(answer, 400)
    if "run_type" in text:
        assert answer.json["detail"] == 'The body names the field "run_type" twice.'


@pytest.mark.parametrize("body", [[], "text", 5, None, [BODY], '"{}"'])
def test_json_that_is_no_object_is_refused(client: Any, body: object) -> None:
    assert post(client, body).status_code == 422


def test_another_content_type_is_refused(client: Any) -> None:
    headers = {"Authorization": "Bearer alice"}
    assert_problem(client.post("/", data="x=1", headers=headers, content_type="text/plain"), 415)
    assert_problem(client.post("/", data=b"", headers=headers), 415)


def test_a_body_or_a_code_that_is_too_large_is_refused(client: Any) -> None:
    assert_problem(post(client, BODY | {"code": "x" * 100_000}), 413)
    assert_problem(post(client, BODY | {"code": "x" * 65_537}), 413, "code")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH"])
def test_another_method_is_refused_with_those_that_are_allowed(client: Any, method: str) -> None:
    answer = client.open("/", method=method, headers={"Authorization": "Bearer alice"})
    assert_problem(answer, 405)
    assert "POST" in answer.headers["Allow"]


def test_there_is_no_such_path(client: Any) -> None:
    assert_problem(get(client, "/nothing/here"), 404)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("POST", "/submissions"),
        ("GET", "/submissions/x"),
        ("DELETE", "/submissions/x"),
        ("GET", "/attempts/x"),
        ("GET", "/questions/x"),
        ("GET", "/languages"),
    ],
)
def test_without_a_valid_token_nothing_is_told(client: Any, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer bad"}, {"Authorization": "Basic YTpi"}):
        answer = client.open(path, method=method, headers=headers)
        assert_problem(answer, 401)
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_somebody_elses_submission_does_not_exist_and_their_attempt_is_forbidden(client: Any) -> None:
    path = f"/submissions/{post(client).json['submission_id']}"
    assert_problem(get(client, path, "bob"), 404)
    assert_problem(client.delete(path, headers={"Authorization": "Bearer bob"}), 404)
    assert_problem(post(client, token="bob"), 403)
    assert_problem(get(client, "/attempts/attempt-alice", "bob"), 403)
    assert get(client, path, "teacher").status_code == 200


def test_beyond_the_rate_it_says_when_to_come_again(client: Any) -> None:
    for _ in range(6):
        assert post(client).status_code == 202
    answer = post(client)
    assert_problem(answer, 429)
    assert answer.headers["Retry-After"] == "60"


def test_with_the_store_away_it_says_so_and_when_to_come_again(
    client: Any, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise Unavailable("away")

    for method in ("get", "find", "count", "commit"):
        monkeypatch.setattr(world.store, method, away)
    for answer in (post(client), get(client, "/submissions/x"), get(client, "/attempts/attempt-alice")):
        assert_problem(answer, 503)
        assert int(answer.headers["Retry-After"]) > 0
    health = client.get("/health")
    assert (health.status_code, health.json["status"]) == (200, "unhealthy")


def test_a_fault_of_ours_shows_no_trace(client: Any, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(world.store, "get", broken)
    answer = get(client, "/submissions/x")
    assert_problem(answer, 500)
    assert "secret" not in answer.text


def test_an_attempt_shows_the_exam_the_scores_and_the_submissions_newest_first(client: Any, world: World) -> None:
    exam = Exam("exam", "An exam", ("echo", "other"), closes_at=NOON + timedelta(hours=1))
    world.store.commit(Put("exams/exam", records.exam_fields(exam)))
    first = world.submit()
    judge_everything(world)
    world.judge.run = lambda _: Execution(Ending.WELL, stdout=b"wrong")
    world.clock.seconds += 1
    second = world.submit()
    judge_everything(world)
    shown = get(client, "/attempts/attempt-alice").json
    assert shown["exam"]["title"] == "An exam"
    assert shown["exam"]["closes_at"] == "2026-06-01T13:00:00Z"
    assert shown["exam"]["questions"][0] == {"question_id": "echo", "title": "Echo", "points": 100}
    assert shown["scores"] == [
        {"question_id": "echo", "score": 100, "points": 100, "submission_id": first.submission_id},
        {"question_id": "other", "score": None, "points": 0, "submission_id": None},
    ]
    assert [each["submission_id"] for each in shown["submissions"]] == [second.submission_id, first.submission_id]
    assert shown["next_page_token"] is None


def test_many_submissions_come_in_pages(client: Any, world: World) -> None:
    for _ in range(55):
        world.clock.seconds += 61
        world.submit()
    first = get(client, "/attempts/attempt-alice").json
    second = get(client, f"/attempts/attempt-alice?page_token={first['next_page_token']}").json
    seen = [each["submission_id"] for page in (first, second) for each in page["submissions"]]
    assert (len(seen), len(set(seen)), len(first["submissions"])) == (55, 55, 50)
    assert second["next_page_token"] is None
    for nonsense in ("nonsense", "e30=", "WzEsMl0="):
        assert_problem(get(client, f"/attempts/attempt-alice?page_token={nonsense}"), 400, "page_token")


def test_a_question_shows_its_samples_and_never_a_hidden_test(client: Any) -> None:
    answer = get(client, "/questions/echo")
    assert answer.json["samples"] == [
        {"number": 1, "stdin": "1\n", "expected_output": "1\n", "truncated": False},
        {"number": 2, "stdin": "2\n", "expected_output": "2\n", "truncated": False},
    ]
    assert answer.json["languages"] == ["cpp", "python"]
    assert "3\\n" not in answer.text
    assert_problem(get(client, "/questions/none"), 404)


def test_the_languages_are_the_judges(client: Any, world: World) -> None:
    assert get(client, "/languages").json[0] == {"name": "cpp", "label": "Cpp (1.0)", "version": "1.0"}
    world.judge.away = True
    assert_problem(get(client, "/languages"), 503)


def test_health_needs_no_token_and_tells_the_truth(client: Any, world: World) -> None:
    calm = client.get("/health").json
    assert (calm["status"], calm["queue_length"], calm["processing"], calm["max_concurrent"]) == ("healthy", 0, 0, 3)
    world.submit()
    world.submit(RunType.RUN)
    world.clock.seconds += 61
    busy = client.get("/health").json
    assert busy["status"] == "degraded"
    assert busy["queues"]["submit"] == {"length": 1, "oldest_seconds": 61.0, "estimated_wait_seconds": 1.0}
    assert busy["queues"]["run"]["length"] == 1
    assert busy["judges"] == [{"name": "judge0", "state": "closed", "slots": 3}]


def test_health_is_kept_for_a_second(client: Any, world: World) -> None:
    before = client.get("/health").json
    world.submit()
    assert client.get("/health").json == before
    world.clock.seconds += 1
    assert client.get("/health").json["queue_length"] == 1


def test_the_openapi_document_describes_every_route(client: Any) -> None:
    document = client.get("/openapi.json").json
    assert document["openapi"].startswith("3.1")
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}
    assert described == {
        ("POST", "/"),
        ("POST", "/submissions"),
        ("GET", "/submissions/{submission_id}"),
        ("DELETE", "/submissions/{submission_id}"),
        ("GET", "/attempts/{attempt_id}"),
        ("GET", "/questions/{question_id}"),
        ("GET", "/languages"),
        ("GET", "/health"),
        ("POST", "/submissions/{submission_id}/rejudge"),
        ("GET", "/rejudgings"),
        ("POST", "/rejudgings"),
        ("GET", "/rejudgings/{rejudging_id}"),
        ("POST", "/rejudgings/{rejudging_id}/apply"),
        ("POST", "/rejudgings/{rejudging_id}/cancel"),
        ("GET", "/overview"),
        ("GET", "/submissions"),
        ("POST", "/submissions/{submission_id}/requeue"),
        ("PUT", "/questions/{question_id}"),
    }
    assert "application/problem+json" in document["paths"]["/"]["post"]["responses"]["422"]["content"]
    open_to_all = {
        path for path, methods in document["paths"].items() if not all(m.get("security") for m in methods.values())
    }
    assert open_to_all == {"/health"}
    page = client.get("/docs")
    assert page.status_code == 200
    assert "openapi.json" in page.text
    for link in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert link in page.text
    for script in ("js/swagger-ui-bundle.js", "js/swagger-ui-standalone-preset.js", "css/swagger-ui.css"):
        with client.get(f"/swagger/{script}") as answer:
            assert answer.status_code == 200


def test_only_listed_origins_may_read(client: Any) -> None:
    listed = client.options("/", headers={"Origin": "https://exam.example", "Access-Control-Request-Method": "POST"})
    assert listed.headers["Access-Control-Allow-Origin"] == "https://exam.example"
    assert "Idempotency-Key" in listed.headers["Access-Control-Allow-Headers"]
    other = client.get("/health", headers={"Origin": "https://evil.example"})
    assert "Access-Control-Allow-Origin" not in other.headers


def test_every_answer_bears_the_headers_that_protect_it(client: Any) -> None:
    for answer in (post(client), post(client, token=None), client.get("/health"), get(client, "/nothing")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Content-Security-Policy"] == "frame-ancestors 'none'"
        assert answer.headers["X-Request-Id"]
    assert post(client).headers["Cache-Control"] == "no-store"
    assert get(client, "/attempts/attempt-alice").headers["Cache-Control"] == "no-store"


def test_no_answer_lets_credentials_or_any_origin_in(client: Any) -> None:
    for origin in ("https://exam.example", "https://evil.example", "null", "*", "https://exam.example.evil"):
        for method in ("OPTIONS", "GET"):
            answer = client.open("/submissions/x", method=method, headers={"Origin": origin})
            assert "Access-Control-Allow-Credentials" not in answer.headers
            allowed = answer.headers.get("Access-Control-Allow-Origin")
            assert allowed == (origin if origin == "https://exam.example" else None)
    methods = client.options("/questions/x", headers={"Origin": "https://exam.example"}).headers
    assert "PUT" in methods["Access-Control-Allow-Methods"]


def test_an_input_of_ones_own_has_its_bound_in_bytes(client: Any) -> None:
    run = BODY | {"run_type": "run"}
    assert post(client, run | {"stdin": "x" * 65_536}).status_code == 202
    assert_problem(post(client, json.dumps(run | {"stdin": "é" * 40_000}, ensure_ascii=False).encode()), 422, "stdin")
    assert_problem(post(client, run | {"stdin": "x" * 65_537}), 422, "stdin")


def test_a_request_id_is_kept_unless_it_is_nonsense(client: Any) -> None:
    assert client.get("/health", headers={"X-Request-Id": "abc-1"}).headers["X-Request-Id"] == "abc-1"
    assert client.get("/health", headers={"X-Request-Id": "a b<"}).headers["X-Request-Id"] != "a b<"


# Rejudging, for staff.


def post_to(client: Any, path: str, body: object = None, token: str = "teacher") -> Any:
    sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    return client.post(path, headers={"Authorization": f"Bearer {token}"}, **sent)


def test_a_set_is_rejudged_compared_and_applied(client: Any, world: World) -> None:
    world.judge.run = lambda program: Execution(Ending.WELL, stdout=b"no")
    submission_id = post(client).json["submission_id"]
    judge_everything(world)
    world.judge.run = echo
    started = post_to(client, "/rejudgings", {"filter": {"question_id": "echo", "verdict": "wrong_answer"}})
    assert started.status_code == 202
    rejudging = started.json
    assert started.headers["Location"] == f"/rejudgings/{rejudging['rejudging_id']}"
    assert rejudging["filter"] == {"question_id": "echo", "verdict": "wrong_answer"}
    assert (rejudging["stage"], rejudging["created_by"], rejudging["statuses"]) == ("judging", "teacher", {"queued": 1})
    path = f"/rejudgings/{rejudging['rejudging_id']}"
    assert_problem(post_to(client, f"{path}/apply"), 409)
    judge_everything(world)
    assert get(client, f"/submissions/{submission_id}").json["score"] == 0  # what stands, stands
    assert get(client, path, "teacher").json["differences"] == [
        {
            "submission_id": submission_id,
            "attempt_id": "attempt-alice",
            "question_id": "echo",
            "student": "alice",
            "before": {"verdict": "wrong_answer", "score": 0},
            "after": {"verdict": "accepted", "score": 100},
        }
    ]
    applied = post_to(client, f"{path}/apply")
    assert (applied.status_code, applied.json["stage"], applied.json["closed_by"]) == (200, "applied", "teacher")
    assert get(client, f"/submissions/{submission_id}").json["score"] == 100
    assert get(client, "/attempts/attempt-alice").json["scores"][0]["score"] == 100
    assert [each["rejudging_id"] for each in get(client, "/rejudgings", "teacher").json] == [rejudging["rejudging_id"]]
    assert_problem(post_to(client, f"{path}/cancel"), 409)


def test_one_is_rejudged_and_forgotten(client: Any, world: World) -> None:
    submission_id = post(client).json["submission_id"]
    assert_problem(post_to(client, f"/submissions/{submission_id}/rejudge"), 409)  # not judged yet
    judge_everything(world)
    path = post_to(client, f"/submissions/{submission_id}/rejudge").headers["Location"]
    cancelled = post_to(client, f"{path}/cancel").json
    assert (cancelled["stage"], cancelled["statuses"]) == ("cancelled", {"cancelled": 1})
    assert_problem(post_to(client, f"{path}/apply"), 409)


def test_rejudging_is_for_staff(client: Any, world: World) -> None:
    submission_id = post(client).json["submission_id"]
    judge_everything(world)
    path = post_to(client, f"/submissions/{submission_id}/rejudge").headers["Location"]
    judge_everything(world)
    for method, each in (
        ("get", "/rejudgings"),
        ("get", path),
        ("post", f"{path}/apply"),
        ("post", f"{path}/cancel"),
        ("post", "/rejudgings"),
        ("post", f"/submissions/{submission_id}/rejudge"),
    ):
        answer = getattr(client, method)(each, headers={"Authorization": "Bearer alice"})
        assert_problem(answer, 403)
        assert_problem(getattr(client, method)(each), 401)
    copy = f"{path.removeprefix('/rejudgings/')}:{submission_id}"
    for token in ("alice", "teacher"):
        assert_problem(get(client, f"/submissions/{copy}", token), 404)  # its result does not count (yet)


@pytest.mark.parametrize(
    ("body", "status", "fields"),
    [
        ({}, 422, ["filter"]),
        ({"filter": {}}, 422, []),
        ({"filter": {"student": "x"}}, 422, ["filter.student"]),
        ({"filter": {"verdict": "fine"}}, 422, ["filter.verdict"]),
        ({"filter": {"question_id": "a/b"}}, 422, ["filter.question_id"]),
        ({"filter": {"question_id": "echo"}}, 422, []),  # none
        ([], 422, ["body"]),
        (None, 415, []),
    ],
)
def test_a_rejudging_of_nothing_or_everything_is_refused(
    client: Any, body: object, status: int, fields: list[str]
) -> None:
    assert_problem(post_to(client, "/rejudgings", body), status, *fields)


def test_an_unknown_rejudging_is_not_found(client: Any) -> None:
    assert_problem(get(client, "/rejudgings/nope", "teacher"), 404)
    assert_problem(post_to(client, "/rejudgings/nope/apply"), 404)
    assert_problem(post_to(client, "/submissions/nope/rejudge"), 404)
