"""Train a task, or take its pretrained graph: one run."""

from collections.abc import Mapping
from pathlib import Path
from shutil import copyfile
from typing import Any

from hotseat_train import run as runs
from hotseat_train.errors import RunError
from hotseat_train.reports import learning_curve
from hotseat_train.run import Run
from hotseat_train.tasks.task import Progress, Task

PRETRAINED = Path(__file__).parents[1] / "trained"
"""A folder for each task that has a pretrained graph."""


def train(
    task: Task,
    plan: Any,
    folder: Path,
    *,
    rows: int | None = None,
    more: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Run:
    """Train and leave a run in `folder`; an interrupted one goes on.

    `rows` takes the first of the training rows only, for trying things out; `more` is
    kept in the run's record. Raises `TrainError`.
    """
    result = Run(folder)
    folder.mkdir(parents=True, exist_ok=True)
    record = task.train(result, plan, progress or Progress(), rows)
    learning_curve.plot(record, result.curve)
    runs.write(result.record, {**record, **(more or {})})
    return result


def take(task: Task, folder: Path) -> Run:
    """Leave a run of the pretrained graph, with the record of its training.

    Raises `RunError` when the task has none.
    """
    there = PRETRAINED / task.name
    if not any(there.glob("model*.onnx")):
        raise RunError(f"{task.name} has no pretrained graph: leave --pretrained out")
    folder.mkdir(parents=True, exist_ok=True)
    for path in there.iterdir():
        copyfile(path, folder / path.name)
    result = Run(folder)
    if not result.curve.exists():
        learning_curve.plot(result.read(), result.curve)
    return result
