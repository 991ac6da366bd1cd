"""The server's threads: the last to have gone idle takes the next request, and none is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from waitress.task import ThreadedTaskDispatcher

from app.threads import warm


class Task:
    """A request; notes which thread took it."""

    def __init__(self, took: list[int], together: threading.Barrier | None = None) -> None:
        self.took, self.together, self.done = took, together, threading.Event()

    def service(self) -> None:
        if self.together:
            self.together.wait(10)
        self.took.append(threading.get_ident())
        self.done.set()


@pytest.fixture
def dispatcher() -> Iterator[Any]:
    found = ThreadedTaskDispatcher()
    found.set_thread_count(4)
    warm(found)
    idle(found)
    yield found
    assert found.shutdown()
    assert not found.threads


def idle(dispatcher: Any) -> None:
    """Wait until every thread waits."""
    deadline = time.monotonic() + 10
    while len(dispatcher.queue_cv.waiting) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_requests_one_after_the_other_are_all_taken_by_one_thread(dispatcher):
    took: list[int] = []
    for _ in range(20):
        task = Task(took)
        dispatcher.add_task(task)
        assert task.done.wait(10)
        idle(dispatcher)
    assert len(took) == 20
    assert len(set(took)) == 1


def test_requests_at_once_are_taken_by_all_threads_and_none_is_lost(dispatcher):
    took: list[int] = []
    four = threading.Barrier(4)
    tasks = [Task(took, four if n < 4 else None) for n in range(200)]
    for task in tasks:
        dispatcher.add_task(task)
    assert all(task.done.wait(10) for task in tasks)
    assert len(took) == 200
    assert len(set(took)) == 4
