"""Golden rows: what a version must answer, checked before it serves."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hotseat_registry.errors import IntegrityError

Predict = Callable[[list[Any]], Sequence[Mapping[str, Any]]]


def check(data: bytes, variant: str, predict: Predict, what: str) -> None:
    """Answer the golden rows with `predict` and compare; raises `IntegrityError`.

    `data` is ``{"rows": [{"input", "expected"}], "tolerance": {variant: number}}``;
    numbers may differ by the variant's tolerance, a label only follows from them.
    """
    try:
        golden = json.loads(data)
        rows, tolerance = golden["rows"], golden["tolerance"].get(variant, 0.0)
        inputs = [row["input"] for row in rows]
        expected = [row["expected"] for row in rows]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise IntegrityError(f"{what}: golden rows cannot be read: {error}") from None
    for number, (got, want) in enumerate(zip(predict(inputs), expected, strict=True)):
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
        elif isinstance(value, int | float):
            largest = max(largest, abs(float(got[key]) - value))
    return largest
