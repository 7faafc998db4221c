"""The calibration error of probabilities, and the curves that a report draws.

Expected calibration error: rows are sorted by their probability and cut into ten bins
of equal size; the error is the mean distance, over the rows, between a bin's mean
probability and its observed frequency (Naeini et al. 2015, with bins of equal size as
in Nixon et al. 2019). With two labels the probability of the last one counts, with more
labels that of the predicted one.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

Array = np.ndarray[Any, Any]
Answers = Sequence[Mapping[str, Any]]
_PARTS = 10
_POINTS = 80
"""Points of a curve: more than a picture shows."""


def judged(answers: Answers, true: Sequence[str], labels: Sequence[str]) -> tuple[
    Array, Array
]:  # fmt: skip
    """Return the probabilities [rows] that count, and whether each label occurred."""
    if len(labels) == 2:
        probabilities = [answer["scores"][labels[-1]] for answer in answers]
        return np.array(probabilities), np.array(
            [label == labels[-1] for label in true]
        )
    probabilities = [answer["scores"][answer["label"]] for answer in answers]
    right = [a["label"] == label for a, label in zip(answers, true, strict=True)]
    return np.array(probabilities), np.array(right)


def bins(probabilities: Array, truth: Array) -> list[dict[str, Any]]:
    """Return bins of equal size: mean probability, observed frequency, rows."""
    order = np.argsort(probabilities, kind="stable")
    return [
        {
            "predicted": round(float(probabilities[rows].mean()), 4),
            "observed": round(float(truth[rows].mean()), 4),
            "rows": len(rows),
        }
        for rows in np.array_split(order, min(_PARTS, len(order)))
    ]


def error(parts: Sequence[Mapping[str, Any]]) -> float:
    """Return the expected calibration error of these bins."""
    total = sum(part["rows"] for part in parts)
    off = sum(
        part["rows"] * abs(part["predicted"] - part["observed"]) for part in parts
    )
    return float(off / total)


def measure(
    answers: Answers, true: Sequence[str], labels: Sequence[str]
) -> dict[str, Any]:
    """Return ``calibration_error``."""
    return {"calibration_error": round(error(bins(*judged(answers, true, labels))), 4)}


def curves(
    answers: Answers, true: Sequence[str], labels: Sequence[str]
) -> dict[str, Any]:
    """Return the curves of a report: confusion, calibration, and with two labels ROC
    and precision over recall, each as lists of numbers.
    """  # noqa: D205
    predicted = [answer["label"] for answer in answers]
    probabilities, truth = judged(answers, true, labels)
    drawn: dict[str, Any] = {
        "confusion": confusion_matrix(true, predicted, labels=list(labels)).tolist(),
        "calibration_curve": bins(probabilities, truth),
    }
    if len(labels) == 2 and 0 < truth.sum() < len(truth):
        false, hit, _ = roc_curve(truth, probabilities)
        precision, recall, _ = precision_recall_curve(truth, probabilities)
        drawn["roc"] = _thinned(false, hit)
        drawn["precision_recall"] = _thinned(recall[::-1], precision[::-1])
    return drawn


def _thinned(x: Array, y: Array) -> list[list[float]]:
    rows = np.unique(np.linspace(0, len(x) - 1, _POINTS).astype(int))
    points = zip(x[rows].tolist(), y[rows].tolist(), strict=True)
    return [[round(a, 4), round(b, 4)] for a, b in points]
