"""Corrupts the rows of a table: missing fields, noisy numbers, unseen categories.

The rows of the test split are corrupted with a fixed seed and predicted again through
the serving code.
"""

import random
from collections.abc import Mapping, Sequence
from typing import Any

from hotseat_registry import Signature
from hotseat_serve.codec.features import NOW

Rows = Sequence[Mapping[str, Any]]
_GONE, _OFF = 0.2, 0.2


def corrupted(signature: Signature, rows: Rows) -> dict[str, list[dict[str, Any]]]:
    """Return the rows corrupted in each way; nothing for a model without features.

    ``gaps``: each field that may be missing is so in a fifth of the rows. ``noise``:
    each number is off by a normal fifth of itself, within what training saw, or
    within its hard bounds where that is not known. ``unseen_categories``:
    each category is one that training never saw.
    """
    fields = [f for item in signature.inputs for f in item.fields or ()]
    if not fields:
        return {}
    gaps = bool(signature.non_finite)
    may = [f for f in fields if f.default != NOW and (f.default is not None or
           (gaps and f.type in {"number", "date"}))]  # fmt: skip
    rng = random.Random(0)  # noqa: S311 (to be the same every time)
    found: dict[str, list[dict[str, Any]]] = {"gaps": [], "noise": []}
    words = [field.name for field in fields if field.type == "category"]
    if words and all(f.categories is None for f in fields if f.type == "category"):
        found["unseen_categories"] = [
            {**row, **dict.fromkeys(words, "\u2014")} for row in rows
        ]
    for row in rows:
        gone = [field.name for field in may if rng.random() < _GONE]
        found["gaps"].append({k: v for k, v in row.items() if k not in gone})
        off = dict(row)
        for field in fields:
            value = row.get(field.name)
            whole = field.maximum == 1 and field.minimum == 0
            if field.type != "number" or value is None or whole:
                continue
            moved = value * (1 + rng.gauss(0, _OFF))
            low, high = field.observed or (field.minimum, field.maximum)
            low, high = -1e30 if low is None else low, 1e30 if high is None else high
            off[field.name] = min(max(moved, low), high)
        found["noise"].append(off)
    return found
