"""Check a version against its golden rows before it serves."""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from math import inf, isnan
from typing import Any

import numpy as np

from hotseat_registry.errors import IntegrityError
from hotseat_serve.codec.tensors import Array, from_json
from hotseat_serve.kinds.inference_request import Run
from hotseat_serve.kinds.options import Options
from hotseat_serve.problems import Problem

Predict = Callable[[list[Any], Options], Sequence[Mapping[str, Any]]]

_UNREADABLE = (
    ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError
)  # fmt: skip
"""Errors of invalid golden rows; each refuses the version."""


def check(
    data: bytes,
    variant: str,
    predict: Predict,
    run: Run,
    what: str,
    *,
    first: bool = False,
) -> None:
    """Predict the golden rows and compare the answers; raises `IntegrityError`.

    With `first`, the first row alone: it warms what passed before.

    `data` is ``{"rows": [{"input", "expected"}], "tolerance": {variant: number}}``, and
    a row may have ``options``. Numbers may differ by the variant's tolerance; lists of
    other values (a generated item) must be equal; a label, an action or what is true or
    false is not compared, because it follows from numbers.

    A row with ``variants`` checks those alone: an item drawn cell by cell differs in
    int8, and on CPUs with other sums of 8-bit products. For them there is ``graph``:
    tensors ``[{"inputs", "outputs"}]`` with numbers as outputs, for every variant.
    """
    try:
        golden = json.loads(data)
        tolerance = golden["tolerance"].get(variant, 0.0)
        rows = [r for r in golden["rows"] if variant in r.get("variants", [variant])]
        calls = golden.get("graph", ())
        if first:
            rows, calls = rows[:1], () if rows else calls[:1]
        expected_answers = [row["expected"] for row in rows]
        actual_answers = predict_rows(rows, predict)
        for call in calls:
            expected_answers.append(numbered(call["outputs"]))
            actual_answers.append(numbered(run(tensors(call["inputs"]))))
        distances = [
            distance(*pair)
            for pair in zip(actual_answers, expected_answers, strict=True)
        ]
        tolerance = float(tolerance)
    except Problem as problem:
        raise IntegrityError(f"{what}: golden rows: {problem}") from None
    except _UNREADABLE as error:
        raise IntegrityError(
            f"{what}: golden rows cannot be read: {type(error).__name__}: {error}"
        ) from None
    for number, difference in enumerate(distances):
        if not difference <= tolerance:
            raise IntegrityError(
                f"{what}: golden row {number} is {difference:.3g} off "
                f"what was measured (at most {tolerance:.3g})"
            )


def predict_rows(
    rows: Sequence[Mapping[str, Any]], predict: Predict
) -> list[Mapping[str, Any]]:
    """Return the predictions of the rows; rows with equal options form one batch.

    Raises `Problem`.
    """
    collected: list[Mapping[str, Any]] = []
    for options, group in groupby(rows, lambda row: row.get("options")):
        inputs = [row["input"] for row in group]
        collected += predict(inputs, Options.read({"options": options}))
    return collected


def first_input(data: bytes) -> Any:
    """Return the input of the first row, of checked bytes; None if there is none."""
    rows = json.loads(data).get("rows") or [{}]
    return rows[0].get("input")


def tensors(inputs: Sequence[Mapping[str, Any]]) -> dict[str, Array]:
    """Return tensors from the protocol's format; raises `ValueError`."""
    return {
        item["name"]: from_json(item["data"], item["datatype"], item["shape"])
        for item in inputs
    }


def numbered(outputs: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Return arrays, or lists of numbers, with a name for each number in them."""
    return {
        name: {str(at): float(x) for at, x in enumerate(np.ravel(array))}
        for name, array in outputs.items()
    }


def distance(got: Mapping[str, Any], want: Mapping[str, Any]) -> float:
    """Return the largest difference from any expected number.

    It is infinite if a list differs or an answer is not a number.
    """
    largest = 0.0
    for key, value in want.items():
        if isinstance(value, Mapping):
            # legal actions with probability 0 are not listed
            there = got[key]
            difference = distance({name: there.get(name, 0.0) for name in value}, value)
        elif isinstance(value, list):
            difference = _apart(got[key], value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            difference = abs(float(got[key]) - value)
        else:
            continue
        if isnan(difference):  # `max` would ignore NaN
            return inf
        largest = max(largest, difference)
    return largest


def _apart(got: Any, want: Any) -> float:
    """Return the largest difference of numbers in nested lists and objects."""
    if isinstance(want, list):
        if not isinstance(got, list) or len(got) != len(want):
            return inf
        return max(map(_apart, got, want), default=0.0)
    if isinstance(want, Mapping):
        if not isinstance(got, Mapping):
            return inf
        pairs = ((got.get(key), value) for key, value in want.items())
        return max((_apart(*pair) for pair in pairs), default=0.0)
    if isinstance(want, int | float) and isinstance(got, int | float):
        return abs(got - want)
    return 0.0 if got == want else inf
