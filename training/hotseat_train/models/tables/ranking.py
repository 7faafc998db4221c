"""Trees that order the rows of a group (LambdaMART, Burges 2010, by LightGBM).

The answer is a score: within a group, a higher one belongs further up. Scores of
different groups are not compared.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from lightgbm.callback import EarlyStopException

from hotseat_train.data.dataset import Split
from hotseat_train.models.tables.number_losses import Array
from hotseat_train.models.tables.number_models import tree_sums
from hotseat_train.models.tables.preprocessing import Preprocessor, write
from hotseat_train.optim.loop import Epoch, Plan, State

TOP = 10
"""Places of a group that count: NDCG of the first so many."""
GRADES = 31
"""Different relevances at most, as in LightGBM."""
_PATIENCE, _STEP, _MOST = 50, 20, 2_000
_SETTINGS = {
    "objective": "lambdarank", "metric": "None", "learning_rate": 0.05,
    "num_leaves": 24, "min_child_samples": 20, "reg_lambda": 3.0, "verbose": -1,
    "deterministic": True, "force_row_wise": True, "num_threads": 1,
    "lambdarank_truncation_level": TOP + 5, "num_iterations": _MOST,
}  # fmt: skip


def groups(keys: Sequence[str]) -> list[Array]:
    """Return the rows of each key, in the order of the keys' first rows."""
    rows: dict[str, list[int]] = {}
    for row, key in enumerate(keys):
        rows.setdefault(key, []).append(row)
    return [np.array(found) for found in rows.values()]


def ndcg(scores: Array, grades: Array, top: int = TOP) -> float | None:
    """Return the normalised discounted cumulative gain of one group.

    Gains are 2^grade - 1 (Burges et al. 2005). Rows of equal scores share their gains.
    None: all grades are equal, so that every order is right.
    """
    if (grades == grades[0]).all():
        return None
    gains = np.exp2(grades) - 1
    discounts = np.zeros(len(gains))
    places = np.arange(min(top, len(gains)))
    discounts[places] = 1 / np.log2(places + 2)
    order = np.argsort(-scores, kind="stable")
    _, tied = np.unique(-scores[order], return_inverse=True)
    shared = np.bincount(tied, gains[order]) / np.bincount(tied)
    best = np.sort(gains)[::-1] @ discounts
    return float(shared[tied] @ discounts / best)


class RankLearner:
    """Trees that order rows, with early stopping by the NDCG of validation groups."""

    family = "trees"
    _booster: lightgbm.Booster

    def __init__(self, preprocessor: Preprocessor, grades: Array, seed: int) -> None:
        """`grades` are the different relevances, from the lowest on."""
        self.preprocessor, self._grades, self._seed = preprocessor, grades, seed

    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> State:
        """Fit trees; losses of the curve are 1 - NDCG, its accuracies NDCG."""
        del plan, checkpoint
        sides = [self._side(side) for side in (train, validation)]
        data = self._dataset(*sides[0], train.weights)
        curve: list[Epoch] = []
        best = (-1.0, 0, 0)

        def record(env: Any) -> None:
            nonlocal best
            trees = env.model.current_iteration()
            found = self._mean(env.model, *sides[1])
            if found > best[0]:
                best = (found, env.iteration, trees)
            if (env.iteration + 1) % _STEP == 0:
                curve.append(Epoch(trees, np.nan, 1 - found, found))
                report(curve[-1])
            if env.iteration - best[1] >= _PATIENCE:
                raise EarlyStopException(env.iteration, [])

        grown = lightgbm.train(
            {**_SETTINGS, "seed": self._seed}, data, callbacks=[record]
        )
        self._booster = lightgbm.Booster(
            model_str=grown.model_to_string(num_iteration=best[2])
        )
        on_train = self._mean(self._booster, *sides[0])
        kept = Epoch(best[2], 1 - on_train, 1 - best[0], best[0])
        points = {epoch.number: epoch for epoch in [*curve, kept]}
        ordered = [points[number] for number in sorted(points)]
        return State(ordered, {}, "fitted", kept=kept)

    def probabilities(self, inputs: tuple[Any, ...]) -> Array:
        """Return the scores [rows, 1]."""
        found = np.asarray(self._booster.predict(self.preprocessor.encode(inputs)))
        return found[:, None]

    def export(self, path: Path) -> None:
        """Write the graph, preprocessing included; see `Learner.export`."""
        model = tree_sums(self._booster, self.preprocessor.columns, exp=False)
        write(self.preprocessor, model, path)

    def _side(self, split: Split) -> tuple[Array, Array, list[Array]]:
        """Return the columns, the grades and the groups of a split."""
        grades = np.searchsorted(self._grades, np.array(split.targets, float))
        return self.preprocessor.encode(split.inputs), grades, groups(split.keys)

    def _dataset(
        self, x: Array, grades: Array, parts: list[Array], weights: Sequence[float]
    ) -> lightgbm.Dataset:
        order = np.concatenate(parts)
        return lightgbm.Dataset(
            x[order], grades[order], group=[len(part) for part in parts],
            weight=np.array(weights)[order] if weights else None,
            params={"verbose": -1},
        )  # fmt: skip

    @staticmethod
    def _mean(
        model: lightgbm.Booster, x: Array, grades: Array, parts: list[Array]
    ) -> float:
        return mean_ndcg(np.asarray(model.predict(x)), grades, parts)


def mean_ndcg(scores: Array, grades: Array, parts: Sequence[Array]) -> float:
    """Return the mean of the groups that have an order; 0 without such a group."""
    found = [ndcg(scores[part], grades[part]) for part in parts]
    there = [value for value in found if value is not None]
    return float(np.mean(there)) if there else 0.0
