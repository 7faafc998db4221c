"""The Lambda function's entry: the fast door.

It answers the API itself and imports FastAPI (300 ms) only for the pages that FastAPI
writes: the OpenAPI document and its viewer.
"""

import gc
import os
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from typing import Any

import orjson

from hotseat_serve import event as events
from hotseat_serve.open import open_room
from hotseat_serve.settings import Settings

_PAGES = ("/docs", "/redoc", "/openapi.json")

room = open_room(Settings.from_env(os.environ))
# modules stay: a full collection need not walk them in the middle of a search
gc.freeze()


def _forget() -> None:
    """Drop connections and credentials: every copy of a snapshot would share them."""
    forget = getattr(room.registry.store, "forget", None)
    if forget is not None:
        forget()


with suppress(ImportError):  # Lambda's Python base brings it; a laptop need not
    from snapshot_restore_py import register_before_snapshot

    register_before_snapshot(_forget)


def handler(event: Mapping[str, Any], context: Any) -> Any:
    """Answer one invocation."""
    request_id = str(getattr(context, "aws_request_id", ""))
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    left = None if remaining is None else remaining()
    request = events.read(event, request_id, left)
    if request is None:  # invoked directly: the answer is the body
        return orjson.loads(room.answer(events.direct(event, request_id, left)).body)
    if request.path.startswith(_PAGES):
        return _pages()(event, context)
    return events.write(room.answer(request))


@cache
def _pages() -> Any:
    from mangum import Mangum

    from hotseat_serve.app import create_app

    # lifespan off: Mangum would enter it on every invocation
    return Mangum(create_app(room), lifespan="off")
