"""An HTTP proxy on 127.0.0.1 that breaks what passes through it, as a test's rule says."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

NOT_PASSED_ON = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


class Exchange:
    """One request, and what a rule may do with it: pass it on, answer it, or break it. At most one answer."""

    def __init__(self, handler: BaseHTTPRequestHandler, proxy: Proxy) -> None:
        self.method = handler.command
        self.path = handler.path
        self.headers = {name: value for name, value in handler.headers.items() if name.lower() not in NOT_PASSED_ON}
        self.body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        self._handler = handler
        self._proxy = proxy

    def forward(self) -> Answer:
        """What the target answers; a target that is away is a 502, as of any proxy."""
        try:
            answer = requests.request(
                self.method, self._proxy.target + self.path, headers=self.headers, data=self.body, timeout=600
            )
        except requests.RequestException:
            return Answer(502, b"the target is away")
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in NOT_PASSED_ON}
        return Answer(answer.status_code, answer.content, kept)

    def answer(self, answer: Answer) -> None:
        self._begin(answer)
        self._handler.wfile.write(answer.body)

    def answer_half(self, answer: Answer) -> None:
        """As many bytes are promised as there are, and the connection ends in the middle."""
        self._begin(answer)
        self._handler.wfile.write(answer.body[: len(answer.body) // 2])
        self._handler.wfile.flush()
        self.reset()

    def answer_slowly(self, answer: Answer, pause: float) -> None:
        """Byte by byte, until the client has gone."""
        self._begin(answer)
        for at in range(len(answer.body)):
            self._handler.wfile.write(answer.body[at : at + 1])
            self._handler.wfile.flush()
            if self._proxy.stopping.wait(pause):
                return

    def reset(self) -> None:
        """End the connection at once, without a word."""
        linger = struct.pack("ii", 1, 0)
        self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._handler.close_connection = True
        self._handler.connection.close()

    def hang(self, seconds: float) -> None:
        """Say nothing for so long, and then nothing either."""
        self._proxy.stopping.wait(seconds)
        self.reset()

    def _begin(self, answer: Answer) -> None:
        self._handler.send_response(answer.status)
        for name, value in answer.headers.items():
            self._handler.send_header(name, value)
        self._handler.send_header("Content-Length", str(len(answer.body)))
        self._handler.end_headers()


def pass_on(exchange: Exchange) -> None:
    exchange.answer(exchange.forward())


Rule = Callable[[Exchange], None]


class Proxy:
    """``rule`` deals with each request and may be changed at any time; ``calls`` counts the requests."""

    def __init__(self, target: str) -> None:
        self.target = target.rstrip("/")
        self.rule: Rule = pass_on
        self.calls = 0
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except (ConnectionError, ValueError, OSError):
                    self.close_connection = True  # the client, or a rule, has ended it

            def do_GET(self) -> None:
                with proxy._lock:
                    proxy.calls += 1
                proxy.rule(Exchange(self, proxy))

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def proxy_of(target: str) -> Iterator[Proxy]:
    proxy = Proxy(target)
    try:
        yield proxy
    finally:
        proxy.close()
