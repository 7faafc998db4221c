"""How far answers are from the truth where labels have an order.

The mean distance in steps of the order, and the quadratically weighted kappa (Cohen
1968): the agreement beyond chance, where an error counts by the square of its distance.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import cohen_kappa_score


def measure(
    answers: Sequence[Mapping[str, Any]], truth: Sequence[int], labels: Sequence[str]
) -> dict[str, Any]:
    """Return both of the answers, and the distance of the best constant answer."""
    number = {label: at for at, label in enumerate(labels)}
    predicted = np.array([number[answer["label"]] for answer in answers])
    right = np.array(truth)
    constants = [np.abs(right - at).mean() for at in Counter(truth)]
    kappa = cohen_kappa_score(
        right, predicted, labels=range(len(labels)), weights="quadratic"
    )
    return {
        "order": {
            "mean_steps_off": round(float(np.abs(predicted - right).mean()), 4),
            "best_constant_steps_off": round(float(min(constants)), 4),
            "quadratic_kappa": round(float(np.nan_to_num(kappa)), 4),
        }
    }
