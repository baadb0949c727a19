"""One suite for the store's port, run over every adapter."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from functions.ports import Condition, Conflict, Create, Delete, DocumentStore, Put, Query, ServerTime, Update
from tests.contract.conftest import StoreFactory

NOON = datetime(2026, 6, 1, 12, 0, 0, 123456, tzinfo=UTC)


def submission(number: int, status: str = "queued", run_type: str = "run") -> Create:
    turn_at = NOON + timedelta(seconds=number)
    return Create(f"submissions/s{number:03d}", {"status": status, "run_type": run_type, "turn_at": turn_at})


def queued(**changes: object) -> Query:
    where = (("status", "==", "queued"), ("run_type", "==", "run"))
    return Query("submissions", where, order_by=(("turn_at", False),), **changes)  # type: ignore[arg-type]


def ids(store: DocumentStore, query: Query) -> list[str]:
    return [document.document_id for document in store.find(query)]


def test_what_was_written_is_read_again_to_the_last_value(store: DocumentStore) -> None:
    fields = {
        "text": "ä\x00😀 $time",
        "number": 3,
        "fraction": 0.25,
        "yes": True,
        "nothing": None,
        "bytes": b"\x00\xff",
        "when": NOON,
        "list": [1, "two", {"three": NOON}],
        "map": {"a": {"b": [b"x"]}},
    }
    store.commit(Create("things/one", fields))
    [document] = store.get("things/one")
    assert document is not None
    assert dict(document.fields) == fields
    assert document.document_id == "one"


def test_an_update_leaves_all_other_fields_also_one_of_the_stores_time_alone(store: DocumentStore) -> None:
    store.commit(Create("things/a", {"n": 1, "text": "kept", "changed_at": NOON}))
    store.commit(Update("things/a", {"changed_at": ServerTime.NOW}))
    store.commit(Update("things/a", {"n": 2}))
    [found] = store.get("things/a")
    assert found is not None
    assert {name: found.fields[name] for name in ("n", "text")} == {"n": 2, "text": "kept"}
    assert found.fields["changed_at"] > NOON


def test_the_stores_own_time_is_later_with_each_commit_and_can_be_asked_for(store: DocumentStore) -> None:
    for name in ("a", "b"):
        store.commit(Create(f"things/{name}", {"changed_at": ServerTime.NOW, "n": 1}))
    store.commit(Update("things/a", {"changed_at": ServerTime.NOW}))
    found = store.find(Query("things", order_by=(("changed_at", False),)))
    assert [document.document_id for document in found] == ["b", "a"]
    [b, a] = [document.fields["changed_at"] for document in found]
    assert b.tzinfo is not None
    assert [d.document_id for d in store.find(Query("things", (("changed_at", ">", b),)))] == ["a"]
    assert a > b


def test_documents_come_in_the_order_asked_and_missing_ones_as_none(store: DocumentStore) -> None:
    store.commit(Create("things/a", {"n": 1}), Create("things/b", {"n": 2}))
    found = store.get("things/b", "things/none", "things/a")
    assert [None if d is None else d.fields["n"] for d in found] == [2, None, 1]


@pytest.mark.parametrize("name", ["__reserved__", ".", "..", "x" * 1501, "ä" * 751, "a\x00b", "\n", "%2F", "😀"])
def test_a_document_that_cannot_exist_is_missing_like_any_other(store: DocumentStore, name: str) -> None:
    store.commit(Create("things/a", {"n": 1}))
    found = store.get(f"things/{name}", "things/a")
    assert [document is None for document in found] == [True, False]
    assert store.get(f"things/{name}") == [None]


def test_create_refuses_a_document_that_exists(store: DocumentStore) -> None:
    store.commit(Create("things/a", {"n": 1}))
    with pytest.raises(Conflict):
        store.commit(Create("things/a", {"n": 2}))
    assert store.get("things/a")[0].fields == {"n": 1}  # type: ignore[union-attr]


def test_update_replaces_only_the_fields_given(store: DocumentStore) -> None:
    store.commit(Create("things/a", {"n": 1, "map": {"x": 1}, "other": "kept"}))
    store.commit(Update("things/a", {"n": 2, "map": {"y": 2}}))
    assert store.get("things/a")[0].fields == {"n": 2, "map": {"y": 2}, "other": "kept"}  # type: ignore[union-attr]


def test_update_refuses_a_document_that_is_missing(store: DocumentStore) -> None:
    with pytest.raises(Conflict):
        store.commit(Update("things/none", {"n": 1}))


def test_put_writes_a_document_whatever_was_there(store: DocumentStore) -> None:
    store.commit(Put("things/a", {"old": 1}))
    store.commit(Put("things/a", {"new": 2}))
    assert store.get("things/a")[0].fields == {"new": 2}  # type: ignore[union-attr]


def test_a_write_at_an_old_version_is_refused(store: DocumentStore) -> None:
    store.commit(Create("things/a", {"n": 1}))
    before = store.get("things/a")[0]
    assert before is not None
    store.commit(Update("things/a", {"n": 2}, before.version))
    for late in (Update("things/a", {"n": 3}, before.version), Delete("things/a", before.version)):
        with pytest.raises(Conflict):
            store.commit(late)
    assert store.get("things/a")[0].fields == {"n": 2}  # type: ignore[union-attr]


def test_commit_returns_versions_that_the_next_write_can_be_conditional_on(store: DocumentStore) -> None:
    [created] = store.commit(Create("things/a", {"n": 1}))
    first, _ = store.commit(Update("things/a", {"n": 2}, created), Create("things/b", {"n": 1}))
    store.commit(Update("things/a", {"n": 3}, first))
    assert store.get("things/a")[0].fields == {"n": 3}  # type: ignore[union-attr]


def test_a_batch_is_written_whole_or_not_at_all(store: DocumentStore) -> None:
    store.commit(Create("things/taken", {"n": 1}))
    with pytest.raises(Conflict):
        store.commit(Create("things/new", {"n": 1}), Create("things/taken", {"n": 2}))
    assert store.get("things/new") == [None]


def test_a_deleted_document_is_gone_and_may_be_created_again(store: DocumentStore) -> None:
    store.commit(Create("things/a", {"n": 1}))
    store.commit(Delete("things/a"))
    assert store.get("things/a") == [None]
    store.commit(Create("things/a", {"n": 2}))


def test_a_line_comes_in_the_order_of_its_turns(store: DocumentStore) -> None:
    store.commit(*(submission(number) for number in (3, 1, 2)), submission(0, status="completed"))
    store.commit(submission(4, run_type="submit"))
    assert ids(store, queued()) == ["s001", "s002", "s003"]
    assert ids(store, queued(limit=2)) == ["s001", "s002"]


def test_a_line_can_be_asked_for_what_is_one_of_several_values(store: DocumentStore) -> None:
    languages = ["cpp", "python", "java", "cpp", "python"]
    for number, language in enumerate(languages):
        created = submission(number)
        store.commit(Create(created.path, {**created.fields, "language": language}))
    only: tuple[Condition, ...] = (*queued().where, ("language", "in", ["cpp", "java"]))
    assert ids(store, replace(queued(limit=2), where=only)) == ids(store, queued())[:1] + ids(store, queued())[2:3]
    assert len(ids(store, replace(queued(), where=only))) == 3


def test_equal_turns_are_ordered_by_id(store: DocumentStore) -> None:
    same = {"status": "queued", "run_type": "run", "turn_at": NOON}
    store.commit(*(Create(f"submissions/{name}", same) for name in ("b", "c", "a")))
    assert ids(store, queued()) == ["a", "b", "c"]


def test_a_page_goes_on_behind_the_last_document_of_the_one_before(store: DocumentStore) -> None:
    writes = []
    for number in range(5):
        moment = NOON + timedelta(seconds=number // 2)  # pairs of equal times
        writes.append(Create(f"submissions/s{number}", {"attempt_id": "a", "created_at": moment}))
    store.commit(*writes)
    seen: list[str] = []
    after: tuple[object, ...] | None = None
    while True:
        query = Query(
            "submissions", (("attempt_id", "==", "a"),), order_by=(("created_at", True),), limit=2, after=after
        )
        page = store.find(query)
        if not page:
            break
        seen += [document.document_id for document in page]
        after = (page[-1].fields["created_at"], page[-1].document_id)
    assert seen == ["s4", "s3", "s2", "s1", "s0"]


def test_ranges_compare_times_to_the_microsecond(store: DocumentStore) -> None:
    store.commit(*(submission(number) for number in range(4)))
    edge = NOON + timedelta(seconds=2)
    where: tuple[Condition, ...] = (("status", "==", "queued"), ("run_type", "==", "run"))
    assert store.count(Query("submissions", (*where, ("turn_at", "<", edge)))) == 2
    assert store.count(Query("submissions", (*where, ("turn_at", "<=", edge)))) == 3
    assert store.count(Query("submissions", (*where, ("turn_at", "<", edge + timedelta(microseconds=1))))) == 3


def test_count_counts_what_matches(store: DocumentStore) -> None:
    store.commit(*(submission(number) for number in range(7)), submission(8, status="failed"))
    assert store.count(Query("submissions", (("status", "==", "queued"),))) == 7
    assert store.count(Query("nothing")) == 0


def test_only_the_selected_fields_are_returned(store: DocumentStore) -> None:
    store.commit(submission(1))
    [document] = store.find(queued(select=("turn_at",)))
    assert set(document.fields) == {"turn_at"}


def test_collections_do_not_see_each_other(store: DocumentStore) -> None:
    store.commit(Create("things/a", {"n": 1}), Create("other/a", {"n": 1}))
    assert [document.path for document in store.find(Query("things"))] == ["things/a"]


def test_of_many_conditional_writers_exactly_one_wins(open_store: StoreFactory) -> None:
    stores = [open_store() for _ in range(8)]
    [version] = stores[0].commit(Create("things/hot", {"winner": None}))
    barrier = threading.Barrier(len(stores))

    def write(number: int) -> bool:
        barrier.wait()
        try:
            stores[number].commit(Update("things/hot", {"winner": number}, version))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(len(stores)) as pool:
        won = list(pool.map(write, range(len(stores))))
    assert won.count(True) == 1
    assert stores[0].get("things/hot")[0].fields["winner"] == won.index(True)  # type: ignore[union-attr]


def test_no_update_is_lost_where_every_writer_reads_again(open_store: StoreFactory) -> None:
    stores = [open_store() for _ in range(4)]
    stores[0].commit(Create("things/counter", {"n": 0}))

    def add(store: DocumentStore) -> None:
        for _ in range(10):
            while True:
                document = store.get("things/counter")[0]
                assert document is not None
                try:
                    store.commit(Update("things/counter", {"n": document.fields["n"] + 1}, document.version))
                except Conflict:
                    continue
                break

    with ThreadPoolExecutor(len(stores)) as pool:
        list(pool.map(add, stores))
    assert stores[0].get("things/counter")[0].fields["n"] == 40  # type: ignore[union-attr]


def test_batches_written_at_once_through_one_store_each_get_their_own_versions_and_conflicts(
    store: DocumentStore,
) -> None:
    store.commit(Create("things/taken", {}))

    def write(number: int) -> list[object] | None:
        names = [f"things/{number}-{part}" for part in range(1 + number % 3)]
        refused = [Create("things/taken", {})] if number % 4 == 0 else []
        try:
            return store.commit(*(Create(name, {"n": number}) for name in names), *refused)
        except Conflict:
            return None

    with ThreadPoolExecutor(24) as pool:
        versions = list(pool.map(write, range(24)))
    assert [number for number, each in enumerate(versions) if each is None] == list(range(0, 24, 4))
    found = {document.path: document for document in store.find(Query("things"))}
    expected = {f"things/{number}-{part}" for number in range(24) if number % 4 for part in range(1 + number % 3)}
    assert found.keys() == expected | {"things/taken"}
    for number, each in enumerate(versions):
        mine = [found[f"things/{number}-{part}"] for part in range(1 + number % 3)] if each is not None else []
        store.commit(*(Update(one.path, {"n": -1}, version) for one, version in zip(mine, each or (), strict=True)))
