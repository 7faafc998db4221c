"""The loss curve as a picture."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from hotseat_train.optim.loop import Epoch


def plot(curve: Sequence[Epoch], best: int, title: str, path: Path) -> None:
    """Draw both losses by epoch, and validation accuracy, into a PNG."""
    numbers = [epoch.number for epoch in curve]
    figure = Figure(figsize=(7, 4), layout="constrained")
    loss = figure.add_subplot()
    loss.plot(numbers, [e.train_loss for e in curve], label="training loss")
    loss.plot(numbers, [e.validation_loss for e in curve], label="validation loss")
    loss.axvline(best, color="grey", linestyle=":", label=f"kept: epoch {best}")
    loss.set(xlabel="epoch", ylabel="cross-entropy", title=title)
    loss.set_ylim(bottom=0)
    accuracy = loss.twinx()
    accuracy.plot(
        numbers,
        [e.validation_accuracy for e in curve],
        color="tab:green",
        alpha=0.6,
        label="validation accuracy (right)",
    )
    accuracy.set(ylabel="accuracy", ylim=(0.5, 1))
    lines = [*loss.get_lines(), *accuracy.get_lines()]
    loss.legend(lines, [str(line.get_label()) for line in lines], loc="lower left")
    figure.savefig(path, dpi=110)
