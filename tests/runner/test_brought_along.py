"""Programs that bring everything along: languages 44 (a binary) and 89 (files with scripts)."""

from __future__ import annotations

import base64
import io
import zipfile
from typing import Any

from tests.runner.conftest import C

EXECUTABLE, MULTI_FILE = 44, 89
PROGRAM = b'#include <stdio.h>\nint main() { int n; if (scanf("%d", &n) != 1) return 3; printf("%d\\n", 2 * n); }\n'


def zipped(**files: str | bytes) -> str:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "."), text)
    return base64.b64encode(content.getvalue()).decode()


def test_files_are_compiled_by_their_own_script_and_run_by_the_other(judge0: Any) -> None:
    files = zipped(compile="gcc -o program main.c", run="exec ./program", main__c=PROGRAM)
    result = judge0.judge(MULTI_FILE, None, additional_files=files, stdin="21")
    assert (result["status_id"], result["stdout"]) == (3, b"42\n")


def test_what_was_compiled_once_runs_as_an_executable(judge0: Any) -> None:
    files = zipped(compile="gcc -o program main.c && strip program", run="cat program", main__c=PROGRAM)
    binary = judge0.judge(MULTI_FILE, None, additional_files=files)["stdout"]
    result = judge0.judge(EXECUTABLE, binary, stdin="21")
    direct = judge0.judge(C, PROGRAM.decode(), stdin="21")
    assert (result["status_id"], result["stdout"]) == (direct["status_id"], direct["stdout"]) == (3, b"42\n")
    assert judge0.judge(EXECUTABLE, binary)["exit_code"] == 3


def test_a_script_that_fails_to_compile_is_a_compile_error_with_its_words(judge0: Any) -> None:
    result = judge0.judge(
        MULTI_FILE, None, additional_files=zipped(compile="gcc main.c", run="true", main__c="int main(")
    )
    assert result["status_id"] == 6
    assert b"main.c" in result["compile_output"]


def test_without_a_compile_script_there_is_nothing_to_compile(judge0: Any) -> None:
    result = judge0.judge(MULTI_FILE, None, additional_files=zipped(run="cat data/a", **{"data/a": "x"}))
    assert (result["status_id"], result["stdout"]) == (3, b"x")


def test_an_archive_that_is_none_and_one_that_points_outside_run_nothing(judge0: Any) -> None:
    for files in (base64.b64encode(b"no zip").decode(), zipped(**{"../run": "echo out"})):
        assert judge0.judge(MULTI_FILE, None, additional_files=files)["status_id"] == 11


def test_files_are_needed_where_there_is_no_source(judge0: Any) -> None:
    answer = judge0.session.post(f"{judge0.url}/submissions", json={"language_id": MULTI_FILE})
    assert (answer.status_code, answer.json()) == (422, {"additional_files": ["can't be blank"]})
