"""HTTP at its edges: methods, paths, headers, encodings and tokens that no page sends and somebody will."""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import json
import time
from typing import Any

import pytest
import requests

from infra.local import environment, tokens
from tests.fuzz.wire import Answer, assert_answered, assert_refused, chunked, segment, send
from tests.stack.conftest import LiveStack, Student

pytestmark = pytest.mark.stack

JSON = {"Content-Type": "application/json"}
MOMENT = "2026-01-01T00:00:00+00:00"
AN_ID = "0" * 32


@pytest.fixture(scope="module")
def student(live: LiveStack) -> Student:
    return live.student()


@pytest.fixture(scope="module")
def judged(student: Student) -> str:
    """The address of a submission that stays as it is."""
    accepted = student.post("test", "print(1)").json()
    return f"/submissions/{student.wait(accepted['submission_id'])['submission_id']}"


def body_of(student: Student) -> bytes:
    wanted = {"attempt_id": student.attempt_id, "question_id": "test", "language": "python"}
    return json.dumps(wanted | {"code": "print(1)", "run_type": "run"}).encode()


def one_of(name: str, *values: object, **others: object) -> list[dict[str, object]]:
    """An object for each value."""
    return [{name: value} | others for value in values]


def operations(live: LiveStack) -> dict[str, set[str]]:
    """Path -> its methods."""
    document = requests.get(f"{live.url}/openapi.json", timeout=30).json()
    return {path: {method.upper() for method in methods} for path, methods in document["paths"].items()}


@pytest.mark.parametrize(
    "method", ["GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "NONSENSE"]
)
def test_a_method_that_is_not_offered_is_told_those_that_are(live: LiveStack, student: Student, method: str) -> None:
    for path, offered in operations(live).items():
        if method in offered:
            continue
        answer = send(live.url, method, path.format_map(_Any()), student.token)
        assert_refused(answer, 405)
        assert offered <= {each.strip() for each in answer.headers["Allow"].split(",")}


def test_head_is_get_without_the_body_and_options_says_what_is_offered(live: LiveStack, student: Student) -> None:
    for path, offered in operations(live).items():
        address = path.format_map(_Any())
        allowed = send(live.url, "OPTIONS", address)
        assert_answered(allowed, 200)
        assert offered <= {each.strip() for each in allowed.headers["Allow"].split(",")}
        if "GET" in offered:
            asked = {method: send(live.url, method, address, student.token) for method in ("GET", "HEAD")}
            assert asked["HEAD"].status == asked["GET"].status
            assert asked["HEAD"].headers["Content-Type"] == asked["GET"].headers["Content-Type"]
            assert asked["HEAD"].body == b""


class _Any(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return AN_ID


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/nothing",
            "/health/",
            "/languages/",
            "/docs/",
            "/swagger/",
            "/swagger/nothing",
            "/submissions/x/",
            "/questions/",
        ),
        *(
            "/Health",
            "/HEALTH",
            "/%68ealth%00",
            "/health%20",
            "/health%2f",
            "/openapi.json/",
            "/.",
            "/..",
            "/health/..",
        ),
        *("/robots.txt", "/favicon.ico", "/static/x", "/static/../main.py", "/main.py", "/.env", "/.git/config"),
        *("/swagger/../../main.py", "/swagger/%2e%2e/%2e%2e/main.py", "/swagger/..%2f..%2fmain.py"),
        *("/%0a", "/submissions/%0a", "/submissions/x%0d%0aSet-Cookie:a=b", "/questions/a%0ab", "/attempts/%0a/x"),
        *(
            "/submissions//x",
            "/questions//test",
            "/submissions/x//rejudge",
            "/a//b",
            "/submissions/%2f",
            "/questions/a%2fb",
        ),
        *("/\xff", "/%ff", "/%ed%a0%80", "/%", "/%zz", "/submissions/%", "/*", "/submissions;x=1/x", "/" + "a" * 8000),
        *("/submissions/" + "a" * 8000, "/questions/" + "%f0%9f%98%80" * 400, "/" + "a/" * 3000),
    ],
)
def test_a_path_that_does_not_exist_is_a_problem_document(live: LiveStack, student: Student, path: str) -> None:
    for token in (student.token, tokens.mint(live.stack, "teacher", "instructor")):
        answer = send(live.url, "GET", path, token)
        assert_refused(answer, 404, 405)
        assert answer.headers["Set-Cookie"] is None
        assert answer.headers["Location"] is None


def test_an_address_written_otherwise_is_the_same(live: LiveStack, student: Student, judged: str) -> None:
    for path in ("/%68ealth", "//health", "/health?", "/health?x=1&&&=&%00", "/health#x"):
        assert_answered(send(live.url, "GET", path), 200)
    escaped = "/submissions/" + "".join(f"%{ord(char):02x}" for char in judged.removeprefix("/submissions/"))
    assert send(live.url, "GET", escaped, student.token).json == send(live.url, "GET", judged, student.token).json


