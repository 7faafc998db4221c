"""A function that does what a runtime has to cope with."""

import gc
import os
import sys
import time

FAILS_AT_START = os.environ.get("FAILS_AT_START")
if FAILS_AT_START:
    raise RuntimeError(FAILS_AT_START)


def register(hook, call):
    import snapshot_restore_py

    getattr(snapshot_restore_py, f"register_{hook}")(call)


if os.environ.get("HOOKS"):
    sys.stdout.reconfigure(line_buffering=True)
    register("before_snapshot", lambda: sys.stdout.write("before\n"))
    register("after_restore", lambda: sys.stdout.write("after\n"))
if os.environ.get("FAILS_AT_RESTORE"):
    register("after_restore", lambda: 1 / 0)


def handler(event, context):  # noqa: C901, PLR0911 (one case per line)
    """Do what the event says."""
    match event["do"]:
        case "echo":
            return event
        case "context":
            return {
                "id": context.aws_request_id,
                "arn": context.invoked_function_arn,
                "remaining": context.get_remaining_time_in_millis(),
                "name": context.function_name,
                "trace": os.environ.get("_X_AMZN_TRACE_ID"),
            }
        case "collects":
            return gc.isenabled()
        case "bytes":
            return b'{"as": "it is"}'
        case "raise":
            raise LookupError("no such save game: \U0001f3ae")
        case "much":
            return {"text": "x" * event["size"]}
        case "odd":
            return {"big": 1 << 70, "text": "\ud83c"}
        case "no json":
            return {"a set": {1}}
        case "exit":
            sys.exit(3)
        case "sleep":
            time.sleep(event["seconds"])
            return {"slept": event["seconds"]}
        case "stream":
            return _stream(event)


def _stream(event):
    from hotseat_serve.adapters.response_stream import ResponseStream

    def pieces():
        for number in range(event["count"]):
            yield b"piece %d\n" % number
            yield b""
            time.sleep(event.get("pause", 0))
        if event.get("breaks"):
            raise RuntimeError("out of ink")

    return ResponseStream(b'{"statusCode": 200, "headers": {}}', pieces())
