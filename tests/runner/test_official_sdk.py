"""Judge0's own Python SDK, unchanged, before the local runner (or any Judge0 at JUDGE0_URL)."""

import os
from typing import Any

import judge0 as sdk
import pytest


@pytest.fixture
def client(request: pytest.FixtureRequest) -> Any:
    url = os.environ.get("JUDGE0_URL") or request.getfixturevalue("judge0").url
    return sdk.Client(url)


def test_a_program_runs(client: Any) -> None:
    done = sdk.run(client=client, source_code="print(f'hello {input()}')", language=sdk.PYTHON, stdin="you")
    assert (done.status, done.stdout) == (sdk.Status.ACCEPTED, "hello you\n")
    assert done.time is not None


def test_outputs_are_compared_by_the_judge_where_they_are_sent(client: Any) -> None:
    cases = [sdk.TestCase("1", "1"), sdk.TestCase("2", "3"), ("3", "3")]
    done = sdk.run(client=client, source_code="print(input())", language=sdk.PYTHON, test_cases=cases)
    assert [each.status for each in done] == [sdk.Status.ACCEPTED, sdk.Status.WRONG_ANSWER, sdk.Status.ACCEPTED]


def test_many_submissions_at_once(client: Any) -> None:
    wanted = [sdk.Submission(source_code=f"print({n})", language=sdk.PYTHON) for n in range(25)]
    done = sdk.run(client=client, submissions=wanted)
    assert [each.stdout for each in done] == [f"{n}\n" for n in range(25)]


def test_files_travel_both_with_a_program_and_without(client: Any) -> None:
    files = sdk.Filesystem(content=[sdk.File(name="words.txt", content="from a file")])
    done = sdk.run(
        client=client, source_code="print(open('words.txt').read())", language=sdk.PYTHON, additional_files=files
    )
    assert done.stdout == "from a file\n"


def test_what_does_not_compile_and_what_crashes_is_told(client: Any) -> None:
    broken = sdk.run(client=client, source_code="int main() { return nope; }", language=sdk.CPP)
    assert broken.status is sdk.Status.COMPILATION_ERROR
    assert "nope" in broken.compile_output
    assert sdk.run(client=client, source_code="1/0", language=sdk.PYTHON).status is sdk.Status.RUNTIME_ERROR_NZEC


def test_the_host_tells_what_it_is(client: Any) -> None:
    assert client.get_about()["version"] == client.version
    assert client.config.max_submission_batch_size == 20
    assert client.get_language(client.get_language_id(sdk.PYTHON)).name.startswith("Python (3")
    assert {each["id"] for each in client.get_statuses()} == set(range(1, 15))
