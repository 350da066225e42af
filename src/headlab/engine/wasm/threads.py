"""Threads where they can be had, and queues that they take from."""

import threading
from collections import deque
from collections.abc import Callable
from typing import TypeVar

Item = TypeVar("Item")


def started(work: Callable[[], None], n: int) -> list[threading.Thread]:
    """Return at most so many threads that do a work; those that cannot be had are done without."""
    crew: list[threading.Thread] = []
    for _ in range(n):
        thread = threading.Thread(target=work, name="headlab", daemon=True)
        try:
            thread.start()
        except (RuntimeError, MemoryError):
            break
        crew.append(thread)
    return crew


def next_of(queue: deque[Item]) -> Item | None:
    """Take the next item of a queue, None where it is empty: one step, whoever else takes from it.

    >>> next_of(deque([3])), next_of(deque())
    (3, None)
    """
    try:
        return queue.popleft()
    except IndexError:
        return None
