"""Golden rows: what a version must answer, checked before it serves."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from math import inf
from typing import Any

from hotseat_registry.errors import IntegrityError
from hotseat_serve.options import Options
from hotseat_serve.problems import Problem

Predict = Callable[[list[Any], Options], Sequence[Mapping[str, Any]]]


def check(data: bytes, variant: str, predict: Predict, what: str) -> None:
    """Answer the golden rows with `predict` and compare; raises `IntegrityError`.

    `data` is ``{"rows": [{"input", "expected"}], "tolerance": {variant: number}}``, and
    a row may have ``options``; numbers may differ by the variant's tolerance, lists (a
    generated item) not at all, and a label or an action only follows from numbers.
    """
    try:
        golden = json.loads(data)
        rows, tolerance = golden["rows"], golden["tolerance"].get(variant, 0.0)
        expected = [row["expected"] for row in rows]
        answers: list[Mapping[str, Any]] = []
        # rows with the same options are asked at once
        for options, group in groupby(rows, lambda row: row.get("options")):
            inputs = [row["input"] for row in group]
            answers += predict(inputs, Options.read({"options": options}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{what}: golden rows cannot be read: {error}") from None
    except Problem as problem:
        raise IntegrityError(f"{what}: golden rows: {problem}") from None
    for number, (got, want) in enumerate(zip(answers, expected, strict=True)):
        distance = _distance(got, want)
        if not distance <= tolerance:  # NaN is not
            raise IntegrityError(
                f"{what}: golden row {number} is {distance:.3g} off "
                f"what was measured (at most {tolerance:.3g})"
            )


def _distance(got: Mapping[str, Any], want: Mapping[str, Any]) -> float:
    """Return the largest difference of any number that is expected."""
    largest = 0.0
    for key, value in want.items():
        if isinstance(value, Mapping):
            largest = max(largest, _distance(got[key], value))
        elif isinstance(value, list) and got[key] != value:
            return inf
        elif isinstance(value, int | float):
            largest = max(largest, abs(float(got[key]) - value))
    return largest
