"""A model card (Mitchell et al. 2019), written from the evidence alone."""

from collections.abc import Mapping
from typing import Any

from hotseat_registry import Manifest
from hotseat_train import standing
from hotseat_train.tasks.task import Task

_WAYS = {
    "gaps": "a fifth of what may be missing gone",
    "noise": "every number off by a fifth",
    "strangers": "categories that nobody ever saw",
}


def write(manifest: Manifest, task: Task) -> str:
    """Return the card of a task's model as Markdown."""
    lineage = manifest.lineage
    data = lineage["data"]
    rows = data["rows"]
    lines = [
        *head(manifest, task.intended_use, task.limits),
        "## Data",
        "",
        f"{data['source']} (licence: {data['licence']}). {data['preparation']}.",
        f"{rows['train']} rows for training, {rows['validation']} for validation,",
        f"{rows['test']} for test. SHA-256 `{data['sha256'][:16]}`.",
        "",
        *_columns(manifest),
        "## Quality",
        "",
        "On the test split, through the serving code; intervals are 95 %.",
        "",
        "| variant | accuracy | macro F1 | KiB | ms a row | times fp32's speed |",
        "|---|---|---|---|---|---|",
        *(
            f"| {v.name} | {v.metrics['accuracy']:.3f} "
            f"({v.metrics['interval'][0]:.3f} to {v.metrics['interval'][1]:.3f}) "
            f"| {v.metrics['macro_f1']:.3f} | {v.metrics['bytes'] / 1024:.0f} "
            f"| {v.metrics['milliseconds']:.3f} | {v.metrics['speed']:.2f} |"
            for v in manifest.variants
        ),
        "",
        *_more(manifest),
        f"Measured on {manifest.variants[0].metrics['cpu']}, one thread.",
        "",
        "## Training",
        "",
        *_training(lineage),
        "",
        *_families(lineage),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _columns(manifest: Manifest) -> list[str]:
    """Return what a table's model eats, column by column."""
    fields = [f for item in manifest.signature.inputs for f in item.fields or ()]
    if not fields:
        return []
    lines = ["## Columns", "", "| column | type | where it is missing | at least |",
             "|---|---|---|---|"]  # fmt: skip
    for field in fields:
        missing = "told apart" if field.default is None else repr(field.default)
        least = "" if field.minimum is None else f"{field.minimum:g}"
        lines.append(f"| {field.name} | {field.type} | {missing} | {least} |")
    return [*lines, ""]


def _families(lineage: Mapping[str, Any]) -> list[str]:
    """Return what cross-validation said of the families, where it was asked."""
    found = lineage.get("families")
    if not found:
        return []
    folds = found[0]["folds"]
    return [
        "## Families",
        "",
        f"Cross-validated in {folds} folds of the training and validation rows; the",
        "one with the lowest loss was taken. Mean and standard deviation over folds.",
        "",
        "| family | loss | ROC AUC | accuracy | s to fit | KiB | ms a row |",
        "|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(standing.cells(item))} |" for item in found),
        "",
    ]


def _training(lineage: Mapping[str, Any]) -> list[str]:
    """Return how it was learned: by descent, or in one go."""
    plan, best = lineage["plan"], lineage["best"]
    if lineage["reason"] == "fitted":
        how = [f"{lineage['family']}, fitted in one go, seed {plan['seed']}"]
    else:
        rate = plan["learning_rate"]
        how = [
            f"{lineage['family']} by {plan['optimizer']}, learning rate {rate},",
            f"momentum {plan['momentum']}, seed {plan['seed']};",
            f"stopped by {lineage['reason']}, kept epoch {best['number']}",
        ]
    return [*how, f"(validation loss {best['validation_loss']:.4f})."]


def head(manifest: Manifest, intended_use: str, limits: str) -> list[str]:
    """Return how every card begins."""
    labels = ", ".join(manifest.signature.labels)
    kind = manifest.kind.capitalize()
    return [
        f"# {manifest.model}",
        "",
        f"{kind}: {labels}." if labels else f"{kind}.",
        "",
        "## Intended use",
        "",
        intended_use,
        "",
        "## Limits",
        "",
        limits,
        "",
    ]


def _more(manifest: Manifest) -> list[str]:
    """Return what else was measured of the first variant: by label, by group."""
    metrics = manifest.variants[0].metrics
    lines = ["F1 by label: " + _listed(metrics["f1"]) + ".", ""]
    ranking = ("roc_auc", "average_precision", "brier", "calibration_error",
               "lift_top_tenth")  # fmt: skip
    found = {
        name.replace("_", " "): metrics[name] for name in ranking if name in metrics
    }
    if "roc_auc" in found:
        low, high = metrics["roc_auc_interval"]
        lines += [f"{_listed(found)}; ROC AUC {low:.3f} to {high:.3f} (95 %).", ""]
    for way, part in metrics.get("spoiled", {}).items():
        lines += [f"With {_WAYS[way]}: {_listed(part)}.", ""]
    for name, part in metrics.get("by", {}).items():
        low, high = part["interval"]
        said = (
            f"{name}: accuracy {part['accuracy']:.3f} ({low:.3f} to {high:.3f}), macro "
            f"F1 {part['macro_f1']:.3f} on {part['rows']} rows; "
            f"F1 {_listed(part['f1'])}."
        )
        lines += [said, ""]
    return lines


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items())