@pytest.mark.parametrize(
    "content_type",
    [
        *("", "/", "*/*", "json", "text/plain", "text/json", "application/json5", "application/jsonp", "application/*"),
        *("application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=", "text/html"),
        *(
            "application/json, text/plain",
            "text/plain; a=application/json",
            "application/json\x7f",
            "application/j\xe4son",
        ),
    ],
)
def test_another_content_type_is_refused(student: Student, content_type: str) -> None:
    answer = send(student.url, "POST", "/", student.token, body_of(student), {"Content-Type": content_type})
    assert_refused(answer, 415)


@pytest.mark.parametrize(
    "content_type",
    [
        *(
            "application/json",
            "APPLICATION/JSON",
            "application/json;",
            "application/json;;=;",
            "application/json; charset=utf-8",
        ),
        *("application/json; charset=utf-16", "application/json; charset=nonsense", 'application/json; charset="utf-8'),
        "application/json; a=" + "b" * 5000,
    ],
)
def test_json_is_utf_8_whatever_parameters_its_content_type_has(live: LiveStack, content_type: str) -> None:
    student = live.student()
    answer = send(live.url, "POST", "/", student.token, body_of(student), {"Content-Type": content_type})
    assert_answered(answer, 202)


def test_a_body_may_come_in_chunks(live: LiveStack) -> None:
    student = live.student()
    in_chunks = JSON | {"Transfer-Encoding": "chunked"}
    for size in (1, 7, 8000):
        assert_answered(send(live.url, "POST", "/", student.token, chunked(body_of(student), size), in_chunks), 202)
    assert_refused(send(live.url, "POST", "/", student.token, b"zz\r\nnonsense\r\n", in_chunks), 400)
    assert_refused(send(live.url, "POST", "/", student.token, chunked(b""), in_chunks), 400)


def test_a_compressed_body_is_refused_in_words(student: Student) -> None:
    for encoding, body in (
        ("gzip", gzip.compress(body_of(student))),
        ("br", b"\x0b\x02\x80"),
        ("zstd", b"\x28\xb5\x2f"),
    ):
        answer = send(student.url, "POST", "/", student.token, body, JSON | {"Content-Encoding": encoding})
        assert_refused(answer, 400, 415)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Length": "abc"},
        {"Content-Length": "-1"},
        {"Content-Length": "5", "Transfer-Encoding": "chunked"},
        {"Transfer-Encoding": "chunked, gzip"},
        {"Idempotency-Key": "a\0b"},
        {"X-Request-Id": "x\r\n y"},
        {"Bad Name": "x"},
        {"Expect": "nonsense"},
        {"X-Long": "x" * 100_000},
        {"Host": "x" * 5000},
    ],
    ids=str,
)
def test_what_is_no_http_is_refused_before_it_reaches_the_service(student: Student, headers: dict[str, str]) -> None:
    try:
        answer = send(student.url, "POST", "/", student.token, chunked(body_of(student)), JSON | headers)
    except (ConnectionError, ValueError):  # cut off, or not even sent by Python's own client
        return
    assert 400 <= answer.status < 500
    assert b"Traceback" not in answer.body


def test_a_length_beyond_all_bounds_is_too_large(student: Student) -> None:
    answer = send(student.url, "POST", "/", student.token, b"{}", JSON | {"Content-Length": "9" * 20})
    assert_refused(answer, 413)


@pytest.mark.parametrize(
    "given", ['"x"', 'W/"x"', "x", '""', '"', "W/", "W/*", ",", "," * 1000, '"a", "b"', '"' * 999, "\xff"]
)
def test_an_etag_that_is_not_the_right_one_changes_nothing(student: Student, judged: str, given: str) -> None:
    answer = send(student.url, "GET", judged, student.token, headers={"If-None-Match": given})
    assert_answered(answer, 200)


def test_the_right_etag_in_any_spelling_saves_the_body(student: Student, judged: str) -> None:
    etag = send(student.url, "GET", judged, student.token).headers["ETag"]
    for given in (etag, f"W/{etag}", f'"x", {etag}', f'W/"x",{etag},"y"', "*"):
        answer = send(student.url, "GET", judged, student.token, headers={"If-None-Match": given})
        assert_answered(answer, 304)
        assert answer.body == b""
        assert answer.headers["ETag"] == etag


