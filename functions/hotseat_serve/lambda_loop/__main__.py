"""Run a Lambda function: ``python -m hotseat_serve.lambda_loop module.function``.

The image's entry point. ``HOTSEAT_RUNTIME=awslambdaric`` runs AWS's client instead.
"""

import gc
import logging
import os
import sys
import threading
import time
from pathlib import Path

from hotseat_serve.lambda_loop import loop
from hotseat_serve.lambda_loop.connection import Connection
from hotseat_serve.lambda_loop.runtime_api import RuntimeApi, RuntimeApiError

_AWS_ENTRY = Path("/lambda-entrypoint.sh")
_EMULATOR = Path("/usr/local/bin/aws-lambda-rie")
"""Both are part of AWS's base images."""
_RUNTIMES = ("loop", "awslambdaric")


class _OneEvent(logging.Formatter):
    """Formats a record with its traceback as one event of CloudWatch.

    The log is split at line feeds; a carriage return stays within an event.
    """

    def __init__(self, form: str, date: str) -> None:
        super().__init__(form, date)
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        return super().format(record).replace("\n", "\r")


def main() -> None:
    """Run the function until the platform ends it."""
    name = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("_HANDLER", "")
    chosen = os.environ.get("HOTSEAT_RUNTIME", "loop")
    if chosen not in _RUNTIMES:
        sys.exit(f"HOTSEAT_RUNTIME={chosen!r}: expected loop or awslambdaric")
    if chosen == "awslambdaric":
        _run_aws_client(name)
    address = os.environ.get("AWS_LAMBDA_RUNTIME_API")
    if not address:
        if not _EMULATOR.exists():
            sys.exit(
                "AWS_LAMBDA_RUNTIME_API is not set: Lambda sets it; on this machine "
                "start the function under aws-lambda-rie, or use `hotseat serve`"
            )
        here = [sys.executable, "-m", "hotseat_serve.lambda_loop", name]
        os.execv(_EMULATOR, [str(_EMULATOR), *here])  # noqa: S606 (no shell)
    _log_to_stderr()
    api = RuntimeApi(Connection(address))
    is_snapshot = os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start"
    # what is imported now stays: collections in the middle of it find nothing
    gc.disable()
    handler = loop.start(name, api, snapshot=is_snapshot)
    gc.enable()
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(line_buffering=True)  # a frozen process flushes nothing
    count = int(os.environ.get("AWS_LAMBDA_MAX_CONCURRENCY", "1"))
    if count < 2:
        loop.run(handler, api)
        return
    _run_parallel(handler, address, count)


def _run_parallel(handler: loop.Handler, address: str, count: int) -> None:
    """Answer `count` invocations at once, for Lambda Managed Instances.

    Threads share the model's weights. A loop that fails ends the process, as one of a
    single loop would.
    """

    def run() -> None:
        try:
            loop.run(handler, RuntimeApi(Connection(address)), trace=False)
        except (OSError, RuntimeApiError):
            loop.log.exception("the loop ended")
        finally:
            os._exit(1)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _run_aws_client(name: str) -> None:
    if os.environ.get("HOTSEAT_STREAM", "").lower() in {"1", "true"}:
        sys.exit(
            "HOTSEAT_RUNTIME=awslambdaric cannot stream: remove HOTSEAT_STREAM, or use "
            "HOTSEAT_RUNTIME=loop"
        )
    if _AWS_ENTRY.exists():
        os.execv(_AWS_ENTRY, [str(_AWS_ENTRY), name])  # noqa: S606 (no shell)
    python = sys.executable
    os.execv(python, [python, "-m", "awslambdaric", name])  # noqa: S606 (no shell)


def _log_to_stderr() -> None:
    """Write records as AWS's client does: level, time, message."""
    writer = logging.StreamHandler()
    form = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(message)s"
    writer.setFormatter(_OneEvent(form, "%Y-%m-%dT%H:%M:%S"))
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "WARNING").upper()
    known = logging.getLevelNamesMapping()
    logging.basicConfig(handlers=[writer], level=known.get(level, logging.WARNING))


if __name__ == "__main__":
    main()
