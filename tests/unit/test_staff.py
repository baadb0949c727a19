"""What staff may do over HTTP: look at the whole, list, have judged again, write questions."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from functions import records
from functions.api import create_app
from functions.domain.breaker import Breaker, State
from functions.domain.line import ONLY_JUDGE
from functions.domain.question import Validator
from functions.domain.scoring import Group
from functions.domain.submission import RunType, Status
from functions.domain.verdict import Ending, Execution
from functions.ports import Caller, Document, Put, Query, ServerTime, Update
from functions.questions import put_question, question_version
from tests.fakes import NOON, World, question
from tests.unit.test_api import BODY, NameIsToken, assert_problem, get, judge_everything, post, post_to

QUESTION = {
    "title": "  Twice ",
    "statement": "Print twice the input.",
    "tests": [
        {"stdin": "2\n", "expected_output": "4\n", "hidden": True},
        {"stdin": "1\n", "expected_output": "2\n", "hidden": False},
    ],
    "limits": {"cpu_seconds": 1.5},
    "languages": ["python3", "c++", "python"],
    "checker": "tokens",
    "points": 50,
    "time_multipliers": {"py": 2.0},
}


@pytest.fixture
def client(world: World) -> Iterator[Any]:
    app = create_app(
        world.service,
        NameIsToken(),
        version="test",
        max_body_bytes=800_000,
        allowed_origins=["https://exam.example"],
    )
    with app.test_client() as client:
        yield client


def put(client: Any, question_id: str, body: object, token: str = "teacher") -> Any:
    return client.put(f"/questions/{question_id}", json=body, headers={"Authorization": f"Bearer {token}"})


def fail(world: World, submission_id: str, why: str = "the judge ate it") -> None:
    left = {"finished_at": world.clock.now(), "changed_at": ServerTime.NOW}
    changes = {"status": str(Status.FAILED), "failure": why, **left}
    world.store.commit(Update(records.submission_path(submission_id), changes))


# The overview.


def test_the_overview_shows_queues_slots_judge_and_counts(client: Any, world: World) -> None:
    waiting = world.submit(RunType.RUN)
    world.submit(caller=Caller("bob"))
    lost = post(client).json["submission_id"]
    fail(world, lost)
    world.clock.seconds += 1
    shown = get(client, "/overview", "teacher").json
    assert {kind: queue["length"] for kind, queue in shown["queues"].items()} == {"submit": 1, "run": 1}
    free = {"held": False, "submission_id": None, "retired": False, "judge": "judge0"}
    assert shown["slots"] == [{"number": number, **free} for number in (1, 2, 3)]
    assert shown["judge"]["state"] == "closed"
    assert shown["statuses"] == dict.fromkeys(map(str, Status), 0) | {"queued": 2, "failed": 1}
    held = {"owner": "x", "submission_id": waiting.submission_id, "expires_at": NOON + timedelta(seconds=15)}
    world.store.commit(Update("slots/2", held | {"free_at": NOON + timedelta(seconds=17)}))
    breaker = Breaker(state=State.OPEN, since=NOON, retry_at=NOON)
    world.store.commit(Put(records.breaker_path(ONLY_JUDGE), records.breaker_fields(breaker)))
    assert get(client, "/overview", "teacher").json == shown  # kept for two seconds
    world.clock.seconds += 2
    later = get(client, "/overview", "teacher").json
    assert later["slots"][1] == free | {"number": 2, "held": True, "submission_id": waiting.submission_id}
    assert later["judges"] == [{"name": "judge0", "state": "open", "slots": 3}]
    assert later["judge"] == {"state": "open", "since": "2026-06-01T12:00:00Z"}


def test_the_waits_of_the_last_hour_come_in_steps_of_five_minutes(client: Any, world: World) -> None:
    def judged_after(seconds: float, kind: RunType) -> None:
        world.submit(kind)
        world.clock.seconds += seconds
        judge_everything(world)

    judged_after(10, RunType.SUBMIT)
    judged_after(20, RunType.SUBMIT)
    judged_after(5, RunType.RUN)
    world.clock.seconds += 600
    judged_after(40, RunType.SUBMIT)
    waits = get(client, "/overview", "teacher").json["waits"]
    assert [each["begins_at"] for each in waits][::6] == [
        "2026-06-01T11:10:00Z",
        "2026-06-01T11:40:00Z",
        "2026-06-01T12:10:00Z",
    ]
    assert len(waits) == 13
    none = {"started": 0, "median_seconds": None, "longest_seconds": None}
    assert waits[10] == {
        "begins_at": "2026-06-01T12:00:00Z",
        "queues": {
            "submit": {"started": 2, "median_seconds": 15.0, "longest_seconds": 20.0},
            "run": {"started": 1, "median_seconds": 5.0, "longest_seconds": 5.0},
        },
    }
    assert waits[11]["queues"] == {"submit": none, "run": none}
    assert waits[12]["queues"]["submit"] == {"started": 1, "median_seconds": 40.0, "longest_seconds": 40.0}


def test_a_step_that_is_over_is_read_once(client: Any, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    get(client, "/overview", "teacher")
    read: list[Query] = []
    find = world.store.find

    def counted(query: Query) -> list[Document]:
        read.append(query)
        return find(query)

    monkeypatch.setattr(world.store, "find", counted)
    world.clock.seconds += 2
    get(client, "/overview", "teacher")
    steps = [query for query in read if query.where and query.where[0][0] == "started_at"]
    assert len(steps) == 2  # the one that is not over, and the one that was over less than a minute ago


# The list.


def test_submissions_are_listed_by_question_attempt_and_status_newest_first(client: Any, world: World) -> None:
    first = world.submit()
    world.clock.seconds += 1
    second = world.submit(caller=Caller("bob"), code="secret source")
    fail(world, second.submission_id)

    def listed(query: str) -> list[str]:
        return [each["submission_id"] for each in get(client, f"/submissions{query}", "teacher").json["submissions"]]

    one, two = first.submission_id, second.submission_id
    assert listed("") == [two, one]
    assert listed("?question_id=echo") == [two, one]
    assert listed("?attempt_id=attempt-alice") == [one]
    assert listed("?status=failed") == [two]
    assert listed("?status=failed&question_id=echo&attempt_id=attempt-bob") == [two]
    assert listed("?status=failed&question_id=echo&attempt_id=attempt-alice") == []
    answer = get(client, "/submissions?status=failed", "teacher")
    assert "secret source" not in answer.text
    assert answer.json["submissions"][0] == {
        "submission_id": two,
        "status": "failed",
        "run_type": "submit",
        "exam_id": "exam",
        "attempt_id": "attempt-bob",
        "student": "bob",
        "question_id": "echo",
        "language": "python",
        "verdict": None,
        "score": None,
        "points": 100,
        "created_at": "2026-06-01T12:00:01Z",
        "finished_at": "2026-06-01T12:00:01Z",
        "failure": "the judge ate it",
    }


@pytest.mark.parametrize("query", ["?status=lost", "?question_id=a/b", "?attempt_id=", "?page_token=" + "x" * 513])
def test_a_list_by_what_cannot_be_is_refused(client: Any, query: str) -> None:
    assert_problem(get(client, f"/submissions{query}", "teacher"), 400, query[1:].partition("=")[0])


def test_long_lists_come_in_pages(client: Any, world: World) -> None:
    sent = []
    for _ in range(120):
        world.clock.seconds += 61
        sent.append(world.submit().submission_id)
    found: list[str] = []
    query = ""
    for _ in range(3):
        page = get(client, f"/submissions{query}", "teacher").json
        found += [each["submission_id"] for each in page["submissions"]]
        query = f"?page_token={page['next_page_token']}"
    assert page["next_page_token"] is None
    assert found == sent[::-1]
    assert_problem(get(client, "/submissions?page_token=nonsense", "teacher"), 400, "page_token")


# Having what failed judged again.


def test_what_failed_is_judged_again_and_nothing_else_is(client: Any, world: World) -> None:
    submission_id = post(client).json["submission_id"]
    path = f"/submissions/{submission_id}/requeue"
    assert_problem(post_to(client, path), 409)
    fail(world, submission_id)
    shown = get(client, f"/submissions/{submission_id}").json
    assert shown["message"].startswith("We could not judge this.")
    assert "ate it" not in str(shown)  # why is for staff
    world.tickets.tickets.clear()
    answer = post_to(client, path)
    assert (answer.status_code, answer.json["status"], answer.json["queue_position"]) == (200, "queued", 1)
    assert [submission for _, submission in world.tickets.tickets] == [submission_id]
    judge_everything(world)
    assert get(client, f"/submissions/{submission_id}").json["verdict"] == "accepted"
    assert_problem(post_to(client, "/submissions/nope/requeue"), 404)


# Writing a question.


def test_a_question_is_written_read_and_judged_by(client: Any, world: World) -> None:
    answer = put(client, "twice", QUESTION)
    assert answer.status_code == 201
    assert answer.json == {
        "question_id": "twice",
        "title": "Twice",
        "statement": "Print twice the input.",
        "languages": ["python", "cpp"],
        "limits": {"cpu_seconds": 1.5, "memory_kb": 128000, "output_kb": 1024, "time_multipliers": {"python": 2.0}},
        "points": 50,
        "samples": [{"number": 1, "stdin": "1\n", "expected_output": "2\n", "truncated": False}],
    }
    world.judge.run = lambda program: Execution(Ending.WELL, stdout=b"%d " % (2 * int(program.stdin)))
    submission_id = post(client, BODY | {"question_id": "twice"}).json["submission_id"]
    judge_everything(world)
    shown = get(client, f"/submissions/{submission_id}").json
    assert (shown["verdict"], shown["score"], shown["total"]) == ("accepted", 50, 2)
    assert [test["hidden"] for test in shown["tests"]] == [False, True]


def test_writing_it_again_makes_a_version_and_what_was_sent_keeps_its_own(client: Any, world: World) -> None:
    put(client, "twice", QUESTION)
    sent = world.submit(question_id="twice")
    answer = put(client, "twice", QUESTION | {"title": "Doubled", "points": 10})
    assert (answer.status_code, answer.json["title"]) == (200, "Doubled")
    later = world.submit(question_id="twice")
    assert (world.read(sent).points, world.read(later).points) == (50, 10)
    assert world.read(sent).question_version != world.read(later).question_version


@pytest.mark.parametrize(
    "special", [{"validator": Validator("python", "print()")}, {"groups": Group("sum", ((0, 1.0),))}]
)
def test_what_only_a_package_can_say_is_not_dropped_in_silence(
    client: Any, world: World, special: dict[str, Any]
) -> None:
    put_question(world.service, question(version="v9", **special))
    assert_problem(put(client, "echo", QUESTION), 409)
    assert question_version(world.service, "echo", "v9").title == "Echo"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"title": " "}, "title"),
        ({"statement": ""}, "statement"),
        ({"statement": "x" * 700_000}, "tests"),
        ({"tests": []}, "tests"),
        ({"tests": [{"stdin": "1", "expected_output": "1"}]}, "tests.0.hidden"),
        ({"tests": [{"stdin": 1, "expected_output": "1", "hidden": True}]}, "tests.0.stdin"),
        ({"tests": QUESTION["tests"] * 501}, "tests"),  # type: ignore[operator]
        ({"tests": QUESTION["tests"] * 300}, "tests"),  # type: ignore[operator]
        ({"limits": {"cpu_seconds": 0}}, "limits.cpu_seconds"),
        ({"limits": {"cpu_seconds": 16}}, "limits.cpu_seconds"),
        ({"limits": {"memory_kb": 1}}, "limits.memory_kb"),
        ({"limits": {"output_kb": 5000}}, "limits.output_kb"),
        ({"checker": "eval"}, "checker"),
        ({"points": -1}, "points"),
        ({"points": 1.5}, "points"),
        ({"languages": [""]}, "languages.0"),
        ({"time_multipliers": {"java": 11}}, "time_multipliers.java"),
        ({"surplus": 1}, "surplus"),
    ],
)
def test_each_wrong_value_of_a_question_is_named(client: Any, changes: dict[str, Any], field: str) -> None:
    answer = put(client, "twice", QUESTION | changes)
    assert_problem(answer, 422, field)
    assert_problem(get(client, "/questions/twice", "teacher"), 404)


def test_a_limit_without_end_is_refused(client: Any) -> None:
    text = json.dumps(QUESTION).replace("1.5", "1e400")
    headers = {"Authorization": "Bearer teacher"}
    answer = client.put("/questions/twice", data=text, content_type="application/json", headers=headers)
    assert_problem(answer, 422, "limits.cpu_seconds")


@pytest.mark.parametrize("name", ["a b", "x" * 65, "é", "a:b", "__x__", "____", "-x"])
def test_a_question_needs_a_name_that_can_be_one(client: Any, name: str) -> None:
    assert_problem(put(client, name, QUESTION), 422, "question_id")