@pytest.mark.parametrize("name", ["If-Match", "If-Unmodified-Since", "If-Modified-Since", "If-Range", "Range"])
@pytest.mark.parametrize("value", ["*", '"x"', "bytes=0-1", "bytes=9-", "nonsense", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_other_conditions_are_not_heard(student: Student, judged: str, name: str, value: str) -> None:
    plain = send(student.url, "GET", judged, student.token)
    answer = send(student.url, "GET", judged, student.token, headers={name: value})
    assert_answered(answer, 200)
    assert answer.body == plain.body


def page_token(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).decode()


NO_TOKENS = ("x", "====", "%", "\0", "\u00e9", "\U0001f600", "null", "x" * 512, AN_ID)
NO_IDS: tuple[object, ...] = (
    "",
    ".",
    "..",
    "a/b",
    "a/b/c",
    "__x__",
    "\0",
    "\ud800",
    "a" * 300,
    "a",
    None,
    True,
    1,
    [],
    {},
    [AN_ID],
)
NO_MOMENTS: tuple[object, ...] = ("", "now", "2026-13-01T00:00:00+00:00", "9" * 300, 0, 1e300, None, [], {})
NO_TIMES_IN_UTC = ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59")
NO_PAIRS: tuple[object, ...] = (
    None,
    True,
    1,
    "ab",
    [],
    {},
    [1],
    [1, 2],
    [MOMENT],
    [MOMENT, AN_ID, 1],
    {"a": 1, "b": 2},
)
NO_JSON = (b"\xff\xfe", b"[" * 380, b"9" * 380, b"[NaN, NaN]", b'[1e999, "a"]', b'{"a": 1, "a": 2}')


@pytest.mark.parametrize(
    "token",
    [
        *NO_TOKENS,
        *(page_token([MOMENT, wrong]) for wrong in NO_IDS),
        *(page_token([wrong, AN_ID]) for wrong in (*NO_MOMENTS, *NO_TIMES_IN_UTC)),
        *map(page_token, (*NO_PAIRS, *NO_JSON)),
    ],
)
def test_a_page_token_that_was_not_given_out_is_refused(live: LiveStack, student: Student, token: str) -> None:
    teacher = tokens.mint(live.stack, "teacher", "instructor")
    for path, bearer in ((f"/attempts/{student.attempt_id}", student.token), ("/submissions", teacher)):
        answer = send(live.url, "GET", f"{path}?page_token={segment(token)}", bearer)
        assert_refused(answer, 400, field="page_token")


def test_a_page_token_that_is_too_long_is_refused(student: Student) -> None:
    for size in (513, 60_000):
        answer = send(student.url, "GET", f"/attempts/{student.attempt_id}?page_token={'x' * size}", student.token)
        assert_refused(answer, 400, field="page_token")


@pytest.mark.parametrize(
    "query", ["page_token=%FF", "page_token=%ED%A0%80", "page_token=x&page_token=y", "page_token=%"]
)
def test_nonsense_in_the_query_is_a_bad_request(student: Student, query: str) -> None:
    assert_refused(send(student.url, "GET", f"/attempts/{student.attempt_id}?{query}", student.token), 400)


@pytest.mark.parametrize("given", ["x", "a.b_c:d/e;f=g-h", "x" * 128])
def test_a_request_id_comes_back(live: LiveStack, given: str) -> None:
    assert send(live.url, "GET", "/health", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize(
    "given", ["", "x" * 129, "a b", "a\tb", "\xe9", "<script>", '"', "\x7f", "%0d%0aSet-Cookie: a=b", "a,b"]
)
def test_a_request_id_that_could_harm_a_log_is_replaced(live: LiveStack, given: str) -> None:
    answer = send(live.url, "GET", "/health", headers={"X-Request-Id": given})
    assert_answered(answer, 200)
    assert len(answer.headers["X-Request-Id"]) == 32
    assert answer.headers["Set-Cookie"] is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("Host", each) for each in ("evil.example", "", "a/b", "\xe9", "[::1", "a:99999999", "a b")),
        *(("Origin", each) for each in ("null", "x", "http://evil.example", "http://127.0.0.1:3000.evil.example")),
        *(("Accept", each) for each in ("text/html", "nonsense;;q=x", "*/*;q=0", "\xff")),
        *(("Cookie", each) for each in ("a=" + "b" * 7000, "\x01=;;;", "session=x")),
        *(("X-HTTP-Method-Override", "DELETE"), ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "\xff")),
        *(("traceparent", "nonsense"), ("X-Cloud-Trace-Context", "/;o=\xff"), ("Function-Execution-Id", "x\x01")),
        *(("Upgrade", "websocket"), ("Accept-Language", "\xff"), ("Forwarded", "for=\xff;;="), ("Content-Length", "0")),
    ],
)
def test_a_header_that_means_nothing_here_changes_nothing(student: Student, judged: str, name: str, value: str) -> None:
    plain = send(student.url, "GET", judged, student.token)
    answer = send(student.url, "GET", judged, student.token, headers={name: value})
    assert_answered(answer, 200)
    assert answer.body == plain.body
    assert answer.headers["Access-Control-Allow-Origin"] is None


