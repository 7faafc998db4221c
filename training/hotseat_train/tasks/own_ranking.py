"""A studio's own table whose rows are ordered within groups, as offers of one shop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from hotseat_train.data.dataset import Split
from hotseat_train.data.tables import ColumnType, Table
from hotseat_train.errors import DatasetError
from hotseat_train.evaluation.evaluator import Evaluator
from hotseat_train.evaluation.ranks import RankEvaluator
from hotseat_train.models.tables import ranking
from hotseat_train.tasks.own_number import OwnNumber
from hotseat_train.tasks.own_table import OwnTable

NAME = "rank"


@dataclass(frozen=True, kw_only=True)
class OwnRanking(OwnNumber):
    """Named features in, a score out that orders the rows of one group (``id``)."""

    family: str = "trees"
    objective: str = NAME

    families = ("trees",)
    intended_use = (
        "Order the rows of one group of the studio's own table: the highest score "
        "first. Scores of different groups are not compared."
    )

    def record(self) -> dict[str, Any]:
        """Return what `tasks.of` reads."""
        record = super().record()
        table = {k: v for k, v in record["table"].items() if k != "objective"}
        return {**record, "table": {**table, "ranking": True}}

    @classmethod
    def of(cls, record: Mapping[str, Any], sha256: str, **more: Any) -> OwnTable:
        """Return the task that a run was of."""
        table = {k: v for k, v in record.items() if k != "ranking"}
        return super().of(table, sha256, **more)

    def encoded(
        self, table: Table, labels: Sequence[str] = ()
    ) -> tuple[list[Any], tuple[str, ...]]:
        """Return the relevance of each row; raises `DatasetError`."""
        del labels
        values = table.values(self.target)
        there = np.unique([value for value in values if value is not None])
        if not 2 <= len(there) <= ranking.GRADES:
            raise DatasetError(
                f"{self.path}: {self.target} has {len(there)} different values; an "
                f"order is learned from 2 to {ranking.GRADES} grades of relevance: "
                "round them, or take --objective number"
            )
        return values, ()

    def strata(self, targets: Sequence[Any], labels: Sequence[str]) -> Sequence[int]:
        """Return one stratum: a group has rows of every grade."""
        del labels
        return [0] * len(targets)

    def remarks(self, targets: Sequence[Any], labels: Sequence[str]) -> list[str]:
        """Return what to note of the targets."""
        del labels
        grades = len({target for target in targets if target is not None})
        return [
            f"rows of one {self.id} are ordered by {self.target}, of {grades} grades"
        ]

    def leaking(self, features: Sequence[ColumnType], rows: Sequence[Any]) -> list[str]:
        """Return nothing: the best column is the simplest rule of the card."""
        del features, rows
        return []

    def learner(self, train: Split, seed: int) -> Any:
        """Return untrained trees."""
        preprocessor = self._preprocessor(self._binned(train))
        return ranking.RankLearner(preprocessor, self._grades(), seed)

    def evaluator(self, record: Mapping[str, Any]) -> Evaluator:
        """See `Task.evaluator`."""
        dataset = self.data
        return RankEvaluator(
            dataset, self.signature(dataset), record.get("answers", ()),
            self._grades(), self.golden_inputs(dataset),
        )  # fmt: skip

    def says(self) -> str:
        """See `Task.says`."""
        return (
            f"NDCG of the first {ranking.TOP} rows of each {self.id}: 1 is the right "
            "order"
        )

    def _grades(self) -> np.ndarray[Any, Any]:
        values = self._table.values(self.target)
        return np.unique([value for value in values if value is not None])

    def _binned(self, train: Split) -> Split:
        """Return the rows as they are: grades are few."""
        grades = np.searchsorted(self._grades(), np.array(train.targets, float))
        return Split(train.inputs, tuple(grades.tolist()), train.keys, train.weights)


def ranked(task: OwnTable) -> OwnRanking:
    """Return the task as an order within its ``id``; raises `DatasetError`."""
    if not task.id:
        raise DatasetError(
            f"--objective {NAME} orders the rows of a group: name its column with "
            "--id COLUMN"
        )
    taken = {
        item.name: getattr(task, item.name)
        for item in fields(OwnTable)
        if item.name not in {"family", "settings"}
    }
    return OwnRanking(**taken)
