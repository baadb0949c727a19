"""The wire: shapes, limits, encodings and the queue, as Judge0's clients know them."""

import base64
from typing import Any

import pytest
import requests

from tests.runner.conftest import FOR_MINUTES

PYTHON, BASH, CPP = 71, 46, 54
HELLO = {"language_id": BASH, "source_code": "echo hi"}


def test_a_batch_answers_in_order_with_tokens_and_errors(judge0: Any) -> None:
    answer = judge0.create(HELLO, {"language_id": BASH}, {**HELLO, "cpu_time_limit": 99}, HELLO)
    assert answer.status_code == 201
    first, second, third, fourth = answer.json()
    assert (set(first), set(fourth)) == ({"token"}, {"token"})
    assert second == {"source_code": ["can't be blank"]}
    assert third == {"cpu_time_limit": ["must be less than or equal to 15.0"]}


def test_a_batch_with_nothing_valid_is_422(judge0: Any) -> None:
    answer = judge0.create({"source_code": "x"}, {**HELLO, "language_id": 4711})
    assert answer.status_code == 422
    assert answer.json() == [
        {"language_id": ["can't be blank", "language with id  doesn't exist"]},
        {"language_id": ["language with id 4711 doesn't exist"]},
    ]


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("cpu_time_limit", -1, "must be greater than or equal to 0"),
        ("cpu_time_limit", 15.1, "must be less than or equal to 15.0"),
        ("cpu_time_limit", "soon", "is not a number"),
        ("cpu_extra_time", 5.1, "must be less than or equal to 5.0"),
        ("wall_time_limit", 0.9, "must be greater than or equal to 1"),
        ("wall_time_limit", 20.1, "must be less than or equal to 20.0"),
        ("memory_limit", 2047, "must be greater than or equal to 2048"),
        ("memory_limit", 512_001, "must be less than or equal to 512000"),
        ("stack_limit", 128_001, "must be less than or equal to 128000"),
        ("max_processes_and_or_threads", 0, "must be greater than 0"),
        ("max_processes_and_or_threads", 121, "must be less than or equal to 120"),
        ("max_file_size", 4097, "must be less than or equal to 4096"),
        ("number_of_runs", 21, "must be less than or equal to 20"),
        ("command_line_arguments", "x" * 513, "is too long (maximum is 512 characters)"),
        ("compiler_options", "-O2", "setting compiler options is only allowed for compiled languages"),
        ("callback_url", "http://localhost/", "setting callback is not allowed"),
    ],
)
def test_what_is_out_of_range_is_422_in_the_words_of_rails(
    judge0: Any, attribute: str, value: object, message: str
) -> None:
    answer = judge0.session.post(f"{judge0.url}/submissions", json={**HELLO, attribute: value})
    assert (answer.status_code, answer.json()) == (422, {attribute: [message]})


def test_limits_may_be_sent_as_strings_and_come_back_typed_as_in_rails(judge0: Any) -> None:
    done = judge0.judge(BASH, "echo hi", cpu_time_limit="2", wall_time_limit=3, memory_limit="64000")
    assert (done["cpu_time_limit"], done["wall_time_limit"], done["cpu_extra_time"]) == ("2.0", "3.0", "1.0")
    assert (done["memory_limit"], done["stack_limit"], done["max_file_size"]) == (64_000, 64_000, 1024)
    assert isinstance(done["time"], str)
    assert isinstance(done["wall_time"], str)
    assert isinstance(done["memory"], int)


def test_unknown_attributes_are_ignored_and_the_network_stays_off(judge0: Any) -> None:
    done = judge0.judge(BASH, "echo hi", colour="red", enable_network=True)
    assert (done["status_id"], done["enable_network"]) == (3, False)


def test_the_default_fields_are_judge0s(judge0: Any) -> None:
    answer = judge0.session.post(f"{judge0.url}/submissions?wait=true", json=HELLO)
    assert answer.status_code == 201
    assert set(answer.json()) == {
        "stdout",
        "time",
        "memory",
        "stderr",
        "token",
        "compile_output",
        "message",
        "status",
    }
    assert answer.json()["stdout"] == "hi\n"
    assert answer.json()["status"] == {"id": 3, "description": "Accepted"}


def test_without_wait_only_the_token_comes_back(judge0: Any) -> None:
    answer = judge0.session.post(f"{judge0.url}/submissions", json=HELLO)
    assert answer.status_code == 201
    [(name, token)] = answer.json().items()
    assert (name, len(token)) == ("token", 36)


