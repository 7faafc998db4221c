"""Features of a time series of counts: recency, frequency, streaks and trends.

The graph computes them, so a request contains only the counts.
"""

from collections.abc import Sequence

import numpy as np

from hotseat_train.onnx_graph.builder import Graph

RECENT = 3
"""Number of recent columns, which have features of their own."""


def parts(graph: Graph, filled: str, logs: str, series: Sequence[int]) -> list[str]:
    """Add the features of the columns `series`, in order of time; return their names.

    `filled` and `logs` are [n, columns]: the counts and their logarithms. The features
    [n, k]: last active column, length of the current streak, first active column,
    number of active columns, number of inactive ones in between; logarithms of the sum,
    of the recent sum and of the earlier sum; maximum, and its distance to the last
    value; minimum and maximum of the recent values; differences of consecutive values.
    """
    size = len(series)
    steps = np.arange(1, size + 1, dtype=np.float32)

    def of(name: str, columns: Sequence[int]) -> str:
        return graph.add("Gather", name, graph.integers(*columns), axis=1)

    def number(value: float) -> str:
        return graph.constant(f"f{value:g}", np.float32(value))

    def maximum(name: str) -> str:
        return graph.add("ReduceMax", name, axes=[1])

    def total(name: str) -> str:
        whole = graph.add("ReduceSum", name, graph.integers(1))
        return graph.add("Log", graph.add("Add", whole, number(1)))

    counts, levels = of(filled, series), of(logs, series)
    active = graph.add("Sign", counts)
    idle = graph.add("Sub", number(1), active)
    forward = graph.constant("forward", steps)
    backward = graph.constant("backward", steps[::-1].copy())
    last = maximum(graph.add("Mul", active, forward))
    last_idle = maximum(graph.add("Mul", idle, forward))
    since = maximum(graph.add("Mul", active, backward))
    streak = graph.add("Sub", number(size), last_idle)
    first = graph.add("Sub", number(size + 1), since)
    months = graph.add("ReduceSum", active, graph.integers(1))
    span = graph.add("Sub", last, graph.add("Sub", first, number(1)))
    gaps = graph.add("Sub", span, months)
    recent, before = series[-RECENT:], series[:-RECENT]
    highest, recent_levels = maximum(levels), of(logs, recent)
    decline = graph.add("Sub", highest, of(logs, series[-1:]))
    differences = (np.eye(size, size - 1, -1) - np.eye(size, size - 1)).astype("f4")
    changes = graph.add("MatMul", levels, graph.constant("differences", differences))
    sums = [total(of(filled, which)) for which in (series, recent, before)]
    minimum = graph.add("ReduceMin", recent_levels, axes=[1])
    return [
        last, streak, first, months, gaps, *sums, highest, decline, minimum,
        maximum(recent_levels), changes,
    ]  # fmt: skip
