"""One suite for the judge's port: the Judge0 adapter before the local runner and before the scripted judge, and the
fake of the unit tests."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from functions.domain.question import Limits
from functions.domain.verdict import Ending, Execution
from functions.ports import Judge, Program, Unavailable
from infra import bootstrap, settings
from infra.judge0 import Judge0Judge
from infra.local import processes
from tests.conftest import missing, our_process
from tests.fakes import FakeClock, FakeJudge, echo

ECHO = Program(
    source=b"import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())\n",
    language="python",
    stdin=b"hello\n",
    limits=Limits(),
)


@pytest.fixture(scope="session")
def runner_url() -> Iterator[str]:
    """A real Judge0 where JUDGE0_URL names one, else the local runner on a free port."""
    if given := os.environ.get("JUDGE0_URL"):
        yield given
        return
    with our_process("infra.local.judge0_runner") as url:
        yield url


@pytest.fixture(scope="session")
def scripted_url() -> Iterator[str]:
    with our_process("infra.local.scripted_judge", "--seconds", "0.05") as url:
        yield url


@pytest.fixture(params=["judge0", "scripted", "fake"])
def judge(request: pytest.FixtureRequest) -> Iterator[Judge]:
    if request.param == "fake":
        yield FakeJudge(FakeClock())
        return
    url = request.getfixturevalue("runner_url" if request.param == "judge0" else "scripted_url")
    adapter = adapter_for(url)
    yield adapter
    adapter.close()


def adapter_for(url: str) -> Judge0Judge:
    """With the credentials of the environment, for a real Judge0."""
    config = settings.read({**os.environ, "LEASE_SECONDS": "28"})
    found = bootstrap.judge(config, url, config.judge0_auth_token)
    assert isinstance(found, Judge0Judge)
    return found


def finish(judge: Judge, tokens: list[str | None]) -> list[Execution]:
    """Poll until all are done."""
    wanted = [token for token in tokens if token is not None]
    while True:
        known = judge.poll(wanted)
        done = [known[token] for token in wanted]
        if all(execution is not None for execution in done):
            return [execution for execution in done if execution is not None]
        time.sleep(0.02)


def test_a_batch_comes_back_in_order_each_with_its_own_output(judge: Judge) -> None:
    programs = [replace(ECHO, stdin=f"{number}\n".encode()) for number in range(5)]
    executions = finish(judge, judge.create(programs))
    assert [execution.stdout for execution in executions] == [program.stdin for program in programs]
    assert {execution.ending for execution in executions} == {Ending.WELL}


def test_bytes_travel_unchanged_though_they_are_no_text(judge: Judge) -> None:
    [execution] = finish(judge, judge.create([replace(ECHO, stdin=b"\xff\xfe\x00 \xc3\n" * 40)]))
    assert execution.stdout == b"\xff\xfe\x00 \xc3\n" * 40


def test_time_and_memory_are_measured(judge: Judge) -> None:
    [execution] = finish(judge, judge.create([ECHO]))
    assert execution.time_seconds is not None
    assert execution.memory_kb is not None


def test_a_language_that_the_judge_lacks_gets_no_token_and_spoils_no_batch(judge: Judge) -> None:
    tokens = judge.create([replace(ECHO, language="cobol"), ECHO])
    assert tokens[0] is None
    [execution] = finish(judge, tokens)
    assert execution.ending is Ending.WELL


def test_the_languages_have_names_labels_and_versions(judge: Judge) -> None:
    languages = {language.name: language for language in judge.languages()}
    assert {"python", "cpp"} <= set(languages)
    assert languages["python"].version in languages["python"].label


def test_the_probe_passes_where_the_judge_answers(judge: Judge) -> None:
    judge.probe()


@pytest.fixture
def judge0(runner_url: str) -> Iterator[Judge0Judge]:
    adapter = adapter_for(runner_url)
    yield adapter
    adapter.close()


@pytest.mark.parametrize(
    ("language", "source", "ending"),
    [
        ("python", b"while True: pass", Ending.TIME_LIMIT),
        ("python", b"import time; time.sleep(60)", Ending.TIME_LIMIT),
        ("python", b"1/0", Ending.RUNTIME_ERROR),
        ("python", b"import sys; sys.exit(3)", Ending.RUNTIME_ERROR),
        ("cpp", b"int main() { int *p = nullptr; volatile int *q = p; return *q; }", Ending.RUNTIME_ERROR),
        ("cpp", b"#include <cstdlib>\nint main() { std::abort(); }", Ending.RUNTIME_ERROR),
        ("cpp", b"int main() { return nothing; }", Ending.COMPILATION_ERROR),
        ("java", b"public class Main { int }", Ending.COMPILATION_ERROR),
        ("python", b"while True: print('x' * 1000)", Ending.OUTPUT_LIMIT),
    ],
)
def test_each_way_to_end_is_told_apart(judge0: Judge0Judge, language: str, source: bytes, ending: Ending) -> None:
    if language not in {each.name for each in judge0.languages()}:
        missing(f"the judge has no {language}: install its compiler")
    cpu_seconds = 1.0 if ending is Ending.TIME_LIMIT else 5.0
    program = replace(ECHO, language=language, source=source, limits=Limits(cpu_seconds, memory_kb=256_000))
    [execution] = finish(judge0, judge0.create([program]))
    assert execution.ending is ending


def test_a_compile_error_comes_with_the_compilers_words(judge0: Judge0Judge) -> None:
    [execution] = finish(judge0, judge0.create([replace(ECHO, language="cpp", source=b"int main() { return nope; }")]))
    assert b"nope" in execution.compile_output


def test_a_token_that_the_judge_does_not_know_is_left_out(judge0: Judge0Judge) -> None:
    [token] = judge0.create([ECHO])
    unknown = "00000000-0000-4000-8000-000000000000"
    assert token is not None
    assert set(judge0.poll([token, unknown])) == {token}


def test_where_nobody_answers_it_is_unavailable() -> None:
    adapter = Judge0Judge(f"http://127.0.0.1:{processes.free_port()}", {}, timeout=1)
    for call in (lambda: adapter.poll(["x"]), lambda: adapter.create([ECHO]), adapter.languages, adapter.probe):
        with pytest.raises(Unavailable):
            call()
    adapter.close()


def test_the_scripted_judge_takes_the_time_that_a_source_names_and_works_on_many_at_once(scripted_url: str) -> None:
    adapter = Judge0Judge(scripted_url, {}, timeout=10)
    programs = [replace(ECHO, source=f"# takes {seconds} s".encode()) for seconds in (0.75, 0.25)]
    executions = finish(adapter, adapter.create(programs))
    assert [execution.time_seconds for execution in executions] == [0.75, 0.25]
    adapter.close()


def test_the_fake_takes_as_long_as_it_is_told() -> None:
    clock = FakeClock()
    judge = FakeJudge(clock, echo, seconds=2.0)
    [token] = judge.create([ECHO])
    assert token is not None
    assert judge.poll([token]) == {token: None}
    clock.sleep(2.0)
    assert judge.poll([token])[token] is not None
