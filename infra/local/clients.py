"""Google's clients for the stand-ins: no credentials, no look at the machine's own cloud settings."""

from __future__ import annotations

from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore


def firestore_client(address: str, project: str) -> firestore.Client:
    """A client of the emulator at ``address`` (host:port), whatever the environment says."""
    client = firestore.Client(project=project, credentials=AnonymousCredentials())  # type: ignore[no-untyped-call]
    client._emulator_host = address  # the constructor reads it from the environment only
    return client
