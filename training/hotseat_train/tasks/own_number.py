"""A studio's own table with a number to predict: an amount, a count, a quantile."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

import numpy as np

from hotseat_registry import Output, Signature
from hotseat_train.data.dataset import Dataset, Split
from hotseat_train.data.tables import ColumnType, Table
from hotseat_train.errors import DatasetError, TrainError
from hotseat_train.evaluation.evaluator import Evaluator
from hotseat_train.evaluation.numbers import NumberEvaluator
from hotseat_train.models.tables import number_learner
from hotseat_train.models.tables.number_losses import NumberLoss
from hotseat_train.optim.plan import Plan
from hotseat_train.tasks import leakage
from hotseat_train.tasks.own_order import ordered
from hotseat_train.tasks.own_table import OwnTable

_STRATA = 10
_HEAVY = 20
"""An amount is heavy-tailed if its largest value is so many times its mean."""
_COUNTS = 10
"""Whole numbers with more values than this are learned as a count."""


@dataclass(frozen=True, kw_only=True)
class OwnNumber(OwnTable):
    """Named features in, a number out."""

    family: str = "blend"
    objective: str = "number"
    """number, count, amount or quantile:LEVEL; see `number_losses`."""

    kind = "regression"
    families = number_learner.FAMILIES
    target_type: ClassVar[str] = "number"
    intended_use = "Predict a number of the studio's own table from the other columns."

    @property
    def loss(self) -> NumberLoss:
        """The loss of the objective; raises `DatasetError` for an unknown one."""
        return NumberLoss.read(self.objective)

    @property
    def compressions(self) -> Sequence[str]:  # type: ignore[override] # as in TableTask
        """None: trees of numbers are published as they are."""
        return ()

    def unused(self, options: Any) -> str:
        """Return which of a plan's options is not used: all but the seed."""
        left = sorted(set(options) - {"seed"})
        flag = left[0].replace("_", "-") if left else ""
        return f"a model of numbers does not use --{flag}: leave it out" if left else ""

    def most_epochs(self, plan: Plan) -> int | None:
        """See `Task.most_epochs`: there are no epochs."""
        del plan
        return None

    def record(self) -> dict[str, Any]:
        """Return what `tasks.of` reads, with the objective."""
        record = super().record()
        return {**record, "table": {**record["table"], "objective": self.objective}}

    def choose(
        self, family: str | None, settings: Mapping[str, Any] | None = None
    ) -> Self:
        """See `Task.choose`; raises `TrainError` for a family of labels."""
        if settings:
            raise TrainError("a model of numbers has no settings to choose")
        family = family or self.family
        if family not in self.families:
            raise TrainError(
                f"the family {family} is for labels; of numbers there are: "
                f"{', '.join(self.families)}"
            )
        return replace(self, family=family)

    def with_rows(self, purpose: str) -> Self:
        """Raise `TrainError`: cross-validation and search compare models of labels."""
        raise TrainError(f"{purpose} is for labels, and {self.target} is a number")

    def encoded(
        self, table: Table, labels: Sequence[str] = ()
    ) -> tuple[list[Any], tuple[str, ...]]:
        """Return the number of each row, None without one; raises `DatasetError`."""
        del labels
        values = table.values(self.target)
        there = np.array([value for value in values if value is not None], float)
        if len(np.unique(there)) < 2:
            raise DatasetError(
                f"{self.path}: {self.target!r} is the same in every row: there is "
                "nothing to predict"
            )
        if self.balance:
            raise DatasetError("--balance is for labels: leave it out, or --weight")
        self.loss.check(there)
        return values, ()

    def strata(self, targets: Sequence[Any], labels: Sequence[str]) -> Sequence[int]:
        """Return the tenth of the target's values that each row is in."""
        del labels
        edges = np.quantile(targets, np.linspace(0, 1, _STRATA + 1)[1:-1])
        return [int(at) for at in np.searchsorted(edges, targets, side="right")]

    def remarks(self, targets: Sequence[Any], labels: Sequence[str]) -> list[str]:
        """Return what to note of the targets."""
        del labels
        there = np.array([value for value in targets if value is not None], float)
        notes = [
            f"{self.target} is learned as a number, by the loss of {self.objective}"
        ]
        tail = there.max() / max(there.mean(), 1e-12)
        if self.objective == "number" and there.min() >= 0 and tail > _HEAVY:
            notes.append(
                f"{self.target} has a heavy tail (the largest is {tail:.0f} times the "
                "mean): --objective amount suits it better, or quantile:0.5"
            )
        return notes

    def leaking(self, features: Sequence[ColumnType], rows: Sequence[Any]) -> list[str]:
        """Return the columns from which a small tree predicts nearly every value."""
        return leakage.of_numbers(features, rows)

    def learner(self, train: Split, seed: int) -> Any:
        """Return an untrained model of the task's family."""
        preprocessor = self._preprocessor(self._binned(train))
        return number_learner.NumberLearner(preprocessor, self.family, self.loss, seed)

    def signature(self, dataset: Dataset) -> Signature:
        """Return the fields that the columns became, and one number."""
        signature = self._preprocessor(self._binned(dataset.train)).signature(())
        outputs = (Output("value", "FP32", (-1,)),)
        return replace(signature, outputs=outputs, labels=())

    def evaluator(self, record: Mapping[str, Any]) -> Evaluator:
        """See `Task.evaluator`."""
        dataset = self.dataset()
        return NumberEvaluator(
            dataset, self.signature(dataset), record.get("answers", ()), self.loss,
            self.golden_inputs(dataset),
        )  # fmt: skip

    def says(self) -> str:
        """See `Task.says`."""
        rule = "the mean" if self.loss.name != "quantile" else "the quantile"
        return (
            f"D2, the share of the simplest rule's loss ({rule} of the training rows; "
            f"the loss of {self.objective}) that the model saves"
        )

    def _binned(self, train: Split) -> Split:
        """Return the rows with strata as targets, by which words are chosen."""
        return replace(train, targets=tuple(self.strata(train.targets, ())))


def chosen(
    task: OwnTable, objective: str | None, warn: Callable[[str], None]
) -> OwnTable:
    """Return the task for labels, an order or numbers: by `objective` or values.

    Whole numbers with more than ten values are a count if none is below 0, and other
    numbers are a number. Raises `DatasetError`.
    """
    if objective == "label":
        return task
    if objective == "rank":
        from hotseat_train.tasks.own_ranking import ranked  # it is a number, too

        return ranked(task)
    if objective is not None and objective.startswith("ordinal"):
        return ordered(task, objective)
    if objective is None:
        objective = _objective_of(task, warn)
    if objective is None:
        return task
    NumberLoss.read(objective)
    taken = {
        item.name: getattr(task, item.name)
        for item in fields(task)
        if item.name not in {"family", "settings"}
    }
    return OwnNumber(**taken, objective=objective)


def _objective_of(task: OwnTable, warn: Callable[[str], None]) -> str | None:
    values = task.numbers_of_target()
    if values is None or len(values) == 0:
        return None
    distinct = len(np.unique(values))
    whole = bool((values == np.round(values)).all())
    if whole and (distinct <= _COUNTS or values.min() < 0):
        return None if distinct <= _COUNTS else "number"
    if not whole and distinct <= 2:
        return None
    objective = "number"
    if whole:
        objective = "count"
    elif values.min() >= 0 and values.max() > _HEAVY * values.mean():
        objective = "amount"
    warn(
        f"{task.target} has {distinct} different numbers, and is learned as a number "
        f"(--objective {objective}); --objective label learns each as a label"
    )
    return objective
