"""Requests as no client library would send them, and what every answer to them must be."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

GIVE_UP_SECONDS = 120.0
HOSTILE = {
    "a null byte": "\0",
    "a null byte inside": "a\0b",
    "four bytes": "\U0001f600",
    "a private character of four bytes": "\U0010ffff",
    "a noncharacter": "\uffff",
    "bidi controls": "\u202e\u2066abc\u2069\u202c",
    "a byte order mark": "\ufeffa",
    "zero width": "a\u200bb",
    "a combining tower": "a" + "\u0301" * 50,
    "control characters": "\x01\x07\x08\x1b[31m\x7f\x85",
    "a folder above": "../",
    "many folders above": "../" * 20 + "etc/passwd",
    "folders above, the other way": "..\\..\\",
    "an absolute path": "/etc/passwd",
    "a path of the store": "attempts/test/x/y",
    "a reserved id": "__id__",
    "SQL": "' OR '1'='1'; DROP TABLE documents; --",
    "NoSQL": '{"$gt": ""}',
    "a template": "{{7*7}}${7*7}#{7*7}<%= 7*7 %>{% raw %}",
    "a format": "%s%n%x{0.__class__}",
    "the shell": "$(touch /tmp/x)`id`;id|id&&id\n",
    "HTML": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "a header": "x\r\nSet-Cookie: a=b\r\n\r\n",
    "JNDI": "${jndi:ldap://127.0.0.1/a}",
    "a prototype": "__proto__",
    "a constructor": "constructor.prototype",
    "not a number": "NaN",
    "nothing": "null",
    "percent": "%00%2e%2e%2f%",
    "long": "a" * 5000,
}
"""What somebody might try, by what it is."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def fields(self) -> list[str]:
        """Those that a problem document names."""
        return [error["field"] for error in self.json["errors"]]


def send(
    url: str,
    method: str,
    path: str,
    token: str | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """One request, its path and headers as they are given; latin-1 says which bytes."""
    connection = _Connection(urlsplit(url).netloc, timeout=GIVE_UP_SECONDS)
    given = ({} if token is None else {"Authorization": f"Bearer {token}"}) | dict(headers or {})
    try:
        connection.putrequest(method, path, skip_host="Host" in given, skip_accept_encoding=True)
        for name, value in given.items():
            connection.putheader(name, value.encode("latin-1"))
        if body is not None and not {"Content-Length", "Transfer-Encoding"} & set(given):
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before it was sent whole
            connection.send(body or b"")
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


class _Connection(http.client.HTTPConnection):
    def _validate_path(self, url: str) -> None:
        """Let odd ones out."""

    def _encode_request(self, request: str) -> bytes:
        return request.encode("latin-1")


def chunked(body: bytes, size: int = 8000) -> bytes:
    def chunks() -> Iterator[bytes]:
        for start in range(0, len(body), size):
            chunk = body[start : start + size]
            yield b"%x\r\n%s\r\n" % (len(chunk), chunk)
        yield b"0\r\n\r\n"

    return b"".join(chunks())


def segment(text: str) -> str:
    """Any text as one segment of a path."""
    return quote(text, safe="", errors="surrogatepass")


def assert_answered(answer: Answer, *statuses: int) -> None:
    """One of these statuses, in JSON, with its id; a refusal is a problem document that says what is wrong."""
    assert answer.status in statuses, (answer.status, answer.body[:500])
    assert answer.headers["X-Request-Id"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for trace in (b"Traceback", b'File "', b"werkzeug", b"site-packages"):
        assert trace not in answer.body
    if answer.status < 400 or not answer.body:
        return
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json
    assert problem["status"] == answer.status
    assert problem["title"]
    assert problem["detail"]
    assert "could not understand" not in problem["detail"], "which helps nobody"


def assert_refused(answer: Answer, *statuses: int, field: str | None = None) -> None:
    assert_answered(answer, *statuses)
    if field is not None:
        assert field in answer.fields, answer.body
