"""The learning curve of a run as a picture."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure


def plot(record: Mapping[str, Any], path: Path) -> None:
    """Draw the curve in a run's record into a PNG.

    With labels: both losses and the validation accuracy by epoch. Without: the loss by
    minutes of training.
    """
    if "best" in record:
        figure = _by_epoch(record)
    else:
        figure = _by_minutes(record["task"], record["curve"])
    figure.savefig(path, dpi=110)


def _by_epoch(record: Mapping[str, Any]) -> Figure:
    curve, best = record["curve"], record["best"]["number"]
    optimizer = record["plan"]["optimizer"]
    title = f"{record['task']}, {optimizer}: stopped by {record['reason']}"
    numbers = [epoch["number"] for epoch in curve]
    figure = Figure(figsize=(7, 4), layout="constrained")
    loss = figure.add_subplot()
    for name, label in (("train_loss", "training loss"),
                        ("validation_loss", "validation loss")):  # fmt: skip
        loss.plot(numbers, [epoch[name] for epoch in curve], label=label)
    loss.axvline(best, color="grey", linestyle=":", label=f"kept: epoch {best}")
    loss.set(xlabel="epoch", ylabel="cross-entropy", title=title)
    loss.set_ylim(bottom=0)
    accuracy = loss.twinx()
    accuracy.plot(
        numbers,
        [epoch["validation_accuracy"] for epoch in curve],
        color="tab:green",
        alpha=0.6,
        label="validation accuracy (right)",
    )
    accuracy.set(ylabel="accuracy", ylim=(0.5, 1))
    lines = [*loss.get_lines(), *accuracy.get_lines()]
    loss.legend(lines, [str(line.get_label()) for line in lines], loc="lower left")
    return figure


def _by_minutes(title: str, curve: Sequence[Mapping[str, float]]) -> Figure:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([at["seconds"] / 60 for at in curve], [at["loss"] for at in curve])
    axes.set(xlabel="minutes", ylabel="loss", title=title)
    return figure
