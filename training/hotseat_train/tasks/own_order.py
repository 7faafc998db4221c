"""A studio's own table whose labels have an order, as ranks and difficulties have."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from hotseat_train.data.dataset import Dataset, Split
from hotseat_train.data.tables import Table
from hotseat_train.errors import DatasetError
from hotseat_train.evaluation import order
from hotseat_train.evaluation.evaluator import Evaluator
from hotseat_train.evaluation.labelled import SupervisedEvaluator
from hotseat_train.models.tables import families
from hotseat_train.models.tables.ordered_labels import OrderedLearner
from hotseat_train.tasks.own_table import OwnTable
from hotseat_train.tasks.supervised import Learner

_LABELS = 20
NAME = "ordinal"


@dataclass(frozen=True, kw_only=True)
class OwnOrder(OwnTable):
    """Named features in, the probabilities of labels in an order out."""

    order: tuple[str, ...] = ()
    """The labels from the lowest on; empty: they are numbers, in their order."""

    intended_use = (
        "Predict a column of the studio's own table whose labels have an order, from "
        "the others."
    )

    @property
    def compressions(self) -> Sequence[str]:  # type: ignore[override] # as in TableTask
        """None: the models of the steps are published as they are."""
        return ()

    def record(self) -> dict[str, Any]:
        """Return what `tasks.of` reads, with the order."""
        record = super().record()
        return {**record, "table": {**record["table"], "order": list(self.order)}}

    @classmethod
    def of(cls, record: Mapping[str, Any], sha256: str, **more: Any) -> OwnTable:
        """Return the task that a run was of."""
        return super().of({**record, "order": tuple(record["order"])}, sha256, **more)

    def encoded(
        self, table: Table, labels: Sequence[str] = ()
    ) -> tuple[list[Any], tuple[str, ...]]:
        """See `OwnTable.encoded`; the labels are in their order."""
        if labels:
            return super().encoded(table, labels)
        targets, found = super().encoded(table)
        if len(found) > _LABELS:
            raise DatasetError(
                f"{self.path}: {self.target} has {len(found)} labels; an order has at "
                f"most {_LABELS}: --objective number learns numbers"
            )
        if not self.order:
            for label in found:
                _number(label, self.target)
            return targets, found
        if set(self.order) != set(found) or len(self.order) != len(found):
            raise DatasetError(
                f"--objective {NAME}:{'<'.join(self.order)}: {self.target} has the "
                f"labels {', '.join(found)}; expected each of them once"
            )
        place = [self.order.index(label) for label in found]
        return [None if t is None else place[t] for t in targets], self.order

    def remarks(self, targets: Sequence[Any], labels: Sequence[str]) -> list[str]:
        """Return what to note of the targets."""
        notes = [f"{self.target} has the order {' < '.join(labels)}"]
        return notes + [
            note
            for note in super().remarks(targets, labels)
            if "without an order" not in note
        ]

    def learner(self, train: Split, seed: int) -> Learner:
        """Return an untrained model of each step, of the task's family."""
        preprocessor = self._preprocessor(train)
        return OrderedLearner(
            preprocessor,
            lambda: families.learner(self.family, preprocessor, 2, seed, self.settings),
            max(train.targets) + 1,
        )

    def evaluator(self, record: Mapping[str, Any]) -> Evaluator:
        """See `Task.evaluator`: also how far answers are from the truth."""
        dataset: Dataset = self.data
        return SupervisedEvaluator(
            dataset, self.signature(dataset), record.get("answers", ()),
            golden=self.golden_inputs(dataset), further=order.measure,
        )  # fmt: skip


def ordered(task: OwnTable, objective: str) -> OwnOrder:
    """Return the task with an order: ``ordinal``, or ``ordinal:low<middle<high``.

    Raises `DatasetError`.
    """
    name, _, text = objective.partition(":")
    if name != NAME or (":" in objective and not text):
        raise DatasetError(
            f"--objective {objective}: expected {NAME} (labels that are numbers), or "
            f"{NAME}:LOWEST<...<HIGHEST"
        )
    taken = {item.name: getattr(task, item.name) for item in fields(OwnTable)}
    labels = tuple(part.strip() for part in text.split("<")) if text else ()
    made = OwnOrder(**taken, order=labels)
    return replace(made, types=(*made.types, f"{task.target}=category"))


def _number(label: str, target: str) -> None:
    try:
        float(label)
    except ValueError:
        raise DatasetError(
            f"{target} = {label!r} is no number, so its place in the order is unknown: "
            f"--objective {NAME}:LOWEST<...<HIGHEST"
        ) from None
