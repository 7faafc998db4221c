"""The training loop: steps of gradient descent, epochs, and when to stop.

An `Objective` supplies batches, their loss and the validation of an epoch; a `Plan`
contains the optimizer's settings and the stopping rules. `optim.supervised` has the
objective for labelled rows.
"""

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from hotseat_train.optim import checkpoint as checkpoints
from hotseat_train.optim.plan import OPTIMIZERS, Plan
from hotseat_train.optim.schedule import SCHEDULES

__all__ = ["OPTIMIZERS", "Epoch", "Objective", "Plan", "State", "train"]

Batch = TypeVar("Batch")


@dataclass(frozen=True, slots=True)
class Epoch:
    """The losses of an epoch; NaN without validation."""

    number: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float


@dataclass(slots=True)
class State:
    """The progress of a training; all of it is in the checkpoint."""

    curve: list[Epoch] = field(default_factory=list)
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    """The weights of the best epoch; of the last one without validation."""
    reason: str = ""
    """Why it ended: tolerance, patience, max_epochs, max_steps or max_minutes."""
    seconds: list[float] = field(default_factory=list)
    """Seconds of training at the end of each epoch, without interruptions."""
    steps: int = 0
    kept: Epoch | None = None
    """The measurements of the kept model, where they are taken from the model."""

    @property
    def best_epoch(self) -> Epoch:
        """The kept epoch: that with the lowest validation loss, the first of equals."""
        return self.kept or min(self.curve, key=lambda epoch: epoch.validation_loss)


class Objective(ABC, Generic[Batch]):
    """What a training minimises; a subclass is a source of batches and their loss."""

    @property
    def steps(self) -> int | None:
        """The number of batches in an epoch; None: unknown in advance."""
        return None

    @abstractmethod
    def batches(
        self, epoch: int, module: torch.nn.Module, random: np.random.Generator
    ) -> Iterable[Batch]:
        """Return the batches of an epoch, counted from 0.

        `module` has the averaged weights if the plan has averaging.
        """

    @abstractmethod
    def loss(self, module: torch.nn.Module, batch: Batch) -> tuple[torch.Tensor, int]:
        """Return the mean loss of a batch and its number of rows."""

    def validate(self, module: torch.nn.Module) -> tuple[float, float] | None:
        """Return loss and accuracy after an epoch; None: keep the last weights."""
        del module
        return None

    def state(self) -> dict[str, Any]:
        """Return the objective's own state for the checkpoint."""
        return {}

    def restore(self, state: dict[str, Any]) -> bool:
        """Restore a `state`; return False if it belongs to another objective."""
        del state
        return True


def train(
    module: torch.nn.Module,
    objective: Objective[Batch],
    plan: Plan,
    *,
    checkpoint: Path | None = None,
    report: Callable[[Epoch], None] = lambda _epoch: None,
    clock: Callable[[], float] = time.monotonic,
) -> State:
    """Train until a stopping rule of the plan; leave the best weights in `module`.

    `checkpoint` is written after every epoch; an interrupted training resumes from it
    and ends with the same weights. A checkpoint of another plan, network or data is
    replaced. The same seed gives the same weights on machines with the same arithmetic.
    Raises `RunError` if the checkpoint cannot be written.
    """
    training = _Training(module, objective, plan)
    if checkpoint and checkpoint.exists():
        training.resume(checkpoints.load(checkpoint))
    state = training.state
    state.reason = _stopped(state, plan)
    while not state.reason:
        before, began = (state.seconds or [0.0])[-1], clock()
        epoch = training.epoch()
        state.seconds.append(before + clock() - began)
        state.reason = _stopped(state, plan)
        if checkpoint:
            checkpoints.save(checkpoint, training.content())
        report(epoch)
    module.load_state_dict(state.best)
    return state


