"""Compares families of models by cross-validation, without the test split.

Training and validation rows are cut into folds, stratified by label; rows of one key
stay in one fold. For each fold, every family is trained on the other folds, a part of
which is for early stopping, and measured on the fold through the serving code.

The best of several families looks better on the rows that chose it than on others. So
the choice is nested (Varma and Simon 2006): in each fold the family with the lowest
loss on the rows for early stopping is measured on the fold, which had no part in it.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold

from hotseat_registry import Manifest, Variant
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.session import Session
from hotseat_train.data.dataset import Dataset, Split
from hotseat_train.errors import DatasetError, TrainError
from hotseat_train.evaluation import latency_memory
from hotseat_train.evaluation.family_scores import (
    Comparison,
    FamilyScores,
    NestedScores,
)
from hotseat_train.evaluation.labelled import predict
from hotseat_train.models.tables.ensemble import measure
from hotseat_train.optim.loop import Plan
from hotseat_train.tasks.supervised import SupervisedTask

_STOPPING = 8
"""Number of parts of the training rows; one part is for early stopping."""
_TIMED = 100
"""Rows of a fold for the latency measurement."""


@dataclass(frozen=True, slots=True)
class Fold:
    """The results of one family on one fold."""

    inner_loss: float
    """Of the rows for early stopping, by which the family of the fold is chosen."""
    loss: float
    accuracy: float
    roc_auc: float | None
    """None unless there are two labels."""
    seconds: float
    bytes: int
    milliseconds: float


def compare(
    task: SupervisedTask,
    folds: int,
    settings: Mapping[str, Any],
    *,
    families: Sequence[str] = (),
    report: Callable[[str], None] = lambda _line: None,
) -> Comparison:
    """Return the scores of `families` (default: all), the best first, and nested.

    `settings` apply to each training; see `Task.plan_of`. Raises `TrainError` for a
    task with one family, and `DatasetError` if a label has fewer rows than folds.
    """
    if not task.families:
        raise TrainError(f"{task.name} has one family of models: leave --cv out")
    seed = task.plan_of(settings).seed
    dataset = task.data
    rows = dataset.train + dataset.validation
    parts = list(cut(rows, folds, seed))
    by_family: dict[str, list[Fold]] = {}
    for family in families or task.families:
        family_task = task.choose(family)
        plan = task.plan_of(settings)
        results = []
        for train_rows, test_fold in parts:
            results.append(_fold(family_task, dataset, train_rows, test_fold, plan))
            report(f"{family}, fold {len(results)} of {folds}: loss "
                   f"{results[-1].loss:.4f}")  # fmt: skip
        by_family[family] = results
    scores = [_mean_scores(name, results) for name, results in by_family.items()]
    return Comparison(
        sorted(scores, key=lambda item: item.loss), nested(by_family, folds)
    )


def nested(by_family: Mapping[str, Sequence[Fold]], folds: int) -> NestedScores:
    """Return how the family is on each fold that the others' rows choose."""
    names = [
        min(by_family, key=lambda name: by_family[name][fold].inner_loss)
        for fold in range(folds)
    ]
    results = [by_family[name][fold] for fold, name in enumerate(names)]
    mean = _mean_scores("", results)
    return NestedScores(mean.loss, mean.loss_spread, mean.accuracy, tuple(names))


def cut(rows: Split, folds: int, seed: int) -> Iterator[tuple[Split, Split]]:
    """Yield (training rows, test fold) for each fold; raises `DatasetError`."""
    most = min(rows.targets.count(label) for label in set(rows.targets))
    if not 2 <= folds <= most:
        raise DatasetError(
            f"{folds} folds: give at least 2 and at most {most}, the number of rows of "
            "the rarest label"
        )
    cutter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    keys = rows.keys or tuple(map(str, range(len(rows))))
    for train_rows, test_fold in cutter.split(np.zeros(len(rows)), rows.targets, keys):
        yield rows.pick(train_rows.tolist()), rows.pick(test_fold.tolist())


def _fold(
    task: SupervisedTask, dataset: Dataset, rows: Split, test_fold: Split, plan: Plan
) -> Fold:
    train, stopping = next(cut(rows, _STOPPING, plan.seed))[0:2]
    began = time.perf_counter()
    learner = task.learner(train, plan.seed)
    learner.fit(dataset.training_rows(train, stopping, test_fold), stopping, plan)
    seconds = time.perf_counter() - began
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.onnx")
        learner.export(path)
        variant = Variant("fp32", path.name)
        part = replace(dataset, train=train)
        manifest = Manifest(task.name, task.kind, task.signature(part), (variant,),
                            "fp32")  # fmt: skip
        model = LoadedModel(manifest, "fp32", Session(path))
        answers = predict(model, test_fold.inputs)
        inner = predict(model, stopping.inputs)
        times = latency_memory.latency(
            {"fp32": model}, [(value, {}) for value in test_fold.inputs[:_TIMED]]
        )
        size = path.stat().st_size
    scores, held = (
        np.array([[a["scores"][label] for label in dataset.labels] for a in part])
        for part in (answers, inner)
    )
    truth = np.array(test_fold.targets)
    loss, accuracy = measure(scores, test_fold.targets)
    return Fold(
        inner_loss=measure(held, stopping.targets)[0],
        loss=loss,
        accuracy=accuracy,
        roc_auc=float(roc_auc_score(truth, scores[:, 1]))
        if scores.shape[1] == 2
        else None,
        seconds=seconds,
        bytes=size,
        milliseconds=times["fp32"],
    )


def _mean_scores(family: str, results: Sequence[Fold]) -> FamilyScores:
    def mean(name: str) -> float:
        return statistics.fmean(getattr(item, name) for item in results)

    def spread(name: str) -> float:
        return float(statistics.stdev(getattr(item, name) for item in results))

    ranked = results[0].roc_auc is not None
    return FamilyScores(
        family=family,
        folds=len(results),
        loss=round(mean("loss"), 4),
        loss_spread=round(spread("loss"), 4),
        accuracy=round(mean("accuracy"), 4),
        roc_auc=round(mean("roc_auc"), 4) if ranked else None,
        roc_auc_spread=round(spread("roc_auc"), 4) if ranked else None,
        seconds=round(mean("seconds"), 2),
        bytes=round(mean("bytes")),
        milliseconds=round(mean("milliseconds"), 4),
    )
