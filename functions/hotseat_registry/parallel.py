"""Several requests to a store at once."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TypeVar

from hotseat_registry.stores import Moved, nobody

T = TypeVar("T")
R = TypeVar("R")

THREADS = 8
"""Requests under way; 1: one after the other."""


def at_once(
    act: Callable[[T], R],
    items: Iterable[T],
    left: Callable[[], float | None] = lambda: None,
) -> Iterator[R]:
    """Yield what `act` returns for each item, in their order, some at a time.

    One item needs no thread. What `act` raises is raised here, and `TimeoutError` when
    of the seconds that are `left` none is; None: there is no limit.
    """
    todo = iter(items)
    if THREADS == 1:
        yield from map(act, todo)
        return
    few = list(islice(todo, 2))
    if len(few) < 2:
        yield from map(act, few)
        return
    # late: a function that answers requests reads one thing at a time
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(THREADS, "hotseat-registry")
    try:
        # no more than a few are under way, however many there are
        waiting = [pool.submit(act, item) for item in (*few, *islice(todo, THREADS))]
        while waiting:
            yield waiting.pop(0).result(left())
            waiting += [pool.submit(act, item) for item in islice(todo, 1)]
    finally:
        # who gives up in the middle does not wait for those that are under way
        pool.shutdown(wait=False, cancel_futures=True)


def each(
    items: Iterable[T], act: Callable[[T], R], moved: Moved = nobody
) -> Iterator[R]:
    """Yield what `at_once` does, and report each step."""
    for result in at_once(act, items):
        moved(1)
        yield result
