"""Makes the variants of a run by the names of methods."""

from collections.abc import Callable, Sequence
from pathlib import Path

from hotseat_train import tasks
from hotseat_train.compression import prune_distill, tree_pruning
from hotseat_train.compression.quantize import dynamic, static
from hotseat_train.errors import RunError
from hotseat_train.onnx_graph.load import load
from hotseat_train.optim.loop import Epoch
from hotseat_train.run import Run
from hotseat_train.tasks.task import Task

INT8 = ("dynamic", "static")
METHODS = (*INT8, "prune", "distill")


def make(
    source: Run,
    methods: Sequence[str] = ("dynamic",),
    *,
    calibrations: Sequence[str] = ("minmax",),
    share: float = 0.5,
    report: Callable[[Epoch], None] = lambda _epoch: None,
    task: Task | None = None,
) -> dict[str, Path]:
    """Make variants by these methods and return their graphs by name.

    `task` is the run's, if it has been read already.

    Boosted trees are cut to fewer and to shorter trees, whatever the method. Pruned and
    distilled networks are quantized to int8 as well. Raises `RunError` if a method does
    not suit the run's model.
    """
    model = source.needs(source.model, "train")
    task = task or tasks.of(source.read())
    if tree_pruning.has_trees(load(model)):
        return tree_pruning.cut_ensemble(source)
    if not task.compressions:
        raise RunError(
            f"{source.folder} holds a model without weights that int8 could hold "
            f"(a support vector machine has none): hotseat publish {source.folder}"
        )
    if unfit := set(methods) - set(task.compressions):
        raise RunError(
            f"{min(unfit)} is for networks that are fitted to rows, and {task.name} is "
            f"not: --method {' or '.join(task.compressions)}"
        )
    found: dict[str, Path] = {}
    bases = {"int8": model}
    for method, small in (("prune", "pruned"), ("distill", "distilled")):
        if method in methods:
            path = (
                prune_distill.pruned(source, task, share, report)
                if method == "prune"
                else prune_distill.distilled(source, task, report)
            )
            found[small] = path
            bases[f"{small}-int8"] = path
    # a pruned network pays off in int8, so that variant is made in any case
    dynamically = "dynamic" in methods or len(bases) > 1
    seen = task.calibration(source) if "static" in methods else []
    for name, graph in bases.items():
        if dynamically and (name != "int8" or "dynamic" in methods):
            found[f"{name}-dynamic"] = dynamic(graph, source.graph(f"{name}-dynamic"))
        for how in calibrations if seen else ():
            chosen = f"{name}-static" if how == "minmax" else f"{name}-static-{how}"
            found[chosen] = static(graph, source.graph(chosen), how, seen)
    return found


def suitable(source: Run) -> tuple[str, ...]:
    """Return the methods that suit the run's task; raises `TrainError`."""
    return tuple(tasks.of(source.read()).compressions)
