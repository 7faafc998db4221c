"""The scores of families of models in cross-validation."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FamilyScores:
    """One family over all folds: means, and standard deviations over folds."""

    family: str
    folds: int
    loss: float
    loss_spread: float
    accuracy: float
    roc_auc: float | None
    roc_auc_spread: float | None
    seconds: float
    bytes: int
    milliseconds: float


@dataclass(frozen=True, slots=True)
class NestedScores:
    """The family that each fold's other rows chose, measured on the fold."""

    loss: float
    loss_spread: float
    accuracy: float
    families: tuple[str, ...]
    """The family chosen in each fold."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The families side by side, and what to expect of the choice among them."""

    families: Sequence[FamilyScores]
    """The one with the lowest loss first."""
    nested: NestedScores
