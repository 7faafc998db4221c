"""Families side by side, by cross-validation on what is not the test split.

Training and validation rows are cut into folds, rows of one key never apart, labels in
like shares. Each family learns from the other folds, but for a part of them that stops
it in time, and is asked on the fold that is left through the code that serves it.
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
from hotseat_serve.runtime.loader import LoadedModel
from hotseat_serve.runtime.session import Session
from hotseat_train.data.dataset import Dataset, Split
from hotseat_train.errors import DatasetError, TrainError
from hotseat_train.evaluation import latency_memory
from hotseat_train.evaluation.family_scores import FamilyScores
from hotseat_train.evaluation.labelled import predict
from hotseat_train.optim.loop import Plan
from hotseat_train.tasks.supervised import SupervisedTask

_STOPPING = 8
"""One in so many parts of the training rows says when to stop."""
_TIMED = 100


@dataclass(frozen=True, slots=True)
class Fold:
    """One family on one fold."""

    loss: float
    accuracy: float
    roc_auc: float | None
    """With two labels."""
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
) -> list[FamilyScores]:
    """Return the scores of the families (all, unless some are named), the best first.

    `settings` are those of each training, as `Task.plan_of` takes them. Raises
    `TrainError` for a task with one family, and `DatasetError` where a fold would lack
    a label.
    """
    if not task.families:
        raise TrainError(f"{task.name} has one family of models: leave --cv out")
    seed = task.plan_of(settings).seed
    dataset = task.dataset()
    rows = dataset.train + dataset.validation
    parts = list(cut(rows, folds, seed))
    found = []
    for family in families or task.families:
        mine = task.choose(family)
        plan = task.plan_of(settings)
        results = []
        for train_rows, test_fold in parts:
            results.append(_fold(mine, dataset, train_rows, test_fold, plan))
            report(f"{family}, fold {len(results)} of {folds}: loss "
                   f"{results[-1].loss:.4f}")  # fmt: skip
        found.append(_standing(family, results))
    return sorted(found, key=lambda item: item.loss)


def cut(rows: Split, folds: int, seed: int) -> Iterator[tuple[Split, Split]]:
    """Yield (learned, asked) for each fold; raises `DatasetError`."""
    most = min(rows.targets.count(label) for label in set(rows.targets))
    if not 2 <= folds <= most:
        raise DatasetError(
            f"{folds} folds: give at least 2, and at most {most}, the rows of the "
            "rarest label"
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
        times = latency_memory.latency(
            {"fp32": model}, [(value, {}) for value in test_fold.inputs[:_TIMED]]
        )
        size = path.stat().st_size
    scores = np.array([[a["scores"][label] for label in dataset.labels]
                       for a in answers])  # fmt: skip
    truth = np.array(test_fold.targets)
    of_truth = scores[np.arange(len(truth)), truth]
    return Fold(
        loss=float(-np.log(np.maximum(of_truth, 1e-30)).mean()),
        accuracy=float((scores.argmax(1) == truth).mean()),
        roc_auc=float(roc_auc_score(truth, scores[:, 1]))
        if scores.shape[1] == 2
        else None,
        seconds=seconds,
        bytes=size,
        milliseconds=times["fp32"],
    )


def _standing(family: str, results: Sequence[Fold]) -> FamilyScores:
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
