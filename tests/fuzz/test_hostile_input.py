"""What somebody might send to break the service: it is refused in words, or judged as what it is.

Over the real stack: a fault that only the framework, the store, the queue or the judge shows, shows here.
"""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from functions.models import MAX_STDIN_BYTES
from infra.local import tokens
from infra.settings import Settings
from tests.fuzz.wire import HOSTILE, Answer, assert_answered, assert_refused, chunked, segment, send
from tests.stack.conftest import LiveStack, Student, wait_until

pytestmark = pytest.mark.stack

JSON = {"Content-Type": "application/json"}
MAX_BODY_BYTES = Settings().max_body_bytes
MAX_CODE_BYTES = Settings().max_code_bytes
FIELDS = ("attempt_id", "question_id", "language", "code", "run_type")
ECHO = "import sys\nsys.stdout.buffer.write(sys.stdin.buffer.read())\n"
RUNS_AT_ONCE = 8
hostile = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())


@pytest.fixture(scope="module")
def student(live: LiveStack) -> Student:
    """For what is refused: no rate is used up by it."""
    return live.student()


def body_of(student: Student, **changes: object) -> dict[str, object]:
    return {
        "attempt_id": student.attempt_id,
        "question_id": "test",
        "language": "python",
        "code": "print(1)",
        "run_type": "run",
    } | changes


def post(student: Student, body: object, **headers: str) -> Answer:
    sent = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return send(student.url, "POST", "/", student.token, sent, JSON | headers)


def judged(live: LiveStack, code: str, stdin: str | None = None, *, escaped: bool = False) -> dict[str, Any]:
    """The end of a Run of its own student's, sent in UTF-8 or all in escapes."""
    student = live.student()
    body = body_of(student, code=code) | ({} if stdin is None else {"stdin": stdin})
    answer = post(student, json.dumps(body, ensure_ascii=escaped).encode())
    assert_answered(answer, 202)
    shown = student.wait(answer.json["submission_id"])
    assert shown["status"] == "completed"
    assert shown["code"] == code
    assert shown["stdin"] == stdin
    return shown


def all_judged(live: LiveStack, *runs: tuple[str, str | None]) -> list[dict[str, Any]]:
    with ThreadPoolExecutor(RUNS_AT_ONCE) as pool:
        return list(pool.map(lambda run: judged(live, *run), runs))


def with_code(student: Student, raw: bytes) -> bytes:
    """A right body, but for what stands where its code should."""
    return json.dumps(body_of(student, code="<>")).encode().replace(b'"<>"', raw)


@pytest.mark.parametrize(
    "raw",
    {
        "cut": b'"x',
        "not UTF-8": b'"\xff"',
        "half a character": b'"\xed\xa0\x80"',
        "a character in two halves of UTF-8": b'"\xed\xa0\xbd\xed\xb8\x80"',
        "an overlong slash": b'"\xc0\xaf"',
        "beyond Unicode": b'"\xf4\x90\x80\x80"',
        "an escaped half": rb'"\ud800"',
        "the other half": rb'"\udc00"',
        "halves the wrong way round": rb'"\ude00\ud83d"',
        "a half as a name": rb'{"\ud800": 1}',
        "a raw null byte": b'"\0"',
        "a raw line feed": b'"\n"',
        "an escape that is none": rb'"\x41"',
        "single quotes": b"'x'",
        "a comma too many": b'"x",',
        "a comment": b'"x" /* */',
        "a word": b"x",
        "not a number": b"NaN",
        "infinity": b"Infinity",
        "infinity below": b"-Infinity",
        "5,000 digits": b"9" * 5000,
        "100,000 lists": b"[" * 100_000 + b"]" * 100_000,
        "100,000 lists without an end": b"[" * 100_000,
        "30,000 objects": b'{"a":' * 30_000 + b"1" + b"}" * 30_000,
        "one name twice": b'"x", "code": "print(1)"',
        "one name twice, further down": b'{"a": 1, "a": 2}',
    }.items(),
    ids=lambda pair: pair[0] if isinstance(pair, tuple) else None,
)
def test_what_is_no_json_is_refused_in_words(student: Student, raw: tuple[str, bytes]) -> None:
    assert_refused(post(student, with_code(student, raw[1])), 400)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
def test_a_body_is_utf_8(student: Student, encoding: str) -> None:
    assert_refused(post(student, json.dumps(body_of(student)).encode(encoding)), 400)
    half = json.dumps(body_of(student, code="\ud800"), ensure_ascii=False)
    assert_refused(post(student, half.encode(encoding, "surrogatepass")), 400)


