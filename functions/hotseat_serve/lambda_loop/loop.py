"""The loop: take an event, call the handler, send its answer.

Answers the same as AWS's own client (awslambdaric), and streams a `ResponseStream`. A
handler that raises is reported, and the loop goes on; as documented, the process ends
when the API fails, or when it cannot start.
"""

import importlib
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from hotseat_registry.dataclass import dataclass
from hotseat_serve.adapters.response_stream import ResponseStream
from hotseat_serve.lambda_loop.connection import with_prelude
from hotseat_serve.lambda_loop.runtime_api import (
    Failure,
    Invocation,
    RuntimeApi,
    RuntimeApiError,
)

log = logging.getLogger("hotseat.lambda")

Handler = Callable[[Any, Any], Any]

_TRACE_VARIABLE = "_X_AMZN_TRACE_ID"
_STREAMED = "application/vnd.awslambda.http-integration-response"
"""The media type of an answer that begins with status and headers."""


@dataclass(slots=True)
class LambdaContext:
    """The context object that a handler receives (the fields of AWS's)."""

    aws_request_id: str
    deadline_ms: int
    invoked_function_arn: str = ""
    trace_id: str = ""
    streams: bool = True
    """Whether a `ResponseStream` can be sent."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the platform ends the invocation."""
        return max(self.deadline_ms - int(time.time() * 1000), 0)

    def __getattr__(self, name: str) -> str | None:
        """Return a property of the function from its environment variable."""
        variable = _PROPERTIES.get(name)
        if variable is None:
            raise AttributeError(name)
        return os.environ.get(variable)


_PROPERTIES = {
    "function_name": "AWS_LAMBDA_FUNCTION_NAME",
    "function_version": "AWS_LAMBDA_FUNCTION_VERSION",
    "memory_limit_in_mb": "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "log_group_name": "AWS_LAMBDA_LOG_GROUP_NAME",
    "log_stream_name": "AWS_LAMBDA_LOG_STREAM_NAME",
}


def load_handler(name: str) -> Handler:
    """Import ``package.module.function``; raises what the import raises."""
    module, dot, function = name.rpartition(".")
    if not dot:
        raise ValueError(f"expected a handler such as module.function, got {name!r}")
    found = getattr(importlib.import_module(module.replace("/", ".")), function)
    if not callable(found):
        raise TypeError(f"{name} is not callable")
    handler: Handler = found
    return handler


def failure_of(error: BaseException) -> Failure:
    """Return an exception as the Runtime API and X-Ray receive it."""
    frames = traceback.extract_tb(error.__traceback__)
    stack = [
        {"label": frame.name, "path": frame.filename, "line": frame.lineno}
        for frame in frames
    ]
    cause = {
        "working_directory": str(Path.cwd()),
        "exceptions": [
            {"message": str(error), "type": type(error).__name__, "stack": stack}
        ],
        "paths": sorted({frame.filename for frame in frames}),
    }
    # surrogates and controls of a message must not break the header: JSON in ASCII
    import json

    lines = tuple(traceback.format_list(frames))
    return Failure(type(error).__name__, str(error), lines, json.dumps(cause))


def run(
    handler: Handler, api: RuntimeApi, *, trace: bool = True, turns: int | None = None
) -> None:
    """Answer events, for ever or `turns` times; raises `RuntimeApiError` or `OSError`.

    `trace` sets the environment variable of X-Ray's header, as AWS's client does; with
    several loops in one process it must not be set.
    """
    while turns is None or turns > 0:
        invocation = api.next_invocation()
        if trace:
            if invocation.trace_id:
                os.environ[_TRACE_VARIABLE] = invocation.trace_id
            else:
                os.environ.pop(_TRACE_VARIABLE, None)
        try:
            _answer(handler, api, invocation)
        except RuntimeApiError as error:
            if error.is_final:
                raise
            # the invocation's time was over, or its answer is larger than allowed
            log.warning("request %s: %s", invocation.request_id, error)
        if turns is not None:
            turns -= 1


def _answer(handler: Handler, api: RuntimeApi, invocation: Invocation) -> None:
    context = LambdaContext(
        invocation.request_id,
        invocation.deadline_ms,
        invocation.function_arn,
        invocation.trace_id,
    )
    try:
        result = handler(orjson.loads(invocation.body), context)
        if not isinstance(result, ResponseStream):
            body, media_type = _serialized(result)
    except Exception as error:
        log.exception("request %s failed", invocation.request_id)
        api.fail(invocation.request_id, failure_of(error))
        return
    if isinstance(result, ResponseStream):
        chunks = with_prelude(result.prelude, result.chunks)
        broken = api.stream(invocation.request_id, chunks, _STREAMED)
        if broken is not None:
            log.error("request %s broke off: %s", invocation.request_id, broken.message)
        return
    try:
        api.respond(invocation.request_id, body, media_type)
    except RuntimeApiError as error:
        if error.status != 413:
            raise
        log.warning("request %s: %s", invocation.request_id, error)
        kind = "Function.ResponseSizeTooLarge"
        api.fail(invocation.request_id, Failure(kind, str(error)))


def _serialized(result: Any) -> tuple[bytes, str]:
    """Return a handler's result as bytes, and their media type."""
    if isinstance(result, bytes):
        return result, "application/unknown"
    try:
        return orjson.dumps(result), "application/json"
    except TypeError:  # such as a number of more than 64 bits, half of a surrogate pair
        import json

        return json.dumps(result).encode(), "application/json"


def start(name: str, api: RuntimeApi, *, snapshot: bool) -> Handler:
    """Import the handler; with `snapshot`, wait for the restore and run its hooks.

    Reports a failure to the API and exits with AWS's codes: 1 for the start, 64 before
    a snapshot, 65 after it.
    """
    try:
        handler = load_handler(name)
    except Exception as error:
        log.exception("the handler %s cannot be imported", name)
        api.fail_init(failure_of(error))
        sys.exit(1)
    if snapshot:
        _restore(api)
    return handler


def _restore(api: RuntimeApi) -> None:
    """Run the hooks around a snapshot (PyPI: snapshot-restore-py)."""
    try:
        import snapshot_restore_py as hooks
    except ImportError:
        hooks = None
    try:
        before = hooks.get_before_snapshot() if hooks else []
        while before:  # the last registered runs first
            call, arguments, named = before.pop()
            call(*arguments, **named)
        api.restore_next()
    except Exception as error:
        log.exception("a hook before the snapshot failed")
        failure = failure_of(error)
        kind = "Runtime.BeforeSnapshotError"
        api.fail_init(Failure(kind, failure.message, failure.trace))
        sys.exit(64)
    try:
        for call, arguments, named in hooks.get_after_restore() if hooks else []:
            call(*arguments, **named)
    except Exception as error:
        log.exception("a hook after the restore failed")
        failure = failure_of(error)
        kind = "Runtime.AfterRestoreError"
        api.fail_init(Failure(kind, failure.message, failure.trace), restoring=True)
        sys.exit(65)
