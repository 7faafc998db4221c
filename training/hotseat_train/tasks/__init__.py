"""The game questions, one file each."""

from importlib import import_module

from hotseat_train.errors import TrainError
from hotseat_train.tasks.task import Task

NAMES = ("sentiment",)


def find(name: str) -> Task:
    """Return the task of that name; raises `TrainError`."""
    if name not in NAMES:
        raise TrainError(f"no task {name!r}; there are: {', '.join(NAMES)}")
    task: Task = import_module(f"hotseat_train.tasks.{name.replace('-', '_')}").TASK
    return task