def signed(live: LiveStack, claims: object, header: object = {"alg": "HS256", "typ": "JWT"}) -> str:
    """A token with our own key, whatever it says."""
    raw = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims)]
    message = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in raw)
    signature = hmac.new(environment.secret(live.stack).encode(), message.encode(), hashlib.sha256).digest()
    return f"{message}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def claims(student: str, **changes: object) -> dict[str, Any]:
    now = int(time.time())
    return {
        "sub": student,
        "iat": now,
        "exp": now + 1000,
        "iss": environment.ISSUER,
        "aud": environment.AUDIENCE,
    } | changes


def ask(live: LiveStack, token: str) -> Answer:
    return send(live.url, "GET", "/languages", token)


@pytest.mark.parametrize(
    "changes",
    [
        *one_of("sub", "", None, 1, [], {}, True),
        *one_of("exp", None, "x", [], {}, 0, -1, 1e400, -1e300, True),
        *one_of("iat", "x", [], {}, 1e300),
        *one_of("nbf", "x", [], 1e300),
        *one_of("aud", None, "", [], {}, [1], 1, "other"),
        *one_of("iss", None, "", [], {}, 1, "other"),
        *one_of("role", "anon", "service_role"),
    ],
    ids=str,
)
def test_claims_that_name_nobody_or_another_time_or_place_are_refused(live: LiveStack, changes: dict[str, Any]) -> None:
    assert_refused(ask(live, signed(live, claims("alice", **changes))), 401)


@pytest.mark.parametrize(
    "payload", [None, True, 1, "x", [], {}, b"", b"\xff", b"{", b"[" * 3000, b"9" * 5000, b"{}{}"], ids=repr
)
def test_a_token_whose_content_is_none_is_refused(live: LiveStack, payload: object) -> None:
    assert_refused(ask(live, signed(live, payload)), 401)
    assert_refused(ask(live, signed(live, claims("alice"), payload)), 401)


@pytest.mark.parametrize(
    "header",
    [
        *one_of("alg", "none", "None", "", None, 1, [], {}, "RS256", "HS512", "ES256"),
        *one_of("kid", 1, [], {}, None, alg="HS256"),
        *one_of("crit", ["x"], "x", [], alg="HS256"),
        {"alg": "HS256", "b64": False, "crit": ["b64"]},
    ],
    ids=str,
)
def test_a_token_signed_otherwise_is_refused(live: LiveStack, header: dict[str, Any]) -> None:
    assert_refused(ask(live, signed(live, claims("alice"), header)), 401)


@pytest.mark.parametrize(
    "role", [[], {}, ["instructor"], {"instructor": 1}, 1, True, None, "", "Instructor", "INSTRUCTOR", "admin"]
)
def test_any_other_role_is_a_students(live: LiveStack, role: object) -> None:
    token = signed(live, claims("alice", role=role))
    assert_answered(ask(live, token), 200)
    assert_refused(send(live.url, "GET", "/rejudgings", token), 403)


@pytest.mark.parametrize("sub", ["\ud800", "a\0b", "\U0001f600", "../x", "a/b", "__x__", "x" * 3000], ids=ascii)
def test_a_student_of_any_name_is_nobody_elses(live: LiveStack, student: Student, sub: str) -> None:
    token = signed(live, claims(sub))
    for headers in (JSON, JSON | {"Idempotency-Key": "k"}):
        answer = send(live.url, "POST", "/", token, body_of(student), headers)
        assert_refused(answer, 401, 403)


@pytest.mark.parametrize(
    "authorization",
    [
        *("", "Bearer", "Bearer ", "Bearer  ", "Basic YTpi", "Bearer ..", "Bearer a.b.c", "Bearer \xe9", "Basic \xff"),
        *("Bearer " + "a" * 7000, "Bearer " + "." * 7000, "Digest x=y", "Bearer null", "Bearer\tx"),
    ],
)
def test_what_is_no_token_is_refused(live: LiveStack, authorization: str) -> None:
    answer = send(live.url, "GET", "/languages", headers={"Authorization": authorization})
    assert_refused(answer, 401)
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_token_is_not_taken_from_anywhere_else(live: LiveStack, student: Student) -> None:
    for path in (f"/languages?access_token={student.token}", f"/languages?token={student.token}"):
        assert_refused(send(live.url, "GET", path, headers={"Cookie": f"token={student.token}"}), 401)
    assert_refused(send(live.url, "GET", "/languages", headers={"X-Authorization": f"Bearer {student.token}"}), 401)
