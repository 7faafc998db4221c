"""Target leakage: columns that alone predict nearly every target."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from hotseat_train.data.tables import ColumnType

_TELLS = 0.99
"""Balanced accuracy, or R2, of one column alone that counts as leakage."""
_LEAVES = {"max_leaf_nodes": 16, "min_samples_leaf": 5, "random_state": 0}


def of_labels(features: Sequence[ColumnType], rows: Sequence[Any]) -> list[str]:
    """Return the columns from which a small tree predicts nearly every label.

    `rows` are (key, input, label's number).
    """
    targets = [row[2] for row in rows]
    found = []
    for name, x in _columns(features, rows):
        tree = DecisionTreeClassifier(class_weight="balanced", **_LEAVES)
        predicted = tree.fit(x, targets).predict(x)
        if balanced_accuracy_score(targets, predicted) >= _TELLS:
            found.append(name)
    return found


def of_numbers(features: Sequence[ColumnType], rows: Sequence[Any]) -> list[str]:
    """Return the columns from which a small tree predicts nearly the whole spread."""
    targets = [row[2] for row in rows]
    return [
        name
        for name, x in _columns(features, rows)
        if DecisionTreeRegressor(**_LEAVES).fit(x, targets).score(x, targets) >= _TELLS
    ]


def _columns(
    features: Sequence[ColumnType], rows: Sequence[Any]
) -> list[tuple[str, np.ndarray[Any, Any]]]:
    """Return each column as an array [rows, 1]; categories by how frequent they are."""
    found = []
    for item in features:
        if item.type in {"text", "list"}:
            continue
        values = [row[1][item.name] for row in rows]
        if item.type == "category":
            often = {word: at for at, (word, _) in
                     enumerate(Counter(values).most_common(20))}  # fmt: skip
            x = np.array([often.get(value, len(often)) for value in values], float)
        else:
            x = np.array([np.nan if value is None else value for value in values])
        found.append((item.name, x[:, None].astype(float)))
    return found
