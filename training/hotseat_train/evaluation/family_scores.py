"""How one family of models stands among others."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Standing:
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


COLUMNS = ("family", "loss", "ROC AUC", "accuracy", "s to fit", "KiB", "ms a row")


def cells(standing: Standing | Mapping[str, Any]) -> list[str]:
    """Return a standing as a row of a table, under `COLUMNS`."""
    item = asdict(standing) if isinstance(standing, Standing) else standing
    area = "" if item["roc_auc"] is None else (
        f"{item['roc_auc']:.4f} ± {item['roc_auc_spread']:.4f}"
    )  # fmt: skip
    return [
        item["family"], f"{item['loss']:.4f} ± {item['loss_spread']:.4f}", area,
        f"{item['accuracy']:.4f}", f"{item['seconds']:.1f}",
        f"{item['bytes'] / 1024:,.0f}", f"{item['milliseconds']:.3f}",
    ]  # fmt: skip
