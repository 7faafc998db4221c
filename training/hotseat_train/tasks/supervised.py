"""Supervised tasks: the model is trained and evaluated on labelled rows."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np

from hotseat_registry import Signature
from hotseat_serve.codec import game_json
from hotseat_serve.kinds.background import Background
from hotseat_train.data.dataset import Dataset, Split
from hotseat_train.errors import TrainError
from hotseat_train.evaluation import parity
from hotseat_train.evaluation.behaviour import Suite
from hotseat_train.evaluation.evaluator import Evaluator, Tensors
from hotseat_train.evaluation.labelled import SupervisedEvaluator
from hotseat_train.models.tables import families, synthetic_rows
from hotseat_train.optim.loop import Epoch, Plan, State
from hotseat_train.optim.plan import GRADIENT
from hotseat_train.run import Run, commit
from hotseat_train.tasks.task import OneFamily, Progress

_SEEN = 96
"""Training rows for the ranges of a static variant."""
_LONGEST = 400
"""Longest such row, in characters; longer ones would add padding to the others."""


class Learner(Protocol):
    """A model of any family that can be trained and exported."""

    family: str
    """One of the task's families, or its only one."""

    def fit(
        self,
        train: Split,
        validation: Split,
        plan: Plan,
        *,
        checkpoint: Path | None = None,
        report: Callable[[Epoch], None] = lambda _epoch: None,
    ) -> State:
        """Train on `train`; a model without epochs reports one."""

    def probabilities(self, inputs: tuple[Any, ...]) -> np.ndarray[Any, Any]:
        """Return the model's own probabilities [rows, labels], without its graph."""

    def export(self, path: Path) -> None:
        """Write the graph, preprocessing included."""


class SupervisedTask(OneFamily, ABC):
    """A task whose rows have labels; see `tasks.task.Task`."""

    name: str
    kind = "classification"
    intended_use: str
    limits: str
    family: str = ""
    """The selected one of `families`."""
    compressions: Sequence[str] = ("dynamic", "static", "prune", "distill")
    evaluated_at_once = False
    options: Collection[str] = GRADIENT
    optimizer = "sgd"
    """The usual optimizer."""
    group: Callable[[Any], str] | None = None
    """Names the group of a row whose quality is reported separately."""
    cost: float | None = None
    """What a missed row of the rarer of two labels costs, in false alarms."""
    golden: Sequence[Any] | None = None
    """Invented inputs for the golden rows, if the rows are people's own words."""
    obfuscated: Callable[[Sequence[Any]], tuple[Any, ...]] | None = None
    """Spells texts as players do to evade a filter, always in the same way."""
    behaviour: Suite | None = None
    """Behaviour tests; their results are reported by category."""

    @abstractmethod
    def dataset(self) -> Dataset:
        """Read and split the data; raises `DatasetError`."""

    @cached_property
    def data(self) -> Dataset:
        """The result of `dataset`, read once."""
        return self.dataset()

    @abstractmethod
    def learner(self, train: Split, seed: int) -> Learner:
        """Return an untrained model, with its vocabulary from `train`."""

    @abstractmethod
    def signature(self, dataset: Dataset) -> Signature:
        """Return the graph's inputs and outputs."""

    @abstractmethod
    def plan(self, optimizer: str) -> Plan:
        """Return the settings of a training that suit this task."""

    def plan_of(self, options: Mapping[str, Any]) -> Plan:
        """See `Task.plan_of`."""
        plan = self.plan(options.get("optimizer") or self.optimizer)
        names = {item.name for item in fields(plan)} - {"optimizer"}
        return replace(plan, **{k: v for k, v in options.items() if k in names})

    def most_epochs(self, plan: Plan) -> int | None:
        """See `Task.most_epochs`."""
        return plan.max_epochs

    def title(self, plan: Plan) -> str:
        """See `Task.title`."""
        return f"{self.name}, {self.family or plan.optimizer}"

    def train(
        self, run: Run, plan: Plan, progress: Progress, rows: int | None = None
    ) -> dict[str, Any]:
        """See `Task.train`; an interrupted training resumes from its checkpoint.

        A finished run is trained anew, and its files are removed.
        """
        dataset = self.data
        if run.record.exists():
            run.clear()
        part = dataset.train.pick(range(len(dataset.train))[:rows])
        train_rows = (
            dataset.training_rows(part, dataset.validation) if rows is None else part
        )
        learner = self.learner(part, plan.seed)
        began = datetime.now(UTC)
        state = learner.fit(
            train_rows,
            dataset.validation,
            plan,
            checkpoint=run.checkpoint,
            report=progress.epoch,
        )
        learner.export(run.model)
        return {
            "task": self.name,
            "family": learner.family,
            "plan": asdict(plan),
            "data": _source(dataset, len(part), len(train_rows) - len(part)),
            "curve": [asdict(epoch) for epoch in state.curve],
            "best": asdict(state.best_epoch),
            "reason": state.reason,
            "answers": parity.answers(learner, dataset.validation),
            "began_at": began.isoformat(timespec="seconds"),
            "seconds": round((datetime.now(UTC) - began).total_seconds(), 1),
            "commit": commit(),
            **self.record(),
        }

    def record(self) -> dict[str, Any]:
        """Return further entries of the run's record that identify the task."""
        return {}

    def with_rows(self, purpose: str) -> Self:
        """See `Task.with_rows`."""
        del purpose
        return self

    def evaluator(self, record: Mapping[str, Any]) -> Evaluator:
        """See `Task.evaluator`."""
        dataset = self.data
        return SupervisedEvaluator(
            dataset,
            self.signature(dataset),
            record.get("answers", ()),
            group=self.group,
            golden=self.golden_inputs(dataset),
            obfuscated=self.obfuscated,
            cost=self.cost,
            behaviour=self.behaviour,
        )

    def golden_inputs(self, dataset: Dataset) -> Sequence[Any] | None:
        """Return the inputs of the golden rows; None: some of the test split's."""
        del dataset
        return self.golden

    def calibration(self, run: Run) -> list[Tensors]:
        """Return training rows as the graph takes them."""
        del run
        dataset = self.data
        rows = [row for row in dataset.train.inputs if len(str(row)) <= _LONGEST]
        rows = rows[:_SEEN]
        pointers = [f"/{number}" for number in range(len(rows))]
        return [game_json.encode(self.signature(dataset), rows, pointers)]

    def says(self) -> str:
        """See `Task.says`."""
        return ""


