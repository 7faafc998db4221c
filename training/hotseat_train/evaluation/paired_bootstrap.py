"""The quality that a variant loses against the first one, on the same rows.

The rows are drawn repeatedly with replacement (paired bootstrap, Efron 1979), and each
draw yields one quality drop. Accuracy and F1 depend only on how often each (true label,
first prediction, variant's prediction) occurs, so the counts are drawn instead of the
rows; where an item has a score and no label, the counts of (first score, variant's
score). One more row is added, right for the first and wrong for the variant: among
thousands of rows it changes little, and it keeps a small test set from proving much.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
_DRAWS = 4000
Z = statistics.NormalDist().inv_cdf(0.975)
"""Standard deviations to either end of a 95 % interval."""


def drops(
    true: Sequence[int], first: Sequence[int], other: Sequence[int], labels: int
) -> dict[str, Any]:
    """Return the relative drop of accuracy and of macro F1, each with its interval.

    The arguments are label numbers, row by row. A drop is a share of the first one's
    quality, so 0.005 is half a percent; below 0 the variant is better. Intervals are
    95 %.
    """
    counts = np.zeros((labels,) * 3, np.int64)
    np.add.at(counts, (np.array(true), np.array(first), np.array(other)), 1)
    more = counts.copy()
    common = int(np.bincount(true, minlength=labels).argmax())
    more[common, common, (common + 1) % labels] += 1
    total = int(more.sum())
    drawn = np.random.default_rng(0).multinomial(
        total, more.ravel() / total, size=_DRAWS
    )
    drawn = drawn.reshape(_DRAWS, *counts.shape)
    measures = {"quality_drop": _accuracy, "quality_drop_macro_f1": _macro_f1}
    found: dict[str, Any] = {}
    for name, measure in measures.items():
        found[name] = round(float(_relative(measure, counts[None])[0]), 5)
        bounds = np.quantile(_relative(measure, drawn), [0.025, 0.975])
        found[f"{name}_interval"] = [round(float(bound), 5) for bound in bounds]
    return found


def paired(first: Array, other: Array) -> dict[str, Any]:
    """Return the relative drop of the items' scores [items], with its interval."""
    pairs, counts = np.unique(np.stack([first, other]), axis=1, return_counts=True)
    had, has = pairs
    drop = 1 - float(other.mean()) / max(float(first.mean()), 1e-12)
    had, has, counts = np.append(had, 1), np.append(has, 0), np.append(counts, 1)
    total = int(counts.sum())
    drawn = np.random.default_rng(0).multinomial(total, counts / total, size=_DRAWS)
    bounds = np.quantile(
        1 - (drawn @ has) / np.maximum(drawn @ had, 1e-12), [0.025, 0.975]
    )
    return {
        "quality_drop": round(drop, 5),
        "quality_drop_interval": [round(float(bound), 5) for bound in bounds],
    }


def wilson(right: float, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, after Wilson (1927).

    For scores between 0 and 1 it is wider than necessary.
    """
    share = right / total
    scale = 1 + Z**2 / total
    middle = (share + Z**2 / (2 * total)) / scale
    spread = math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2))
    return middle - Z * spread / scale, middle + Z * spread / scale


def quality(metrics: Mapping[str, Any]) -> str:
    """Return the name of the metric that a variant may lose."""
    return next((n for n in ("accuracy", "agreement") if n in metrics), "quality")


def _relative(measure: Any, counts: Array) -> Array:
    """Return the relative drops, from counts [draws, true, first, other]."""
    had, has = measure(counts.sum(3)), measure(counts.sum(2))
    drops: Array = (had - has) / np.maximum(had, 1e-12)
    return drops


def _accuracy(counts: Array) -> Array:
    """Return the accuracy from counts [draws, true, predicted]."""
    share: Array = np.trace(counts, axis1=1, axis2=2) / counts.sum((1, 2))
    return share


def _macro_f1(counts: Array) -> Array:
    """Return the mean F1 of the occurring labels, from [draws, true, predicted]."""
    hits = np.diagonal(counts, axis1=1, axis2=2)
    named = counts.sum(1) + counts.sum(2)
    there = counts.sum(2) > 0
    scores = np.where(there, 2 * hits / np.maximum(named, 1), 0)
    mean: Array = scores.sum(1) / np.maximum(there.sum(1), 1)
    return mean
