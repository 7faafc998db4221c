"""Count inference requests by version, in the format of Triton."""

import threading
import time
from collections.abc import Callable
from typing import Any

from hotseat_registry.dataclass import dataclass, field
from hotseat_serve.kinds.request_context import RequestContext

_STAGES = {"read": "compute_input", "run": "compute_infer"}


@dataclass(slots=True)
class VersionStatistics:
    """The counts of one version; times in nanoseconds."""

    succeeded: int = 0
    failed: int = 0
    rows: int = 0
    last_ms: int = 0
    """Milliseconds since 1970 of the last request."""
    nanoseconds: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Statistics:
    """Counts by model and version; safe for several threads."""

    _counts: dict[tuple[str, int], VersionStatistics] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, context: RequestContext, *, succeeded: bool) -> None:
        """Count a request that has ended."""
        now = context.clock()
        with self._lock:
            key = name, context.version
            count = self._counts.get(key)
            if count is None:
                count = self._counts[key] = VersionStatistics()
            count.succeeded += succeeded
            count.failed += not succeeded
            count.rows += context.rows if succeeded else 0
            count.last_ms = time.time_ns() // 1_000_000
            nanoseconds = count.nanoseconds
            outcome = "success" if succeeded else "fail"
            nanoseconds[outcome] = nanoseconds.get(outcome, 0) + now - context.started
            for stage, title in _STAGES.items() if succeeded else ():
                nanoseconds[title] = nanoseconds.get(title, 0) + context.stages.get(
                    stage, 0
                )

    def of(self, name: str, version: int) -> dict[str, Any]:
        """Return the statistics of one version."""
        with self._lock:
            count = self._counts.get((name, version), VersionStatistics())
            return {"model_stats": [_to_json(name, version, count)]}

    def all(
        self, reaches: Callable[[str], bool] = lambda _model: True
    ) -> dict[str, Any]:
        """Return the statistics of all versions with requests, of reached models."""
        with self._lock:
            statistics = [
                _to_json(*key, item)
                for key, item in self._counts.items()
                if reaches(key[0])
            ]
        return {"model_stats": statistics}


def _to_json(name: str, version: int, count: VersionStatistics) -> dict[str, Any]:
    def nanoseconds(title: str, times: int) -> dict[str, int]:
        return {"count": times, "ns": count.nanoseconds.get(title, 0)}

    return {
        "name": name,
        "version": str(version),
        "last_inference": count.last_ms,
        "inference_count": count.rows,
        "execution_count": count.succeeded,
        "inference_stats": {
            "success": nanoseconds("success", count.succeeded),
            "fail": nanoseconds("fail", count.failed),
            "queue": nanoseconds("queue", count.succeeded),
            "compute_input": nanoseconds("compute_input", count.succeeded),
            "compute_infer": nanoseconds("compute_infer", count.succeeded),
            "compute_output": nanoseconds("compute_output", count.succeeded),
        },
        "batch_stats": [],
    }
