"""The settings of a training; they are stored in ``run.json`` and in checkpoints."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from hotseat_train.errors import TrainError
from hotseat_train.optim.schedule import SCHEDULES

OPTIMIZERS = ("gd", "sgd", "momentum", "adam")
"""Optimizers for commands; self-training uses ``adamw``."""

GRADIENT = (
    "optimizer", "learning_rate", "momentum", "batch_size", "max_epochs", "tolerance",
    "patience", "seed",
)  # fmt: skip
"""Options of a command that a training by gradient descent uses."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of an optimizer, and the stopping rules."""

    optimizer: str
    """One of `OPTIMIZERS`, or adamw; gd takes one step an epoch, on all rows."""
    learning_rate: float
    momentum: float = 0.0
    batch_size: int = 64
    max_epochs: int = 30
    tolerance: float = 1e-5
    """Stop when the training loss changes by less than this from epoch to epoch."""
    patience: int = 4
    """Stop after so many epochs without a lower validation loss; gd: tenfold."""
    seed: int = 0
    schedule: str = "constant"
    """How the learning rate changes; see `optim.schedule`."""
    clip: float = 0.0
    """Maximum norm of the gradient; a longer gradient is scaled down; 0: no limit."""
    soft: float = 0.0
    """Weight of a teacher's probabilities against the labels, from 0 to 1."""
    weight_decay: float = 0.0
    """Weight decay of adamw (Loshchilov and Hutter 2019)."""
    averaging: float = 0.0
    """Decay of the weights' exponential moving average; 0: no average."""
    max_steps: int = 0
    """Stop after so many steps; 0: no limit."""
    max_minutes: float = 0.0
    """Stop after the epoch in which so many minutes have passed; 0: no limit."""

    def __post_init__(self) -> None:
        """Raise `TrainError` for an unknown optimizer or schedule."""
        for name, value, known in (
            ("optimizer", self.optimizer, (*OPTIMIZERS, "adamw")),
            ("schedule", self.schedule, tuple(SCHEDULES)),
        ):
            if value not in known:
                raise TrainError(f"no {name} {value!r}: expected {', '.join(known)}")

    @property
    def full_batch(self) -> bool:
        """Whether a step takes all rows."""
        return self.optimizer == "gd"

    @classmethod
    def read(cls, stored: Mapping[str, Any]) -> Self:
        """Return a stored plan; version 0.1 stored ``decay`` for the cosine schedule.

        Raises `TypeError` for an unknown setting.
        """
        settings = dict(stored)
        if settings.pop("decay", False):
            settings["schedule"] = "cosine"
        return cls(**settings)

    def resumes(self, other: "Plan") -> bool:
        """Whether a training by `other` may resume with this plan.

        Only the length may differ, and only if the schedule does not depend on it. A
        linear schedule that counts epochs continues with the rate for the new length.
        """
        length = {"max_minutes"}
        if self.schedule != "cosine":
            length.add("max_epochs")
        if self.schedule == "constant":
            length.add("max_steps")
        return all(
            getattr(self, item.name) == getattr(other, item.name)
            for item in fields(self)
            if item.name not in length
        )
