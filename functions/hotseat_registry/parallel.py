"""Run several requests to a store in parallel."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

from hotseat_registry.stores import OnBytes, ignore_bytes

T = TypeVar("T")
R = TypeVar("R")

THREADS = 8
"""Requests under way; 1: one after the other."""


def map_parallel(
    function: Callable[[T], R],
    items: Iterable[T],
    seconds_left: Callable[[], float | None] = lambda: None,
) -> Iterator[R]:
    """Yield the results of `function` in the order of the items, a few at a time.

    A single item runs without a thread. Raises what `function` raises, and
    `TimeoutError` when `seconds_left` returns 0; None: no limit.
    """
    remaining = iter(items)
    if THREADS == 1:
        yield from map(function, remaining)
        return
    first_items = list(islice(remaining, 2))
    if len(first_items) < 2:
        yield from map(function, first_items)
        return
    # late: a function that answers requests reads one thing at a time
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(THREADS, "hotseat-registry")
    try:
        # no more than a few are under way, however many there are
        waiting = [
            pool.submit(function, item)
            for item in (*first_items, *islice(remaining, THREADS))
        ]
        while waiting:
            yield waiting.pop(0).result(seconds_left())
            waiting += [pool.submit(function, item) for item in islice(remaining, 1)]
    finally:
        # who gives up in the middle does not wait for those that are under way
        pool.shutdown(wait=False, cancel_futures=True)


def all_at_once(function: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Return the results of `function`, a thread for each item but the last.

    For a few items, where a pool's import would take longer than what it saves; raises
    what `function` raises, of the first such item.
    """
    if len(items) > THREADS:
        return list(map_parallel(function, items))
    results: dict[int, R] = {}
    errors: dict[int, BaseException] = {}

    def run(at: int) -> None:
        try:
            results[at] = function(items[at])
        except BaseException as error:  # noqa: BLE001 (raised in the caller's thread)
            errors[at] = error

    last = len(items) - 1
    threads = [threading.Thread(target=run, args=(at,)) for at in range(last)]
    for thread in threads:
        thread.start()
    if items:
        run(last)
    for thread in threads:
        thread.join()
    for at in sorted(errors):
        raise errors[at]
    return [results[at] for at in range(len(items))]


def map_with_progress(
    items: Iterable[T], function: Callable[[T], R], on_step: OnBytes = ignore_bytes
) -> Iterator[R]:
    """Yield what `map_parallel` yields, and report each step."""
    for result in map_parallel(function, items):
        on_step(1)
        yield result
