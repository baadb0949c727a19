"""A queue's own HTTP target: what it overrides in each of its tasks, and what a buffered task consists of. Pure.

Source of the rules: the comments of `HttpTarget` and `UriOverride` in google/cloud/tasks/v2/target.proto.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import SplitResult, urlsplit, urlunsplit

from google.cloud import tasks_v2
from google.cloud.tasks_v2.types import UriOverride

HTTP = UriOverride.Scheme.HTTP
IF_NOT_EXISTS = UriOverride.UriOverrideEnforceMode.IF_NOT_EXISTS


def targeted(request: Any, target: Any) -> Any:
    """The request as it is sent: what the queue says goes before what the task says."""
    sent = type(request)()
    sent.CopyFrom(request)
    if target.HasField("uri_override"):
        sent.url = _overridden(request.url, target.uri_override)
    if target.http_method:
        sent.http_method = target.http_method
    for override in target.header_overrides:
        sent.headers[override.header.key] = override.header.value
    if target.HasField("oidc_token"):
        sent.oidc_token.CopyFrom(target.oidc_token)
    return sent


def buffered(target: Any, body: bytes, content_type: str) -> Any | None:
    """The request of a task that is buffered: all but the body is the queue's; None where it names no host."""
    if not target.uri_override.host:
        return None
    request = tasks_v2.HttpRequest.pb()(url=_overridden("https://host/", target.uri_override), body=body)
    request.headers["Content-Type"] = content_type or "application/json"
    return request


def is_url(text: str) -> bool:
    """Whether its parts can be told, so that any of them can be overridden."""
    try:
        _ = urlsplit(text).port
    except ValueError:
        return False
    return True


def _overridden(url: str, override: Any) -> str:
    """Each part that the override has; with IF_NOT_EXISTS only where the task's URL has none."""
    parts = urlsplit(url)
    always = override.uri_override_enforce_mode != IF_NOT_EXISTS
    scheme = {0: parts.scheme, int(HTTP): "http"}.get(override.scheme, "https") if always else parts.scheme
    netloc = _netloc(parts, override) if always or not parts.netloc else parts.netloc
    path, query = parts.path, parts.query
    if override.path_override.path and (always or path in ("", "/")):
        path = "/" + override.path_override.path.lstrip("/")
    if override.query_override.query_params and (always or not query):
        query = override.query_override.query_params
    return urlunsplit((scheme, netloc, path, query, ""))


def _netloc(parts: SplitResult, override: Any) -> str:
    """A port belongs to its host: another host has the one that the override says, or none."""
    host = override.host or parts.hostname or ""
    port = override.port or (None if override.host else parts.port)
    return f"{host}:{port}" if port else host
