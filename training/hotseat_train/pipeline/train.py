"""Makes a run: trains a task, or copies its pretrained graph."""

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
    """Train a task and write a run to `folder`; resume an interrupted training.

    `rows` limits the training to the first rows, for quick trials; `more` is added to
    the run's record. Raises `TrainError`.
    """
    result = Run(folder)
    folder.mkdir(parents=True, exist_ok=True)
    record = task.train(result, plan, progress or Progress(), rows)
    learning_curve.plot(record, result.curve)
    runs.write(result.record, {**record, **(more or {})})
    return result


def take(task: Task, folder: Path) -> Run:
    """Write a run of the pretrained graph, with the record of its training.

    Raises `RunError` if the task has no pretrained graph.
    """
    pretrained = PRETRAINED / task.name
    if not any(pretrained.glob("model*.onnx")):
        raise RunError(f"{task.name} has no pretrained graph: leave --pretrained out")
    folder.mkdir(parents=True, exist_ok=True)
    for path in pretrained.iterdir():
        copyfile(path, folder / path.name)
    result = Run(folder)
    if not result.curve.exists():
        learning_curve.plot(result.read(), result.curve)
    return result
