"""The exam page on this machine: `python -m infra.local.page` serves what `npm run build` made.

Beside the files it answers `local.json`: where the service is, and tokens of the sample students and of a teacher, so
that nobody has to paste one. It is read through no other address than 127.0.0.1, so that no page from elsewhere can.
"""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from infra.local import environment, samples, tokens
from infra.local.environment import ROOT, Stack

BUILT = ROOT / "frontend" / "dist"


def sign_in(stack: Stack) -> dict[str, Any]:
    """Who can sign in with one click; nobody where the stack was given somebody else's keys."""
    try:
        students = [
            {"name": name, "attempt_id": attempt_id, "token": tokens.mint(stack, name)}
            for name, attempt_id in samples.STUDENTS.items()
        ]
        staff = {"name": samples.TEACHER, "token": tokens.mint(stack, samples.TEACHER, "instructor")}
    except tokens.CannotMint:
        return {"url": stack.url, "students": [], "staff": None}
    return {"url": stack.url, "students": students, "staff": staff}


class Page(SimpleHTTPRequestHandler):
    def __init__(self, *arguments: Any, stack: Stack) -> None:
        self.stack = stack
        super().__init__(*arguments, directory=str(BUILT))

    def do_GET(self) -> None:
        address = f"127.0.0.1:{self.stack.page_port}"
        if self.headers.get("Host") != address:  # CORS names this origin, and a name bound to us must learn nothing
            self.send_response(HTTPStatus.FOUND)
            self.send_header("Location", f"http://{address}{self.path}")
            self.end_headers()
        elif self.path.partition("?")[0] == "/local.json":
            content = json.dumps(sign_in(self.stack)).encode()
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
        else:
            super().do_GET()

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-cache")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, *_arguments: Any) -> None:
        """Nobody reads which file was served."""


def main() -> None:
    if not (BUILT / "index.html").exists():
        sys.exit("there is no page: `make page` builds it (Node 20.19 or newer)")
    stack = environment.read(os.environ)
    with ThreadingHTTPServer(("127.0.0.1", stack.page_port), partial(Page, stack=stack)) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
