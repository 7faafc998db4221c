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

from hotseat_serve.adapters import api_gateway
from hotseat_serve.api.factory import create_router
from hotseat_serve.api.messages import PAGES, Request
from hotseat_serve.log_safety import escape_logs
from hotseat_serve.settings import Settings

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger("hotseat.serve")

escape_logs()
router = create_router(Settings.from_env(os.environ))
# modules stay: a full collection need not walk them in the middle of a search
gc.freeze()


def _drop_connections() -> None:
    """Drop connections and credentials: every copy of a snapshot would share them."""
    drop = getattr(router.registry.store, "forget", None)
    if drop is not None:
        drop()


with suppress(ImportError):  # Lambda's Python base brings it; a laptop need not
    from snapshot_restore_py import register_before_snapshot

    register_before_snapshot(_drop_connections)


_base_path = router.settings.base_path


def handler(event: Any, context: Any) -> Any:
    """Answer one invocation; never raises.

    An event of a front is answered in that front's shape. Any other is a direct
    invocation: the event is the request's body, the answer the answer's. What only
    keeps the function warm opens the default model and runs nothing.
    """
    request_id = str(getattr(context, "aws_request_id", ""))
    try:
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        remaining_ms = None if remaining is None else remaining()
        request = api_gateway.parse_event(event, request_id, remaining_ms, _base_path)
        if request is None:
            if api_gateway.is_warmup(event):
                return {"warm": router.warm()}
            request = api_gateway.parse_direct_invocation(
                event, request_id, remaining_ms
            )
            return orjson.loads(router.answer(request).body)
        if request.path.startswith(PAGES):
            return _page(event, request)
        return api_gateway.to_response(router.answer(request), event)
    except Exception:
        log.exception("request %s failed", request_id)
        return api_gateway.error_response(event, request_id)


def _page(event: dict[str, Any], request: Request) -> dict[str, Any]:
    from hotseat_serve.adapters.pages import render

    prefix = api_gateway.path_prefix(event, request.path)
    return api_gateway.to_response(render(_app(), request, prefix), event)


@cache
def _app() -> "FastAPI":
    from hotseat_serve.adapters.fastapi_app import create_app

    return create_app(router)
