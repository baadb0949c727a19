from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from infra.sqlite import SQLiteDocumentStore
from tests.fakes import World, make_world


@pytest.fixture
def world() -> Iterator[World]:
    with closing(SQLiteDocumentStore(":memory:")) as store:
        yield make_world(store)
