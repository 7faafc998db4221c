"""Run several worker processes on one socket, and replace them without a gap.

Workers are forked before any thread exists; they share the code and, by the system's
page cache, the mapped weights. SIGHUP replaces all workers: the new ones serve before
the old ones stop. A worker that ends is replaced.
"""

import functools
import logging
import os
import select
import signal
import threading
import time
from collections.abc import Callable

from hotseat_registry.dataclass import dataclass

log = logging.getLogger("hotseat.serve")

_SIGNALS = ("SIGTERM", "SIGINT", "SIGHUP", "SIGCHLD")
_START_SECONDS = 60.0
"""Seconds until a worker has to serve."""
_SHORT_LIFE = 2.0
"""Seconds; a worker that ended sooner is replaced after a pause."""
_PAUSE = 1.0

OnReady = Callable[[], None]
Run = Callable[[int, OnReady], None]
"""Serves until SIGTERM. Receives the worker's slot, a number that no other living
worker has, and what to call once it takes connections."""


def slots_of(count: int) -> int:
    """Return how many slots `count` workers need: a reload runs twice as many."""
    return 2 * count


@dataclass(frozen=True, slots=True)
class _Worker:
    slot: int
    began: float


class WorkerPool:
    """`count` processes that each call `run`; for POSIX systems.

    After SIGTERM workers have `grace` seconds, then they are killed. `beside` runs in
    one more process, which starts first, ends last and outlives a reload. `on_end`
    receives the slot of a worker that has ended.
    """

    def __init__(
        self,
        run: Run,
        count: int,
        grace: float,
        *,
        beside: Callable[[OnReady], None] | None = None,
        on_end: Callable[[int], None] = lambda _slot: None,
    ) -> None:
        self._run, self._count, self._grace = run, count, grace
        self._beside, self._on_end = beside, on_end
        self._started: dict[int, _Worker] = {}
        self._companion = 0
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
        self._start_companion()
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
                    if self._companion:
                        self._stop([self._companion])
                    return

    def _start_companion(self) -> None:
        beside = self._beside
        if beside is not None:
            self._companion, ready = self._fork(beside)
            self._wait([ready])

    def _start(self, count: int) -> None:
        """Start workers and wait until they serve, or have ended."""
        ready = []
        for _ in range(count):
            used = {worker.slot for worker in self._started.values()}
            slot = min(set(range(slots_of(self._count))) - used)
            pid, descriptor = self._fork(functools.partial(self._run, slot))
            self._started[pid] = _Worker(slot, time.monotonic())
            ready.append(descriptor)
        self._wait(ready)

    def _wait(self, ready: list[int]) -> None:
        """Wait until each descriptor is readable, and close it."""
        end = time.monotonic() + _START_SECONDS
        for descriptor in ready:
            select.select([descriptor], [], [], max(end - time.monotonic(), 0))
            os.close(descriptor)

    def _fork(self, run: Callable[[OnReady], None]) -> tuple[int, int]:
        """Start a process; return it and a descriptor, readable once it serves."""
        read, write = os.pipe()
        pid = os.fork()
        if pid:
            os.close(write)
            return pid, read
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
            run(lambda: os.close(write))
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
            code = os.waitstatus_to_exitcode(status)
            if pid == self._companion:
                log.error("the management process %d ended with %d", pid, code)
                time.sleep(_PAUSE)
                self._start_companion()
                continue
            worker = self._forget(pid)
            if worker is None or pid in (no_successor or ()):
                continue
            log.error("worker %d ended with %d", pid, code)
            if time.monotonic() - worker.began < _SHORT_LIFE:
                time.sleep(_PAUSE)
            self._start(1)

    def _forget(self, pid: int) -> _Worker | None:
        worker = self._started.pop(pid, None)
        if worker is not None:
            self._on_end(worker.slot)
        return worker

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
            self._forget(pid)
