"""What a variant loses against the first one, on the very same rows.

The rows are drawn again and again with replacement (paired bootstrap, Efron 1979), and
the loss is taken anew each time. As accuracy and F1 depend only on how often each
(true, first said, variant said) occurs, it is these counts that are drawn, which is the
same thing; so are those of (first, variant) where an item has no label and is worth a
number. One more row is counted in, which the first had right and the variant wrong:
among thousands it weighs nothing, and it keeps ten rows that agree from proving much.
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


def losses(
    true: Sequence[int], first: Sequence[int], other: Sequence[int], labels: int
) -> dict[str, Any]:
    """Return the relative loss of accuracy and of macro F1, each with its interval.

    The arguments are label numbers, row by row. A loss is a share of what the first
    has, so 0.005 is half a percent; below 0 the variant is better. Intervals are 95 %.
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
    found: dict[str, Any] = {}
    for name, measure in (("loss", _accuracy), ("loss_macro_f1", _macro_f1)):
        found[name] = round(float(_relative(measure, counts[None])[0]), 5)
        bounds = np.quantile(_relative(measure, drawn), [0.025, 0.975])
        found[f"{name}_interval"] = [round(float(bound), 5) for bound in bounds]
    return found


def paired(first: Array, other: Array) -> dict[str, Any]:
    """Return the relative loss of what items are worth [items], with its interval."""
    pairs, counts = np.unique(np.stack([first, other]), axis=1, return_counts=True)
    had, has = pairs
    loss = 1 - float(other.mean()) / max(float(first.mean()), 1e-12)
    had, has, counts = np.append(had, 1), np.append(has, 0), np.append(counts, 1)
    total = int(counts.sum())
    drawn = np.random.default_rng(0).multinomial(total, counts / total, size=_DRAWS)
    bounds = np.quantile(
        1 - (drawn @ has) / np.maximum(drawn @ had, 1e-12), [0.025, 0.975]
    )
    return {
        "loss": round(loss, 5),
        "loss_interval": [round(float(bound), 5) for bound in bounds],
    }


def wilson(right: float, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, after Wilson (1927).

    Of items that are worth something between 0 and 1 it is wider than it need be.
    """
    share = right / total
    scale = 1 + Z**2 / total
    middle = (share + Z**2 / (2 * total)) / scale
    spread = math.sqrt(share * (1 - share) / total + Z**2 / (4 * total**2))
    return middle - Z * spread / scale, middle + Z * spread / scale


def quality(metrics: Mapping[str, Any]) -> str:
    """Return what it is that a variant may lose: accuracy, or quality by its kind."""
    return "accuracy" if "accuracy" in metrics else "quality"


def lost(metrics: Mapping[str, Any]) -> str:
    """Return a variant's loss in percent with its interval; nothing for the first."""
    if "loss" not in metrics:
        return ""
    low, high = (100 * bound for bound in metrics["loss_interval"])
    return f"{100 * metrics['loss']:.2f} ({low:.2f} to {high:.2f})"


def _relative(measure: Any, counts: Array) -> Array:
    """Return what is lost, of counts [draws, true, first, other]."""
    had, has = measure(counts.sum(3)), measure(counts.sum(2))
    lost: Array = (had - has) / np.maximum(had, 1e-12)
    return lost


def _accuracy(counts: Array) -> Array:
    """Return the accuracy of counts [draws, true, said]."""
    share: Array = np.trace(counts, axis1=1, axis2=2) / counts.sum((1, 2))
    return share


def _macro_f1(counts: Array) -> Array:
    """Return the mean F1 of the labels there are, of counts [draws, true, said]."""
    hits = np.diagonal(counts, axis1=1, axis2=2)
    named = counts.sum(1) + counts.sum(2)
    there = counts.sum(2) > 0
    scores = np.where(there, 2 * hits / np.maximum(named, 1), 0)
    mean: Array = scores.sum(1) / np.maximum(there.sum(1), 1)
    return mean