@pytest.mark.parametrize("body", [b"", b" ", b"\0", b"{", b"}", b"\xff\xfe", b"\xef\xbb\xbf", b"print(1)", b"<a/>"])
def test_a_body_that_is_nothing_is_refused_in_words(student: Student, body: bytes) -> None:
    assert_refused(post(student, body), 400)


def test_a_byte_order_mark_before_the_body_is_left_out_or_refused(live: LiveStack) -> None:
    student = live.student()
    assert_answered(post(student, b"\xef\xbb\xbf" + json.dumps(body_of(student)).encode()), 202, 400)


def test_something_before_or_after_the_body_is_refused(student: Student) -> None:
    body = json.dumps(body_of(student)).encode()
    for wrong in (b"\0" + body, body + b"\0", body + body, body + b"x", b")]}'\n" + body):
        assert_refused(post(student, wrong), 400)


@pytest.mark.parametrize("body", [b"null", b"true", b"0", b"1e400", b'""', b'"{}"', b"[]", b"[{}]", b"{}"])
def test_json_that_is_no_submission_is_refused(student: Student, body: bytes) -> None:
    assert_refused(post(student, body), 422)


@pytest.mark.parametrize(
    "value", [True, 0, -1, 1.5, 10**400, 1e308, [], {}, ["x"], {"$gt": ""}, {"$ne": None}, [["x"] * 1000]]
)
@pytest.mark.parametrize("field", [*FIELDS, "stdin"])
def test_a_wrong_type_is_refused_by_its_field(student: Student, field: str, value: object) -> None:
    assert_refused(post(student, body_of(student) | {field: value}), 422, field=field)


def test_a_number_that_no_float_holds_is_refused_by_its_field(student: Student) -> None:
    assert_refused(post(student, with_code(student, b"1e400")), 422, field="code")
    assert_refused(post(student, with_code(student, b"-1e400")), 422, field="code")


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_or_empty_field_is_named(student: Student, field: str) -> None:
    body = body_of(student)
    del body[field]
    assert_refused(post(student, body), 422, field=field)
    assert_refused(post(student, body | {field: None}), 422, field=field)
    assert_refused(post(student, body | {field: ""}), 422, field=field)


@hostile
def test_hostile_ids_and_words_are_refused_by_their_field(student: Student, text: str) -> None:
    for field in ("attempt_id", "question_id"):
        answer = post(student, body_of(student) | {field: text})
        assert_answered(answer, 404, 422)
        assert answer.status == 404 or field in answer.fields
    for field in ("language", "run_type"):
        assert_refused(post(student, body_of(student) | {field: text}), 422, field=field)


@hostile
def test_a_hostile_name_is_refused_by_itself(student: Student, text: str) -> None:
    answer = post(student, body_of(student) | {text: {"admin": True}})
    assert_refused(answer, 422, field=text)
    assert answer.headers["Set-Cookie"] is None


@hostile
def test_hostile_paths_lead_nowhere(live: LiveStack, student: Student, text: str) -> None:
    teacher = tokens.mint(live.stack, "teacher", "instructor")
    for method, path in (
        ("GET", "/submissions/{}"),
        ("DELETE", "/submissions/{}"),
        ("GET", "/attempts/{}"),
        ("GET", "/questions/{}"),
        ("GET", "/rejudgings/{}"),
        ("POST", "/rejudgings/{}/apply"),
        ("POST", "/rejudgings/{}/cancel"),
        ("POST", "/submissions/{}/rejudge"),
        ("POST", "/submissions/{}/requeue"),
        ("GET", "/{}"),
    ):
        for token in (student.token, teacher):
            answer = send(live.url, method, path.format(segment(text)), token)
            assert_answered(answer, 403, 404, 422)
            assert answer.headers["Set-Cookie"] is None


@hostile
def test_hostile_words_in_what_staff_send_are_refused_or_find_nothing(live: LiveStack, text: str) -> None:
    teacher = tokens.mint(live.stack, "teacher", "instructor")
    for field in ("question_id", "exam_id", "attempt_id", "language", "verdict"):
        body = json.dumps({"filter": {field: text}}).encode()
        assert_refused(send(live.url, "POST", "/rejudgings", teacher, body, JSON), 422)
    for field in ("question_id", "attempt_id", "status", "page_token"):
        answer = send(live.url, "GET", f"/submissions?{field}={segment(text)}", teacher)
        assert_answered(answer, 200, 400, 422)


