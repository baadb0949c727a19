"""A small client of the public function: submits, waits, and reports where a submission is."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from typing import Any

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_delay, wait_random_exponential

from infra.admin.sitting import CALL_SECONDS, FINAL, POLL_SECONDS, Bearer

RETRY_SECONDS = 60.0
"""A call is repeated for so long; also the longest Retry-After that is waited for at once."""


class Refused(Exception):
    """The service said no; the message is its own words."""


class _Again(Exception):
    """The service did not answer or asked to come again, after ``seconds`` where it said when."""

    def __init__(self, message: str, seconds: float | None = None) -> None:
        super().__init__(message)
        self.seconds = seconds


class Client:
    """``url`` of the public function, ``token`` of the student; ``local``: no proxy of this machine is asked.

    Requests are repeated for RETRY_SECONDS where the service is away or asks to come again; a submission bears an
    Idempotency-Key, so that repeating it makes no second one. Every method raises Refused.
    """

    def __init__(self, url: str, token: str, *, local: bool, sleep: Callable[[float], None] = time.sleep) -> None:
        if not token.isascii():
            raise Refused("the token is none: it has characters that no token has")
        self._url = url.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = not local
        self._session.auth = Bearer(token)
        self._sleep = sleep

    def submit(self, body: dict[str, Any]) -> dict[str, Any]:
        """The accepted submission. ``body`` as in `POST /`."""
        accepted: dict[str, Any] = self._call("POST", "/", json=body, headers={"Idempotency-Key": uuid.uuid4().hex})[0]
        return accepted

    def languages(self) -> list[str]:
        """The names of the languages that the judge has."""
        return [each["name"] for each in self._call("GET", "/languages")[0]]

    def wait(self, submission_id: str, tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
        """The submission once it is final; ``tell`` hears of it as often as the service wants to be asked."""
        while True:
            shown, again_after = self._call("GET", f"/submissions/{submission_id}")
            tell(shown)
            if shown["status"] in FINAL:
                final: dict[str, Any] = shown
                return final
            self._sleep(POLL_SECONDS if again_after is None else again_after)

    def _call(self, method: str, path: str, **how: Any) -> tuple[Any, float | None]:
        retrying = Retrying(
            retry=retry_if_exception_type(_Again),
            wait=_pause,
            stop=stop_after_delay(RETRY_SECONDS),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            answer: tuple[Any, float | None] = retrying(self._once, method, path, **how)
        except _Again as error:
            raise Refused(str(error)) from None
        return answer

    def _once(self, method: str, path: str, **how: Any) -> tuple[Any, float | None]:
        """The answer's JSON, and its Retry-After."""
        try:
            answer = self._session.request(method, self._url + path, timeout=CALL_SECONDS, **how)
        except requests.exceptions.SSLError as error:
            raise Refused(f"{self._url}: its certificate is not trusted") from error
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            raise _Again(f"{self._url} does not answer ({type(error).__name__})") from error
        except requests.RequestException as error:
            raise Refused(f"{self._url}: {error}") from error
        again_after = _seconds(answer.headers.get("Retry-After"))
        if answer.status_code in (429, 503):
            raise _Again(_words(answer), again_after)
        if not answer.ok:
            raise Refused(_words(answer))
        try:
            return answer.json(), again_after
        except ValueError:
            raise Refused(f"{self._url} is no run-code service: it does not answer in JSON") from None


def _pause(state: RetryCallState) -> float:
    """What the service asked for, and a growing random part, so that many do not return at once."""
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.seconds if isinstance(error, _Again) else None
    return (asked or 0.0) + wait_random_exponential(multiplier=0.2, max=5)(state)


def _seconds(header: str | None) -> float | None:
    """Retry-After in seconds, bounded; None where there is none, or a date (our service sends seconds)."""
    return min(RETRY_SECONDS, float(header)) if header is not None and header.isdecimal() else None


def _words(answer: requests.Response) -> str:
    try:
        problem = answer.json()
        fields = "".join(f"; {each['field']}: {each['message']}" for each in problem.get("errors", []))
        return f"{problem['detail']}{fields}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"the service answered {answer.status_code}"
