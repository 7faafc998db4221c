"""The Lambda function's entry: the fast door.

It answers the API itself and imports FastAPI (300 ms) only for the pages that FastAPI
writes: the OpenAPI document and its viewer.
"""

import gc
import logging
import os
from contextlib import suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from hotseat_serve.adapters import api_gateway as events
from hotseat_serve.api.factory import open_room
from hotseat_serve.api.messages import PAGES, Request
from hotseat_serve.log_safety import escape_logs
from hotseat_serve.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger("hotseat.serve")

escape_logs()
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


_base = room.settings.base_path


def handler(event: Any, context: Any) -> Any:
    """Answer one invocation; never raises.

    An event of a front is answered in that front's shape. Any other is a direct
    invocation: the event is the request's body, the answer the answer's. What only
    keeps the function warm opens the default model and runs nothing.
    """
    request_id = str(getattr(context, "aws_request_id", ""))
    try:
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        left = None if remaining is None else remaining()
        request = events.read(event, request_id, left, _base)
        if request is None:
            if events.is_ping(event):
                return {"warm": room.warm()}
            request = events.direct(event, request_id, left)
            return orjson.loads(room.answer(request).body)
        if request.path.startswith(PAGES):
            return _page(event, request)
        return events.write(room.answer(request), event)
    except Exception:
        log.exception("request %s failed", request_id)
        return events.failed(event, request_id)


def _page(event: dict[str, Any], request: Request) -> dict[str, Any]:
    from hotseat_serve.adapters.pages import render

    outside = events.outside(event, request.path)
    return events.write(render(_app(), request, outside), event)


@cache
def _app() -> "FastAPI":
    from hotseat_serve.adapters.fastapi_app import create_app

    return create_app(room)
