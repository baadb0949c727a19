"""A small client of the public function: submits, waits, and reports where a submission is."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

RETRY_SECONDS = 60.0
CALL_SECONDS = 30.0
FINAL = ("completed", "failed", "cancelled", "superseded")


class Refused(Exception):
    """The service said no; the message is its own words."""


class _Again(Exception):
    """The service did not answer or asked to come again."""


class Client:
    """``url`` of the public function, ``token`` of the student. Requests are repeated safely within a minute."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["Authorization"] = f"Bearer {token}"

    def submit(self, body: dict[str, Any]) -> dict[str, Any]:
        """Raises Refused."""
        return self._call("POST", "/", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})

    def get(self, submission_id: str) -> dict[str, Any]:
        return self._call("GET", f"/submissions/{submission_id}")

    def languages(self) -> list[str]:
        found: Any = self._call("GET", "/languages")
        return [each["name"] for each in found]

    def wait(self, submission_id: str, tell: Callable[[dict[str, Any]], None], pause: float) -> dict[str, Any]:
        """The submission once it is final; ``tell`` hears of it every ``pause`` seconds until then."""
        while True:
            shown = self.get(submission_id)
            tell(shown)
            if shown["status"] in FINAL:
                return shown
            time.sleep(pause)

    def _call(self, method: str, path: str, **how: Any) -> dict[str, Any]:
        retrying = Retrying(
            retry=retry_if_exception_type(_Again),
            wait=wait_random_exponential(multiplier=0.2, max=5),
            stop=stop_after_delay(RETRY_SECONDS),
            reraise=True,
        )
        try:
            answer: dict[str, Any] = retrying(self._once, method, path, **how)
        except _Again as error:
            raise Refused(str(error)) from None
        return answer

    def _once(self, method: str, path: str, **how: Any) -> Any:
        try:
            answer = self._session.request(method, self._url + path, timeout=CALL_SECONDS, **how)
        except requests.RequestException as error:
            raise _Again(f"{self._url} does not answer ({type(error).__name__})") from error
        if answer.status_code in (429, 503):
            time.sleep(min(RETRY_SECONDS, float(answer.headers.get("Retry-After", 1))))
            raise _Again(_words(answer))
        if not answer.ok:
            raise Refused(_words(answer))
        return answer.json()


def _words(answer: requests.Response) -> str:
    try:
        problem = answer.json()
        fields = "".join(f"; {each['field']}: {each['message']}" for each in problem.get("errors", []))
        return f"{problem['detail']}{fields}"
    except (ValueError, KeyError, TypeError):
        return f"the service answered {answer.status_code}"
