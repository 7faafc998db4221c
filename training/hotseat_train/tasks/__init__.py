"""Prediction problems with their data and models, one module each.

The entry point group ``hotseat.tasks`` names them; a studio's own package adds tasks in
the same way.
"""

from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from hotseat_train.errors import TrainError

if TYPE_CHECKING:
    from hotseat_train.tasks.task import Task

GROUP = "hotseat.tasks"


def names() -> list[str]:
    """Return the sorted names of all installed tasks."""
    return sorted(entry_points(group=GROUP).names)


def find(name: str, family: str | None = None) -> "Task":
    """Return the task of that name with that family, if it has several.

    Raises `TrainError`.
    """
    found = tuple(entry_points(group=GROUP, name=name))
    if not found:
        raise TrainError(f"no task {name!r}; there are: {', '.join(names())}")
    task: Task = found[0].load()
    return task.choose(family)


def of(record: Mapping[str, Any]) -> "Task":
    """Return the task of a run, with the family and settings of its training.

    Raises `TrainError`.
    """
    if "federated" in record:
        from hotseat_train.tasks.federated import restored

        kept = {key: value for key, value in record.items() if key != "federated"}
        return restored(of(kept), record)
    if "streamed" in record:
        from hotseat_train.tasks.streamed_table import StreamedTable

        return StreamedTable.of(record)
    settings = record.get("settings", {})
    if "table" in record:
        return _of_table(record, settings)
    task = find(record["task"])
    if not task.families:
        return task
    return task.choose(record["family"], settings)


def _of_table(record: Mapping[str, Any], settings: Mapping[str, Any]) -> "Task":
    """Return the task of a run on an own table."""
    from hotseat_train.tasks.own_number import OwnNumber  # late: --help needs none
    from hotseat_train.tasks.own_order import OwnOrder
    from hotseat_train.tasks.own_ranking import OwnRanking
    from hotseat_train.tasks.own_table import OwnTable
    from hotseat_train.tasks.own_text import OwnText

    table = record["table"]
    more: dict[str, Any] = {"family": record["family"]}
    of: type[OwnTable] = OwnTable
    if "text" in table:
        of = OwnText
    elif "ranking" in table:
        of = OwnRanking
    elif "objective" in table:
        of = OwnNumber
    else:
        of = OwnOrder if "order" in table else OwnTable
        more["settings"] = settings
    return of.of(table, record["data"]["sha256"], **more)
