"""A function that does nothing: what functions-framework itself can serve."""

from __future__ import annotations

import flask


def empty(_request: flask.Request) -> str:
    return ""