def test_one_submission_can_be_read_alone(judge0: Any) -> None:
    token = judge0.create(HELLO).json()[0]["token"]
    judge0.done(token)
    answer = judge0.session.get(f"{judge0.url}/submissions/{token}?fields=stdout,status_id,language,source_code")
    assert answer.json() == {
        "source_code": "echo hi",
        "stdout": "hi\n",
        "status_id": 3,
        "language": {"id": BASH, "name": answer.json()["language"]["name"]},
    }


def test_an_unknown_token_is_404_alone_and_null_in_a_batch(judge0: Any) -> None:
    assert judge0.session.get(f"{judge0.url}/submissions/nobody").status_code == 404
    token = judge0.create(HELLO).json()[0]["token"]
    first, second = judge0.read("nobody", token, fields="token")
    assert (first, second) == (None, {"token": token})


def test_tokens_may_travel_in_a_header(judge0: Any) -> None:
    token = judge0.create(HELLO).json()[0]["token"]
    answer = judge0.session.get(f"{judge0.url}/submissions/batch?fields=token", headers={"tokens": token})
    assert answer.json() == {"submissions": [{"token": token}]}


def test_an_unknown_field_is_400(judge0: Any) -> None:
    for path in ("submissions/batch?tokens=x&fields=stdout,colour", "submissions/x?fields=colour"):
        answer = judge0.session.get(f"{judge0.url}/{path}")
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid fields: [colour]"})


def test_a_batch_has_one_to_twenty_submissions_or_tokens(judge0: Any) -> None:
    too_many = {"error": "number of submissions in a batch should be less than or equal to 20"}
    none = {"error": "there should be at least one submission in a batch"}
    batch = f"{judge0.url}/submissions/batch"
    assert judge0.create(*[HELLO] * 21).json() == too_many
    assert judge0.create().json() == none
    assert judge0.session.post(batch, data="x").json() == none
    assert judge0.session.get(batch, params={"tokens": ",".join(["x"] * 21)}).json() == too_many
    assert judge0.session.get(batch).json() == none
    assert judge0.session.get(batch).status_code == 400


def test_a_body_that_is_not_json_is_400(judge0: Any) -> None:
    headers = {"Content-Type": "application/json"}
    answer = judge0.session.post(f"{judge0.url}/submissions", data="{", headers=headers)
    assert (answer.status_code, answer.json()["status"]) == (400, 400)


def test_base64_breaks_its_lines_after_60_characters_and_at_the_end(judge0: Any) -> None:
    token = judge0.create({"language_id": BASH, "source_code": "printf 'x%.0s' {1..100}"}).json()[0]["token"]
    judge0.done(token)
    answer = judge0.session.get(f"{judge0.url}/submissions/{token}?base64_encoded=true&fields=stdout")
    text = answer.json()["stdout"]
    assert [len(line) for line in text.split("\n")] == [60, 60, 16, 0]
    assert base64.b64decode(text) == b"x" * 100


def test_base64_from_a_client_is_read_with_line_ends_and_without_padding(judge0: Any) -> None:
    source = base64.encodebytes(b"echo " + b"x" * 100).decode().rstrip("=\n")
    answer = judge0.session.post(
        f"{judge0.url}/submissions?base64_encoded=true&wait=true", json={"language_id": BASH, "source_code": source}
    )
    assert base64.b64decode(answer.json()["stdout"]) == b"x" * 100 + b"\n"


def test_without_base64_a_byte_that_is_not_ascii_fails_the_read(judge0: Any) -> None:
    token = judge0.create({"language_id": BASH, "source_code": "echo é"}).json()[0]["token"]
    judge0.done(token)
    for path, words in (
        (f"submissions/{token}?", "this submission"),
        (f"submissions/batch?tokens={token}&", "one or more submissions"),
    ):
        answer = judge0.session.get(f"{judge0.url}/{path}fields=stdout")
        assert answer.status_code == 400
        error = answer.json()["error"]
        assert error.startswith(f"some attributes for {words} cannot be converted to UTF-8")


def test_a_missing_base64_encoded_means_false(judge0: Any) -> None:
    answer = judge0.session.post(f"{judge0.url}/submissions?wait=true", json={**HELLO, "stdin": "aGk="})
    assert answer.json()["stdout"] == "hi\n"


def test_what_is_not_done_yet_is_null(start_judge0: Any) -> None:
    with start_judge0("--count", "1") as judge0:
        _, second = (item["token"] for item in judge0.create(FOR_MINUTES, HELLO).json())
        waiting = judge0.read(second)[0]
    assert waiting["status"] == {"id": 1, "description": "In Queue"}
    assert {waiting[name] for name in ("stdout", "time", "wall_time", "memory", "exit_code", "finished_at")} == {None}