def test_hostile_text_goes_through_a_program_unharmed(live: LiveStack) -> None:
    texts = [text for text in HOSTILE.values() if len(text) < 1000]  # longer ones are shown cut
    for text, shown in zip(texts, all_judged(live, *((ECHO, text) for text in texts)), strict=True):
        [test] = shown["tests"]
        assert (test["stdin"], test["stdout"]) == (text, text)


def test_hostile_code_is_judged_as_what_it_is(live: LiveStack) -> None:
    harmless = "print(1)\n"
    runs = {
        harmless: "accepted",
        "print(1)\r\n": "accepted",
        "print(\r\n1\r\n)": "accepted",
        "\ufeffprint(1)": "accepted",
        "print(1) # \U0001f600": "accepted",
        "print(1) # \u202e\u2066": "accepted",
        "'\U0001f600' and print(1)": "accepted",
        "print('\U0001f600')": "wrong_answer",
        "../": "runtime_error",
        "\u200b": "runtime_error",
        "\U0001f600": "runtime_error",
        "(" * 10_000: "runtime_error",
        "import sys; sys.exit(1)": "runtime_error",
        "import os; os.kill(os.getpid(), 9)": "runtime_error",
        "print('\\ud800')": "runtime_error",
        "import sys; sys.stdout.buffer.write(b'\\xff\\x00')": "wrong_answer",
    }
    languages = send(live.url, "GET", "/languages", live.student().token).json
    [python] = [each for each in languages if each["name"] == "python"]
    if tuple(map(int, python["version"].split(".")[:2])) >= (3, 12):
        runs |= dict.fromkeys(("print(1)\0", "\0", "print(1) # \0"), "runtime_error")
    else:  # to Python 3.11 a null byte ends the line
        runs |= {"print(1)\0": "accepted", "\0": "wrong_answer", "print(1) # \0": "accepted"}
    for comment in HOSTILE.values():
        if not set(comment) & set("\0\r\n"):
            runs[f"print(1) # {comment}"] = "accepted"
    found = all_judged(live, *((code, None) for code in runs))
    assert {shown["code"]: shown["verdict"] for shown in found} == runs


def test_code_of_blanks_alone_is_refused_whatever_blanks(student: Student) -> None:
    blanks = [chr(point) for point in range(sys.maxunicode + 1) if chr(point).isspace()]
    assert len(blanks) > 20
    for code in (*blanks, "".join(blanks), "\r\n" * 1000):
        assert_refused(post(student, body_of(student, code=code)), 422, field="code")


@pytest.mark.parametrize(
    "char", ["a", "\u00e9", "\u20ac", "\U0001f600"], ids=["1 byte", "2 bytes", "3 bytes", "4 bytes"]
)
@pytest.mark.parametrize("escaped", [False, True], ids=["in UTF-8", "in escapes"])
def test_code_may_have_as_many_bytes_as_it_may_and_not_one_more(
    live: LiveStack, student: Student, char: str, escaped: bool
) -> None:
    most = filled("print(1)#", char, MAX_CODE_BYTES)
    assert judged(live, most, escaped=escaped)["verdict"] == "accepted"
    body = json.dumps(body_of(student, code=most + "#"), ensure_ascii=escaped).encode()
    assert_refused(post(student, body), 413, field="code")


@pytest.mark.parametrize(
    "char", ["a", "\u00e9", "\u20ac", "\U0001f600"], ids=["1 byte", "2 bytes", "3 bytes", "4 bytes"]
)
def test_input_may_have_as_many_bytes_as_it_may_and_not_one_more(live: LiveStack, student: Student, char: str) -> None:
    most = filled("", char, MAX_STDIN_BYTES)
    code = "import sys\nprint(len(sys.stdin.buffer.read()))"
    assert judged(live, code, most)["tests"][0]["stdout"] == f"{MAX_STDIN_BYTES}\n"
    assert_refused(post(student, body_of(student, stdin=most + "#")), 413, 422, field="stdin")


