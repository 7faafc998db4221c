"""Gradient descent, by the whole data or by small batches, in one loop.

Initialise; take the gradient of the loss; update; repeat until the loss stands still
(`tolerance`), validation gets no better (`patience`) or `max_epochs` is reached.
What is kept is the epoch with the lowest validation loss.
"""

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from hotseat_train.dataset import Split

OPTIMIZERS = ("gd", "sgd", "adam")


class Rows(Protocol):
    """Encoded inputs, from which batches are taken."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def take(self, rows: np.ndarray[Any, Any]) -> tuple[torch.Tensor, ...]:
        """Return the module's arguments for these rows."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to descend."""

    optimizer: str
    """gd: one step an epoch, on all rows; sgd and adam: one step a batch."""
    learning_rate: float
    momentum: float = 0.0
    batch_size: int = 64
    max_epochs: int = 30
    tolerance: float = 1e-5
    """Stop when the training loss changes by less than this from epoch to epoch."""
    patience: int = 4
    """Stop after so many epochs without a lower validation loss; gd takes tenfold."""
    seed: int = 0

    @property
    def whole(self) -> bool:
        """Whether a step takes all rows."""
        return self.optimizer == "gd"


@dataclass(frozen=True, slots=True)
class Epoch:
    """What one pass over the data gave."""

    number: int
    train_loss: float
    validation_loss: float
    validation_accuracy: float


@dataclass(slots=True)
class State:
    """How far a descent is; all of it is in the checkpoint."""

    curve: list[Epoch] = field(default_factory=list)
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    reason: str = ""
    """Why it stopped: tolerance, patience or max_epochs; empty while it runs."""

    @property
    def best_epoch(self) -> Epoch:
        """The epoch that is kept."""
        return min(self.curve, key=lambda epoch: epoch.validation_loss)


def fit(
    module: torch.nn.Module,
    train: tuple[Rows, tuple[int, ...]],
    validation: tuple[Rows, tuple[int, ...]],
    plan: Plan,
    *,
    checkpoint: Path | None = None,
    report: Callable[[Epoch], None] = lambda _epoch: None,
) -> State:
    """Descend until a stop condition holds and leave the best weights in `module`.

    With `checkpoint`, every epoch is kept there, and a descent that was interrupted
    goes on as if it had not been.
    """
    optimizer = _optimizer(module, plan)
    random = np.random.default_rng(plan.seed)
    state = State()
    if checkpoint and checkpoint.exists():
        state = _resume(checkpoint, module, optimizer, random, plan)
    targets = torch.tensor(train[1])
    state.reason = _stopped(state, plan)
    while not state.reason:
        loss = _pass(module, train[0], targets, optimizer, plan, random)
        epoch = Epoch(len(state.curve) + 1, loss, *measure(module, *validation))
        state.curve.append(epoch)
        if state.best_epoch is epoch:
            state.best = {k: v.clone() for k, v in module.state_dict().items()}
        state.reason = _stopped(state, plan)
        if checkpoint:
            _save(checkpoint, state, module, optimizer, random, plan)
        report(epoch)
    module.load_state_dict(state.best)
    return state


class Encoding(Protocol):
    """A learner that is fitted by descent."""

    @property
    def module(self) -> torch.nn.Module:
        """Takes what `Rows.take` returns; answers logits [rows, labels]."""

    def encode(self, inputs: tuple[Any, ...]) -> Rows:
        """Turn inputs into what the module takes."""


def descend(
    learner: Encoding,
    train: Split,
    validation: Split,
    plan: Plan,
    *,
    checkpoint: Path | None = None,
    report: Callable[[Epoch], None] = lambda _epoch: None,
) -> State:
    """Fit a learner's module on encoded rows; see `fit`."""
    return fit(
        learner.module,
        (learner.encode(train.inputs), train.targets),
        (learner.encode(validation.inputs), validation.targets),
        plan,
        checkpoint=checkpoint,
        report=report,
    )


def measure(
    module: torch.nn.Module, rows: Rows, targets: tuple[int, ...]
) -> tuple[float, float]:
    """Return the mean cross-entropy and the accuracy."""
    module.eval()
    with torch.no_grad():
        logits = module(*rows.take(np.arange(len(rows))))
        wanted = torch.tensor(targets)
        loss = torch.nn.functional.cross_entropy(logits, wanted)
        right = (logits.argmax(1) == wanted).double().mean()
    return float(loss), float(right)


def _pass(
    module: torch.nn.Module,
    rows: Rows,
    targets: torch.Tensor,
    optimizer: torch.optim.Optimizer,
    plan: Plan,
    random: np.random.Generator,
) -> float:
    module.train()
    order = np.arange(len(rows)) if plan.whole else random.permutation(len(rows))
    size = len(rows) if plan.whole else plan.batch_size
    total = 0.0
    for start in range(0, len(order), size):
        batch = order[start : start + size]
        logits = module(*rows.take(batch))
        loss = torch.nn.functional.cross_entropy(logits, targets[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        total += float(loss.detach()) * len(batch)
    return total / len(order)


def _stopped(state: State, plan: Plan) -> str:
    curve = state.curve
    if len(curve) > 1:
        change = abs(curve[-1].train_loss - curve[-2].train_loss)
        if change < plan.tolerance:
            return "tolerance"
        patience = plan.patience * (10 if plan.whole else 1)
        if curve[-1].number - state.best_epoch.number >= patience:
            return "patience"
    return "max_epochs" if len(curve) >= plan.max_epochs else ""


def _optimizer(module: torch.nn.Module, plan: Plan) -> torch.optim.Optimizer:
    if plan.optimizer == "adam":
        return torch.optim.Adam(module.parameters(), lr=plan.learning_rate)
    return torch.optim.SGD(
        module.parameters(), lr=plan.learning_rate, momentum=plan.momentum
    )


def _save(
    path: Path,
    state: State,
    module: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    random: np.random.Generator,
    plan: Plan,
) -> None:
    """Write the checkpoint whole or not at all."""
    whole = {
        "curve": [asdict(epoch) for epoch in state.curve],
        "best": state.best,
        "module": module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "random": random.bit_generator.state,
        "plan": asdict(plan),
    }
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        torch.save(whole, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _resume(
    path: Path,
    module: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    random: np.random.Generator,
    plan: Plan,
) -> State:
    """Read a checkpoint; one of another plan (but for its length) is not taken up."""
    whole: dict[str, Any] = torch.load(path, weights_only=True)
    if {**whole["plan"], "max_epochs": 0} != {**asdict(plan), "max_epochs": 0}:
        return State()
    module.load_state_dict(whole["module"])
    optimizer.load_state_dict(whole["optimizer"])
    random.bit_generator.state = whole["random"]
    return State([Epoch(**epoch) for epoch in whole["curve"]], whole["best"])