class _Training(Generic[Batch]):
    """A module, its optimizer and average, and the progress."""

    def __init__(
        self, module: torch.nn.Module, objective: Objective[Batch], plan: Plan
    ) -> None:
        self.module, self.objective, self.plan = module, objective, plan
        self.random = np.random.default_rng(plan.seed)
        self.optimizer = _optimizer(module, plan)
        self.average = _average(module, plan)
        self.state = State()

    @property
    def evaluated(self) -> torch.nn.Module:
        """The module to validate and to keep: the average, if there is one."""
        average = self.average
        return self.module if average is None else average.module

    def epoch(self) -> Epoch:
        """Take the steps of an epoch, validate it and keep the best weights."""
        state = self.state
        self.module.train()
        loss = self._pass()
        self.module.eval()
        measured = self.objective.validate(self.evaluated)
        number = len(state.curve) + 1
        epoch = Epoch(number, loss, *(measured or (math.nan, math.nan)))
        state.curve.append(epoch)
        if measured is None or state.best_epoch is epoch:
            weights = self.evaluated.state_dict()
            state.best = {name: value.clone() for name, value in weights.items()}
        return epoch

    def _pass(self) -> float:
        """Take the steps of an epoch; return the mean loss of its rows."""
        done, plan, state = len(self.state.curve), self.plan, self.state
        total, rows = 0.0, 0
        for batch in self.objective.batches(done, self.evaluated, self.random):
            self._set_rate()
            loss, count = self.objective.loss(self.module, batch)
            self._step(loss)
            total += float(loss.detach()) * count
            rows += count
            state.steps += 1
            if state.steps == plan.max_steps:
                break
        return total / rows

    def _step(self, loss: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if self.plan.clip:
            torch.nn.utils.clip_grad_norm_(self.module.parameters(), self.plan.clip)
        self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.module)

    def _set_rate(self) -> None:
        """Set the learning rate of the next step.

        The schedule counts steps where their number is known, and epochs otherwise.
        """
        plan, state = self.plan, self.state
        if plan.schedule == "constant":
            return
        done, total = state.steps, plan.max_steps
        if not total and self.objective.steps is not None:
            total = self.objective.steps * plan.max_epochs
        if not total:
            done, total = len(state.curve), plan.max_epochs
        rate = plan.learning_rate * SCHEDULES[plan.schedule](done, total)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def content(self) -> dict[str, Any]:
        """Return the content of a checkpoint."""
        average = self.average
        return {
            "plan": asdict(self.plan),
            "curve": [asdict(epoch) for epoch in self.state.curve],
            "seconds": list(self.state.seconds),
            "steps": self.state.steps,
            "best": self.state.best,
            "module": self.module.state_dict(),
            "average": None if average is None else average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": self.random.bit_generator.state,
            "dropped": torch.get_rng_state(),
            "objective": self.objective.state(),
        }

    def resume(self, content: dict[str, Any]) -> None:
        """Resume from a checkpoint; ignore one of another training."""
        curve = [Epoch(**epoch) for epoch in content["curve"]]
        if not self.plan.resumes(Plan.read(content["plan"])):
            return
        if _shapes(content["module"]) != _shapes(self.module.state_dict()):
            return
        if not self.objective.restore(content.get("objective", {})):
            return
        self.module.load_state_dict(content["module"])
        self.optimizer.load_state_dict(content["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(content["average"])
        self.random.bit_generator.state = content["random"]
        torch.set_rng_state(content["dropped"])
        # checkpoints of an earlier version have neither seconds nor steps
        seconds = content.get("seconds", [0.0] * len(curve))
        steps = content.get("steps", len(curve) * (self.objective.steps or 0))
        self.state = State(curve, content["best"], "", seconds, steps)


def _shapes(weights: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in weights.items()}


def _stopped(state: State, plan: Plan) -> str:
    curve = state.curve
    if len(curve) > 1:
        change = abs(curve[-1].train_loss - curve[-2].train_loss)
        if change < plan.tolerance:
            return "tolerance"
        patience = plan.patience * (10 if plan.full_batch else 1)
        validated = not math.isnan(curve[-1].validation_loss)
        if validated and curve[-1].number - state.best_epoch.number >= patience:
            return "patience"
    if plan.max_steps and state.steps >= plan.max_steps:
        return "max_steps"
    if plan.max_minutes and curve and state.seconds[-1] >= 60 * plan.max_minutes:
        return "max_minutes"
    return "max_epochs" if len(curve) >= plan.max_epochs else ""


def _optimizer(module: torch.nn.Module, plan: Plan) -> torch.optim.Optimizer:
    rate = plan.learning_rate
    if plan.optimizer == "adam":
        return torch.optim.Adam(module.parameters(), rate, fused=True)
    if plan.optimizer == "adamw":
        decay = plan.weight_decay
        return torch.optim.AdamW(module.parameters(), rate, weight_decay=decay)
    return torch.optim.SGD(module.parameters(), lr=rate, momentum=plan.momentum)


def _average(module: torch.nn.Module, plan: Plan) -> AveragedModel | None:
    if not plan.averaging:
        return None
    average = get_ema_multi_avg_fn(plan.averaging)  # type: ignore[no-untyped-call]
    return AveragedModel(module, multi_avg_fn=average, use_buffers=True).eval()
