"""Graph optimization: measures whether an optimised graph starts faster.

ONNX Runtime optimises a graph at each start. An optimised graph whose weights are in a
memory-mapped file starts faster for some models and slower for others, so both are
started in fresh processes, and the faster one is evaluated and published. Only
optimisations that are valid on every CPU are used (extended, not layout).
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

import onnxruntime

from hotseat_registry import Variant
from hotseat_train import run as runs
from hotseat_train.run import Run

_STARTS = 7
_WORTH = 0.9
"""Share of the plain graph's time; a smaller gain does not justify a second file."""
_SMALLEST = 1024
"""Bytes from which a weight is stored in the file beside the graph."""
_START = """
import sys, time
import onnxruntime
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = options.inter_op_num_threads = 1
options.log_severity_level = 3
if sys.argv[2] == "optimized":
    level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.graph_optimization_level = level
began = time.perf_counter()
onnxruntime.InferenceSession(sys.argv[1], options)
print(1000 * (time.perf_counter() - began))
"""


def choose(source: Run) -> dict[str, Any]:
    """Measure each graph of a run both ways; write and return the result.

    Milliseconds from a graph's file to a session, by the graph's name: ``plain``,
    ``optimized``, and which is ``chosen``.
    """
    found: dict[str, Any] = {}
    for graph in source.graphs().values():
        fast = optimized(graph)
        times: dict[str, list[float]] = {"plain": [], "optimized": []}
        for _ in range(_STARTS):  # in turn, so that a slower minute slows both
            times["plain"].append(_milliseconds(graph, "plain"))
            times["optimized"].append(_milliseconds(fast, "optimized"))
        plain, quick = (statistics.median(times[way]) for way in times)
        found[graph.name] = {
            "plain": round(plain, 2),
            "optimized": round(quick, 2),
            "chosen": "optimized" if quick < _WORTH * plain else "plain",
        }
    runs.write(_record(source), found)
    return found


def optimized(graph: Path) -> Path:
    """Write the graph optimised, with its weights beside it; return its path."""
    fast = graph.with_name(f"{graph.stem}.fast.onnx")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = (
        onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    )
    options.optimized_model_filepath = str(fast)
    entry = "session.optimized_model_external_initializers_"
    options.add_session_config_entry(f"{entry}file_name", f"{fast.name}.data")
    options.add_session_config_entry(f"{entry}min_size_in_bytes", str(_SMALLEST))
    onnxruntime.InferenceSession(str(graph), options, ["CPUExecutionProvider"])
    return fast


def variant(source: Run, name: str, graph: Path) -> Variant:
    """Return a variant in its faster form, if that was measured."""
    record = _record(source)
    found = json.loads(record.read_bytes()) if record.exists() else {}
    if found.get(graph.name, {}).get("chosen") != "optimized":
        return Variant(name, graph.name)
    fast = f"{graph.stem}.fast.onnx"
    beside = (f"{fast}.data",) if (source.folder / f"{fast}.data").exists() else None
    return Variant(name, fast, data=beside, optimized=True)


def _record(source: Run) -> Path:
    return source.folder / "startup.json"


def _milliseconds(graph: Path, way: str) -> float:
    command = [sys.executable, "-c", _START, str(graph), way]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return float(done.stdout)
