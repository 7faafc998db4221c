"""Runs that are not fitted to rows: measured, made small and published as others.

A maker trains in its own way, or takes the graph that came with the package; what is
left is measured at once, so that `hotseat publish` takes it.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile

from matplotlib.figure import Figure

from hotseat_registry import Manifest
from hotseat_train import run as runs
from hotseat_train.errors import RunError
from hotseat_train.pipeline.evaluate import evaluate
from hotseat_train.run import Run
from hotseat_train.tasks.self_trained import Maker

TRAINED = Path(__file__).parents[1] / "trained"


def make(
    task: Maker,
    result: Run,
    *,
    minutes: float,
    trained: bool = False,
    report: Callable[[str], None] = lambda _line: None,
) -> Manifest:
    """Train, or with `trained` take the graph that came along; measure; leave a run.

    Raises `RunError` when no graph came along.
    """
    result.folder.mkdir(parents=True, exist_ok=True)
    began = datetime.now(UTC)
    if trained:
        there = TRAINED / task.name / "model.onnx"
        if not there.exists():
            raise RunError(f"no graph of {task.name} came along: train it")
        copyfile(there, result.model)
        curve: Sequence[tuple[float, float]] = [(0.0, 0.0)]
    else:
        curve = task.train(result.folder, minutes, report)
    _plot(curve, task.name, result.curve)
    seconds = (datetime.now(UTC) - began).total_seconds()
    runs.write(
        result.record,
        {
            "task": task.name,
            "data": task.data,
            "plan": {"minutes": minutes, "trained": trained},
            "curve": [
                {"seconds": round(second, 1), "loss": loss} for second, loss in curve
            ],
            "began_at": began.isoformat(timespec="seconds"),
            "seconds": round(seconds, 1),
            "commit": runs.commit(),
        },
    )
    report("measuring through the serving code ...")
    return evaluate(result)


def _plot(curve: Sequence[tuple[float, float]], title: str, path: Path) -> None:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([s / 60 for s, _ in curve], [loss for _, loss in curve])
    axes.set(xlabel="minutes", ylabel="loss", title=title)
    figure.savefig(path, dpi=110)
