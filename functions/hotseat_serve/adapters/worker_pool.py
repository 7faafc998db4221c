"""Run several worker processes on one socket, and replace them without a gap.

Workers are forked before any thread exists; they share the code and, by the system's
page cache, the mapped weights. SIGHUP replaces all workers: the new ones serve before
the old ones stop. A worker that ends is replaced.
"""

import logging
import os
import select
import signal
import threading
import time
from collections.abc import Callable

log = logging.getLogger("hotseat.serve")

_SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGCHLD")
_START_SECONDS = 60.0
"""Seconds until a worker has to serve."""
_SHORT_LIFE = 2.0
"""Seconds; a worker that ended sooner is replaced after a pause."""
_PAUSE = 1.0

Run = Callable[[Callable[[], None]], None]
"""Serves until SIGTERM; calls its argument once it takes connections."""


class WorkerPool:
    """`count` processes that each call `run`; for POSIX systems.

    After SIGTERM workers have `grace` seconds, then they are killed.
    """

    def __init__(self, run: Run, count: int, grace: float) -> None:
        self._run, self._count, self._grace = run, count, grace
        self._started: dict[int, float] = {}
        # workers see its end when this process is gone, however it ended
        self._alive_read, self._alive_write = os.pipe()
        self._wakeup = -1

    def serve(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Serve until SIGTERM or SIGINT; `on_ready` is called once all serve."""
        # a pipe, for `sigwait` misses what another thread (OpenBLAS's) receives
        signals, self._wakeup = os.pipe()
        os.set_blocking(self._wakeup, False)
        signal.set_wakeup_fd(self._wakeup)
        for name in _SIGNALS:
            signal.signal(getattr(signal, name), lambda *_: None)
        self._start(self._count)
        on_ready()
        while True:
            match os.read(signals, 1)[0]:
                case signal.SIGHUP:
                    self._replace()
                case signal.SIGCHLD:
                    self._reap()
                case _:
                    self._stop(list(self._started))
                    return

    def _start(self, count: int) -> None:
        """Start workers and wait until they serve, or have ended."""
        ready = [self._fork() for _ in range(count)]
        end = time.monotonic() + _START_SECONDS
        for descriptor in ready:
            select.select([descriptor], [], [], max(end - time.monotonic(), 0))
            os.close(descriptor)

    def _fork(self) -> int:
        """Start a worker; return a descriptor that is readable once it serves."""
        read, write = os.pipe()
        pid = os.fork()
        if pid:
            os.close(write)
            self._started[pid] = time.monotonic()
            return read
        status = 1
        try:
            os.close(read)
            os.close(self._alive_write)
            os.setpgrp()  # Ctrl-C goes to the parent alone
            signal.set_wakeup_fd(-1)
            for name in _SIGNALS:
                signal.signal(getattr(signal, name), signal.SIG_DFL)
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
            threading.Thread(target=self._end_with_parent, daemon=True).start()
            self._run(lambda: os.close(write))
            status = 0
        except BaseException:
            log.exception("a worker failed")
            raise
        finally:
            os._exit(status)

    def _end_with_parent(self) -> None:
        os.read(self._alive_read, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    def _replace(self) -> None:
        old = list(self._started)
        self._start(self._count)
        alive = [pid for pid in self._started if pid not in old]
        self._reap(alive)
        if not any(pid in self._started for pid in alive):
            log.error("no new worker started; the old ones stay")
            return
        log.warning("reloaded: %d new workers", self._count)
        self._stop(old)

    def _reap(self, no_successor: list[int] | None = None) -> None:
        """Collect workers that ended, and replace those that should not have."""
        while self._started:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            began = self._started.pop(pid, None)
            if began is None or pid in (no_successor or ()):
                continue
            log.error("worker %d ended with %d", pid, os.waitstatus_to_exitcode(status))
            if time.monotonic() - began < _SHORT_LIFE:
                time.sleep(_PAUSE)
            self._start(1)

    def _stop(self, pids: list[int]) -> None:
        """End workers: SIGTERM, and SIGKILL after the grace time."""
        for pid in pids:
            os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + self._grace + 2
        for pid in pids:
            while os.waitpid(pid, os.WNOHANG) == (0, 0):
                if time.monotonic() > end:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)
                    break
                time.sleep(0.02)
            self._started.pop(pid, None)
