"""The entry point of the Lambda function.

It answers the API without FastAPI. FastAPI, with an import time of 300 ms, is imported
only for the OpenAPI document and its viewer.
"""

import gc
import logging
import os
import threading
from base64 import b64encode
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
# modules live as long as the process: keep full collections from visiting them
gc.freeze()


def _drop_connections() -> None:
    """Drop connections and credentials, which copies of a snapshot would share."""
    drop = getattr(router.registry.store, "forget", None)
    if drop is not None:
        drop()


with suppress(
    ImportError
):  # part of Lambda's Python base image; may be missing elsewhere
    from snapshot_restore_py import register_before_snapshot

    register_before_snapshot(_drop_connections)


_base_path, _stream = router.settings.base_path, router.settings.stream
_WARM_SECONDS = 8.0
"""Of the 10 seconds that Lambda gives an init phase on demand; after them it would
start the phase again (docs.aws.amazon.com, "Understanding the Lambda execution
environment lifecycle"). The first request waits for the rest."""
_REHEARSALS = 3
"""The interpreter adapts code to its types in the first calls."""
_AHEAD = {"provisioned-concurrency", "snap-start"}
"""Kinds of initialization before any request, with 130 seconds and more."""


def _warm(kind: str) -> None:
    """Open the default model while the process starts."""
    if kind in _AHEAD:
        if router.warm():
            _rehearse()
        return
    opened: list[bool] = []

    def open_default() -> None:
        opened.append(router.warm(is_cold=True))

    # the request that started this process is a cold one, and waits
    job = threading.Thread(target=open_default, name="hotseat-warm", daemon=True)
    job.start()
    job.join(_WARM_SECONDS)
    if any(opened):
        # here, in the thread that answers: allocators keep their memory by thread
        _rehearse()


def _rehearse() -> None:
    """Answer an event as API Gateway sends it, so that the next one finds all warm."""
    try:
        body = router.sample_body()
        if body is None:
            return
        event = {
            "requestContext": {"stage": "", "requestId": ""},
            "httpMethod": "POST",
            "path": f"{_base_path}/model-service",
            "headers": {"content-type": "application/json"},
            "body": b64encode(body).decode(),
            "isBase64Encoded": True,
        }
        for _ in range(_REHEARSALS):
            request = api_gateway.parse_event(event, "", None, _base_path)
            if request is not None:
                api_gateway.to_response(router.answer(request, rehearsal=True), event)
    except Exception:
        log.exception("the rehearsal failed")


if router.settings.warm:
    _warm(os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE", ""))
    # what was opened lives as long as the process, too
    gc.freeze()


def handler(event: Any, context: Any) -> Any:
    """Answer one invocation; never raises.

    An HTTP event is answered in the format of its source. Any other event is a direct
    invocation: the event is the request's body, and the result is the answer's body. A
    warm-up event opens the default model and runs nothing. With ``HOTSEAT_STREAM`` and
    a runtime that streams (`context.streams`), HTTP events get a `ResponseStream`.
    """
    request_id = str(getattr(context, "aws_request_id", ""))
    try:
        remaining = getattr(context, "get_remaining_time_in_millis", None)
        remaining_ms = None if remaining is None else remaining()
        streams = _stream and getattr(context, "streams", False)
        request = api_gateway.parse_event(
            event,
            request_id,
            remaining_ms,
            _base_path,
            streams=streams,
            trace_id=getattr(context, "trace_id", ""),
        )
        if request is None:
            if api_gateway.is_warmup(event):
                return {"warm": router.warm()}
            request = api_gateway.parse_direct_invocation(
                event, request_id, remaining_ms
            )
            return orjson.loads(router.answer(request).body)
        if request.path.startswith(PAGES):
            return _page(event, request)
        answer = router.answer(request)
        if request.streams:
            return api_gateway.to_stream(answer)
        return api_gateway.to_response(answer, event)
    except Exception:
        log.exception("request %s failed", request_id)
        return api_gateway.error_response(
            event, request_id, streams=_stream and getattr(context, "streams", False)
        )


def _page(event: dict[str, Any], request: Request) -> Any:
    from hotseat_serve.adapters.pages import render

    prefix = api_gateway.path_prefix(event, request.path)
    answer = render(_app(), request, prefix)
    if request.streams:
        return api_gateway.to_stream(answer)
    return api_gateway.to_response(answer, event)


@cache
def _app() -> "FastAPI":
    from hotseat_serve.adapters.fastapi_app import create_app

    return create_app(router)
