"""The variants of a run: made by name, and drawn beside each other."""

from collections.abc import Callable, Sequence
from pathlib import Path

import onnx

from hotseat_serve import codec
from hotseat_train import tasks
from hotseat_train.compression import prune_distill, tree_pruning
from hotseat_train.compression.quantize import Tensors, dynamic, static
from hotseat_train.errors import RunError
from hotseat_train.evaluation import unlabelled
from hotseat_train.optim.loop import Epoch
from hotseat_train.run import Run

INT8 = ("dynamic", "static")
METHODS = (*INT8, "prune", "distill")
_SEEN = 96
"""Training rows that a static variant's ranges are taken from."""
_LONGEST = 400
"""Characters of such a row: among longer ones most would see padding only."""


def make(
    source: Run,
    methods: Sequence[str] = ("dynamic",),
    *,
    calibrations: Sequence[str] = ("minmax",),
    share: float = 0.5,
    report: Callable[[Epoch], None] = lambda _epoch: None,
) -> dict[str, Path]:
    """Make variants by these methods and return their graphs by name.

    Of trees, fewer and shorter ones are made, whatever the method. What was pruned or
    distilled is made int8 as well. Raises `RunError` where a method
    does not suit the run's model.
    """
    model = source.needs(source.model, "train")
    name = source.read()["task"]
    if name in tasks.MADE and (unfit := set(methods) - set(INT8)):
        raise RunError(
            f"{name} learns by playing or from whole items, and {min(unfit)} is for "
            f"networks that are fitted to rows: --method {' or '.join(INT8)}"
        )
    if tree_pruning.has_trees(onnx.load(model)):
        return tree_pruning.shrink(source)
    found: dict[str, Path] = {}
    bases = {"int8": model}
    for method, small in (("prune", "pruned"), ("distill", "distilled")):
        if method in methods:
            path = (
                prune_distill.pruned(source, share, report)
                if method == "prune"
                else prune_distill.distilled(source, report)
            )
            found[small] = path
            bases[f"{small}-int8"] = path
    # a pruned graph alone is asked for: int8 of it is what it is good for
    dynamically = "dynamic" in methods or len(bases) > 1
    seen = calibration(source) if "static" in methods else []
    for name, graph in bases.items():
        if dynamically and (name != "int8" or "dynamic" in methods):
            found[f"{name}-dynamic"] = dynamic(graph, source.graph(f"{name}-dynamic"))
        for how in calibrations if seen else ():
            chosen = f"{name}-static" if how == "minmax" else f"{name}-static-{how}"
            found[chosen] = static(graph, source.graph(chosen), how, seen)
    return found


def suitable(source: Run) -> tuple[str, ...]:
    """Return the methods that suit the run's task; raises `RunError`."""
    return INT8 if source.read()["task"] in tasks.MADE else METHODS


def calibration(source: Run) -> list[Tensors]:
    """Return training rows, or what a game asks, as the graph eats them.

    Raises `RunError`.
    """
    record = source.read()
    if record["task"] in tasks.MADE:
        return unlabelled.calibration(source)
    task = tasks.of(record)
    dataset = task.dataset()
    rows = [row for row in dataset.train.inputs if len(str(row)) <= _LONGEST][:_SEEN]
    pointers = [f"/{number}" for number in range(len(rows))]
    return [codec.encode(task.signature(dataset), rows, pointers)]
