"""Features of dates: age, weekday and hour, as a part of the graph.

Dates are in days since 1970-01-01 (UTC), a Thursday. The date itself is no feature:
training knows only the past, and every later player would lie outside it.
"""

import numpy as np

from hotseat_train.onnx_graph.builder import FLOAT, Graph

_WEEK = np.arange(7, dtype=np.float32)
_THURSDAY = 3


def parts(graph: Graph, dates: str, now: str, typical: np.ndarray) -> list[str]:
    """Add features [n, k] of `dates` [n, columns]; return their names.

    `now` [n, 1] is the day that ages count to, and `typical` [columns] replaces the age
    of a missing date. The features of each column: its age in days and the signed
    logarithm of it, whether the date is missing, the seven weekdays, and sine and
    cosine of the hour. Weekday and hour of a missing date are zero.
    """
    columns = len(typical)
    missing = graph.add("IsNaN", dates)
    age = graph.add("Sub", now, dates)
    usual = graph.constant("typical_age", typical[None].astype(np.float32))
    age = graph.add("Where", graph.add("IsNaN", age), usual, age)
    one = graph.constant("one", np.float32(1))
    log = graph.add("Log", graph.add("Add", graph.add("Abs", age), one))
    zero = graph.constant("zero", np.float32(0))
    filled = graph.add("Where", missing, zero, dates)
    there = graph.add("Cast", graph.add("Not", missing), to=FLOAT)
    day = graph.add("Floor", filled)
    thursday = graph.constant("thursday", np.float32(_THURSDAY))
    week = graph.constant("week", np.float32(7))
    shifted = graph.add("Add", day, thursday)
    weeks = graph.add("Floor", graph.add("Div", shifted, week))
    weekday = graph.add("Sub", shifted, graph.add("Mul", weeks, week))
    column = graph.add("Unsqueeze", weekday, graph.integers(2))
    equal = graph.add("Equal", column, graph.constant("weekdays", _WEEK[None, None]))
    days = graph.add("Mul", graph.add("Cast", equal, to=FLOAT),
                     graph.add("Unsqueeze", there, graph.integers(2)))  # fmt: skip
    flat = graph.add("Reshape", days, graph.integers(-1, 7 * columns))
    turn = graph.constant("turn", np.float32(2 * np.pi))
    angle = graph.add("Mul", graph.add("Sub", filled, day), turn)
    return [
        age, graph.add("Mul", graph.add("Sign", age), log),
        graph.add("Cast", missing, to=FLOAT), flat,
        graph.add("Mul", graph.add("Sin", angle), there),
        graph.add("Mul", graph.add("Cos", angle), there),
    ]  # fmt: skip
