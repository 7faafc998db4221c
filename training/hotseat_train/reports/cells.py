"""Cells of the tables that cards and commands show."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from hotseat_registry import metric_names
from hotseat_train.evaluation.family_scores import FamilyScores, NestedScores

FAMILY_COLUMNS = (
    "family", "loss", "ROC AUC", "accuracy", "s to fit", "KiB", "ms a row",
)  # fmt: skip


def family(scores: FamilyScores | Mapping[str, Any]) -> list[str]:
    """Return the scores of a family as cells under `FAMILY_COLUMNS`."""
    item = asdict(scores) if isinstance(scores, FamilyScores) else scores
    area = "" if item["roc_auc"] is None else (
        f"{item['roc_auc']:.4f} ± {item['roc_auc_spread']:.4f}"
    )  # fmt: skip
    return [
        item["family"], f"{item['loss']:.4f} ± {item['loss_spread']:.4f}", area,
        f"{item['accuracy']:.4f}", f"{item['seconds']:.1f}",
        f"{item['bytes'] / 1024:,.0f}", f"{item['milliseconds']:.3f}",
    ]  # fmt: skip


def nested(scores: NestedScores | Mapping[str, Any]) -> str:
    """Return what to expect of the choice among families, as a sentence."""
    item = asdict(scores) if isinstance(scores, NestedScores) else scores
    counts = Counter(item["families"]).most_common()
    chosen = ", ".join(f"{name} in {count}" for name, count in counts)
    return (
        f"nested, with the family chosen in each fold without it ({chosen}): loss "
        f"{item['loss']:.4f} ± {item['loss_spread']:.4f}, accuracy "
        f"{item['accuracy']:.4f}"
    )


def quality_drop(metrics: Mapping[str, Any]) -> str:
    """Return the quality drop in percent with its interval; empty for the first."""
    metrics = metric_names.current(metrics)
    if "quality_drop" not in metrics:
        return ""
    low, high = (100 * bound for bound in metrics["quality_drop_interval"])
    return f"{100 * metrics['quality_drop']:.2f} ({low:.2f} to {high:.2f})"
