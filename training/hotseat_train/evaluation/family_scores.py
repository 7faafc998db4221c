"""The scores of one family of models in cross-validation."""

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
