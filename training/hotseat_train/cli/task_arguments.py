"""Arguments that name a task, or a table of your own."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotseat_registry.errors import RegistryError
from hotseat_train.cli import streaming
from hotseat_train.errors import TrainError
from hotseat_train.tasks import names

if TYPE_CHECKING:
    from hotseat_train.tasks.task import Task

Arguments = argparse.ArgumentParser | argparse._ArgumentGroup  # noqa: SLF001 (its type)
STANDARD_INPUT = ("-", "/dev/stdin")

# torch, onnx and matplotlib take seconds to import: only a verb that runs imports them


def add_task(parser: argparse.ArgumentParser) -> None:
    """Add the task, and the flags of a table of one's own."""
    parser.add_argument(
        "task",
        nargs="?",
        help=", ".join(names()),
    )
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="folder with local copies of a task's files (default: HOTSEAT_DATA), or a "
        "table of your own: CSV, JSON lines, Parquet, Feather or Excel, packed or not; "
        "a folder of parts; - (standard input); s3:// or https:// with #sha256=...",
    )
    own = parser.add_argument_group("a table of your own")
    own.add_argument("--target", metavar="COLUMN", help="the column to predict")
    own.add_argument(
        "--id",
        metavar="COLUMN",
        help="group column (player id, say): its rows stay in one split",
    )
    own.add_argument(
        "--text",
        metavar="COLUMN",
        help="learn from the texts of this column alone, in any languages (to mix them "
        "with other columns: --column COLUMN=text)",
    )
    own.add_argument(
        "--objective",
        metavar="NAME",
        help="label, ordinal (labels with an order: numbers, or "
        "ordinal:low<middle<high), rank (rows of one --id by relevance), number, "
        "count, amount (heavy tails: lifetime value), or quantile:LEVEL (default: by "
        "the target's values)",
    )
    own.add_argument(
        "--time",
        metavar="COLUMN",
        help="train on the past and test on the newest rows by this column, which is "
        "no feature",
    )
    own.add_argument("--test", metavar="PATH", help="a table of its own for the test")
    own.add_argument(
        "--weight",
        metavar="COLUMN",
        help="how much a row counts in training, 0 or more; no feature",
    )
    own.add_argument(
        "--cost",
        type=float,
        metavar="N",
        help="missing a row of the rarer of two labels costs as much as N false "
        "alarms: the version answers by the threshold of the lowest cost (default: "
        "the more probable label)",
    )
    own.add_argument(
        "--balance",
        action="store_true",
        help="rare labels count as much as frequent ones in training",
    )
    own.add_argument(
        "--model-name", metavar="NAME", help="name of the model (default: the file's)"
    )
    own.add_argument(
        "--now",
        metavar="DATE",
        help="day that ages of dates count to (default: the newest date of the table)",
    )
    add_reading(own)
    parser.add_argument(
        "--family",
        metavar="NAME",
        help="kind of model for tables: blend (of trees and logistic regression; the "
        "default), trees, logistic, mlp, svm-linear or svm; of numbers: blend, trees "
        "or linear",
    )


def add_reading(parser: Arguments) -> None:
    """Add the flags that say how a table is read."""
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="NAME=TYPE",
        help="type of a column: number, category, boolean, date, date:%%d.%%m.%%Y, "
        "text, list, id (never learned, never published) or out; repeat for several",
    )
    parser.add_argument(
        "--missing",
        action="append",
        default=[],
        metavar="WORD",
        help="read this word as a missing value; repeat for several",
    )
    parser.add_argument(
        "--encoding", metavar="NAME", help="of a text file (default: found)"
    )
    parser.add_argument(
        "--delimiter", metavar="CHARACTER", help="of a text file (default: found)"
    )
    parser.add_argument(
        "--no-header",
        action="store_true",
        help="the first line is a row: columns are called column_1, column_2 ...",
    )


def task_of(
    arguments: argparse.Namespace, settings: Mapping[str, Any] | None = None
) -> "Task":
    """Return the task that the arguments name; raises `TrainError`."""
    from hotseat_train import tasks

    if arguments.target:
        return _own(arguments, settings or {})
    if arguments.task is None:
        raise TrainError(
            "name a task, or a table of your own: --data FILE --target COLUMN"
        )
    if arguments.data:
        if not Path(arguments.data).is_dir():
            raise TrainError(
                f"--data {arguments.data} is not a folder; for a table of your own "
                "name the column to predict: --target COLUMN"
            )
        os.environ["HOTSEAT_DATA"] = arguments.data
    return tasks.find(arguments.task).choose(arguments.family, settings)


def _place(path: str) -> Path | str:
    return path if "://" in path or path in STANDARD_INPUT else Path(path)


def _only_in_memory(arguments: argparse.Namespace) -> None:
    """Raise `TrainError` for flags that a streamed table does not have."""
    given = {
        "--objective": arguments.objective not in {None, "label"},
        "--time": arguments.time, "--test": arguments.test,
        "--text": arguments.text, "--balance": arguments.balance,
        "--now": arguments.now,
    }  # fmt: skip
    for flag, value in given.items():
        if value:
            raise TrainError(
                f"{flag} is for tables that are trained in memory: leave it out, or "
                "take a part of the rows (--rows) without --stream"
            )


def _own(arguments: argparse.Namespace, settings: Mapping[str, Any]) -> "Task":
    import sys

    from hotseat_registry.names import check_name
    from hotseat_train.cli.table import show

    is_streamed = (
        bool(arguments.data)
        and hasattr(arguments, "stream")  # a verb that trains once
        and streaming.applies(arguments)
    )
    from hotseat_train.tasks.own_number import chosen
    from hotseat_train.tasks.own_table import OwnTable, slug

    if arguments.task is not None:
        raise TrainError(f"{arguments.task} has its own data: omit --target")
    if not arguments.data:
        raise TrainError("--target needs a table: --data FILE")
    data = arguments.data
    path = _place(data)
    name = arguments.model_name or slug(path)
    try:
        check_name(name)
    except RegistryError as error:
        raise TrainError(f"{error}: --model-name NAME") from None

    def warn(remark: str) -> None:
        print(f"  note: {remark}", file=sys.stderr)

    if is_streamed:
        _only_in_memory(arguments)
        return streaming.task(arguments, name, settings, warn)
    fields: dict[str, Any] = {
        "path": path, "target": arguments.target, "name": name, "id": arguments.id,
        "types": tuple(arguments.column), "settings": settings, "warn": warn,
        "show": show, "now": arguments.now, "missing": tuple(arguments.missing),
        "encoding": arguments.encoding, "delimiter": arguments.delimiter,
        "header": not arguments.no_header, "rows": getattr(arguments, "rows", None),
        "time": arguments.time, "weight": arguments.weight, "cost": arguments.cost,
        "balance": arguments.balance, "test": arguments.test and _place(arguments.test),
    }  # fmt: skip
    if arguments.text:
        from hotseat_train.tasks.own_text import OwnText

        if arguments.objective not in {None, "label"}:
            raise TrainError("--text learns labels: leave --objective out")
        return OwnText(**fields, text=arguments.text).choose(arguments.family, settings)
    task = chosen(OwnTable(**fields), arguments.objective, warn)
    return task.choose(arguments.family, settings)
