"""Measure every variant of a run through the code that serves it.

Quality is on the test split alone, with a 95 % Wilson interval (Wilson 1927). Latency
is the median of single rows, the variants in turn, so that their ratio holds when the
machine's speed drifts.
"""

import json
import math
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import average_precision_score, roc_auc_score

from hotseat_registry import Manifest
from hotseat_serve.load import Loaded
from hotseat_serve.session import Session
from hotseat_train import card, run, startup, tasks
from hotseat_train.dataset import Dataset, Split
from hotseat_train.errors import ParityError
from hotseat_train.machine import cpu
from hotseat_train.run import Run
from hotseat_train.tasks.task import Task

Array = np.ndarray[Any, Any]

FP32, INT8 = "fp32", "int8-dynamic"
_GOLDEN_ROWS = 16
_TIMED_ROWS = 200
_BATCH = 256
_Z = statistics.NormalDist().inv_cdf(0.975)


def evaluate(source: Run) -> Manifest:
    """Measure a run's variants; write and return the manifest to publish.

    Raises `RunError`, and `ParityError` when the graph in fp32 does not answer as
    the model did when it was trained.
    """
    record = source.read()
    task = tasks.find(record["task"])
    dataset = task.dataset()
    files = {FP32: source.needs(source.model, "train")}
    if source.quantized.exists():
        files[INT8] = source.quantized
    manifest = Manifest(
        model=task.name,
        kind=task.kind,
        signature=task.signature(dataset),
        variants=tuple(startup.variant(source, *item) for item in files.items()),
        default_variant=FP32,
        golden=source.golden.name,
        lineage={"run": source.folder.name, **_lineage(record)},
    )
    loaded = {
        item.name: Loaded(
            manifest,
            item.name,
            Session(source.folder / item.file, optimized=bool(item.optimized)),
        )
        for item in manifest.variants
    }
    _check_parity(loaded[FP32], dataset.validation, record["best"])
    answers = {
        name: predict(model, dataset.test.inputs) for name, model in loaded.items()
    }
    times = latency(loaded, dataset.test.inputs[:_TIMED_ROWS])
    variants = tuple(
        replace(
            variant,
            metrics={
                **quality(answers[variant.name], dataset.test, dataset.labels),
                **_by_group(task, answers[variant.name], dataset),
                "bytes": sum(
                    (source.folder / name).stat().st_size for name in variant.files
                ),
                "milliseconds": round(times[variant.name], 4),
                "speed": round(times[FP32] / times[variant.name], 2),
                "cpu": cpu(),
            },
        )
        for variant in manifest.variants
    )
    manifest = replace(manifest, variants=variants)
    manifest = replace(manifest, card=card.write(manifest))
    write_golden(source.golden, dataset, answers)
    run.write(source.manifest, manifest.to_json())
    return manifest


def predict(model: Loaded, inputs: Sequence[Any]) -> list[dict[str, Any]]:
    """Answer all inputs, a batch at a time."""
    return [
        answer
        for start in range(0, len(inputs), _BATCH)
        for answer in model.predict(inputs[start : start + _BATCH])
    ]


def quality(
    answers: Sequence[Mapping[str, Any]], test: Split, labels: Sequence[str]
) -> dict[str, Any]:
    """Return accuracy with its interval, macro F1 and the number of rows."""
    said = [answer["label"] for answer in answers]
    true = [labels[target] for target in test.targets]
    right = sum(a == b for a, b in zip(said, true, strict=True))
    # of the labels that there are: one language may have fewer
    scores = {label: _f1(said, true, label) for label in labels if label in true}
    last = labels[-1]
    ranked = len(labels) == 2 and 0 < true.count(last) < len(true)
    return {
        "accuracy": round(right / len(true), 4),
        "interval": [round(bound, 4) for bound in wilson(right, len(true))],
        "macro_f1": round(statistics.fmean(scores.values()), 4),
        "f1": {label: round(score, 4) for label, score in scores.items()},
        **(_ranking(answers, [t == last for t in true], last) if ranked else {}),
        "rows": len(true),
    }


def _by_group(
    task: Task, answers: Sequence[Mapping[str, Any]], dataset: Dataset
) -> dict[str, Any]:
    """Return the quality of each group of rows, where the task tells groups apart."""
    if task.group is None:
        return {}
    rows: dict[str, list[int]] = {}
    for at, value in enumerate(dataset.test.inputs):
        rows.setdefault(task.group(value), []).append(at)
    test = dataset.test
    return {
        "by": {
            name: quality(
                [answers[i] for i in part],
                Split(
                    tuple(test.inputs[i] for i in part),
                    tuple(test.targets[i] for i in part),
                ),
                dataset.labels,
            )
            for name, part in sorted(rows.items())
        }
    }


