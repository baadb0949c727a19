"""Putting the service together from settings. Everything here is lazy: a function builds only what it uses."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache, partial
from importlib import import_module
from typing import TYPE_CHECKING

from functions.domain.submission import RunType
from functions.domain.trace import of_cloud, of_traceparent
from functions.domain.verdict import Execution
from functions.ports import Autoscaler, DocumentStore, Host, Judge, Language, ObjectStore, Program, TicketQueue, Tracer
from functions.service import Draining, Service
from functions.traces import Untraced
from infra import logs, settings
from infra.clock import SystemClock
from infra.settings import Settings
from infra.tokens import JWTVerifier, ServiceAccountVerifier

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

    from flask import Flask

    from functions.gate import Gate
    from infra.cloud_tasks import CloudTasksTicketQueue

VERSION = "0.1.0"


@cache
def configuration() -> Settings:
    """The settings of this process. What is wrong is told in one line each, and the process ends."""
    try:
        config = settings.read(os.environ)
    except settings.SettingsError as error:
        sys.exit(f"run-code cannot start:\n{error}")
    logs.configure(config.google_cloud_project, lambda: tracer().traceparent())
    return config


TARGETS = ("run_code", "judge_submission", "sweep")
NEEDED = ("google_cloud_project", "tasks_location", "handler_url", "tasks_service_account", "judge0_url")
"""What each of them cannot do without: all three issue tickets."""


def check(target: str) -> None:
    """End the process where the settings are wrong or ``target`` lacks one: at its start, not at a request."""
    config = configuration()
    try:
        found = config.judge0_discovery is not None
        needed = NEEDED if target in TARGETS else ()
        settings.require(config, *(name for name in needed if not (found and name == "judge0_url")))
        if target == "run_code" and (config.auth_jwks_url is None) == (config.auth_jwt_secret is None):
            raise settings.SettingsError("set one of AUTH_JWKS_URL and AUTH_JWT_SECRET")
    except settings.SettingsError as error:
        sys.exit(f"run-code cannot start:\n{error}")


def load(target: str) -> None:
    """Import what ``target`` needs for its first request, and nothing that only others need."""
    if target in TARGETS:
        import_module("functions.api" if target == "run_code" else "functions.machine")
        import_module("infra.sqlite" if configuration().sqlite_path is not None else "infra.firestore")


def document_store(config: Settings) -> DocumentStore:
    if config.sqlite_path is not None:
        from infra.sqlite import SQLiteDocumentStore

        return SQLiteDocumentStore(config.sqlite_path)
    from google.cloud import firestore

    from infra.firestore import FirestoreDocumentStore

    return FirestoreDocumentStore(firestore.Client(project=config.google_cloud_project))


def ticket_queue(config: Settings, *, patient: bool = False) -> CloudTasksTicketQueue:
    from google.cloud import tasks_v2

    from infra.cloud_tasks import CloudTasksTicketQueue, local_client

    client = local_client(config.tasks_address) if config.tasks_address else tasks_v2.CloudTasksClient()
    return CloudTasksTicketQueue(
        client,
        project=config.google_cloud_project or "",
        location=config.tasks_location or "",
        handler_url=config.handler_url or "",
        service_account=config.tasks_service_account or "",
        dispatch_deadline_seconds=config.dispatch_deadline,
        patient=patient,
    )


def judge(config: Settings, url: str, token: str | None = None) -> Judge:
    """The Judge0 host at ``url``."""
    from infra.judge0 import Judge0Judge

    headers = {}
    if token:
        headers["X-Auth-Token"] = token
    if config.judge0_api_key and config.takes_key(url):
        headers["X-RapidAPI-Key"] = config.judge0_api_key
        headers["X-RapidAPI-Host"] = config.judge0_api_host or ""
    return Judge0Judge(url, headers, config.judge_timeout, config.language_ids)


def judges(config: Settings, tracer: Tracer) -> Callable[[], Mapping[str, Host]]:
    """Those that JUDGE0_URL names, and those that JUDGE0_DISCOVERY finds."""
    given = config.given_judges()
    tokens = config.judge_tokens()

    def lazy(name: str, url: str) -> Judge:
        return _LazyJudge(partial(judge, config, url, tokens.get(name if name in given else settings.FOUND)), tracer)

    hosts = {name: Host(lazy(name, each.url), each.slots) for name, each in given.items()}
    found = config.discovered()
    if found is None:
        return lambda: hosts
    from infra.discovery import FoundJudges

    return FoundJudges(hosts, found.name, found.port, found.slots, lazy)


@cache
def tracer() -> Tracer:
    """This process's. OpenTelemetry is not imported where TRACES is off."""
    config = configuration()
    if config.traces == "off":
        return Untraced()
    from infra import traces

    processor = traces.to_google() if config.traces == "google" else traces.to_console()
    return traces.OpenTelemetryTracer(processor, function=_function(), project=config.google_cloud_project or "")


SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def following(environ: WSGIEnvironment) -> AbstractContextManager[None]:
    """Around a request. One that changes nothing is not followed: most are polls, and nothing comes of them."""
    by_traceparent = of_traceparent(environ.get("HTTP_TRACEPARENT", ""))
    brought = by_traceparent or of_cloud(environ.get("HTTP_X_CLOUD_TRACE_CONTEXT", ""))
    return tracer().request(_function(), brought, followed=environ["REQUEST_METHOD"] not in SAFE_METHODS)


def _function() -> str:
    """Which of the three this process serves."""
    return os.environ.get("FUNCTION_TARGET", "run-code")


def object_store(config: Settings) -> ObjectStore | None:
    if config.object_store_endpoint is None:
        return None
    return _LazyObjectStore(lambda: _s3(config))


def _s3(config: Settings) -> ObjectStore:
    from infra.object_store import S3ObjectStore

    return S3ObjectStore(
        endpoint=config.object_store_endpoint or "",
        bucket=config.object_store_bucket or "",
        access_key_id=config.object_store_access_key_id or "",
        secret_access_key=config.object_store_secret_access_key or "",
        region=config.object_store_region,
        timeout=config.judge_timeout,
    )


class _LazyTicketQueue:
    """Google's client costs a quarter of a second to import: polls and `/health` never need it."""

    def __init__(self, build: Callable[[], TicketQueue]) -> None:
        self._queue = cache(build)

    def enqueue(self, queue: RunType, submission_id: str, *, named: bool, traceparent: str | None = None) -> None:
        self._queue().enqueue(queue, submission_id, named=named, traceparent=traceparent)

    def is_paused(self, queue: RunType) -> bool:
        return self._queue().is_paused(queue)

    def limit(self, queue: RunType, concurrent: int) -> None:
        self._queue().limit(queue, concurrent)


class _LazyJudge:
    """Its batches are told as spans; languages are kept for an hour."""

    def __init__(self, build: Callable[[], Judge], tracer: Tracer) -> None:
        self._judge = cache(build)
        self._tracer = tracer

    def create(self, programs: Sequence[Program]) -> list[str | None]:
        with self._tracer.span("judge.create", programs=len(programs)):
            return self._judge().create(programs)

    def poll(self, tokens: Sequence[str]) -> dict[str, Execution | None]:
        with self._tracer.span("judge.poll", programs=len(tokens)):
            return self._judge().poll(tokens)

    def languages(self) -> tuple[Language, ...]:
        return self._judge().languages()

    def builds(self, language: str) -> bool:
        return self._judge().builds(language)

    def is_build(self, language: str, output: bytes) -> bool:
        return self._judge().is_build(language, output)

    def probe(self) -> None:
        with self._tracer.span("judge.probe"):
            self._judge().probe()


