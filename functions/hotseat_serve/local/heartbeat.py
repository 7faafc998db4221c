"""Report the state of a worker at regular times, from its event loop.

A loop that is stuck reports nothing, which the management port shows.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from hotseat_serve.local.worker_table import WorkerReport

_REPORT_SECONDS = 0.25
_READY_SECONDS = 2.0
"""Seconds between two checks whether the default model is open."""


async def report_forever(
    report: Callable[[WorkerReport], None],
    load: Callable[[], tuple[int, int, int]],
    is_ready: Callable[[], Coroutine[Any, Any, bool]],
) -> None:
    """Call `report` until the task is cancelled.

    `load` returns the requests in progress, those waiting and the limit; `is_ready`
    runs beside the reports, as it may open a version.
    """
    loop = asyncio.get_running_loop()
    ready, check, checked = False, asyncio.ensure_future(is_ready()), loop.time()
    try:
        while True:
            if check.done():
                ready = check.result()
                if loop.time() - checked >= _READY_SECONDS:
                    check, checked = asyncio.ensure_future(is_ready()), loop.time()
            report(WorkerReport(ready, *load()))
            await asyncio.sleep(_REPORT_SECONDS)
    finally:
        check.cancel()