@dataclass(frozen=True, kw_only=True)
class TableTask(SupervisedTask):
    """A task of named features, with several families of models."""

    family: str = "trees"
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Replace the family's usual settings."""

    families = families.names()
    optimizer = "adam"
    groups: ClassVar[Mapping[str, Sequence[str]]] = {}
    """Fields that explanations name as one part, by its name."""

    @property
    def compressions(self) -> Sequence[str]:  # type: ignore[override] # by the family
        """Methods that suit the family."""
        return families.find(self.family).compressions

    def choose(
        self, family: str | None, settings: Mapping[str, Any] | None = None
    ) -> Self:
        """See `Task.choose`."""
        family = family or self.family
        if family not in self.families:
            raise TrainError(
                f"{self.name} has no family {family!r} of models; there are: "
                f"{', '.join(self.families)}"
            )
        return replace(self, family=family, settings=settings or self.settings)

    def most_epochs(self, plan: Plan) -> int | None:
        """See `Task.most_epochs`; a family without epochs has none."""
        uses = families.find(self.family).options
        return plan.max_epochs if "max_epochs" in uses else None

    def unused(self, options: Collection[str]) -> str:
        """Return which of these options the family does not use, and what does."""
        left = sorted(set(options) - set(families.find(self.family).options))
        if not left:
            return ""
        flag = f"--{left[0].replace('_', '-')}"
        if left[0] not in GRADIENT:
            return f"{flag} is for self-trained tasks: leave it out"
        return (
            f"the family {self.family} does not use {flag}, which is for networks: "
            "leave it out, choose --family mlp, or search the settings of "
            f"{self.family} with hotseat tune"
        )

    def record(self) -> dict[str, Any]:
        """Return the settings: `tasks.of` reads them."""
        return {"settings": dict(self.settings)}

    def golden_inputs(self, dataset: Dataset) -> Sequence[Any]:
        """Return invented rows: a player's row never leaves the studio."""
        return synthetic_rows.rows(self.signature(dataset), dataset.train)

    def background(self) -> Background | None:
        """See `Task.background`."""
        dataset = self.data
        return synthetic_rows.background(
            self.signature(dataset), dataset.train, self.groups
        )


def _source(dataset: Dataset, rows: int, more: int) -> dict[str, object]:
    return {
        "source": dataset.source,
        "licence": dataset.licence,
        "sha256": dataset.sha256,
        "preparation": dataset.preparation,
        "rows": {
            "train": rows,
            **({"more": more} if more else {}),
            "validation": len(dataset.validation),
            "test": len(dataset.test),
        },
    }
