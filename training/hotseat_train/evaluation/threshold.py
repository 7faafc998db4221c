"""The threshold for the rarer of two labels, chosen on validation rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.metrics import precision_recall_fscore_support

_ROUNDING = 1e-7
"""Of two float32 probabilities that add up to 1."""
Answers = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Threshold:
    """The label is taken where its probability is at least `value`."""

    label: str
    value: float
    chosen_for: str

    @classmethod
    def chosen(
        cls, label: str, answers: Answers, true: Sequence[str], cost: float | None
    ) -> Self:
        """Return the threshold of the lowest cost, or of the highest F1.

        `cost` is what a missed row costs in false alarms; None: F1 is the measure.
        """
        scores = np.array([answer["scores"][label] for answer in answers])
        truth = np.array([name == label for name in true])
        order = np.argsort(-scores, kind="stable")
        hits = np.cumsum(truth[order])
        alarms = np.arange(1, len(order) + 1) - hits
        missed = truth.sum() - hits
        if cost is None:
            gain = 2 * hits / (2 * hits + alarms + missed)
            chosen_for = "the highest F1"
        else:
            gain = -(cost * missed + alarms)
            chosen_for = f"a miss costs as much as {cost:g} false alarms"
        # rows of one score are on one side
        last = np.append(np.diff(scores[order]) != 0, True)
        at = int(np.flatnonzero(last)[np.argmax(gain[last])])
        return cls(label, float(scores[order[at]]), chosen_for)

    def of_second(self, labels: Sequence[str]) -> float:
        """Return it as the least probability of the second of two `labels`.

        Where it is the first label's, the second is answered above 1 - `value` alone.
        """
        if self.label == labels[1]:
            return self.value
        return min(1.0, 1 - self.value + _ROUNDING)

    def measure(self, answers: Answers, true: Sequence[str]) -> dict[str, Any]:
        """Return ``threshold``, with precision, recall and F1 on these rows."""
        taken = [answer["scores"][self.label] >= self.value for answer in answers]
        truth = [name == self.label for name in true]
        precision, recall, f1, _ = precision_recall_fscore_support(
            truth, taken, average="binary", zero_division=0.0
        )
        return {
            "threshold": {
                "label": self.label,
                "value": round(self.value, 4),
                "chosen_for": self.chosen_for,
                "precision": round(float(precision), 4),
                "recall": round(float(recall), 4),
                "f1": round(float(f1), 4),
            }
        }
