"""Invents rows for golden rows and for the background of explanations.

None of them is a player's.

Each value is drawn for itself: quantiles of a number, rounded to three digits, and
categories and words that at least five training rows have.
"""

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotseat_registry import Field, Signature
from hotseat_serve.codec import cells
from hotseat_serve.kinds.background import Background
from hotseat_train.data.dataset import Split

COUNT = 16
BACKGROUND = 128
"""Rows of a background."""
MIN_ROWS = 5
"""Minimum number of training rows of a category or word that a version holds."""
_DIGITS = 3
_WORDS = 8
_GAPS = 8
"""Every so many values of a field that may be missing are."""


def rows(signature: Signature, train: Split) -> list[dict[str, Any]]:
    """Return `COUNT` invented inputs of named features, the same every time."""
    return _rows(signature, train, COUNT, as_frequent=False)


def background(
    signature: Signature, train: Split, groups: Mapping[str, Sequence[str]]
) -> Background | None:
    """Return invented rows whose fields are as frequent as in training, one by one.

    None for a signature without fields. How fields hang together is lost, on purpose.
    """
    fields = [field for item in signature.inputs for field in item.fields or ()]
    if not fields:
        return None
    return Background(
        _rows(signature, train, BACKGROUND, as_frequent=True),
        groups,
        "invented: each field drawn for itself, as frequent as in the training rows",
    )


def _rows(
    signature: Signature, train: Split, count: int, *, as_frequent: bool
) -> list[dict[str, Any]]:
    rng = random.Random(0)  # noqa: S311 (to be the same every time)
    fields = [field for item in signature.inputs for field in item.fields or ()]
    columns = {
        field.name: _column(field, train, rng, count, as_frequent=as_frequent)
        for field in fields
    }
    return [
        {name: values[row] for name, values in columns.items()} for row in range(count)
    ]


def _column(
    field: Field, train: Split, rng: random.Random, count: int, *, as_frequent: bool
) -> list[Any]:
    values = [row.get(field.name) for row in train.inputs]
    there = [value for value in values if value is not None]
    if field.type == "category":
        words = [*(field.known or field.categories or ()), field.default or ""]
        found: list[Any] = [words[at % len(words)] for at in range(count)]
        if as_frequent:
            found = _frequent(words, there, count)
    elif field.type in {"text", "list"}:
        found = _words(field, there, rng, count)
    else:
        found = _numbers(there, count, whole=field.type == "date")
    missing = len(values) - len(there)
    if missing and field.type != "category":
        gaps = _GAPS if not as_frequent else max(1, round(len(values) / missing))
        found = [
            None if at % gaps == 1 % gaps else value for at, value in enumerate(found)
        ]
    rng.shuffle(found)
    return found


def _frequent(words: Sequence[str], there: Sequence[Any], count: int) -> list[Any]:
    """Return categories as frequent as in training; rare ones are the default."""
    default = words[-1]
    counts = Counter(word if word in words else default for word in there)
    ordered = sorted(counts.items())
    ends = np.cumsum([n for _, n in ordered])
    if not len(ends):
        return [default] * count
    levels = (np.arange(count) + 0.5) / count * ends[-1]
    return [ordered[at][0] for at in np.searchsorted(ends, levels)]


def _numbers(there: Sequence[float], count: int, *, whole: bool) -> list[Any]:
    """Return quantiles of numbers; of dates, whole days."""
    if not there:
        return [None] * count
    numbers = np.asarray(there, float)
    levels = (np.arange(count) + 0.5) / count
    quantiles = np.quantile(numbers, levels).tolist()
    whole = whole or bool((numbers == np.floor(numbers)).all())
    return [round(v) if whole else rounded(v, up=v > 0) for v in quantiles]


def _words(
    field: Field, there: Sequence[Any], rng: random.Random, count: int
) -> list[Any]:
    """Return texts of frequent words in no order, or lists of frequent items."""
    is_list = field.type == "list"
    counts = Counter(
        word
        for value in there
        for word in set(value if is_list else cells.words(value).split(cells.BETWEEN))
    )
    common = [w for w, n in counts.most_common(200) if n >= MIN_ROWS and w]
    sizes = [min(len(common), 1 + at % _WORDS) for at in range(count)]
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
