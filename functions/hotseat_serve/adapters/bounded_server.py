"""Run uvicorn with limits on time and connections.

uvicorn limits only the time between two requests. This server also limits the time to
receive a request, to send an answer and to stop.
"""

import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, cast

import uvicorn

from hotseat_serve.adapters.bounded_connection import Connection, Refusal
from hotseat_serve.adapters.client_limits import Limits

log = logging.getLogger("hotseat.serve")

__all__ = ["Limits", "Server"]


class Server(uvicorn.Server):
    """A server that exits when its grace time is over, even with running requests."""

    def __init__(
        self,
        app: Callable[..., Any],
        limits: Limits,
        end: Callable[[int], Any] = os._exit,
        certificate: Path | None = None,
        key: Path | None = None,
        on_ready: Callable[[], None] = lambda: None,
        on_end: Callable[[], None] = lambda: None,
        refusal: Refusal = lambda _method, _path, _headers: None,
    ) -> None:
        self._limits, self._end = limits, end
        self._on_ready, self._on_end = on_ready, on_end
        super().__init__(
            uvicorn.Config(
                app,
                # uvicorn calls it like the class
                http=cast("type[Connection]", partial(Connection, limits, refusal)),
                log_level="warning",
                access_log=False,
                timeout_keep_alive=limits.idle,
                timeout_graceful_shutdown=limits.grace,
                server_header=False,
                loop="asyncio",
                ws="none",
                ssl_certfile=certificate,
                ssl_keyfile=key,
            )
        )

    @property
    def is_crowded(self) -> bool:
        """Whether the connections exceed the limit."""
        return len(self.server_state.connections) > self._limits.connections

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take connections, and report it."""
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is open, and report it: the signal then ends the process."""
        await super().shutdown(sockets)
        self._on_end()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop, and exit the process if that takes too long.

        Python waits for threads, and a thread that runs a model cannot be stopped.
        """
        super().handle_exit(sig, frame)
        timer = threading.Timer(self._limits.grace + 1, self._stop, [sig])
        timer.daemon = True
        timer.start()

    def _stop(self, sig: int) -> None:
        name = signal.Signals(sig).name
        log.warning(
            "ended %d s after %s, with answers in progress",
            self._limits.grace + 1,
            name,
        )
        sys.stdout.flush()
        self._end(128 + sig)
