"""Make networks smaller before they are quantized: fewer units, or a smaller pupil.

Pruning takes whole hidden units away, so the matrices really shrink: those whose
weights in and out have the smallest product of norms (as Li et al. 2017 do it for
filters). A pupil (Hinton et al. 2015) is a smaller network that begins anew and learns
from the answers of the big one. Both then descend as any training does: with its own
checkpoint, on disguised rows where the task has them, towards labels and answers alike.
"""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn

from hotseat_train import tasks
from hotseat_train.data.dataset import Split
from hotseat_train.errors import RunError
from hotseat_train.optim import checkpoint
from hotseat_train.optim.loop import Epoch, Plan
from hotseat_train.optim.supervised import answers
from hotseat_train.run import Run

Told = Callable[[Epoch], None]
_SOFT = 0.5
_TUNED_EPOCHS, _TUNED_RATE = 2, 0.25
"""A pruned network was trained already: a few short steps mend it."""


def pruned(source: Run, share: float, report: Told) -> Path:
    """Write the run's network with that share of its hidden units less, tuned.

    Raises `RunError` where there are no hidden units, or no checkpoint to begin from.
    """
    if not 0 < share < 1:
        raise RunError(
            f"a share of {share:g} cannot be pruned: give one between 0 and 1"
        )
    learner, train, validation, plan = restored(source)
    smaller = copy.copy(learner)
    smaller.module = copy.deepcopy(learner.module)
    before = [first.out_features for _, first, _ in _pairs(smaller.module)]
    if not before:
        raise RunError(
            f"{source.folder} holds a {learner.family} model, which has no hidden "
            "units to prune: quantize it instead (--method dynamic)"
        )
    prune(smaller.module, share)
    short = replace(
        plan,
        learning_rate=plan.learning_rate * _TUNED_RATE,
        max_epochs=min(_TUNED_EPOCHS, plan.max_epochs),
    )
    return _taught(
        source, "pruned", smaller, learner, (train, validation), short, report
    )


def distilled(source: Run, report: Told) -> Path:
    """Write a smaller network that was taught by the run's.

    Raises `RunError` where the family knows nothing smaller.
    """
    learner, train, validation, plan = restored(source)
    if not hasattr(learner, "student"):
        raise RunError(
            f"{source.folder} holds a {learner.family} model, and nothing smaller of "
            "its kind is known that it could teach: quantize it instead "
            "(--method dynamic)"
        )
    return _taught(
        source,
        "distilled",
        learner.student(),
        learner,
        (train, validation),
        plan,
        report,
    )


def restored(source: Run) -> tuple[Any, Split, Split, Plan]:
    """Return a run's learner as it was trained, its rows and its plan.

    Raises `RunError` where it was not trained by descent, or here.
    """
    record = source.read()
    plan = record["plan"]
    if "optimizer" not in plan or record.get("reason") == "fitted":
        raise RunError(
            f"{source.folder} was not trained by descent: it can be quantized where it "
            "is a network (--method dynamic), not pruned or taught"
        )
    path = source.needs(source.checkpoint, f"train {record['task']} --run")
    # a task with one family of models takes none by name
    task = tasks.of(record).with_rows("pruning or distilling")
    dataset = task.dataset()
    rows = record["data"]["rows"]["train"]
    train = Split(dataset.train.inputs[:rows], dataset.train.targets[:rows])
    learner: Any = task.learner(train, plan["seed"])
    learner.module.load_state_dict(checkpoint.load(path)["best"])
    return learner, train, dataset.validation, Plan.read(plan)


def prune(module: nn.Module, share: float) -> None:
    """Take that share of the hidden units away from each pair of layers."""
    for put, first, second in list(_pairs(module)):
        weigh = first.weight.norm(dim=1) * second.weight.norm(dim=0)
        kept = max(1, round((1 - share) * first.out_features))
        units = weigh.argsort(descending=True, stable=True)[:kept].sort().values
        less = nn.Linear(first.in_features, kept)
        after = nn.Linear(kept, second.out_features)
        with torch.no_grad():
            less.weight.copy_(first.weight[units])
            less.bias.copy_(first.bias[units])
            after.weight.copy_(second.weight[:, units])
            after.bias.copy_(second.bias)
        put(less, after)


Pair = tuple[Callable[[nn.Linear, nn.Linear], None], nn.Linear, nn.Linear]


def _pairs(module: nn.Module) -> Iterator[Pair]:
    """Return layers with hidden units between them, and what puts others there.

    A module says so itself (``pairs()``: parents with the names of both layers); in a
    sequence, each linear layer and the next one are a pair.
    """
    if isinstance(module, nn.Sequential):
        names = [n for n, m in module.named_children() if isinstance(m, nn.Linear)]
        found = [(module, *pair) for pair in pairwise(names)]
    else:
        found = getattr(module, "pairs", list)()
    for parent, one, two in found:

        def put(
            first: nn.Linear,
            second: nn.Linear,
            place: tuple[nn.Module, str, str] = (parent, one, two),
        ) -> None:
            setattr(place[0], place[1], first)
            setattr(place[0], place[2], second)

        yield put, getattr(parent, one), getattr(parent, two)


def _taught(
    source: Run,
    name: str,
    pupil: Any,
    learner: Any,
    rows: tuple[Split, Split],
    plan: Plan,
    report: Told,
) -> Path:
    train, validation = rows
    teacher = answers(learner.module, learner.encode(train.inputs)).softmax(1).numpy()
    pupil.fit(
        train,
        validation,
        replace(plan, soft=_SOFT),
        teacher=teacher,
        checkpoint=source.folder / f"{name}.pt",
        report=report,
    )
    path = source.graph(name)
    pupil.export(path)
    return path