def filled(begin: str, char: str, size: int) -> str:
    """A text of exactly ``size`` bytes."""
    left = size - len(begin.encode())
    width = len(char.encode())
    return begin + "#" * (left % width) + char * (left // width)


def test_a_body_may_have_as_many_bytes_as_it_may_and_not_one_more(live: LiveStack) -> None:
    student = live.student()
    body = json.dumps(body_of(student)).encode()
    in_chunks = {"Transfer-Encoding": "chunked"}
    most = body + b" " * (MAX_BODY_BYTES - len(body))
    assert_answered(post(student, most), 202)
    assert_answered(post(student, chunked(most[:-1]), **in_chunks), 202)
    for size in (MAX_BODY_BYTES + 1, 10 * 1024 * 1024):
        more = body + b" " * (size - len(body))
        assert_refused(post(student, more), 413)
        assert_refused(post(student, chunked(more), **in_chunks), 413)


def test_ten_megabytes_from_nobody_are_not_looked_at(live: LiveStack) -> None:
    for path in ("/", "/submissions", "/rejudgings"):
        assert_refused(send(live.url, "POST", path, None, b"x" * 10 * 1024 * 1024, JSON), 401)


def test_an_idempotency_key_is_one_to_255_characters(live: LiveStack) -> None:
    student = live.student()
    for wrong in ("", " ", "\t", "x" * 256, "x" * 5000, "\u00e9" * 256):
        assert_refused(post(student, body_of(student), **{"Idempotency-Key": wrong}), 422, field="Idempotency-Key")
    odd = ("x", "x" * 255, "\u00e9" * 255, "a b", "../..", '"', "'; --", "\x01", "\x7f", "\xff\xfe", "\xf0\x9f\x98\x80")
    ids = set()
    for key in odd:
        first = post(student, body_of(student), **{"Idempotency-Key": key})
        again = post(student, body_of(student), **{"Idempotency-Key": key})
        assert_answered(first, 202)
        assert_answered(again, 200)
        assert first.json["submission_id"] == again.json["submission_id"]
        ids.add(first.json["submission_id"])
    assert len(ids) == len(odd)


TICKETS = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "no fields": b"{}",
    "one field": b'{"queue": "run"}',
    "another queue": b'{"queue": "x", "submission_id": "x"}',
    "wrong types": b'{"queue": [], "submission_id": {}}',
    "a number": b'{"queue": "run", "submission_id": 1e400}',
    "5,000 digits": b"9" * 5000,
    "100,000 lists": b"[" * 100_000,
    "not UTF-8": b"\xff",
    "half a character": b'{"queue": "run", "submission_id": "\xed\xa0\x80"}',
    "an escaped half": rb'{"queue": "run", "submission_id": "\ud800"}',
    "cut": b'{"queue": "run", "submission_id": "x"',
    "20 MB of blanks": b" " * 20 * 1024 * 1024,
}
ODD_TICKETS = {
    "an unknown submission": b'{"queue": "run", "submission_id": "x"}',
    "a path": b'{"queue": "submit", "submission_id": "../../slots/1"}',
    "a null byte": rb'{"queue": "run", "submission_id": "\u0000"}',
    "a name twice": b'{"queue": "run", "queue": "submit", "submission_id": "x"}',
    "a megabyte": b'{"queue": "run", "submission_id": "' + b"x" * 1024 * 1024 + b'"}',
}


@pytest.mark.parametrize("ticket", [*TICKETS.values(), *ODD_TICKETS.values()], ids=[*TICKETS, *ODD_TICKETS])
def test_the_machines_functions_take_any_body_and_nobody_elses_token(live: LiveStack, ticket: bytes) -> None:
    machine = tokens.service_account(live.stack, live.stack.handler_url)
    others = [
        None,
        "nonsense",
        tokens.mint(live.stack, "student"),
        tokens.mint(live.stack, "teacher", "instructor"),
        tokens.service_account(live.stack, "https://elsewhere.example"),
        machine[:-4],
    ]
    for url in (live.stack.handler_url, live.stack.sweep_url):
        for token in others:
            assert send(url, "POST", "/", token, ticket, JSON).status == 401
        answer = send(url, "POST", "/", machine, ticket, JSON)
        assert answer.status == 200, answer.body
        assert b"Traceback" not in answer.body
    wait_until(lambda: live.health()["queue_length"] == 0)  # Runs of other tests, for which nobody waited
    answer = send(live.stack.handler_url, "POST", "/", machine, ticket, JSON)
    unreadable = ticket in TICKETS.values()
    assert answer.body == (b"unreadable ticket\n" if unreadable else b"line_empty\n")


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "NONSENSE"])
def test_the_machines_functions_are_posted_to(live: LiveStack, method: str) -> None:
    machine = tokens.service_account(live.stack, live.stack.handler_url)
    for url in (live.stack.handler_url, live.stack.sweep_url):
        for token in (None, machine):
            assert send(url, method, "/", token).status == 405


def test_the_machines_token_is_nobodys_on_the_public_function(live: LiveStack) -> None:
    machine = tokens.service_account(live.stack, live.stack.handler_url)
    assert_refused(send(live.url, "GET", "/languages", machine), 401)
