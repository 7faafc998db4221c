"""The game questions, one file each."""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

from hotseat_train.errors import TrainError
from hotseat_train.tasks.self_trained import Maker
from hotseat_train.tasks.supervised import Task

NAMES = ("sentiment", "chat-moderation", "player-churn")


MADE = {"connect-four": 60.0, "sokoban-levels": 8.0, "mario-levels": 1.0}
"""Tasks with a training of their own, and the minutes that it takes."""


def maker(name: str) -> tuple[Maker, float]:
    """Return the maker of that name, and how many minutes it trains."""
    module = import_module(f"hotseat_train.tasks.{name.replace('-', '_')}")
    task: Maker = module.TASK
    return task, MADE[name]


def find(name: str, family: str | None = None) -> Task:
    """Return the task of that name, with a model of that family where it has several.

    Raises `TrainError`.
    """
    if name not in NAMES:
        raise TrainError(f"no task {name!r}; there are: {', '.join((*NAMES, *MADE))}")
    module = import_module(f"hotseat_train.tasks.{name.replace('-', '_')}")
    task: Task = module.TASK
    if family is None:
        return task
    if not hasattr(task, "family"):
        raise TrainError(f"{name} has one family of models: leave --family out")
    return replace(task, family=family)  # type: ignore[type-var]


def of(record: Mapping[str, Any]) -> Task:
    """Return the task of a run, with the family and settings that it was trained with.

    Raises `TrainError`.
    """
    settings = record.get("settings", {})
    if "table" in record:
        from hotseat_train.tasks.own_table import OwnTable

        digest = record["data"]["sha256"]
        family = record["family"]
        own: Any = OwnTable.of(
            record["table"], digest, family=family, settings=settings
        )
        return own  # type: ignore[no-any-return]
    task = find(record["task"])
    if not hasattr(task, "family"):
        return task
    return replace(task, family=record["family"], settings=settings)  # type: ignore[type-var]
