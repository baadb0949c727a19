"""Who may do what: every route, every caller, and what is theirs, somebody else's, missing or malformed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from functions import records
from functions.access import ACCESS, Who, Whose
from functions.api import create_app
from functions.domain.exam import Attempt, Exam
from functions.domain.submission import RunType, Status, Submission
from functions.ports import Caller, Create, Put, Update
from functions.questions import put_question
from tests.fakes import NOON, World, question
from tests.unit.test_api import BODY, NameIsToken, judge_everything

ALICE, BOB = "alice", "bob"
TEACHER, STRANGER = "teacher", "stranger"
"""Alice sits `exam`, which is TEACHER's and has the question `echo`; Bob sits `theirs`, which is STRANGER's."""
CALLERS = (None, "bad", ALICE, BOB, TEACHER, STRANGER)
QUESTION = {
    "title": "Echo",
    "statement": "Print it.",
    "tests": [{"stdin": "1", "expected_output": "1", "hidden": True}],
}


class Names(NameIsToken):
    def verify(self, token: str) -> Caller:
        return replace(super().verify(token), staff=token in (TEACHER, STRANGER))


@pytest.fixture
def client(world: World) -> Iterator[Any]:
    put_question(world.service, replace(question(), question_id="secret"))
    exams = Exam("exam", "An exam", ("echo",), staff=(TEACHER,)), Exam("theirs", "T", ("secret",), staff=(STRANGER,))
    for exam in exams:
        world.store.commit(Put(f"exams/{exam.exam_id}", records.exam_fields(exam)))
    attempt = Attempt("attempt-bob", student=BOB, exam_id="theirs")
    world.store.commit(Put("attempts/attempt-bob", records.attempt_fields(attempt)))
    app = create_app(world.service, Names(), version="test", max_body_bytes=100_000)
    with app.test_client() as client:
        yield client


def queued(world: World) -> str:
    return world.submit(caller=Caller(ALICE)).submission_id


def judged(world: World) -> str:
    submission_id = queued(world)
    judge_everything(world)
    return submission_id


def failed(world: World) -> str:
    submission_id = queued(world)
    changes = {"status": str(Status.FAILED), "finished_at": world.clock.now()}
    world.store.commit(Update(records.submission_path(submission_id), changes))
    return submission_id


def rejudging(world: World) -> str:
    from functions.rejudging import start_one

    return start_one(world.service, TEACHER, judged(world)).rejudging_id


def rejudged(world: World) -> str:
    identifier = rejudging(world)
    judge_everything(world)
    return identifier


def constant(value: str) -> Callable[[World], str]:
    return lambda world: value


@dataclass(frozen=True)
class Route:
    """How an operation is called; what of Alice's, or of TEACHER's exam, it is called for stands for ``{}``."""

    method: str
    path: str
    target: Callable[[World], str] = lambda world: ""
    body: dict[str, Any] | None = None

    def call(self, client: Any, token: str | None, target: str) -> Any:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        body = self.body and {k: target if v == "{}" else v for k, v in self.body.items()}
        sent = {} if body is None else {"json": body}
        return client.open(self.path.replace("{}", target), method=self.method, headers=headers, **sent)


SUBMIT = BODY | {"attempt_id": "{}"}
ROUTES = {
    "submit": Route("POST", "/", constant("attempt-alice"), SUBMIT),
    "submit_to_collection": Route("POST", "/submissions", constant("attempt-alice"), SUBMIT),
    "get_submission": Route("GET", "/submissions/{}", queued),
    "cancel_submission": Route("DELETE", "/submissions/{}", queued),
    "get_attempt": Route("GET", "/attempts/{}", constant("attempt-alice")),
    "get_question": Route("GET", "/questions/{}", constant("echo")),
    "get_languages": Route("GET", "/languages"),
    "get_health": Route("GET", "/health"),
    "get_overview": Route("GET", "/overview"),
    "list_submissions": Route("GET", "/submissions?question_id={}", constant("echo")),
    "requeue_submission": Route("POST", "/submissions/{}/requeue", failed),
    "put_question": Route("PUT", "/questions/{}", constant("echo"), QUESTION),
    "rejudge_submission": Route("POST", "/submissions/{}/rejudge", judged),
    "rejudge": Route("POST", "/rejudgings", judged, {"filter": {"question_id": "echo"}}),
    "list_rejudgings": Route("GET", "/rejudgings", rejudging),
    "get_rejudging": Route("GET", "/rejudgings/{}", rejudging),
    "apply_rejudging": Route("POST", "/rejudgings/{}/apply", rejudged),
    "cancel_rejudging": Route("POST", "/rejudgings/{}/cancel", rejudging),
    "openapi": Route("GET", "/openapi.json"),
    "docs": Route("GET", "/docs"),
    "swagger.static": Route("GET", "/swagger/css/swagger-ui.css"),
}
STATUSES = {
    # nobody, a bad token, Alice, Bob, TEACHER, STRANGER
    "submit": (401, 401, 202, 403, 403, 403),
    "submit_to_collection": (401, 401, 202, 403, 403, 403),
    "get_submission": (401, 401, 200, 404, 200, 404),
    "cancel_submission": (401, 401, 200, 404, 404, 404),
    "get_attempt": (401, 401, 200, 403, 200, 403),
    "get_question": (401, 401, 200, 404, 200, 404),
    "get_languages": (401, 401, 200, 200, 200, 200),
    "get_health": (200, 200, 200, 200, 200, 200),
    "get_overview": (401, 401, 403, 403, 200, 200),
    "list_submissions": (401, 401, 403, 403, 200, 200),
    "requeue_submission": (401, 401, 403, 403, 200, 404),
    "put_question": (401, 401, 403, 403, 200, 403),
    "rejudge_submission": (401, 401, 403, 403, 202, 404),
    "rejudge": (401, 401, 403, 403, 202, 403),
    "list_rejudgings": (401, 401, 403, 403, 200, 200),
    "get_rejudging": (401, 401, 403, 403, 200, 404),
    "apply_rejudging": (401, 401, 403, 403, 200, 404),
    "cancel_rejudging": (401, 401, 403, 403, 200, 404),
    "openapi": (200, 200, 200, 200, 200, 200),
    "docs": (200, 200, 200, 200, 200, 200),
    "swagger.static": (200, 200, 200, 200, 200, 200),
}
FOR_STAFF = {name for name, statuses in STATUSES.items() if statuses[2:4] == (403, 403)}
HAS_IT = {
    Whose.NOBODYS: {ALICE, BOB, TEACHER, STRANGER},
    Whose.OWN: {ALICE},
    Whose.OWN_OR_SUPERVISED: {ALICE, TEACHER},
    Whose.SUPERVISED: {TEACHER},
    Whose.SAT: {ALICE, TEACHER},
}
WHEN_LISTED = {"list_submissions": "submissions", "list_rejudgings": None}


def expected(operation: str, caller: str | None) -> int:
    return STATUSES[operation][CALLERS.index(caller)]


def role_refusal(operation: str, caller: str | None) -> int | None:
    """What a caller gets to whom the operation is closed, whatever it is called for."""
    closed = expected(operation, caller) == 401 or (operation in FOR_STAFF and caller in (ALICE, BOB))
    return expected(operation, caller) if closed else None


def test_the_table_says_what_is_tested_here() -> None:
    for operation, access in ACCESS.items():
        served = {caller for caller in CALLERS if expected(operation, caller) < 300}
        if operation in WHEN_LISTED:
            served.discard(STRANGER)  # they get a list without it
        allowed = {
            Who.ANYBODY: set(CALLERS),
            Who.PERSON: HAS_IT[access.whose],
            Who.STAFF: HAS_IT[access.whose] - {ALICE, BOB},
        }
        assert served == allowed[access.who], operation


def test_the_table_has_every_route_and_no_other(client: Any) -> None:
    endpoints = {rule.endpoint for rule in client.application.url_map.iter_rules()}
    assert set(ROUTES) == set(ACCESS)
    assert endpoints >= set(ACCESS)
    for path in ("/swagger", "/oauth2-redirect.html", "/static/x"):
        for token in (None, TEACHER):
            assert Route("GET", path).call(client, token, "").status_code == 404


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("operation", ROUTES)
def test_each_caller_gets_what_the_table_says(client: Any, world: World, operation: str, caller: str | None) -> None:
    route = ROUTES[operation]
    target = route.target(world)
    with route.call(client, caller, target) as answer:
        answer.get_data()
    assert answer.status_code == expected(operation, caller), answer.text
    if answer.status_code >= 400:
        assert answer.mimetype == "application/problem+json"
        assert "print(input())" not in answer.text
        return
    if operation in WHEN_LISTED:
        listed = answer.json if WHEN_LISTED[operation] is None else answer.json[WHEN_LISTED[operation]]
        assert bool(listed) == (caller == TEACHER and operation == "list_rejudgings")


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("operation", [name for name, route in ROUTES.items() if "{}" in route.path + str(route.body)])
def test_what_is_missing_or_no_name_at_all_is_told_as_such(
    client: Any, world: World, operation: str, caller: str | None
) -> None:
    refusal = role_refusal(operation, caller)
    for target in ("nothing", "..", "a b", "x" * 2000, "%00", "é", "a:b"):
        if operation == "put_question" and target == "nothing":
            continue  # it makes one
        status = ROUTES[operation].call(client, caller, target).status_code
        if refusal is not None:
            assert status == refusal, target
        elif operation == "list_submissions":
            assert status == (200 if target == "nothing" else 400)
        else:
            assert status in (404, 422), (target, status)


@pytest.mark.parametrize("operation", ROUTES)
def test_a_refused_call_changes_nothing(client: Any, world: World, operation: str) -> None:
    route = ROUTES[operation]
    target = route.target(world)
    before = everything(world)
    for caller in CALLERS:
        if expected(operation, caller) >= 400:
            route.call(client, caller, target)
    assert everything(world) == before


def everything(world: World) -> dict[str, object]:
    from functions.ports import Query

    found = [records.SUBMISSIONS, records.REJUDGED, records.REJUDGINGS, records.QUESTIONS, records.ATTEMPTS]
    return {each.path: each.version for name in found for each in world.store.find(Query(name))}


def test_lists_leave_out_what_is_somebody_elses(client: Any, world: World) -> None:
    mine = queued(world)
    theirs = world.submit(caller=Caller(BOB), question_id="secret").submission_id

    def listed(token: str, query: str = "") -> list[str]:
        answer = Route("GET", f"/submissions{query}").call(client, token, "")
        return [each["submission_id"] for each in answer.json["submissions"]]

    assert listed(TEACHER) == [mine]
    assert listed(STRANGER) == [theirs]
    assert listed(TEACHER, "?question_id=secret") == []
    assert listed(STRANGER, "?question_id=secret&status=queued&attempt_id=attempt-bob") == [theirs]
    assert listed(STRANGER, "?status=failed") == []


def test_a_question_is_read_by_those_whose_exam_has_it_once_it_has_begun(client: Any, world: World) -> None:
    def status(token: str, question_id: str) -> int:
        world.clock.seconds += 6  # what is kept for five seconds
        answer = ROUTES["get_question"].call(client, token, question_id)
        return int(answer.status_code)

    assert (status(ALICE, "echo"), status(ALICE, "secret")) == (200, 404)
    assert (status(BOB, "echo"), status(BOB, "secret")) == (404, 200)
    assert (status(TEACHER, "secret"), status(STRANGER, "secret")) == (404, 200)
    assert status("nobody-known", "echo") == 404
    tomorrow = Exam("exam", "An exam", ("echo",), opens_at=NOON + timedelta(days=1), staff=(TEACHER,))
    world.store.commit(Put("exams/exam", records.exam_fields(tomorrow)))
    assert (status(ALICE, "echo"), status(TEACHER, "echo")) == (404, 200)
    assert ROUTES["get_attempt"].call(client, ALICE, "attempt-alice").status_code == 403
    assert ROUTES["get_attempt"].call(client, TEACHER, "attempt-alice").status_code == 200
    world.store.commit(Update("attempts/attempt-alice", {"opens_at": NOON}))  # begins earlier
    assert status(ALICE, "echo") == 200
    ended = Exam("exam", "An exam", ("echo",), closes_at=NOON - timedelta(days=1), staff=(TEACHER,))
    world.store.commit(Put("exams/exam", records.exam_fields(ended)))
    assert status(ALICE, "echo") == 200
    assert ROUTES["get_attempt"].call(client, ALICE, "attempt-alice").status_code == 200


def test_a_submission_goes_to_ones_own_open_attempt_and_its_exams_questions_only(client: Any, world: World) -> None:
    def post(token: str, attempt_id: str, question_id: str) -> int:
        route = Route("POST", "/", body=BODY | {"attempt_id": attempt_id, "question_id": question_id})
        return int(route.call(client, token, "").status_code)

    assert post(ALICE, "attempt-alice", "echo") == 202
    assert post(ALICE, "attempt-alice", "secret") == 404
    assert post(ALICE, "attempt-bob", "secret") == 403
    assert post(TEACHER, "attempt-alice", "echo") == 403
    assert post(ALICE, "nothing", "echo") == 404


def test_staff_who_may_see_a_submission_cannot_cancel_it(client: Any, world: World) -> None:
    target = queued(world)
    answer = ROUTES["cancel_submission"].call(client, TEACHER, target)
    assert answer.status_code == 404
    assert "of yours" in answer.json["detail"]


def test_a_question_of_somebody_elses_exam_too_may_not_be_rewritten(client: Any, world: World) -> None:
    both = Exam("third", "Third", ("echo",), staff=(STRANGER,))
    world.store.commit(Create("exams/third", records.exam_fields(both)))
    for token in (TEACHER, STRANGER):
        assert ROUTES["put_question"].call(client, token, "echo").status_code == 403


def test_a_rejudging_over_two_instructors_exams_is_nobodys(client: Any, world: World) -> None:
    judged(world)
    world.submit(caller=Caller(BOB), question_id="secret")
    judge_everything(world)
    everywhere = Route("POST", "/rejudgings", body={"filter": {"language": "python"}})
    assert everywhere.call(client, TEACHER, "").status_code == 403
    one = Route("POST", "/rejudgings", body={"filter": {"language": "python", "exam_id": "exam"}})
    assert one.call(client, TEACHER, "").json["total"] == 1


def test_an_exam_without_named_staff_is_every_instructors(client: Any, world: World) -> None:
    world.store.commit(Put("exams/exam", records.exam_fields(Exam("exam", "An exam", ("echo",)))))
    target = queued(world)
    assert ROUTES["get_submission"].call(client, STRANGER, target).status_code == 200
    assert ROUTES["get_submission"].call(client, BOB, target).status_code == 404


def test_an_instructor_who_sits_somebody_elses_exam_reads_its_questions(client: Any, world: World) -> None:
    attempt = Attempt("attempt-teacher", student=TEACHER, exam_id="theirs")
    world.store.commit(Put("attempts/attempt-teacher", records.attempt_fields(attempt)))
    assert ROUTES["get_question"].call(client, TEACHER, "secret").status_code == 200
    assert ROUTES["put_question"].call(client, TEACHER, "secret").status_code == 403


def test_a_rejudging_of_no_known_exam_is_nobodys(client: Any, world: World) -> None:
    identifier = rejudging(world)
    world.store.commit(Update(records.rejudging_path(identifier), {"exam_ids": []}))
    assert ROUTES["get_rejudging"].call(client, TEACHER, identifier).status_code == 404
    assert ROUTES["list_rejudgings"].call(client, TEACHER, "").json == []


def test_ones_own_rejudgings_are_found_behind_many_of_others(client: Any, world: World) -> None:
    mine = rejudging(world)
    document = world.store.get(records.rejudging_path(mine))[0]
    assert document is not None
    for number in range(60):
        newer = {"exam_ids": ["theirs"], "created_at": world.clock.now() + timedelta(seconds=number + 1)}
        world.store.commit(Create(records.rejudging_path(f"r{number}"), {**document.fields, **newer}))
    listed = ROUTES["list_rejudgings"].call(client, TEACHER, "").json
    assert [each["rejudging_id"] for each in listed] == [mine]
    assert len(ROUTES["list_rejudgings"].call(client, STRANGER, "").json) == 50


def test_what_is_there_is_not_told_by_the_order_of_refusals(client: Any, world: World) -> None:
    answers = set()
    for question_id in ("echo", "secret", "nothing"):
        route = Route("POST", "/", body=BODY | {"attempt_id": "attempt-bob", "question_id": question_id})
        answers.add((route.call(client, ALICE, "").status_code, route.call(client, ALICE, "").json["detail"]))
    assert len(answers) == 1
    own = {
        Route("POST", "/", body=BODY | {"question_id": each}).call(client, ALICE, "").json["detail"]
        for each in ("secret", "nothing")
    }
    assert len(own) == 1


def test_a_copy_that_is_judged_again_is_seen_by_nobody(client: Any, world: World) -> None:
    submission: Submission = world.submit(RunType.SUBMIT)
    judge_everything(world)
    from functions.rejudging import start_one

    identifier = start_one(world.service, TEACHER, submission.submission_id).rejudging_id
    for token in (ALICE, TEACHER):
        for operation in ("get_submission", "cancel_submission", "rejudge_submission", "requeue_submission"):
            answer = ROUTES[operation].call(client, token, f"{identifier}:{submission.submission_id}")
            assert answer.status_code in (403, 404)
