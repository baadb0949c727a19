"""One student's sitting as their page has it: read, press a button, ask again when told to, believe a 304.

`preflight` and the load test sit exams with it. It needs nothing but requests, for Locust lives in an environment of
its own. Times in seconds.
"""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

CALL_SECONDS = 30.0
POLL_SECONDS = 2.0
"""Where an answer does not say when to ask again."""
LONGEST_PAUSE_SECONDS = 60.0
FINAL = ("completed", "failed", "cancelled", "superseded")
NO_ANSWER = 0
"""Stands for a status where there was none: no connection, or nothing within CALL_SECONDS."""


class Bearer(AuthBase):
    """Set as `auth`, because a machine's .netrc would replace a plain header."""

    def __init__(self, token: str) -> None:
        self._value = f"Bearer {token}"

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = self._value
        return request


class Ask(Protocol):
    """One request; ``name`` is what it is counted under. No answer at all is a response with status NO_ANSWER."""

    def __call__(self, method: str, path: str, name: str, /, **how: Any) -> requests.Response: ...


def mount(session: requests.Session) -> None:
    """Once more, as browsers do, where the server has just closed the connection that was kept open.

    gunicorn closes one after 2 s, which is when the next poll comes.
    """
    adapter = HTTPAdapter(
        max_retries=Retry(total=1, connect=0, redirect=0, allowed_methods=None, raise_on_redirect=False)
    )
    session.mount("http://", adapter)
    session.mount("https://", adapter)


def asker(url: str, *, local: bool) -> Ask:
    """Over a connection of its own; ``local``: no proxy of this machine is asked."""
    session = requests.Session()
    session.trust_env = not local
    mount(session)
    base = url.rstrip("/")

    def ask(method: str, path: str, _name: str, /, **how: Any) -> requests.Response:
        try:
            return session.request(method, base + path, timeout=CALL_SECONDS, **how)
        except requests.RequestException:
            nothing = requests.Response()
            nothing.status_code = NO_ANSWER
            return nothing

    return ask


@dataclass(frozen=True)
class Look:
    """What the page was told of a waiting submission, ``after`` seconds of the answer to its POST."""

    after: float
    position: int | None
    told: float | None


@dataclass
class Sent:
    """One submission, from the press of the button to the verdict."""

    run_type: str
    expected: str
    """The verdict that is right."""
    submission_id: str | None = None
    refused: str | None = None
    """Why it was not accepted."""
    pressed_at: float = 0.0
    answered_at: float = 0.0
    """This machine's clock, in seconds since 1970: before the first POST, and after the one that was answered."""
    looks: list[Look] = field(default_factory=list)
    """The 202 first."""
    final: Mapping[str, Any] | None = None
    """As it was told once it was final."""
    followed: float = 0.0
    """From the answer to the POST until it was seen final, or given up."""

    @property
    def got(self) -> str | None:
        return None if self.final is None else self.final["verdict"] or self.final["status"]


class Page:
    """``patience``: after so many seconds a press that is not accepted, and then a wait that does not end, is given up.

    ``statuses`` counts every answer that it got.
    """

    def __init__(
        self,
        ask: Ask,
        token: str,
        attempt_id: str,
        patience: float,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.statuses: Counter[int] = Counter()
        self._ask = ask
        self._auth = Bearer(token)
        self._attempt_id = attempt_id
        self._patience = patience
        self._sleep = sleep
        self._monotonic = monotonic

    def read(self, question_id: str) -> None:
        self._call("GET", f"/questions/{question_id}", "GET /questions/{id}")

    def press(self, question_id: str, language: str, code: str, run_type: str, expected: str) -> Sent:
        """Run or Submit, and follow it until it is final."""
        sent = Sent(run_type, expected)
        body = {
            "attempt_id": self._attempt_id,
            "question_id": question_id,
            "language": language,
            "code": code,
            "run_type": run_type,
        }
        answer = self._send(sent, body)
        if answer is not None:
            self._follow(sent, answer)
        return sent

    def _send(self, sent: Sent, body: Mapping[str, str]) -> requests.Response | None:
        """Sent again with the same key while the service does not take it, so that it is never there twice."""
        key, begun = uuid.uuid4().hex, self._monotonic()
        sent.pressed_at = time.time()
        while True:
            answer = self._call("POST", "/", f"POST / ({sent.run_type})", json=body, headers={"Idempotency-Key": key})
            sent.answered_at = time.time()
            status = answer.status_code
            if status in (200, 202):
                try:
                    sent.submission_id = answer.json()["submission_id"]
                except (ValueError, KeyError, TypeError):
                    sent.refused = f"answered {status} with something else than a submission"
                    return None
                return answer
            passes = status in (NO_ANSWER, 429) or status >= 500
            if not passes or self._monotonic() - begun >= self._patience:
                sent.refused = f"answered {status}" if status != NO_ANSWER else "no answer"
                return None
            self._sleep(_again_after(answer))

    def _follow(self, sent: Sent, answer: requests.Response) -> None:
        begun = self._monotonic()
        shown: Mapping[str, Any] = answer.json()
        etag: str | None = None
        while True:
            sent.followed = self._monotonic() - begun
            sent.looks.append(Look(sent.followed, shown["queue_position"], shown["estimated_wait_seconds"]))
            if shown["status"] in FINAL:
                sent.final = shown
                return
            if sent.followed >= self._patience:
                return
            self._sleep(_again_after(answer))
            answer = self._call(
                "GET",
                f"/submissions/{sent.submission_id}",
                "GET /submissions/{id}",
                headers={} if etag is None else {"If-None-Match": etag},
            )
            if answer.status_code == 200:
                shown, etag = answer.json(), answer.headers.get("ETag")

    def _call(self, method: str, path: str, name: str, **how: Any) -> requests.Response:
        answer = self._ask(method, path, name, auth=self._auth, **how)
        self.statuses[answer.status_code] += 1
        return answer


def _again_after(answer: requests.Response) -> float:
    header = answer.headers.get("Retry-After", "")
    return min(LONGEST_PAUSE_SECONDS, float(header)) if header.isdecimal() else POLL_SECONDS
