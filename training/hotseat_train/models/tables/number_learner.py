"""The learner of numbers: a blend of trees and a linear model, or one of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hotseat_train.data.dataset import Split
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables import category_splits
from hotseat_train.models.tables.number_losses import Array, NumberLoss
from hotseat_train.models.tables.number_models import Linear, NumberModel, Trees
from hotseat_train.models.tables.preprocessing import Preprocessor, write
from hotseat_train.onnx_graph.merge import weighted_mean
from hotseat_train.optim.loop import Epoch, Plan, State

FAMILIES: tuple[str, ...] = ("blend", "trees", "linear")
_SHARES = np.linspace(0, 1, 21)


class NumberLearner:
    """A model of numbers with the family's members, weighted on validation rows."""

    def __init__(
        self, preprocessor: Preprocessor, family: str, loss: NumberLoss, seed: int
    ) -> None:
        """Prepare the members; raises `DatasetError` for an unknown family."""
        if family not in FAMILIES:
            raise DatasetError(
                f"the family {family} is for labels; of numbers there are: "
                f"{', '.join(FAMILIES)}"
            )
        self.preprocessor, self.family, self._loss = preprocessor, family, loss
        layout = category_splits.layout(
            preprocessor.columns, preprocessor.category_blocks, preprocessor.rows,
            "auto",
        )  # fmt: skip
        members: dict[str, NumberModel] = {
            "trees": Trees(loss, seed, layout), "linear": Linear(loss),
        }  # fmt: skip
        chosen = members if family == "blend" else {family: members[family]}
        self._members = list(chosen.values())
        self._weights = [1 / len(chosen)] * len(chosen)

    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> State:
        """Fit each member and the weights; the curve has one point, of the whole.

        In the place of the accuracy is D2: the share of the simplest rule's loss that
        the model saves on the validation rows.
        """
        del plan, checkpoint
        sides = [
            (self.preprocessor.encode(side.inputs), np.array(side.targets, float))
            for side in (train, validation)
        ]
        weights = np.array(train.weights) if train.weights else None
        for member in self._members:
            member.fit(
                (*sides[0], weights), sides[1],
                lambda number, loss: report(Epoch(number, np.nan, loss, np.nan)),
            )  # fmt: skip
        held = [member.predict(sides[1][0]) for member in self._members]
        if len(held) > 1:
            share = min(
                _SHARES.tolist(),
                key=lambda s: self._mean(sides[1][1], s * held[0] + (1 - s) * held[1]),
            )
            self._weights = [share, 1 - share]
        losses = [self._mean(y, self._predict(x)) for x, y in sides]
        constant = self._loss.constant(sides[0][1])
        simplest = self._mean(sides[1][1], np.full(len(validation), constant))
        epoch = Epoch(1, losses[0], losses[1], 1 - losses[1] / max(simplest, 1e-12))
        return State([epoch], {}, "fitted", kept=epoch)

    def probabilities(self, inputs: tuple[Any, ...]) -> Array:
        """Return the values [rows, 1]."""
        return self._predict(self.preprocessor.encode(inputs))[:, None]

    def export(self, path: Path) -> None:
        """Write the graph, preprocessing included; see `Learner.export`."""
        columns = self.preprocessor.columns
        pairs = [(m, w) for m, w in zip(self._members, self._weights, strict=True) if w]
        parts = [member.part(columns) for member, _ in pairs]
        model = parts[0]
        if len(parts) > 1:
            model = weighted_mean(parts, [w for _, w in pairs], "value", ["n"])
        write(self.preprocessor, model, path)

    def _predict(self, x: Array) -> Array:
        found = [
            weight * member.predict(x)
            for member, weight in zip(self._members, self._weights, strict=True)
        ]
        return np.asarray(np.sum(found, axis=0))

    def _mean(self, truth: Array, predicted: Array) -> float:
        return float(self._loss.of_rows(truth, predicted).mean())