def test_a_full_queue_takes_all_of_a_batch_or_nothing(start_judge0: Any) -> None:
    with start_judge0("--count", "1", "--max-queue-size", "3") as judge0:
        [begun] = judge0.create(FOR_MINUTES).json()
        while judge0.read(begun["token"])[0]["status_id"] == 1:
            pass
        assert judge0.create(HELLO, HELLO).status_code == 201
        refused = judge0.create(HELLO, HELLO)
        assert (refused.status_code, refused.json()) == (503, {"error": "queue is full"})
        assert judge0.session.get(f"{judge0.url}/workers").json() == [
            {"queue": "1.13.1", "size": 2, "available": 1, "idle": 0, "working": 1, "paused": 0, "failed": 0}
        ]
        assert judge0.create(*[HELLO] * 21).status_code == 503, "the queue is looked at before the batch's size"
        assert judge0.create(HELLO).status_code == 201
        assert judge0.session.post(f"{judge0.url}/submissions", json=HELLO).status_code == 503


def test_who_came_first_is_judged_first(start_judge0: Any) -> None:
    with start_judge0("--count", "1") as judge0:
        tokens = [item["token"] for item in judge0.create(*[HELLO] * 5).json()]
        finished = [item["finished_at"] for item in judge0.done(*tokens)]
    assert finished == sorted(finished)


def test_the_judge_tells_about_itself(judge0: Any) -> None:
    def get(path: str) -> Any:
        answer = judge0.session.get(f"{judge0.url}/{path}")
        assert answer.status_code == 200
        return answer.json()

    assert get("about")["version"] == "1.13.1"
    assert get("statuses")[0] == {"id": 1, "description": "In Queue"}
    assert [status["id"] for status in get("statuses")] == list(range(1, 15))
    config = get("config_info")
    assert (config["max_queue_size"], config["max_submission_batch_size"]) == (100, 20)
    assert (config["cpu_time_limit"], config["max_cpu_time_limit"], config["max_memory_limit"]) == (5.0, 15.0, 512_000)
    languages = get("languages")
    assert all(set(language) == {"id", "name"} for language in languages)
    python = next(language for language in languages if language["id"] == PYTHON)
    assert python["name"].startswith("Python (3.")
    assert get(f"languages/{PYTHON}")["source_file"] == "script.py"
    assert judge0.session.get(f"{judge0.url}/languages/4711").status_code == 404
    assert set(get("workers")[0]) == {"queue", "size", "available", "idle", "working", "paused", "failed"}


def test_a_token_is_asked_for_and_the_refusal_says_nothing(start_judge0: Any) -> None:
    with start_judge0("--auth-token", "s3cret") as judge0:
        refused = requests.get(f"{judge0.url}/about", timeout=60)
        assert (refused.status_code, refused.content) == (401, b"")
        wrong = requests.get(f"{judge0.url}/about", headers={"X-Auth-Token": "é".encode()}, timeout=60)
        assert wrong.status_code == 401
        assert judge0.session.get(f"{judge0.url}/about", headers={"X-Auth-Token": "s3cret"}).status_code == 200
        workers = judge0.session.get(f"{judge0.url}/workers", headers={"X-Auth-Token": "s3cret"})
        assert workers.json() == [], "until the first submission"


def test_the_statistics_are_those_of_this_runner(start_judge0: Any) -> None:
    with start_judge0("--count", "1") as own:
        assert own.session.get(f"{own.url}/statistics").json()["submissions"]["total"] == 0
        own.judge(BASH, "echo 1")
        own.judge(BASH, "exit 3")
        own.judge(PYTHON, "print(1)")
        found = own.session.get(f"{own.url}/statistics").json()
    assert (found["submissions"]["total"], found["submissions"]["today"]) == (3, 3)
    assert len(found["submissions"]["last_30_days"]) == 30
    assert [(each["language"]["id"], each["count"]) for each in found["languages"]] == [(BASH, 2), (PYTHON, 1)]
    assert [(each["status"]["id"], each["count"]) for each in found["statuses"]] == [(3, 2), (11, 1)]


def test_the_system_is_told_as_lscpu_and_free_do(judge0: Any) -> None:
    told = judge0.session.get(f"{judge0.url}/system_info").json()
    assert int(told["CPU(s)"]) >= 1
    assert told["Mem"].endswith("Gi")


def test_workers_and_queue_are_set_as_at_judge0(start_judge0: Any) -> None:
    with start_judge0(COUNT="3", MAX_QUEUE_SIZE="7") as own:
        own.judge(BASH, "echo 1")
        [told] = own.session.get(f"{own.url}/workers").json()
        assert (told["available"], told["idle"], told["size"]) == (3, 3, 0)
        assert own.session.get(f"{own.url}/config_info").json()["max_queue_size"] == 7
