"""What a row of counts by month says: since when, how lately, how steadily, which way.

All of it is computed in the graph from the counts themselves, so whoever asks sends the
counts and nothing else.
"""

from collections.abc import Sequence

import numpy as np

from hotseat_train.onnx_graph.builder import Graph

RECENT = 3
"""Of the last columns, which are looked at on their own."""


def parts(graph: Graph, filled: str, logs: str, series: Sequence[int]) -> list[str]:
    """Add what the columns `series` [in time's order] say; return names of [n, k].

    `filled` and `logs` are [n, columns]: the counts, and their logarithms. In turn:
    last active column, length of the streak that goes on, first active column, active
    columns, columns without play in between; logarithms of the sum, of the recent sum
    and of the sum before; the highest, and how far the last is below it; the least and
    the highest of the recent; the change from each column to the next.
    """
    size = len(series)
    steps = np.arange(1, size + 1, dtype=np.float32)

    def of(name: str, columns: Sequence[int]) -> str:
        return graph.add("Gather", name, graph.integers(*columns), axis=1)

    def number(value: float) -> str:
        return graph.constant(f"f{value:g}", np.float32(value))

    def most(name: str) -> str:
        return graph.add("ReduceMax", name, axes=[1])

    def total(name: str) -> str:
        whole = graph.add("ReduceSum", name, graph.integers(1))
        return graph.add("Log", graph.add("Add", whole, number(1)))

    counts, heights = of(filled, series), of(logs, series)
    active = graph.add("Sign", counts)
    idle = graph.add("Sub", number(1), active)
    forth = graph.constant("forth", steps)
    back = graph.constant("back", steps[::-1].copy())
    last = most(graph.add("Mul", active, forth))
    quiet = most(graph.add("Mul", idle, forth))
    since = most(graph.add("Mul", active, back))
    streak = graph.add("Sub", number(size), quiet)
    first = graph.add("Sub", number(size + 1), since)
    months = graph.add("ReduceSum", active, graph.integers(1))
    span = graph.add("Sub", last, graph.add("Sub", first, number(1)))
    gaps = graph.add("Sub", span, months)
    recent, before = series[-RECENT:], series[:-RECENT]
    highest, lately = most(heights), of(logs, recent)
    falls = graph.add("Sub", highest, of(logs, series[-1:]))
    differences = (np.eye(size, size - 1, -1) - np.eye(size, size - 1)).astype("f4")
    changes = graph.add("MatMul", heights, graph.constant("differences", differences))
    sums = [total(of(filled, which)) for which in (series, recent, before)]
    least = graph.add("ReduceMin", lately, axes=[1])
    return [
        last, streak, first, months, gaps, *sums, highest, falls, least, most(lately),
        changes,
    ]  # fmt: skip
