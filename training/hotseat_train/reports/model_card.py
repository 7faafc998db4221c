"""Writes model cards (Mitchell et al. 2019) from the measurements."""

from collections.abc import Mapping
from typing import Any

from hotseat_registry import Field, Manifest
from hotseat_serve.codec import ranges
from hotseat_train.evaluation import paired_bootstrap, quality_gate
from hotseat_train.models.tables.synthetic_rows import MIN_ROWS
from hotseat_train.reports import behaviour_tests, cells, federated_card
from hotseat_train.tasks.task import Task

_COMMON = {
    "quality", "interval", "quality_drop", "quality_drop_interval", "rows", "bytes",
    "milliseconds", "speed", "memory_bytes", "cpu", "cpu_features",
}  # fmt: skip
"""Metrics of every self-trained variant; a task may add others."""
_WAYS = {
    "gaps": "a fifth of what may be missing gone",
    "noise": "every number off by a fifth",
    "unseen_categories": "categories that training never saw",
}


def write(manifest: Manifest, task: Task) -> str:
    """Return the card of a task's model as Markdown."""
    score = task.says()
    return _scored(manifest, task, score) if score else _labelled(manifest, task)


def _labelled(manifest: Manifest, task: Task) -> str:
    """Return the card of a supervised model."""
    lineage = manifest.lineage
    data = lineage["data"]
    rows = data["rows"]
    more = f" and {rows['more']} of other times" if "more" in rows else ""
    lines = [
        *head(manifest, task.intended_use, task.limits),
        "## Data",
        "",
        f"{data['source']} (licence: {data['licence']}). {data['preparation']}.",
        f"{rows['train']} rows for training{more},",
        f"{rows['validation']} for validation, {rows['test']} for test.",
        f"SHA-256 `{data['sha256'][:16]}`.",
        "",
        *_table(lineage),
        *_columns(manifest),
        "## Quality",
        "",
        "On the test split, through the serving code; intervals are 95 %.",
        "",
        *_variants(manifest),
        "",
        "The quality drop is relative to the first variant's accuracy, on the same",
        "rows.",
        "",
        *_more(manifest),
        *behaviour_tests.section(quality_gate.default(manifest.variants)),
        _machine(manifest),
        "",
        "## Training",
        "",
        *_training(lineage),
        "",
        *federated_card.section(lineage.get("federated")),
        *_families(lineage),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _scored(manifest: Manifest, task: Task, quality: str) -> str:
    """Return the card of a self-trained model.

    `quality` describes the quality metric in words.
    """
    data = manifest.lineage["data"]
    items = manifest.variants[0].metrics["rows"]
    more = {
        name: None
        for variant in manifest.variants
        for name in variant.metrics
        if name not in _COMMON
    }
    shown = [variant.name for variant in manifest.variants]
    lines = [
        *head(manifest, task.intended_use, task.limits),
        "## Data",
        "",
        f"{data['source']} (licence: {data['licence']}).",
        "",
        *_columns(manifest),
        "## Quality",
        "",
        f"Quality is {quality}; {items} were asked of each variant, the same of all,",
        "through the serving code; intervals are 95 %.",
        "",
        *_variants(manifest),
        "",
        "The quality drop is relative to the first variant's, item by item.",
        "",
        _machine(manifest),
    ]
    if more:
        lines += ["", f"| | {' | '.join(shown)} |", "|---" * (1 + len(shown)) + "|"]
    for name in more:
        values = (str(v.metrics.get(name, "")) for v in manifest.variants)
        lines.append(f"| {name.replace('_', ' ')} | {' | '.join(values)} |")
    return "\n".join(lines) + "\n"


def _machine(manifest: Manifest) -> str:
    metrics = manifest.variants[0].metrics
    there = ", ".join(metrics["cpu_features"])
    return f"Measured on {metrics['cpu']} ({there}), one thread."


def _table(lineage: Mapping[str, Any]) -> list[str]:
    """Return what each column of an own table is, and what of it is published."""
    columns = lineage.get("columns")
    if not columns:
        return []
    lines = [
        "## Table", "",
        "| column | type | why | distinct | missing | left out |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for column in columns:
        values = (
            column["name"], column["type"], column["why"], f"{column['distinct']:,}",
            f"{column['missing']:,}", column.get("dropped") or "",
        )  # fmt: skip
        written = (cell.replace("|", "\\|") for cell in values)
        lines.append(f"| {' | '.join(written)} |")
    private = [
        "No row of the table is part of the version: golden rows are invented, ranges",
        f"are rounded, and a known category or word has at least {MIN_ROWS} rows.",
    ]
    if lineage["family"] == "svm":
        private.append("Support vectors of the SVM are training rows, encoded.")
    return [*lines, "", *private, ""]


def _columns(manifest: Manifest) -> list[str]:
    """Return the table of a model's columns."""
    fields = [f for item in manifest.signature.inputs for f in item.fields or ()]
    if not fields:
        return []
    lines = [
        "## Columns", "",
        "Values outside what training saw are answered with a warning;",
        "values that are not allowed are refused.",
        "",
        "| column | type | where it is missing | allowed | training saw |",
        "|---|---|---|---|---|",
    ]  # fmt: skip
    for field in fields:
        missing = "told apart" if field.default is None else repr(field.default)
        values = (field.name, field.type, missing, _allowed(field), _seen(field))
        written = (cell.replace("|", "\\|") for cell in values)
        lines.append(f"| {' | '.join(written)} |")
    return [*lines, ""]


def _allowed(field: Field) -> str:
    """Return a field's hard bounds in words."""
    if field.categories is not None:
        return f"{len(field.categories)} categories"
    if field.minimum is None and field.maximum is None:
        return "any"
    return ranges.span(field.minimum, field.maximum)


def _seen(field: Field) -> str:
    """Return a field's range or categories in training."""
    if field.known is not None:
        shown = ", ".join(field.known[:8])
        more = len(field.known) - 8
        return f"{shown} and {more} more" if more > 0 else shown
    return "" if field.observed is None else ranges.span(*field.observed)


def _families(lineage: Mapping[str, Any]) -> list[str]:
    """Return the table of the families' cross-validation, if there was one."""
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
        f"| {' | '.join(cells.FAMILY_COLUMNS)} |",
        "|---|---|---|---|---|---|---|",
        *(f"| {' | '.join(cells.family(item))} |" for item in found),
        "",
        *([f"{cells.nested(lineage['nested']).capitalize()}.", ""]
          if "nested" in lineage else []),
    ]  # fmt: skip


def _training(lineage: Mapping[str, Any]) -> list[str]:
    """Return the training: gradient descent, or a direct fit."""
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
    """Return the first lines of every card."""
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


def _variants(manifest: Manifest) -> list[str]:
    """Return the table of variants, refused ones included."""
    first = manifest.variants[0].metrics
    macro = ["macro F1"] if "macro_f1" in first else []
    names = ["variant", paired_bootstrap.quality(first), *macro,
             "quality drop, %", "KiB", "MiB of RAM", "ms an answer",
             "times the first's speed"]  # fmt: skip
    refused = manifest.lineage.get("refused", ())
    return [
        f"| {' | '.join(names)} |",
        "|---" * len(names) + "|",
        *(_row(v.name, v.metrics) for v in manifest.variants),
        *(_row(f"{v['name']}, refused", v["metrics"]) for v in refused),
    ]


def _row(name: str, metrics: Mapping[str, Any]) -> str:
    """Return a variant's line of the table."""
    low, high = metrics["interval"]
    memory = metrics.get("memory_bytes")
    values = (
        name,
        f"{metrics[paired_bootstrap.quality(metrics)]:.3f} ({low:.3f} to {high:.3f})",
        *([f"{metrics['macro_f1']:.3f}"] if "macro_f1" in metrics else []),
        cells.quality_drop(metrics),
        f"{metrics['bytes'] / 1024:.0f}",
        "" if memory is None else f"{memory / 2**20:.0f}",
        f"{metrics['milliseconds']:.3f}",
        f"{metrics['speed']:.2f}",
    )
    return f"| {' | '.join(values)} |"


def _more(manifest: Manifest) -> list[str]:
    """Return further metrics: by label, by group, of each variant."""
    metrics = manifest.variants[0].metrics
    lines = ["F1 by label: " + _listed(metrics["f1"]) + ".", ""]
    if rules := metrics.get("simplest_rules"):
        lines += [
            f"Accuracy of the simplest rules on the same rows: {_listed(rules)}.", "",
        ]  # fmt: skip
    if threshold := metrics.get("threshold"):
        lines += [
            "At the threshold {value:.3f} for {label}, chosen on the validation rows "
            "({chosen_for}): precision {precision:.3f}, recall {recall:.3f}, F1 "
            "{f1:.3f}.".format(**threshold),
            "",
        ]
    if (at := manifest.signature.label_threshold) is not None:
        first, second = manifest.signature.labels
        lines += [
            (f"The answer is {second} from a probability of {at:.3f} on, and else "
            f"{first}: accuracy and F1 are those of these answers."),
            "",
        ]  # fmt: skip
    if order := metrics.get("order"):
        lines += [
            ("The labels have an order: the answers are {mean_steps_off:.3f} steps off "
            "on average (the best constant answer {best_constant_steps_off:.3f}), "
            "quadratically weighted kappa {quadratic_kappa:.3f}.").format(**order),
            "",
        ]  # fmt: skip
    ranking = ("roc_auc", "average_precision", "brier", "calibration_error",
               "lift_top_tenth")  # fmt: skip
    found = {
        name.replace("_", " "): metrics[name] for name in ranking if name in metrics
    }
    if "roc_auc" in metrics:
        low, high = metrics["roc_auc_interval"]
        lines += [f"{_listed(found)}; ROC AUC {low:.3f} to {high:.3f} (95 %).", ""]
    elif found:
        lines += [f"{_listed(found)}.", ""]
    for way, part in metrics.get("corrupted", {}).items():
        lines += [f"With {_WAYS[way]}: {_listed(part)}.", ""]
    groups = {v.name: v.metrics.get("by", {}) for v in manifest.variants}
    for group in metrics.get("by", {}):
        lines += [
            (f"Of {group}, {metrics['by'][group]['rows']} rows; spelled otherwise on "
            "purpose in the last column but one; recall where 1 % of the others are "
            "let in:"),
            "",
            ("| variant | accuracy | macro F1 | F1 | obfuscated: accuracy, macro F1 "
            "| recall at 1 % |"),
            "|---|---|---|---|---|---|",
            *(
                _group_row(v.name, groups[v.name][group],
                           v.metrics.get("obfuscated", {}).get("by", {}).get(group))
                for v in manifest.variants
            ),
            "",
        ]  # fmt: skip
    return lines


def _group_row(
    name: str, part: Mapping[str, Any], hidden: Mapping[str, float] | None
) -> str:
    low, high = part["interval"]
    values = (
        name,
        f"{part['accuracy']:.3f} ({low:.3f} to {high:.3f})",
        f"{part['macro_f1']:.3f}",
        _listed(part["f1"]),
        f"{hidden['accuracy']:.3f}, {hidden['macro_f1']:.3f}" if hidden else "",
        _listed(part["recall_at_1_percent"]),
    )
    return f"| {' | '.join(values)} |"


def _listed(values: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in values.items())
