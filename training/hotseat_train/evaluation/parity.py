"""Parity: the graph of a run answers as the trained model did.

A training records the model's own answers to the first validation rows; an evaluation
compares them with those of the graph, through the serving code, row by row. A tree
compares in float64 while it learns and in float32 in the graph, so that a row on a
threshold may take the other branch.
"""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.data.dataset import Split
from hotseat_train.errors import ParityError

_VALUES = 4096
"""Maximum number of recorded probabilities."""
_ROWS = (8, 200)
"""Minimum and maximum number of recorded rows."""
_TOLERANCE = 2e-3
"""Maximum difference of a probability that counts as equal; of a value, relative."""
_MOVED = 0.02
"""Maximum share of rows with another answer; one row is always allowed."""


class Model(Protocol):
    """A trained model."""

    def probabilities(self, inputs: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        """Return the model's probabilities [rows, labels]."""


def answers(model: Model, rows: Split) -> list[list[float]]:
    """Return the model's probabilities of the first rows, for the run's record."""
    least, most = _ROWS
    labels = model.probabilities(rows.inputs[:1]).shape[1]
    count = min(most, max(least, _VALUES // labels))
    found = model.probabilities(rows.inputs[:count])
    return [[round(float(value), 6) for value in row] for row in found]


def check(
    model: LoadedModel, rows: Split, recorded: Sequence[Sequence[float]]
) -> float | None:
    """Compare the graph with the recorded answers; return the largest difference.

    None: nothing was recorded. Raises `ParityError` if more than one row in fifty, and
    more than one row, has other probabilities.
    """
    if not recorded:
        return None
    labels = model.manifest.signature.labels
    given = model.predict(list(rows.inputs[: len(recorded)]))
    served = np.array(
        [[row["scores"][label] for label in labels] if labels else [row["value"]]
         for row in given]
    )  # fmt: skip
    off = np.abs(served - np.array(recorded))
    off = (off / np.maximum(1, np.abs(np.array(recorded)))).max(1)
    moved = int((off > _TOLERANCE).sum())
    if moved > max(1, _MOVED * len(recorded)):
        raise ParityError(
            f"the exported graph answers {moved} of {len(recorded)} validation rows "
            f"otherwise than the trained model, by up to {off.max():.4f}: train again, "
            "and report it if it stays"
        )
    return float(off.max())
