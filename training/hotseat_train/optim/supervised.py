"""Training on labelled rows: cross-entropy against labels and a teacher."""

import math
from collections.abc import Callable, Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch.nn.functional import cross_entropy, one_hot

from hotseat_train.data.dataset import Split
from hotseat_train.optim import checkpoint
from hotseat_train.optim.loop import Objective, State, train
from hotseat_train.optim.plan import Plan

Array = np.ndarray[Any, Any]
Losses = Callable[[torch.Tensor, Array], torch.Tensor]
"""Logits [n, outputs] and the rows' numbers in, a loss for each row [n] out."""
_AT_ONCE = 512
"""Batch size of the validation."""


class Rows(Protocol):
    """Encoded inputs, the source of batches."""

    def __len__(self) -> int:
        """Return the number of rows."""

    def take(self, rows: Array) -> tuple[torch.Tensor, ...]:
        """Return the module's arguments for these rows."""


@runtime_checkable
class ResampledRows(Protocol):
    """Rows with new random changes in each epoch."""

    def begin(self, batch: int, random: np.random.Generator) -> Array:
        """Draw the changes; return an order of the rows for batches of that size."""


class Encoding(Protocol):
    """A learner with a module and the encoding of its rows."""

    @property
    def module(self) -> torch.nn.Module:
        """Takes what `Rows.take` returns; returns logits [rows, labels]."""

    def encode(self, inputs: tuple[Any, ...]) -> Rows:
        """Return the inputs as the module takes them."""


def fit(
    module: torch.nn.Module,
    training: tuple[Rows, tuple[int, ...]],
    validation: tuple[Rows, tuple[int, ...]],
    plan: Plan,
    *,
    teacher: Array | None = None,
    identity: str = "",
    weights: tuple[float, ...] = (),
    losses: Losses | None = None,
    **options: Any,
) -> State:
    """Train on rows and labels; leave the weights of the best epoch in `module`.

    `teacher` are probabilities [rows, labels] with the weight ``plan.soft`` (Hinton et
    al. 2015). `identity` describes columns and settings: a checkpoint with another one
    is not resumed. `weights` say how much each row counts. `losses` replaces the
    cross-entropy of labels and teacher.
    `options` are those of `loop.train`.
    """
    objective = _Labelled(
        training, validation, plan, teacher, identity, weights, losses
    )
    return train(module, objective, plan, **options)


def fit_learner(
    learner: Encoding, training: Split, validation: Split, plan: Plan, **options: Any
) -> State:
    """Train a learner's module on its encoded rows; see `fit`."""
    return fit(
        learner.module,
        (learner.encode(training.inputs), training.targets),
        (learner.encode(validation.inputs), validation.targets),
        plan,
        weights=training.weights,
        **options,
    )


def measure(
    module: torch.nn.Module, rows: Rows, targets: tuple[int, ...]
) -> tuple[float, float]:
    """Return the mean cross-entropy and the accuracy."""
    labels = torch.tensor(targets)
    logits = answers(module, rows)
    loss = cross_entropy(logits, labels)
    accuracy = (logits.argmax(1) == labels).double().mean()
    return float(loss), float(accuracy)


def answers(module: torch.nn.Module, rows: Rows) -> torch.Tensor:
    """Return the logits [rows, labels] in evaluation mode."""
    module.eval()
    with torch.no_grad():
        return torch.cat(
            [
                module(*rows.take(np.arange(start, min(start + _AT_ONCE, len(rows)))))
                for start in range(0, len(rows), _AT_ONCE)
            ]
        )


class _Labelled(Objective[Array]):
    """Row numbers as batches, cross-entropy as loss."""

    def __init__(
        self,
        training: tuple[Rows, tuple[int, ...]],
        validation: tuple[Rows, tuple[int, ...]],
        plan: Plan,
        teacher: Array | None,
        identity: str,
        weights: tuple[float, ...],
        losses: Losses | None,
    ) -> None:
        self._rows, labels = training
        self._validation, self._plan = validation, plan
        self._targets = _targets(labels, teacher, plan)
        self._size = len(self._rows) if plan.full_batch else plan.batch_size
        self._losses = losses or self._cross_entropy
        # before the first resampling, which changes the rows
        self._weights = torch.tensor(weights) if weights else None
        self._digest = f"{identity}{weights or ''}" + checkpoint.digest(
            _data(training, validation)
        )

    @property
    def steps(self) -> int:
        return math.ceil(len(self._rows) / self._size)

    def batches(
        self, epoch: int, module: torch.nn.Module, random: np.random.Generator
    ) -> Iterator[Array]:
        del epoch, module
        rows, size = self._rows, self._size
        if isinstance(rows, ResampledRows):
            order = rows.begin(size, random)
        elif self._plan.full_batch:
            order = np.arange(len(rows))
        else:
            order = random.permutation(len(rows))
        for start in range(0, len(order), size):
            yield order[start : start + size]

    def loss(self, module: torch.nn.Module, batch: Array) -> tuple[torch.Tensor, int]:
        losses = self._losses(module(*self._rows.take(batch)), batch)
        if self._weights is not None:
            losses = losses * self._weights[batch]
        return losses.mean(), len(batch)

    def _cross_entropy(self, logits: torch.Tensor, batch: Array) -> torch.Tensor:
        return cross_entropy(logits, self._targets[batch], reduction="none")

    def validate(self, module: torch.nn.Module) -> tuple[float, float]:
        return measure(module, *self._validation)

    def state(self) -> dict[str, Any]:
        return {"data": self._digest}

    def restore(self, state: dict[str, Any]) -> bool:
        # version 0.1 stored no digest
        return bool(state.get("data", self._digest) == self._digest)


def _data(*sides: tuple[Rows, tuple[int, ...]]) -> Iterator[torch.Tensor]:
    """Yield all training and validation data."""
    for rows, labels in sides:
        yield torch.tensor(labels)
        for start in range(0, len(rows), _AT_ONCE):
            yield from rows.take(np.arange(start, min(start + _AT_ONCE, len(rows))))


def _targets(
    labels: tuple[int, ...], teacher: Array | None, plan: Plan
) -> torch.Tensor:
    """Return labels [rows], or their mean with a teacher's [rows, labels]."""
    hard = torch.tensor(labels)
    if teacher is None or not plan.soft:
        return hard
    soft = torch.from_numpy(teacher.astype(np.float32))
    return (1 - plan.soft) * one_hot(hard, soft.shape[1]) + plan.soft * soft
