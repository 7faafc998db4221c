"""Metrics of all workers in Prometheus's format, by its own client library.

Each worker writes its counts to a file that it maps; the process of the management
port adds up the files (prometheus.github.io/client_python, "Multiprocess Mode"). Files
are named by the worker's slot and not by its process, so that a replaced worker
counts on and their number stays small.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, values
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector

from hotseat_serve.api.messages import Answer, Request
from hotseat_serve.api.route_templates import template_of
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.local.worker_table import WorkerTable

_BUCKETS = (
    0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5,
    10,
)  # fmt: skip
_STAGES = ("load", "read", "run", "write")
_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""Where the library's values look for the folder."""


class MetricsFolder:
    """The folder of the workers' files; create it before the fork."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="hotseat-metrics-"))
        self._before = os.environ.get(_VARIABLE)
        os.environ[_VARIABLE] = str(self.path)

    def close(self) -> None:
        """Remove the folder, and its name from the environment.

        A program that this process starts later, and that has metrics of its own,
        would look for the folder and fail.
        """
        if self._before is None:
            os.environ.pop(_VARIABLE, None)
        else:
            os.environ[_VARIABLE] = self._before
        shutil.rmtree(self.path, ignore_errors=True)


class Metrics:
    """Counts the requests of one worker: an `Observer`."""

    def __init__(self, slot: int) -> None:
        # the library has no types here
        values.ValueClass = values.MultiProcessValue(lambda: slot)  # type: ignore[no-untyped-call]
        registry = CollectorRegistry()
        self._seconds = Histogram(
            "hotseat_request_seconds",
            "Time of a request from its arrival to its answer.",
            ("route", "model", "version", "status"),
            buckets=_BUCKETS,
            registry=registry,
        )
        self._rows = Counter(
            "hotseat_rows",
            "Inputs of answered requests.",
            ("model", "version"),
            registry=registry,
        )
        self._stages = Counter(
            "hotseat_stage_seconds",
            "Time of answered requests by stage: load, read, run, write.",
            ("model", "version", "stage"),
            registry=registry,
        )
        self._events = Counter(
            "hotseat_events",
            "Events: version_changed, version_decrypted, registry_refused, "
            "registry_unreachable.",
            ("event", "model"),
            registry=registry,
        )
        self._refused = Counter(
            "hotseat_requests_refused",
            "Requests refused with 503 before they were read: the queue was full.",
            registry=registry,
        )
        self._by_request: dict[tuple[str, str, int, int], Any] = {}
        self._by_version: dict[tuple[str, int], Any] = {}

    def request(
        self, request: Request, context: RequestContext, answer: Answer
    ) -> None:
        """Count a request; the model is empty where none was loaded for it."""
        model = context.model if context.version else ""
        version = context.version
        key = template_of(request.path), model, version, answer.status
        seconds = self._by_request.get(key)
        if seconds is None:
            labels = key[0], model, str(version or ""), str(answer.status)
            seconds = self._by_request[key] = self._seconds.labels(*labels)
        seconds.observe((context.clock() - context.started) / 1e9)
        if not version or answer.status != 200:
            return
        counters = self._by_version.get((model, version))
        if counters is None:
            of = model, str(version)
            counters = self._by_version[model, version] = (
                self._rows.labels(*of),
                {stage: self._stages.labels(*of, stage) for stage in _STAGES},
            )
        rows, stages = counters
        rows.inc(context.rows)
        for stage, nanoseconds in context.stages.items():
            if stage in stages:
                stages[stage].inc(nanoseconds / 1e9)

    def event(self, name: str, fields: Mapping[str, Any]) -> None:
        """Count an event, or refused requests, which come as one event a second."""
        if name == "requests_refused":
            self._refused.inc(fields["count"])
            return
        self._events.labels(name, str(fields.get("model", ""))).inc()


class _Load:
    """The workers' load as gauges."""

    def __init__(self, table: WorkerTable) -> None:
        self._table = table

    def collect(self) -> Iterator[Metric]:
        """Return the sums over all workers."""
        workers = self._table.fresh()
        for name, text, value in (
            ("workers", "Workers that report.", len(workers)),
            ("workers_ready", "Workers that answer.", sum(w.is_ready for w in workers)),
            (
                "requests_in_progress",
                "Requests that are read, wait, run or are sent.",
                sum(w.in_progress for w in workers),
            ),
            (
                "requests_waiting",
                "Requests that wait to run a model.",
                sum(w.waiting for w in workers),
            ),
            (
                "requests_limit",
                "Requests in progress above which the answer is 503.",
                sum(w.limit for w in workers),
            ),
        ):
            yield GaugeMetricFamily(f"hotseat_{name}", text, value=value)


class Exposition:
    """Writes the metrics of all workers."""

    def __init__(self, folder: MetricsFolder, table: WorkerTable) -> None:
        self._registry = CollectorRegistry()
        # it registers itself; the library has no types here
        MultiProcessCollector(self._registry, path=str(folder.path))  # type: ignore[no-untyped-call]
        self._registry.register(_Load(table))

    def __call__(self, accepted: str) -> tuple[bytes, str]:
        """Return the metrics and their content type for an Accept header."""
        encode, kind = choose_encoder(accepted)
        return encode(self._registry), kind
