"""Readings that come while others are under way are made together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from functions.ports import Document, Unavailable
from infra.gathering import MOST_AT_ONCE, Gathering


class Store:
    """Notes what is read, and answers only when it is told to."""

    def __init__(self) -> None:
        self.readings: list[list[str]] = []
        self.may_answer = threading.Semaphore(0)
        self.error: Exception | None = None
        self.begun = threading.Condition()

    def read(self, names: list[str]) -> Mapping[str, Document]:
        with self.begun:
            self.readings.append(names)
            self.begun.notify_all()
        self.may_answer.acquire()
        if self.error is not None:
            raise self.error
        return {name: Document(name, {"reading": len(self.readings)}, None) for name in names if name != "missing"}

    def wait_for(self, readings: int) -> None:
        with self.begun:
            self.begun.wait_for(lambda: len(self.readings) >= readings)


def asked_behind(
    store: Store, gathering: Gathering, *names: str
) -> tuple[ThreadPoolExecutor, list[Future[Mapping[str, Document]]]]:
    """As many readings under way as there may be, and these asked for meanwhile."""
    pool = ThreadPoolExecutor(MOST_AT_ONCE + len(names))
    for number in range(MOST_AT_ONCE):
        pool.submit(gathering.get, [f"first-{number}"])
    store.wait_for(MOST_AT_ONCE)
    waiting = [pool.submit(gathering.get, [name]) for name in names]
    until(lambda: gathering._next is not None and gathering._next.names.keys() == set(names))
    return pool, waiting


def until(holds: Callable[[], bool]) -> None:
    while not holds():
        threading.Event().wait(0.001)


def test_who_comes_alone_is_read_at_once() -> None:
    store = Store()
    store.may_answer.release()
    assert Gathering(store.read, patience=600).get(["a", "missing"]).keys() == {"a"}
    assert store.readings == [["a", "missing"]]


def test_what_is_asked_for_while_readings_are_under_way_is_one_reading_and_begins_after_it_was_asked_for() -> None:
    store = Store()
    gathering = Gathering(store.read, patience=600)
    pool, waiting = asked_behind(store, gathering, "a", "b", "c")
    assert len(store.readings) == MOST_AT_ONCE, "the others' reading has not begun"
    store.may_answer.release()
    store.wait_for(MOST_AT_ONCE + 1)
    assert set(store.readings[-1]) == {"a", "b", "c"}
    store.may_answer.release(10)
    for name, each in zip("abc", waiting, strict=True):
        assert each.result()[name].fields == {"reading": MOST_AT_ONCE + 1}
    pool.shutdown()
    assert gathering.get(["later"]).keys() == {"later"}


def test_an_error_reaches_all_who_wait_for_that_reading_and_nobody_after_it() -> None:
    store = Store()
    gathering = Gathering(store.read, patience=600)
    pool, waiting = asked_behind(store, gathering, "a", "b")
    store.error = Unavailable("away")
    store.may_answer.release(10)
    for each in waiting:
        with pytest.raises(Unavailable):
            each.result()
    pool.shutdown()
    store.error = None
    assert gathering.get(["later"]).keys() == {"later"}


def test_who_has_waited_long_reads_by_itself_for_all_who_came_to_it() -> None:
    store = Store()
    gathering = Gathering(store.read, patience=0.001)
    with ThreadPoolExecutor(MOST_AT_ONCE + 1) as pool:
        for number in range(MOST_AT_ONCE):
            pool.submit(gathering.get, [f"stuck-{number}"])
        store.wait_for(MOST_AT_ONCE)
        late = pool.submit(gathering.get, ["late"])
        store.wait_for(MOST_AT_ONCE + 1)
        store.may_answer.release(MOST_AT_ONCE + 1)
        assert late.result().keys() == {"late"}
    store.may_answer.release()
    assert gathering.get(["next"]).keys() == {"next"}, "no place was lost"


def test_a_name_that_is_refused_harms_nobody_elses_reading() -> None:
    store = Store()
    gathering = Gathering(store.read, patience=600)

    def refusing(names: list[str]) -> Mapping[str, Document]:
        found = store.read(names)
        if "bad" in names:
            raise ValueError("refused")
        return found

    gathering._read = refusing
    pool, (good, bad) = asked_behind(store, gathering, "good", "bad")
    store.may_answer.release(100)
    assert good.result().keys() == {"good"}
    with pytest.raises(ValueError, match="refused"):
        bad.result()
    pool.shutdown()
