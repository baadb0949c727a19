"""The adapters of each port."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from functions.ports import DocumentStore
from infra.sqlite import SQLiteDocumentStore

StoreFactory = Callable[[], DocumentStore]
"""Opens the same store once more, as another process would."""


@pytest.fixture(params=["sqlite-memory", "sqlite-file", "firestore"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StoreFactory]:
    if request.param == "sqlite-memory":
        with closing(SQLiteDocumentStore(":memory:")) as store:
            yield lambda: store
    elif request.param == "sqlite-file":
        opened: list[SQLiteDocumentStore] = []

        def open_file() -> DocumentStore:
            opened.append(SQLiteDocumentStore(str(tmp_path / "store.sqlite")))
            return opened[-1]

        yield open_file
        for store in opened:
            store.close()
    else:
        from infra.local.clients import firestore_client

        address = request.getfixturevalue("firestore_address")
        from infra.firestore import FirestoreDocumentStore

        client = firestore_client(address, f"test-{uuid.uuid4().hex[:12]}")
        yield lambda: FirestoreDocumentStore(client)
        client.close()  # type: ignore[no-untyped-call]


@pytest.fixture
def store(open_store: StoreFactory) -> DocumentStore:
    return open_store()