def _ranking(
    answers: Sequence[Mapping[str, Any]], true: Sequence[bool], label: str
) -> dict[str, Any]:
    """Return how well a probability of `label` orders and tells the rows.

    ROC AUC, average precision, Brier score, and the lift of the top tenth: how much
    denser `label` is there than in all rows.
    """
    chances = np.array([answer["scores"][label] for answer in answers])
    truth = np.array(true)
    top = np.argsort(-chances, kind="stable")[: max(1, len(truth) // 10)]
    area = float(roc_auc_score(truth, chances))
    return {
        "roc_auc": round(area, 4),
        "roc_auc_interval": [round(x, 4) for x in _auc_interval(area, truth)],
        "average_precision": round(float(average_precision_score(truth, chances)), 4),
        "brier": round(float(np.mean((chances - truth) ** 2)), 4),
        "lift_top_tenth": round(float(truth[top].mean() / truth.mean()), 2),
    }


def _auc_interval(area: float, truth: Array) -> tuple[float, float]:
    """Return the 95 % interval of a ROC AUC, after Hanley and McNeil (1982)."""
    yes, no = int(truth.sum()), int((~truth).sum())
    one, two = area / (2 - area), 2 * area**2 / (1 + area)
    variance = area * (1 - area) + (yes - 1) * (one - area**2)
    variance = (variance + (no - 1) * (two - area**2)) / (yes * no)
    spread = _Z * math.sqrt(variance)
    return area - spread, min(area + spread, 1.0)


def wilson(right: int, total: int) -> tuple[float, float]:
    """Return the 95 % interval of a share, after Wilson (1927)."""
    share = right / total
    scale = 1 + _Z**2 / total
    middle = (share + _Z**2 / (2 * total)) / scale
    spread = math.sqrt(share * (1 - share) / total + _Z**2 / (4 * total**2))
    return middle - _Z * spread / scale, middle + _Z * spread / scale


def _f1(said: Sequence[str], true: Sequence[str], label: str) -> float:
    hits = sum(a == b == label for a, b in zip(said, true, strict=True))
    named = said.count(label) + true.count(label)
    return 2 * hits / named if named else 0.0


def latency(models: Mapping[str, Loaded], inputs: Sequence[Any]) -> dict[str, float]:
    """Return each variant's median milliseconds for one input, codec included."""
    times: dict[str, list[float]] = {name: [] for name in models}
    for value in inputs:
        for name, model in models.items():
            start = time.perf_counter()
            model.predict([value])
            times[name].append(time.perf_counter() - start)
    return {name: 1000 * statistics.median(t) for name, t in times.items()}


def _check_parity(model: Loaded, validation: Split, best: Mapping[str, Any]) -> None:
    """Hold the served graph against what the descent measured of its module."""
    answers = predict(model, validation.inputs)
    labels = model.manifest.signature.labels
    losses = [
        -math.log(max(answer["scores"][labels[target]], 1e-30))
        for answer, target in zip(answers, validation.targets, strict=True)
    ]
    loss, want = statistics.fmean(losses), best["validation_loss"]
    if abs(loss - want) > 1e-4:
        raise ParityError(
            f"the exported graph has validation loss {loss:.6f}, "
            f"the trained model had {want:.6f}"
        )


def write_golden(
    path: Path, dataset: Dataset, answers: Mapping[str, Sequence[Mapping[str, Any]]]
) -> None:
    """Write inputs with the answers that every variant must give.

    A variant's tolerance is twice the most that it differed here from fp32, and
    never under a thousandth, which is more than another CPU's rounding.
    """
    inputs = dataset.test.inputs
    rows = sorted(range(len(inputs)), key=lambda i: len(str(inputs[i])))
    chosen = rows[:: max(1, len(rows) // _GOLDEN_ROWS)][:_GOLDEN_ROWS]
    expected = [answers[FP32][i]["scores"] for i in chosen]
    tolerance = {}
    for name, given in answers.items():
        off = max(
            abs(given[i]["scores"][label] - want[label])
            for i, want in zip(chosen, expected, strict=True)
            for label in want
        )
        tolerance[name] = round(max(1e-3, 2 * off), 6)
    golden = {
        "rows": [
            {
                "input": {"text": inputs[i]}
                if isinstance(inputs[i], str)
                else inputs[i],
                "expected": {"label": answers[FP32][i]["label"], "scores": scores},
            }
            for i, scores in zip(chosen, expected, strict=True)
        ],
        "tolerance": tolerance,
    }
    path.write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", "utf-8")


def _lineage(record: Mapping[str, Any]) -> dict[str, Any]:
    kept = (
        "task",
        "family",
        "plan",
        "data",
        "best",
        "reason",
        "began_at",
        "seconds",
        "commit",
    )
    return {key: record[key] for key in kept}