class _LazyObjectStore:
    """boto3 costs a seventh of a second to import: most processes never touch an object."""

    def __init__(self, build: Callable[[], ObjectStore]) -> None:
        self._store = cache(build)

    def put(self, key: str, content: bytes) -> None:
        self._store().put(key, content)

    def get(self, key: str) -> bytes | None:
        return self._store().get(key)

    def delete(self, key: str) -> None:
        self._store().delete(key)

    def keys(self, prefix: str) -> Iterator[str]:
        return self._store().keys(prefix)

    def link(self, key: str, seconds: int) -> str:
        return self._store().link(key, seconds)


def autoscaler(config: Settings) -> Autoscaler | None:
    """None on one machine, too: there nobody starts and ends judges."""
    if config.judges_scale is None or config.k_service is None:
        return None
    return _LazyAutoscaler(lambda: _cloud_monitoring(config))


def _cloud_monitoring(config: Settings) -> Autoscaler:
    from infra.cloud_monitoring import CloudMonitoringAutoscaler, deployed_session

    return CloudMonitoringAutoscaler(cache(deployed_session), config.google_cloud_project or "", SystemClock())


class _LazyAutoscaler:
    """The sweep alone tells it anything."""

    def __init__(self, build: Callable[[], Autoscaler]) -> None:
        self._autoscaler = cache(build)

    def want(self, judges: int) -> None:
        self._autoscaler().want(judges)


@cache
def service() -> Service:
    """This process's service."""
    config = configuration()
    return service_for(config, document_store(config), tracer())


def service_for(
    config: Settings, store: DocumentStore, tracer: Tracer | None = None, *, patient: bool = False
) -> Service:
    """Without a ``tracer`` nothing is traced. ``patient``: as for the queues."""
    tracer = tracer or Untraced()
    clock = SystemClock()
    return Service(
        store=store,
        tickets=_LazyTicketQueue(lambda: ticket_queue(config, patient=patient)),
        judges=judges(config, tracer),
        judges_change=config.judge0_discovery is not None,
        clock=clock,
        rules=config.rules(),
        draining=Draining(clock, _told_to_end),
        objects=object_store(config),
        receipt_key=config.receipt_key,
        autoscaler=autoscaler(config),
        tracer=tracer,
    )


@cache
def public_app() -> Flask:
    """The Flask application behind `run_code`."""
    from functions.api import create_app

    config = configuration()
    verifier = JWTVerifier(
        jwks_url=config.auth_jwks_url,
        secret=config.auth_jwt_secret,
        issuer=config.auth_issuer,
        audience=config.auth_audience,
        role_claim=config.auth_role_claim,
    )
    return create_app(
        service(),
        verifier,
        version=VERSION,
        max_body_bytes=config.max_body_bytes,
        allowed_origins=config.allowed_origins,
    )


@cache
def handler_verifier() -> ServiceAccountVerifier:
    """Who may call the handler: Cloud Tasks' service account, with a token meant for the handler's URL."""
    config = configuration()
    return _machine_verifier(config, config.handler_url, config.tasks_service_account)


@cache
def sweep_verifier() -> ServiceAccountVerifier:
    """Who may call the sweep. The platform, too, takes only a token that is meant for the function's own URL."""
    config = configuration()
    return _machine_verifier(config, config.sweep_url, config.scheduler_service_account)


def _machine_verifier(config: Settings, audience: str | None, email: str | None) -> ServiceAccountVerifier:
    return ServiceAccountVerifier(
        audience=audience or "",
        email=email or "",
        jwks_url=config.tasks_jwks_url,
        checked_by_platform=config.k_service is not None,
    )


@cache
def gate() -> Gate:
    """Where this process's visits wait. Building it makes the slots."""
    from functions.gate import Gate
    from functions.slots import free_slots, seed_slots

    built = service()
    seed_slots(built)
    return Gate(built.clock, lambda: len(free_slots(built)[0]), built.rng)


def _told_to_end() -> bool:
    """Whether SIGTERM reached this process.

    functions-framework serves with gunicorn, whose worker owns the signal; a handler of ours could only be set from
    its main thread, where none of our code runs. Its own handler clears `alive` on the worker.
    """
    worker = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return getattr(worker, "alive", True) is False
