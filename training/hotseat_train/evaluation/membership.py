"""Membership inference: whether a row can be recognised as one of the training.

Two attacks by the loss of a row. The plain one (Yeom et al. 2018) calls rows of low
loss members. The calibrated one (Watson et al. 2022) subtracts what a reference model
loses on the row, trained on other rows: a row that is easy for everyone tells nothing.
An area under the ROC curve of 0.5 is chance, 1 is certainty.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from sklearn.metrics import roc_auc_score

from hotseat_train.data.dataset import Split

Array = np.ndarray[Any, Any]
_ROWS = 4_000
"""Members and others at most: the interval is narrow enough."""
_LEAST = 1e-12


class Model(Protocol):
    """A trained model."""

    def probabilities(self, inputs: tuple[Any, ...]) -> Array:
        """Return probabilities [rows, labels]."""


@dataclass(frozen=True, slots=True)
class Membership:
    """What two attacks achieve, as areas under the ROC curve."""

    loss: float
    """By the row's loss."""
    calibrated: float
    """By the row's loss against a reference model's."""
    groups: float | None
    """The calibrated attack on all rows of a group at once; None: groups of one row."""
    members: int
    others: int

    @property
    def auc(self) -> float:
        """The area of the strongest attack."""
        return max(self.loss, self.calibrated, self.groups or 0.0)

    def to_json(self) -> dict[str, Any]:
        """Return the attacks for a run's record."""
        return {"auc": self.auc, **asdict(self)}


def attack(model: Model, reference: Model, members: Split, others: Split) -> Membership:
    """Attack a model by rows that it was trained on and rows that it was not.

    `reference` was trained on neither. Rows are taken from the start of the splits,
    which are in the order of a hash.
    """
    sides = [rows.pick(range(min(len(rows), _ROWS))) for rows in (members, others)]
    plain = [_losses(model, rows) for rows in sides]
    against = [
        _losses(reference, rows) - own for rows, own in zip(sides, plain, strict=True)
    ]
    grouped = [
        _means(scores, rows.keys) for scores, rows in zip(against, sides, strict=True)
    ]
    distinct = any(len(g) < len(s) for g, s in zip(grouped, against, strict=True))
    return Membership(
        loss=_area([-own for own in plain]),
        calibrated=_area(against),
        groups=_area(grouped) if distinct else None,
        members=len(sides[0]),
        others=len(sides[1]),
    )


def _losses(model: Model, rows: Split) -> Array:
    scores = model.probabilities(rows.inputs)
    right = scores[np.arange(len(rows)), np.asarray(rows.targets)]
    return np.asarray(-np.log(np.maximum(right, _LEAST)))


def _means(scores: Array, keys: Sequence[str]) -> Array:
    of_key: dict[str, list[float]] = defaultdict(list)
    for key, score in zip(keys, scores, strict=False):
        of_key[key].append(float(score))
    return np.array([np.mean(values) for values in of_key.values()])


def _area(sides: Sequence[Array]) -> float:
    truth = np.concatenate(
        [np.full(len(s), at) for s, at in zip(sides, (1, 0), strict=True)]
    )
    return round(float(roc_auc_score(truth, np.concatenate(sides))), 4)
