"""What a prediction of a number costs: the losses of the objectives, row by row.

number: squared error, whose best constant is the mean. count: Poisson deviance, for
whole numbers of events. amount: Tweedie deviance of power 1.5 (Jorgensen 1987), for
amounts of which many are 0 and few are large, as lifetime value. quantile: pinball loss
(Koenker and Bassett 1978), whose best constant is the quantile.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hotseat_train.errors import DatasetError

Array = np.ndarray[Any, Any]
NAMES = ("number", "count", "amount", "quantile")
POWER = 1.5
_TINY = 1e-9


@dataclass(frozen=True, slots=True)
class NumberLoss:
    """An objective by its name; `level` is the quantile's, between 0 and 1."""

    name: str
    level: float = 0.5

    @classmethod
    def read(cls, text: str) -> "NumberLoss":
        """Parse ``number``, ``count``, ``amount`` or ``quantile:0.9``.

        Raises `DatasetError`.
        """
        name, _, level = text.partition(":")
        try:
            value = float(level or 0.5)
        except ValueError:
            value = -1.0
        if name not in NAMES or not 0 < value < 1 or (level and name != "quantile"):
            raise DatasetError(
                f"--objective {text}: expected label, ordinal, number, count, amount "
                "or quantile:LEVEL with a level between 0 and 1"
            )
        return cls(name, value)

    @property
    def positive(self) -> bool:
        """Whether predictions are above 0: they are exponentials."""
        return self.name in {"count", "amount"}

    def of_rows(self, truth: Array, predicted: Array) -> Array:
        """Return the loss of each row [rows]."""
        off = truth - predicted
        if self.name == "number":
            return off**2
        if self.name == "quantile":
            return np.maximum(self.level * off, (self.level - 1) * off)
        mean = np.maximum(predicted, _TINY)
        if self.name == "count":
            log = np.where(truth > 0, np.log(np.maximum(truth, _TINY) / mean), 0)
            return np.asarray(2 * (truth * log - truth + mean))
        one, two = 1 - POWER, 2 - POWER
        return np.asarray(
            2 * (truth**two / (one * two) - truth * mean**one / one + mean**two / two)
        )

    def constant(self, truth: Array) -> float:
        """Return the best constant prediction: the simplest rule."""
        if self.name == "quantile":
            return float(np.quantile(truth, self.level))
        return float(truth.mean())

    def check(self, truth: Array) -> None:
        """Raise `DatasetError` for targets that the objective does not allow."""
        if self.positive and truth.min() < 0:
            raise DatasetError(
                f"--objective {self.name} is for numbers of 0 or more, and one is "
                f"{truth.min():g}: --objective number"
            )
