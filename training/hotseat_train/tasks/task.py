"""The protocol of tasks."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

from hotseat_serve.kinds.background import Background
from hotseat_train.errors import TrainError
from hotseat_train.evaluation.evaluator import Evaluator, Tensors
from hotseat_train.optim.loop import Epoch
from hotseat_train.run import Run

if TYPE_CHECKING:
    from hotseat_train.tasks.supervised import SupervisedTask


@dataclass(frozen=True, slots=True)
class Progress:
    """Receives the progress of a training."""

    epoch: Callable[[Epoch], None] = lambda _epoch: None
    line: Callable[[str], None] = lambda _line: None


class Task(Protocol):
    """A prediction problem; entry points under `hotseat.tasks` name them.

    `SupervisedTask` is the base of tasks with labelled rows, `SelfTrainedTask` of
    tasks that learn by self-play or from whole items.
    """

    @property
    def name(self) -> str:
        """Of the task and of its model."""

    @property
    def kind(self) -> str:
        """One of the registry's kinds: classification, policy, generation ..."""

    @property
    def intended_use(self) -> str:
        """For the card."""

    @property
    def limits(self) -> str:
        """For the card."""

    @property
    def families(self) -> Sequence[str]:
        """Families of models to choose from; empty: there is one."""

    @property
    def compressions(self) -> Sequence[str]:
        """Methods of `compression.variants` that suit its graphs."""

    @property
    def evaluated_at_once(self) -> bool:
        """Whether a training ends with an evaluation."""

    def choose(
        self, family: str | None, settings: Mapping[str, Any] | None = None
    ) -> "Task":
        """Return the task with that family of models and these settings.

        None changes nothing. Raises `TrainError` for an unknown family.
        """

    def plan_of(self, options: Mapping[str, Any]) -> Any:
        """Return the plan of a training: the usual one with these `options`."""

    def unused(self, options: Collection[str]) -> str:
        """Return why the first of these options of a plan is not used.

        Empty: all are.
        """

    def most_epochs(self, plan: Any) -> int | None:
        """Return how many epochs a training has at most; None: unknown."""

    def title(self, plan: Any) -> str:
        """Return the title of a training's progress."""

    def train(
        self, run: Run, plan: Any, progress: Progress, rows: int | None = None
    ) -> dict[str, Any]:
        """Write the graph into the run's folder and return the run's record.

        `rows` takes the first of the training rows only, for trying things out.
        Raises `TrainError`.
        """

    def with_rows(self, purpose: str) -> "SupervisedTask":
        """Return the task if it has labelled rows; else raises `TrainError`."""

    def evaluator(self, record: Mapping[str, Any]) -> Evaluator:
        """Return the evaluator of a run's variants; raises `TrainError`."""

    def calibration(self, run: Run) -> list[Tensors]:
        """Return inputs of the run's graph, for the ranges of static int8."""

    def background(self) -> Background | None:
        """Return the background of explanations; None for models without fields."""

    def says(self) -> str:
        """Return what `quality` measures; empty for tasks measured by accuracy."""


class OneFamily:
    """`choose` of a task that has one family of models."""

    name: str
    families: Sequence[str] = ()
    options: Collection[str] = ()
    """The options of a plan that its training uses."""

    def most_epochs(self, plan: Any) -> int | None:
        """See `Task.most_epochs`."""
        del plan
        return None

    def background(self) -> Background | None:
        """See `Task.background`."""
        return None

    def unused(self, options: Collection[str]) -> str:
        """See `Task.unused`."""
        left = sorted(set(options) - set(self.options))
        if not left:
            return ""
        used = ", ".join(f"--{name.replace('_', '-')}" for name in sorted(self.options))
        return (
            f"{self.name} does not use --{left[0].replace('_', '-')}: leave it out; "
            f"it uses {used}"
        )

    def choose(
        self, family: str | None, settings: Mapping[str, Any] | None = None
    ) -> Self:
        """See `Task.choose`."""
        del settings
        if family is not None:
            raise TrainError(
                f"{self.name} has one family of models: leave --family out"
            )
        return self
