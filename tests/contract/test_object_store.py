"""One suite for every object store: what the port promises, over S3's protocol and in memory."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests

from functions.ports import ObjectStore, Unavailable
from infra.local import processes
from infra.local.environment import ACCESS_KEY_ID, BUCKET, SECRET_ACCESS_KEY
from infra.object_store import S3ObjectStore
from tests.conftest import our_process
from tests.fakes import InMemoryObjectStore


def s3(endpoint: str, timeout: float = 60.0) -> S3ObjectStore:  # only tests of slowness are in a hurry
    return S3ObjectStore(
        endpoint=endpoint,
        bucket=BUCKET,
        access_key_id=ACCESS_KEY_ID,
        secret_access_key=SECRET_ACCESS_KEY,
        region="auto",
        timeout=timeout,
    )


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with our_process("infra.local.object_store") as url:
        yield url


@pytest.fixture(params=["s3", "memory"])
def objects(request: pytest.FixtureRequest) -> ObjectStore:
    return s3(request.getfixturevalue("bucket")) if request.param == "s3" else InMemoryObjectStore()


def test_what_was_put_is_there_byte_by_byte(objects: ObjectStore) -> None:
    for content in (b"", b"\x00\xff\r\n", "Grüße".encode(), bytes(5_000_000)):
        objects.put("whole/a", content)
        assert objects.get("whole/a") == content


def test_what_was_never_put_is_not_there(objects: ObjectStore) -> None:
    assert objects.get("nothing/here") is None
    objects.delete("nothing/here")


def test_what_was_deleted_is_gone_and_deleting_again_changes_nothing(objects: ObjectStore) -> None:
    objects.put("gone/a", b"x")
    objects.put("gone/b", b"y")
    objects.delete("gone/a")
    objects.delete("gone/a")
    assert (objects.get("gone/a"), objects.get("gone/b")) == (None, b"y")


def test_keys_are_listed_by_their_beginning_sorted_however_many(objects: ObjectStore) -> None:
    for number in range(1005):  # more than one page
        objects.put(f"many/{number:04}", b"")
    objects.put("manyfold", b"")
    found = list(objects.keys("many/"))
    assert found == [f"many/{number:04}" for number in range(1005)]
    assert list(objects.keys("none/")) == []


def test_a_link_gives_the_object_as_a_text_file_to_be_saved(bucket: str) -> None:
    objects = s3(bucket)
    objects.put("outputs/x/1.txt", b"<script>alert(1)</script>")
    url = objects.link("outputs/x/1.txt", 300)
    answer = requests.get(url, timeout=30)
    assert answer.content == b"<script>alert(1)</script>"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="outputs-x-1.txt"'
    assert "X-Amz-Expires=300" in url
    assert SECRET_ACCESS_KEY not in url.replace(f"Credential={ACCESS_KEY_ID}", "")


Answer = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self)

        do_PUT = do_DELETE = do_GET

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def refused(status: int) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def html(handler: BaseHTTPRequestHandler) -> None:
    body = b"<html>gateway</html>"
    handler.send_response(502)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def cut_short(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "100")
    handler.end_headers()
    handler.wfile.write(b"half")
    handler.connection.shutdown(socket.SHUT_RDWR)


def silent(handler: BaseHTTPRequestHandler) -> None:
    threading.Event().wait(2.0)


TRICKLES = 1500
"""Thirty seconds of them; then all is there, and whoever waited so long has an answer."""


def trickling(handler: BaseHTTPRequestHandler) -> None:
    """A little now and then: never silent for long, not done for half a minute."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(TRICKLES * 50))
    handler.end_headers()
    trickle(handler, b"x" * 50)


def trickling_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    trickle(handler, b"X-A: b\r\n", TRICKLES // 20)
    handler.wfile.write(b"Content-Length: 1\r\n\r\nx")


def trickle(handler: BaseHTTPRequestHandler, part: bytes, times: int = TRICKLES) -> None:
    try:
        for _ in range(times):
            handler.wfile.write(part)
            handler.wfile.flush()
            threading.Event().wait(30 / times)
    except OSError:
        return


def sipping(handler: BaseHTTPRequestHandler) -> None:
    """Takes what is sent a sip at a time."""
    left = int(handler.headers["Content-Length"])
    try:
        while left > 0:
            left -= len(handler.rfile.read(min(left, 100_000)))
            threading.Event().wait(0.1)
        refused(200)(handler)
    except OSError:
        return


@pytest.mark.parametrize("answer", [refused(403), refused(500), refused(503), html, cut_short, silent])
def test_whatever_goes_wrong_outside_is_told_as_one_error(answer: Answer) -> None:
    with answering(answer) as endpoint:
        objects = s3(endpoint, timeout=0.5)
        with pytest.raises(Unavailable):
            objects.get("a")
        if answer is cut_short:
            return  # the others say as much of writing
        for call in (lambda: objects.put("a", b"x"), lambda: objects.delete("a"), lambda: list(objects.keys(""))):
            with pytest.raises(Unavailable):
                call()


@pytest.mark.parametrize("answer", [trickling, trickling_headers])
def test_a_reading_that_is_never_quite_silent_ends_in_time(answer: Answer) -> None:
    with answering(answer) as endpoint, pytest.raises(Unavailable):
        s3(endpoint, timeout=0.5).get("a")


def test_a_writing_that_is_taken_sip_by_sip_ends_in_time() -> None:
    with answering(sipping) as endpoint, pytest.raises(Unavailable):
        s3(endpoint, timeout=0.5).put("a", bytes(30_000_000))


def test_a_store_that_is_not_there_is_away() -> None:
    objects = s3(f"http://127.0.0.1:{processes.free_port()}")
    with pytest.raises(Unavailable):
        objects.get("a")
    with pytest.raises(Unavailable):
        objects.put("a", b"")
