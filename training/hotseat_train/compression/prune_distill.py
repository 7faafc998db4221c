"""Smaller networks: fewer hidden units (pruning), or a smaller student (distillation).

Pruning removes whole hidden units, which makes the matrices smaller: the units with the
smallest product of the norms of their input and output weights (as Li et al. 2017 prune
filters). A student (Hinton et al. 2015) is a smaller network, trained from scratch on
the answers of the large one. Both trainings have the settings of the large network's,
a checkpoint of their own, and equal weights for labels and the large network's
probabilities.
"""

import copy
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hotseat_train.data.dataset import Split
from hotseat_train.errors import RunError
from hotseat_train.optim import checkpoint
from hotseat_train.optim.gradient_learner import HiddenUnits
from hotseat_train.optim.loop import Epoch, Plan
from hotseat_train.optim.supervised import answers
from hotseat_train.run import Run
from hotseat_train.tasks.task import Task

Report = Callable[[Epoch], None]
_SOFT = 0.5
"""Weight of the large network's probabilities against the labels."""
_TUNING_EPOCHS, _TUNING_RATE = 2, 0.25
"""Limit of the epochs, and share of the learning rate, of a pruned network's tuning."""


def pruned(source: Run, task: Task, share: float, report: Report) -> Path:
    """Prune that share of the run's hidden units, fine-tune, and write the graph.

    Raises `RunError` without hidden units or a checkpoint.
    """
    if not 0 < share < 1:
        raise RunError(f"expected a share between 0 and 1 to prune, got {share:g}")
    learner, train, validation, plan = restored(source, task)
    smaller = copy.copy(learner)
    smaller.module = copy.deepcopy(learner.module)
    units = smaller.hidden_units()
    if not units:
        raise RunError(
            f"{source.folder} contains a {learner.family} model, which has no hidden "
            "units to prune: quantize it instead (--method dynamic)"
        )
    prune(units, share)
    short = replace(
        plan,
        learning_rate=plan.learning_rate * _TUNING_RATE,
        max_epochs=min(_TUNING_EPOCHS, plan.max_epochs),
    )
    return _train(
        source, "pruned", smaller, learner, (train, validation), short, report
    )


def distilled(source: Run, task: Task, report: Report) -> Path:
    """Train a smaller network on the answers of the run's, and write its graph.

    Raises `RunError` if the family has no smaller network.
    """
    learner, train, validation, plan = restored(source, task)
    student = learner.student()
    if student is None:
        raise RunError(
            f"{source.folder} contains a {learner.family} model, which has no smaller "
            "student: quantize it instead (--method dynamic)"
        )
    return _train(
        source,
        "distilled",
        student,
        learner,
        (train, validation),
        plan,
        report,
    )


def restored(source: Run, task: Task) -> tuple[Any, Split, Split, Plan]:
    """Return a run's trained learner, its training and validation rows, and its plan.

    Raises `RunError` if the run has no training by gradient descent or no checkpoint.
    """
    record = source.read()
    plan = record["plan"]
    if "optimizer" not in plan or record.get("reason") == "fitted":
        raise RunError(
            f"{source.folder} was not trained by gradient descent and cannot be pruned "
            "or distilled; a network can be quantized (--method dynamic)"
        )
    path = source.needs(source.checkpoint, f"train {record['task']} --run")
    rows_task = task.with_rows("pruning or distilling")
    dataset = rows_task.data
    rows = record["data"]["rows"]["train"]
    train = dataset.train.pick(range(len(dataset.train))[:rows])
    learner: Any = rows_task.learner(train, plan["seed"])
    learner.module.load_state_dict(checkpoint.load(path)["best"])
    return learner, train, dataset.validation, Plan.read(plan)


def prune(places: Iterable[HiddenUnits], share: float) -> None:
    """Remove that share of the hidden units between each of these layers."""
    for parent, one, two in places:
        first, second = getattr(parent, one), getattr(parent, two)
        norms = first.weight.norm(dim=1) * second.weight.norm(dim=0)
        remaining = max(1, round((1 - share) * first.out_features))
        units = norms.argsort(descending=True, stable=True)[:remaining].sort().values
        before = nn.Linear(first.in_features, remaining)
        after = nn.Linear(remaining, second.out_features)
        with torch.no_grad():
            before.weight.copy_(first.weight[units])
            before.bias.copy_(first.bias[units])
            after.weight.copy_(second.weight[:, units])
            after.bias.copy_(second.bias)
        setattr(parent, one, before)
        setattr(parent, two, after)


def _train(
    source: Run,
    name: str,
    student: Any,
    learner: Any,
    rows: tuple[Split, Split],
    plan: Plan,
    report: Report,
) -> Path:
    train, validation = rows
    teacher = answers(learner.module, learner.encode(train.inputs)).softmax(1).numpy()
    student.fit(
        train,
        validation,
        replace(plan, soft=_SOFT),
        teacher=teacher,
        checkpoint=source.folder / f"{name}.pt",
        report=report,
    )
    path = source.graph(name)
    student.export(path)
    return path
