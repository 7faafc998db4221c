"""Assemble `hotseat serve`: the application, its workers and the management port."""

import asyncio
import importlib.util
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from hotseat_registry.dataclass import dataclass
from hotseat_serve.adapters.asgi import Application, default_threads
from hotseat_serve.adapters.bounded_server import Server
from hotseat_serve.adapters.client_limits import Limits
from hotseat_serve.adapters.host_rule import is_loopback, is_own_host
from hotseat_serve.adapters.listener import Listener
from hotseat_serve.adapters.refusals import Refusals
from hotseat_serve.api.observers import Observer, Observers
from hotseat_serve.api.router import Router
from hotseat_serve.local.heartbeat import report_forever
from hotseat_serve.local.management import Management
from hotseat_serve.local.worker_pool import WorkerPool, slots_of
from hotseat_serve.local.worker_table import WorkerTable

_MANAGEMENT_LIMITS = Limits(connections=64, receive=5, grace=1)
_MAX_THREADS = 128
"""Threads that wait to be joined, at most."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the local server runs."""

    limits: Limits
    accepts_host: Callable[[str], bool]
    threads: int = 0
    waiting: int = 256
    workers: int = 1
    certificate: Path | None = None
    key: Path | None = None
    batch: int = 0
    """Rows of concurrent requests that are joined into one run; 0: none."""
    traces: bool = False
    """Whether requests become spans of OpenTelemetry."""


def has_metrics() -> bool:
    """Whether the client library of Prometheus is installed."""
    return importlib.util.find_spec("prometheus_client") is not None


def serve_alone(router: Router, listener: Listener, options: Options) -> None:
    """Serve in this process until a signal to stop."""
    _run(router, listener, options, [], lambda: None)


def serve_with_workers(
    router: Router,
    listener: Listener,
    options: Options,
    management: Listener | None,
    on_ready: Callable[[], None],
) -> None:
    """Serve with worker processes, and the management port if there is one."""
    count, grace = options.workers, options.limits.grace
    if management is None:
        pool = WorkerPool(
            lambda _slot, ready: _run(router, listener, options, [], ready),
            count,
            grace,
        )
        pool.serve(on_ready)
        return
    table = WorkerTable(slots_of(count))
    folder = None
    if has_metrics():
        from hotseat_serve.local.metrics import MetricsFolder

        folder = MetricsFolder()

    def run(slot: int, ready: Callable[[], None]) -> None:
        observers: list[Observer] = []
        if folder is not None:
            from hotseat_serve.local.metrics import Metrics

            observers = [Metrics(slot)]
        report = _Report(table, slot)
        _run(router, listener, options, observers, ready, report)

    def manage(ready: Callable[[], None]) -> None:
        exposition = None
        if folder is not None:
            from hotseat_serve.local.metrics import Exposition

            exposition = Exposition(folder, table)
        listener.socket.close()
        host = str(management.socket.getsockname()[0])
        # a web page could otherwise read it under a name of its own
        accepts = is_own_host if is_loopback(host) else lambda _host: True
        application = Management(table, exposition, accepts)
        server = Server(application, _MANAGEMENT_LIMITS, on_ready=ready)
        server.run(sockets=[management.socket])

    pool = WorkerPool(run, count, grace, beside=manage, on_end=table.clear)
    try:
        pool.serve(on_ready)
    finally:
        if folder is not None:
            folder.close()


@dataclass(frozen=True, slots=True)
class _Report:
    """Where a worker reports its state."""

    table: WorkerTable
    slot: int


def _run(
    router: Router,
    listener: Listener,
    options: Options,
    observers: list[Observer],
    on_ready: Callable[[], None],
    report: _Report | None = None,
) -> None:
    """Serve until a signal to stop."""
    on_end: Callable[[], None] = _do_nothing
    if options.traces:
        from hotseat_serve.local.tracing import Tracing

        tracing = Tracing()
        observers, on_end = [*observers, tracing], tracing.close
    if observers:
        _observe(router, observers)
    parallel = options.threads or default_threads()
    threads = parallel
    if options.batch:
        from hotseat_serve.runtime.run_queue import RunQueue

        router.models.prepare = RunQueue(parallel, options.batch).attach
        threads = min(parallel * (1 + options.batch), _MAX_THREADS, options.waiting)
    application = Application(
        router,
        threads=threads,
        parallel=parallel,
        waiting=options.waiting,
        accepts_host=options.accepts_host,
    )
    tasks: list[asyncio.Task[None]] = []

    def ready() -> None:
        if report is not None:
            tasks.append(asyncio.create_task(_heartbeat(report, application)))
        on_ready()

    server = Server(
        application,
        options.limits,
        certificate=options.certificate,
        key=options.key,
        on_ready=ready,
        on_end=on_end,
        refusal=Refusals(router, application.is_full, options.accepts_host).answer,
    )
    application.is_crowded = lambda: server.is_crowded
    server.run(sockets=[listener.socket])


def _observe(router: Router, observers: Sequence[Observer]) -> None:
    """Show requests and events to these as well as to the log."""
    before = () if router.telemetry is None else (router.telemetry,)
    router.telemetry = Observers((*before, *observers))
    router.models.notify = router.telemetry.event


def _do_nothing() -> None:
    """Do nothing."""


async def _heartbeat(report: _Report, application: Application) -> None:
    with suppress(asyncio.CancelledError):
        await report_forever(
            lambda state: report.table.write(report.slot, state),
            application.load,
            application.is_ready,
        )
