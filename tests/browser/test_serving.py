"""What the local stack serves beside the built files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import requests

from infra.local import samples
from tests.conftest import ROOT
from tests.stack.conftest import LiveStack


def test_whoever_opens_the_page_can_sign_in_as_a_sample_student_or_the_teacher(live: LiveStack) -> None:
    offered = requests.get(f"{live.stack.page_url}/local.json", timeout=30).json()
    assert offered["url"] == live.url
    assert {each["name"]: each["attempt_id"] for each in offered["students"]} == samples.STUDENTS
    first = offered["students"][0]
    headers = {"Authorization": f"Bearer {first['token']}"}
    attempt = requests.get(f"{live.url}/attempts/{first['attempt_id']}", headers=headers, timeout=30).json()
    assert tuple(each["question_id"] for each in attempt["exam"]["questions"]) == samples.QUESTIONS
    staff = {"Authorization": f"Bearer {offered['staff']['token']}"}
    assert requests.get(f"{live.url}/overview", headers=staff, timeout=30).status_code == 200


def test_the_tokens_are_told_at_one_address_only(live: LiveStack) -> None:
    """A name that somebody binds to 127.0.0.1 is sent away; a page from elsewhere may not read the answer."""
    answer = requests.get(
        f"{live.stack.page_url}/local.json",
        headers={"Host": f"evil.example:{live.stack.page_port}", "Origin": "https://evil.example"},
        allow_redirects=False,
        timeout=30,
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, f"{live.stack.page_url}/local.json")
    assert answer.text == ""
    plain = requests.get(f"{live.stack.page_url}/local.json", headers={"Origin": "https://evil.example"}, timeout=30)
    assert "Access-Control-Allow-Origin" not in plain.headers


def test_the_clients_types_are_those_of_the_document_that_is_served(live: LiveStack, tmp_path: Path) -> None:
    """`npm run types` writes them; here they are written once more, beside."""
    made = tmp_path / "schema.ts"
    command = ["npx", "openapi-typescript", f"{live.url}/openapi.json", "--default-non-nullable", "false"]
    subprocess.run([*command, "--output", str(made)], cwd=ROOT / "frontend", check=True, capture_output=True)
    assert made.read_text() == (ROOT / "frontend" / "src" / "package" / "schema.ts").read_text()
