"""The body of a request: JSON that can be read in one way only."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from flask import request
from flask.json.provider import DefaultJSONProvider
from werkzeug.exceptions import BadRequest, RequestEntityTooLarge

from functions.errors import Refusal


class StrictJSON(DefaultJSONProvider):
    """What another reader of the same body might read otherwise is refused. It is UTF-8, and nothing is guessed."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:
        text = s.decode() if isinstance(s, bytes) else s
        return json.loads(text, object_pairs_hook=_unique, parse_constant=_no_number, **kwargs)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise Refusal(400, f"The body names the field {json.dumps(twice[:64])} twice.")
    return found


def _no_number(constant: str) -> None:
    raise Refusal(400, f"{constant} is no number in JSON.")


def require_json() -> None:
    """Raises Refusal: 415 for another content type, 400 for what is no JSON (too deep for Python included)."""
    if not request.is_json:
        raise Refusal(415, "The body must be JSON (Content-Type: application/json).")
    try:
        raw = request.get_data()
        if request.content_length is None and len(raw) >= (request.max_content_length or 0):
            raise RequestEntityTooLarge  # one in chunks is read that far, and the rest dropped in silence
        sent = request.get_json()
    except RecursionError:
        raise Refusal(400, "The body is nested too deeply.") from None
    except BadRequest:
        raise Refusal(400, "The body is not JSON in UTF-8.") from None
    if b"\\u" in raw:  # an escape may be half a character, which no store takes
        try:
            json.dumps(sent, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise Refusal(400, "The body holds half a character (a lone surrogate).") from None
