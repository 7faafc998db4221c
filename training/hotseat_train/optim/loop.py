"""Gradient descent, by the whole data or by small batches, in one loop.

Initialise; take the gradient of the loss; update; repeat until the loss stands still
(`tolerance`), validation gets no better (`patience`) or `max_epochs` is reached.
What is kept is the epoch with the lowest validation loss.
"""

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from hotseat_train.data.dataset import Split
from hotseat_train.optim import checkpoint as checkpoints

OPTIMIZERS = ("gd", "sgd", "momentum", "adam")
Array = np.ndarray[Any, Any]
_MEASURED = 512
"""Rows that are measured at once."""
_WARM = 100
"""Steps over which a rate that decays rises first."""


class Rows(Protocol):
    """Encoded inputs, from which batches are taken."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def take(self, rows: Array) -> tuple[torch.Tensor, ...]:
        """Return the module's arguments for these rows."""


@runtime_checkable
class Varied(Protocol):
    """Rows that are read anew for each epoch."""

    def begin(self, batch: int, random: np.random.Generator) -> Array:
        """Vary the rows; return the order in which batches of that size are cut."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How to descend."""

    optimizer: str
    """gd: one step an epoch, on all rows; the others: one step a batch."""
    learning_rate: float
    momentum: float = 0.0
    batch_size: int = 64
    max_epochs: int = 30
    tolerance: float = 1e-5
    """Stop when the training loss changes by less than this from epoch to epoch."""
    patience: int = 4
    """Stop after so many epochs without a lower validation loss; gd takes tenfold."""
    seed: int = 0
    decay: bool = False
    """Whether the rate falls to nothing over `max_epochs`, as half a cosine."""
    clip: float = 0.0
    """Longest gradient that is followed, a longer one is cut to it; 0: any."""
    soft: float = 0.0
    """Share of the loss that is against a teacher's answers, where there is one."""

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
    teacher: Array | None = None,
    checkpoint: Path | None = None,
    report: Callable[[Epoch], None] = lambda _epoch: None,
) -> State:
    """Descend until a stop condition holds and leave the best weights in `module`.

    `teacher` are probabilities [rows, labels] that the module shall come near, too
    (Hinton et al. 2015). With `checkpoint`, every epoch is kept there, and a descent
    that was interrupted goes on as if it had not been.
    """
    optimizer = _optimizer(module, plan)
    random = np.random.default_rng(plan.seed)
    state = State()
    if checkpoint and checkpoint.exists():
        state = _resume(checkpoint, module, optimizer, random, plan)
    wanted = _wanted(train[1], teacher, plan)
    state.reason = _stopped(state, plan)
    while not state.reason:
        done = len(state.curve)
        loss = _pass(module, train[0], wanted, optimizer, plan, random, done)
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
    **watch: Any,
) -> State:
    """Fit a learner's module on encoded rows; see `fit`."""
    return fit(
        learner.module,
        (learner.encode(train.inputs), train.targets),
        (learner.encode(validation.inputs), validation.targets),
        plan,
        **watch,
    )


def measure(
    module: torch.nn.Module, rows: Rows, targets: tuple[int, ...]
) -> tuple[float, float]:
    """Return the mean cross-entropy and the accuracy."""
    wanted = torch.tensor(targets)
    logits = answers(module, rows)
    loss = torch.nn.functional.cross_entropy(logits, wanted)
    right = (logits.argmax(1) == wanted).double().mean()
    return float(loss), float(right)


def answers(module: torch.nn.Module, rows: Rows) -> torch.Tensor:
    """Return the logits [rows, labels], nothing being learned."""
    module.eval()
    with torch.no_grad():
        return torch.cat(
            [
                module(*rows.take(np.arange(at, min(at + _MEASURED, len(rows)))))
                for at in range(0, len(rows), _MEASURED)
            ]
        )


def _wanted(
    targets: tuple[int, ...], teacher: Array | None, plan: Plan
) -> torch.Tensor:
    """Return what is aimed at: labels [rows], or probabilities [rows, labels]."""
    hard = torch.tensor(targets)
    if teacher is None or not plan.soft:
        return hard
    soft = torch.from_numpy(teacher.astype(np.float32))
    one_hot = torch.nn.functional.one_hot(hard, soft.shape[1])
    return (1 - plan.soft) * one_hot + plan.soft * soft


def _pass(
    module: torch.nn.Module,
    rows: Rows,
    wanted: torch.Tensor,
    optimizer: torch.optim.Optimizer,
    plan: Plan,
    random: np.random.Generator,
    done: int,
) -> float:
    """Go over the data, after so many epochs; return the mean loss."""
    module.train()
    size = len(rows) if plan.whole else plan.batch_size
    if isinstance(rows, Varied):
        order = rows.begin(size, random)
    else:
        order = np.arange(len(rows)) if plan.whole else random.permutation(len(rows))
    total, steps = 0.0, math.ceil(len(order) / size)
    for number, start in enumerate(range(0, len(order), size)):
        batch = order[start : start + size]
        if plan.decay:
            rate = plan.learning_rate * _share(done * steps + number, steps, plan)
            for group in optimizer.param_groups:
                group["lr"] = rate
        logits = module(*rows.take(batch))
        loss = torch.nn.functional.cross_entropy(logits, wanted[batch])
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if plan.clip:
            torch.nn.utils.clip_grad_norm_(module.parameters(), plan.clip)
        optimizer.step()
        total += float(loss.detach()) * len(batch)
    return total / len(order)


def _share(step: int, steps: int, plan: Plan) -> float:
    """Return how much of the learning rate a step has, with `steps` an epoch."""
    fallen = math.cos(math.pi * step / (steps * plan.max_epochs))
    return min(1.0, (step + 1) / _WARM) * (1 + fallen) / 2


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
        return torch.optim.Adam(module.parameters(), plan.learning_rate, fused=True)
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
    whole = {
        "curve": [asdict(epoch) for epoch in state.curve],
        "best": state.best,
        "module": module.state_dict(),
        "optimizer": optimizer.state_dict(),
        "random": random.bit_generator.state,
        "dropped": torch.get_rng_state(),
        "plan": asdict(plan),
    }
    checkpoints.save(path, whole)


def _resume(
    path: Path,
    module: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    random: np.random.Generator,
    plan: Plan,
) -> State:
    """Read a checkpoint; one of another plan (but for its length) is not taken up.

    Where the rate decays, its length is part of the plan.
    """
    whole = checkpoints.load(path)
    length = {} if plan.decay else {"max_epochs": 0}
    if {**whole["plan"], **length} != {**asdict(plan), **length}:
        return State()
    module.load_state_dict(whole["module"])
    optimizer.load_state_dict(whole["optimizer"])
    random.bit_generator.state = whole["random"]
    torch.set_rng_state(whole["dropped"])
    return State([Epoch(**epoch) for epoch in whole["curve"]], whole["best"])
