"""Invents rows for a version's golden rows: none of them is a player's.

Each value is drawn for itself: quantiles of a number, rounded to three digits, and
categories and words that at least five training rows have.
"""

import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from hotseat_registry import Field, Signature
from hotseat_serve.codec import cells
from hotseat_train.data.dataset import Split

COUNT = 16
MIN_ROWS = 5
"""Minimum number of training rows of a category or word that a version holds."""
_DIGITS = 3
_WORDS = 8
_GAPS = 8
"""Every so many values of a field that may be missing are."""


def rows(signature: Signature, train: Split) -> list[dict[str, Any]]:
    """Return `COUNT` invented inputs of named features, the same every time."""
    rng = random.Random(0)  # noqa: S311 (to be the same every time)
    fields = [field for item in signature.inputs for field in item.fields or ()]
    columns = {field.name: _column(field, train, rng) for field in fields}
    return [
        {name: values[row] for name, values in columns.items()} for row in range(COUNT)
    ]


def _column(field: Field, train: Split, rng: random.Random) -> list[Any]:
    values = [row.get(field.name) for row in train.inputs]
    there = [value for value in values if value is not None]
    if field.type == "category":
        words = [*(field.known or field.categories or ()), field.default or ""]
        found: list[Any] = [words[at % len(words)] for at in range(COUNT)]
    elif field.type in {"text", "list"}:
        found = _words(field, there, rng)
    else:
        found = _numbers(there, whole=field.type == "date")
    if len(there) < len(values) and field.type != "category":
        found = [None if at % _GAPS == 1 else value for at, value in enumerate(found)]
    rng.shuffle(found)
    return found


def _numbers(there: Sequence[float], *, whole: bool) -> list[Any]:
    """Return quantiles of numbers; of dates, whole days."""
    if not there:
        return [None] * COUNT
    numbers = np.asarray(there, float)
    levels = (np.arange(COUNT) + 0.5) / COUNT
    quantiles = np.quantile(numbers, levels).tolist()
    whole = whole or bool((numbers == np.floor(numbers)).all())
    return [round(v) if whole else rounded(v, up=v > 0) for v in quantiles]


def _words(field: Field, there: Sequence[Any], rng: random.Random) -> list[Any]:
    """Return texts of frequent words in no order, or lists of frequent items."""
    is_list = field.type == "list"
    counts = Counter(
        word
        for value in there
        for word in set(value if is_list else cells.words(value).split(cells.BETWEEN))
    )
    common = [w for w, n in counts.most_common(200) if n >= MIN_ROWS and w]
    sizes = [min(len(common), 1 + at % _WORDS) for at in range(COUNT)]
    drawn = [rng.sample(common, size) for size in sizes]
    return drawn if is_list else [" ".join(words) for words in drawn]


def rounded(value: float, *, up: bool) -> float:
    """Round a number to three significant digits, upwards or downwards."""
    if value == 0 or not math.isfinite(value):
        return value
    step = 10.0 ** (math.floor(math.log10(abs(value))) - _DIGITS + 1)
    near = (math.ceil if up else math.floor)(value / step) * step
    # of the decimal digits that the step has: 0.1 + 0.2 is 0.30000000000000004
    return round(near, max(0, _DIGITS - 1 - math.floor(math.log10(abs(value)))))
