"""Compares optimizers: one task, the same rows, one chart."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from hotseat_train.optim.loop import OPTIMIZERS, Epoch
from hotseat_train.pipeline.train import train
from hotseat_train.run import Run
from hotseat_train.tasks.supervised import SupervisedTask
from hotseat_train.tasks.task import Progress


def compare(
    task: SupervisedTask,
    folder: Path,
    *,
    max_epochs: int,
    rows: int | None = None,
    optimizers: Sequence[str] = OPTIMIZERS,
    report: Callable[[str, Epoch], None] = lambda _name, _epoch: None,
) -> dict[str, Run]:
    """Train with each optimizer, from the same weights; return the runs by name.

    `folder` gets a folder for each run, and the chart ``optimizers.png``. An existing
    run is not trained again.
    """
    runs = {}
    for name in optimizers:
        plan = replace(task.plan(name), max_epochs=max_epochs)
        runs[name] = Run(folder / name)
        if not runs[name].record.exists():

            def report_epoch(epoch: Epoch, name: str = name) -> None:
                report(name, epoch)

            train(task, plan, folder / name, rows=rows, progress=Progress(report_epoch))
    records = {name: run.read() for name, run in runs.items()}
    _draw(records, f"{task.name}: one loop, {len(runs)} optimizers", picture(folder))
    return runs


def picture(folder: Path) -> Path:
    """Return the path of the chart."""
    return folder / "optimizers.png"


def _draw(records: dict[str, dict[str, Any]], title: str, path: Path) -> None:
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for name, record in records.items():
        numbers = [epoch["number"] for epoch in record["curve"]]
        rate = record["plan"]["learning_rate"]
        for axes, loss in ((left, "train_loss"), (right, "validation_loss")):
            axes.plot(numbers, [epoch[loss] for epoch in record["curve"]],
                      label=f"{name}, rate {rate:g}")  # fmt: skip
    left.set(xlabel="epoch", ylabel="cross-entropy", title="training")
    right.set(xlabel="epoch", title="validation")
    left.legend()
    figure.suptitle(title)
    figure.savefig(path, dpi=110)
