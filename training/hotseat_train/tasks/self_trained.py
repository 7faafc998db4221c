"""Self-trained tasks: they learn by self-play or from whole items."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from hotseat_registry import Signature
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_train.data.dataset import Requests
from hotseat_train.errors import TrainError
from hotseat_train.evaluation import policy_generator_quality, unlabelled
from hotseat_train.evaluation.evaluator import Evaluator, Tensors
from hotseat_train.evaluation.graph_calls import record_calls
from hotseat_train.evaluation.unlabelled import UnlabelledEvaluator
from hotseat_train.run import Run, commit
from hotseat_train.tasks.task import OneFamily, Progress

_SEEN = {"policy": 96, "generation": 8}
"""Inputs for the ranges of a static variant."""
_CALLS, _ROWS = 96, 8
"""Calls of the graph for these ranges, and rows of each."""


class SelfTrainedTask(OneFamily, ABC):
    """A task that learns by self-play or from whole items; see `tasks.task.Task`.

    The quality of its variants is measured by its kind and the rules that its
    signature names (see `policy_generator_quality`).
    """

    name: str
    kind: str
    """policy or generation."""
    intended_use: str
    limits: str
    compressions: Sequence[str] = ("dynamic", "static")
    evaluated_at_once = True
    minutes = 1.0
    """The usual length of a training."""
    options = ("minutes",)
    data: Mapping[str, Any]
    """``source`` and ``licence`` of the training data."""

    @abstractmethod
    def learn(
        self, folder: Path, minutes: float, report: Callable[[str], None]
    ) -> Sequence[tuple[float, float]]:
        """Write ``model.onnx`` into the folder; return (seconds, loss) by round."""

    @abstractmethod
    def signature(self) -> Signature:
        """Return the graph's inputs and outputs."""

    @abstractmethod
    def inputs(self) -> Sequence[Any]:
        """Return hundreds or more inputs of a game, the same at each call."""

    def measure(self, loaded: LoadedModel) -> Mapping[str, Any]:
        """Return further metrics of a variant for the card."""
        del loaded
        return {}

    def plan_of(self, options: Mapping[str, Any]) -> float:
        """Return the minutes of a training."""
        return float(options.get("minutes") or self.minutes)

    def title(self, plan: float) -> str:
        """See `Task.title`."""
        del plan
        return self.name

    def train(
        self, run: Run, plan: float, progress: Progress, rows: int | None = None
    ) -> dict[str, Any]:
        """See `Task.train`; `plan` is minutes."""
        del rows
        began = datetime.now(UTC)
        curve = self.learn(run.folder, plan, progress.line)
        return self.record(plan, began, curve)

    def record(
        self,
        minutes: float,
        began: datetime,
        curve: Sequence[tuple[float, float]] = (),
        *,
        pretrained: bool = False,
    ) -> dict[str, Any]:
        """Return the record of a run that ends now."""
        return {
            "task": self.name,
            "data": dict(self.data),
            "plan": {"minutes": minutes, "trained": pretrained},
            "curve": [
                {"seconds": round(second, 1), "loss": loss} for second, loss in curve
            ],
            "began_at": began.isoformat(timespec="seconds"),
            "seconds": round((datetime.now(UTC) - began).total_seconds(), 1),
            "commit": commit(),
        }

    def with_rows(self, purpose: str) -> NoReturn:
        """See `Task.with_rows`."""
        raise TrainError(
            f"{self.name} learns by playing or from whole items; {purpose} needs rows "
            "with labels"
        )

    def evaluator(self, record: Mapping[str, Any]) -> Evaluator:
        """See `Task.evaluator`."""
        del record
        return UnlabelledEvaluator(
            self.kind, self.signature(), self.requests(), self.measure
        )

    def calibration(self, run: Run) -> list[Tensors]:
        """Return inputs that the graph receives while serving; raises `RunError`."""
        model = self.loaded(run.needs(run.model, "train"))
        return record_calls(model, self.requests()[: _SEEN[self.kind]], _CALLS, _ROWS)

    def says(self) -> str:
        """See `Task.says`."""
        return policy_generator_quality.SAYS[self.kind]

    def loaded(self, graph: Path) -> LoadedModel:
        """Return a graph of the task loaded as in the service, without measurements."""
        return unlabelled.loaded(self.name, self.kind, self.signature(), graph)

    def requests(self) -> Requests:
        """Return the inputs with their options; a wish's seed is its index."""
        seeded = self.kind == "generation"
        return [
            (value, {"seed": at} if seeded else {})
            for at, value in enumerate(self.inputs())
        ]
