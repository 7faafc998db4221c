"""How often each version was asked through the inference protocol, as Triton counts."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from hotseat_serve.kinds.request_context import Turn

_STAGES = {"read": "compute_input", "run": "compute_infer"}


@dataclass(slots=True)
class Count:
    """What a version was asked so far; times in nanoseconds."""

    good: int = 0
    failed: int = 0
    rows: int = 0
    last_ms: int = 0
    """Milliseconds since 1970 of the last request."""
    spent: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Statistics:
    """Counts by model and version; safe for several threads."""

    _counts: dict[tuple[str, int], Count] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, turn: Turn, *, good: bool) -> None:
        """Count a request that has ended."""
        now = turn.clock()
        with self._lock:
            key = name, turn.version
            count = self._counts.get(key)
            if count is None:
                count = self._counts[key] = Count()
            count.good += good
            count.failed += not good
            count.rows += turn.rows if good else 0
            count.last_ms = time.time_ns() // 1_000_000
            spent = count.spent
            whole = "success" if good else "fail"
            spent[whole] = spent.get(whole, 0) + now - turn.started
            for stage, title in _STAGES.items() if good else ():
                spent[title] = spent.get(title, 0) + turn.stages.get(stage, 0)

    def of(self, name: str, version: int) -> dict[str, Any]:
        """Return the statistics of one version."""
        with self._lock:
            count = self._counts.get((name, version), Count())
            return {"model_stats": [_described(name, version, count)]}

    def all(self) -> dict[str, Any]:
        """Return the statistics of all versions that were asked."""
        with self._lock:
            found = [_described(*key, item) for key, item in self._counts.items()]
        return {"model_stats": found}


def _described(name: str, version: int, count: Count) -> dict[str, Any]:
    def spent(title: str, times: int) -> dict[str, int]:
        return {"count": times, "ns": count.spent.get(title, 0)}

    return {
        "name": name,
        "version": str(version),
        "last_inference": count.last_ms,
        "inference_count": count.rows,
        "execution_count": count.good,
        "inference_stats": {
            "success": spent("success", count.good),
            "fail": spent("fail", count.failed),
            "queue": spent("queue", count.good),
            "compute_input": spent("compute_input", count.good),
            "compute_infer": spent("compute_infer", count.good),
            "compute_output": spent("compute_output", count.good),
        },
        "batch_stats": [],
    }
