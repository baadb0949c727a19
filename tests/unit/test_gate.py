"""Visits that wait: woken by a release in the process, or by the one that polls."""

from __future__ import annotations

import random
import threading

from functions.gate import Gate
from infra.clock import SystemClock


def wait_in_thread(gate: Gate, kind: str) -> threading.Thread:
    thread = threading.Thread(target=gate.wait, args=(kind, 600), daemon=True)
    thread.start()
    return thread


def test_a_release_wakes_a_waiting_visit_without_any_poll() -> None:
    polled = threading.Event()
    gate = Gate(SystemClock(), lambda: 0, random.Random(1))
    gate.poll_seconds = gate.longest_wait_seconds = 600.0
    waiting = wait_in_thread(gate, "submit")
    while not gate.waiting("submit"):
        polled.wait(0.001)
    gate.open()
    waiting.join(30)
    assert not waiting.is_alive()


def test_one_of_many_waiting_visits_polls_and_a_free_slot_wakes_one_of_each_kind() -> None:
    asking = threading.Semaphore(1)
    free = [0]
    polls: list[int] = []

    def poll() -> int:
        assert asking.acquire(blocking=False), "two threads polled at once"
        found = free[0]
        polls.append(found)
        asking.release()
        return found

    gate = Gate(SystemClock(), poll, random.Random(1))
    gate.longest_wait_seconds = 60.0
    gate.poll_seconds = 0.01
    threads = {kind: [wait_in_thread(gate, kind) for _ in range(5)] for kind in ("submit", "run")}
    while len(polls) < 5:
        threading.Event().wait(0.001)
    assert all(thread.is_alive() for each in threads.values() for thread in each)
    free[0] = 1
    for each in threads.values():
        for thread in each:
            thread.join(30)
            assert not thread.is_alive()
    assert sum(polls) >= 5, "a poll that finds one lets one of each kind look, and no more"
