"""A task as federated clients train it: its preprocessing comes from no row.

Whoever trains on all rows takes vocabulary, scales and categories from them. Clients
of a federated training keep their rows, so these are public: the alphabet of
`public_ngrams` for texts, a declaration of the columns for tables (`declared_rows`).
Signature, golden rows and int8 ranges are derived from the same public rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from hotseat_registry import Signature
from hotseat_serve.codec import game_json
from hotseat_train.data.dataset import Dataset, Split
from hotseat_train.errors import TrainError
from hotseat_train.evaluation.evaluator import Tensors
from hotseat_train.models.tables.declared_rows import Declaration
from hotseat_train.models.text import public_ngrams
from hotseat_train.models.text.public_ngrams import PublicNgramLearner
from hotseat_train.optim.gradient_learner import GradientLearner
from hotseat_train.optim.loop import Plan
from hotseat_train.run import Run
from hotseat_train.tasks.own_number import OwnNumber
from hotseat_train.tasks.own_order import OwnOrder
from hotseat_train.tasks.own_ranking import OwnRanking
from hotseat_train.tasks.own_table import OwnTable
from hotseat_train.tasks.own_text import OwnText
from hotseat_train.tasks.supervised import SupervisedTask, TableTask
from hotseat_train.tasks.task import Task

FAMILIES = ("mlp", "logistic")
"""Families of tables whose weights can be averaged."""
_PUBLIC_TEXTS = 96
"""Invented texts of the alphabet, for int8 ranges and golden rows."""
_CHARACTERS = 12


class FederatedTask(SupervisedTask):
    """Another task, whose model starts from public preprocessing alone."""

    compressions = ("dynamic", "static")

    def __init__(self, inner: SupervisedTask, declaration: Declaration | None) -> None:
        """Wrap a task; `declaration` is None for texts."""
        self.inner, self.declaration = inner, declaration
        self.name, self.intended_use = inner.name, inner.intended_use
        self.limits, self.optimizer = inner.limits, inner.optimizer
        self.family = inner.family or "n-grams"
        self.group, self.cost = inner.group, inner.cost
        self.golden, self.obfuscated = inner.golden, inner.obfuscated
        self._public = declaration.rows() if declaration else _texts()

    @classmethod
    def of(cls, task: Task, declaration: Declaration | None) -> Self:
        """Return the federated form of a task; raises `TrainError` if it has none."""
        if not isinstance(task, SupervisedTask):
            raise TrainError(
                f"{task.name} has no labelled rows that clients could hold: it learns "
                f"by itself. Train it in one place: hotseat train {task.name}"
            )
        if isinstance(task, OwnNumber | OwnOrder | OwnRanking):
            raise TrainError(
                f"{task.name} predicts a number, an order or a ranking by trees, and "
                "trees cannot be averaged: federate labels (--objective label), or "
                "train in one place (hotseat train)"
            )
        if isinstance(task, OwnText) or not isinstance(task, TableTask):
            if declaration is not None:
                raise TrainError(
                    "--schema declares the columns of a table; texts need none, their "
                    f"alphabet is public ({public_ngrams.NAME}): leave --schema out"
                )
            return cls(task, None)
        if task.family not in FAMILIES:
            raise TrainError(
                f"models of the family {task.family} cannot be averaged: --family "
                f"{' or --family '.join(FAMILIES)}"
            )
        if declaration is None:
            raise TrainError(
                f"{task.name} is a table: scales and categories are learned from all "
                "rows, which no client shows. Declare the columns in a file: --schema "
                "FILE (hotseat federate --help has an example)"
            )
        return cls(_typed(task, declaration), declaration)

    def dataset(self) -> Dataset:
        """Return the task's own rows; raises `DatasetError`."""
        data = self.inner.data
        if self.declaration and set(data.labels) != set(self.declaration.labels):
            raise TrainError(
                f"the schema's labels are {', '.join(self.declaration.labels)}, those "
                f"of the rows {', '.join(data.labels)}: correct /labels of the schema"
            )
        return data

    def learner(self, train: Split, seed: int) -> GradientLearner:
        """Return a model that every client starts from; `train` is not looked at."""
        del train
        if self.declaration is None:
            return PublicNgramLearner(len(self.data.labels))
        task = self.inner
        if task.family == "logistic":  # by gradient: the family's own fit is not
            task = task.choose("mlp", {"hidden": 0, "dropout": 0.0})
        learner = task.learner(self._public, seed)
        if not isinstance(learner, GradientLearner):
            raise TrainError(f"{self.name} has no model whose weights can be averaged")
        return learner

    def signature(self, dataset: Dataset) -> Signature:
        """Return the signature by the public rows: no client's values are in it."""
        return self.inner.signature(replace(dataset, train=self._public))

    def plan(self, optimizer: str) -> Plan:
        """Return the inner task's plan."""
        return self.inner.plan(optimizer)

    def golden_inputs(self, dataset: Dataset) -> Sequence[Any] | None:
        """Return golden rows of the public rows."""
        return self.inner.golden_inputs(replace(dataset, train=self._public))

    def calibration(self, run: Run) -> list[Tensors]:
        """Return public rows as the graph takes them."""
        del run
        rows = list(self._public.inputs[:_PUBLIC_TEXTS])
        return [game_json.encode(self.signature(self.data), rows)]

    def record(self) -> dict[str, Any]:
        """Return what `tasks.of` reads."""
        schema = self.declaration.to_json() if self.declaration else None
        return {**self.inner.record(), "schema": schema}

    @property
    def usual(self) -> dict[str, Any]:
        """The settings of a federated training that suit the model."""
        if self.declaration is None:
            return {"learning_rate": 10.0}
        return {"learning_rate": 0.1}

    @property
    def preprocessing(self) -> str:
        """Where the preprocessing is from, for the card."""
        if self.declaration is None:
            return (
                f"characters of {public_ngrams.NAME}, longer n-grams hashed into "
                f"{public_ngrams.BUCKETS:,} rows"
            )
        return (
            f"a declaration of {len(self.declaration.columns)} columns by range or "
            "values"
        )


def restored(task: Task, record: Mapping[str, Any]) -> FederatedTask:
    """Return the federated task of a run's record; raises `TrainError`."""
    schema = record.get("schema")
    declared = Declaration.of(schema, "the run's schema") if schema else None
    return FederatedTask.of(task, declared)


def _typed(task: TableTask, declaration: Declaration) -> SupervisedTask:
    """Return the task with the declared types of its columns; raises `TrainError`."""
    if not isinstance(task, OwnTable):
        return task
    types = {name: column.type for name, column in declaration.columns.items()}
    asked = [pair for pair in task.types if pair.rpartition("=")[0] not in types]
    chosen = replace(
        task, types=(*asked, *(f"{name}={kind}" for name, kind in types.items()))
    )
    found = {column.name for column in chosen.features}
    if unknown := sorted(found - set(types)):
        raise TrainError(
            f"the schema does not declare the column {unknown[0]!r}: add it, or leave "
            f"the column out (--column {unknown[0]}=out)"
        )
    if away := sorted(set(types) - found):
        raise TrainError(
            f"{task.path} has no feature {away[0]!r}, which the schema declares"
        )
    return chosen


def _texts() -> Split:
    """Return texts of the alphabet, in order."""
    letters = public_ngrams.alphabet()
    texts = tuple(
        "".join(letters[(at * _CHARACTERS + n) % len(letters)]
                for n in range(_CHARACTERS))
        for at in range(_PUBLIC_TEXTS)
    )  # fmt: skip
    return Split(texts, tuple(at % 2 for at in range(len(texts))))
