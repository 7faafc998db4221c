"""What is to be learned: a task by its name, or a table of one's own."""

import argparse
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hotseat_registry.errors import RegistryError
from hotseat_train.errors import TrainError

# torch, onnx and matplotlib take seconds to import: only the verb that runs does so


def add_question(parser: argparse.ArgumentParser) -> None:
    """Add the task, and the flags of a table of one's own."""
    parser.add_argument(
        "task",
        nargs="?",
        help="sentiment, chat-moderation, player-churn, connect-four, sokoban-levels, "
        "mario-levels",
    )
    parser.add_argument(
        "--data",
        metavar="PATH",
        help="folder with local copies of a task's files (default: HOTSEAT_DATA), or a "
        "table of your own: CSV or Parquet",
    )
    own = parser.add_argument_group("a table of your own")
    own.add_argument("--target", metavar="COLUMN", help="what is to be told")
    own.add_argument(
        "--id", metavar="COLUMN", help="whose row it is; rows of one are kept together"
    )
    own.add_argument(
        "--model-name", metavar="NAME", help="of the model (default: the file's)"
    )
    own.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="NAME=TYPE",
        help="say what a column is: number, category or out; again for more",
    )
    parser.add_argument(
        "--family",
        choices=("logistic", "mlp", "trees", "svm-linear", "svm", "blend"),
        help="of models for tables (default: trees)",
    )


def question(
    arguments: argparse.Namespace, settings: Mapping[str, Any] | None = None
) -> Any:
    """Return the task that is meant; for games that are made, the maker.

    Raises `TrainError` when it is not clear.
    """
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
                f"--data {arguments.data} is no folder; for a table of your own say "
                "which column is to be told: --target COLUMN"
            )
        os.environ["HOTSEAT_DATA"] = arguments.data
    if arguments.task in tasks.MADE:
        return tasks.maker(arguments.task)[0]
    task = tasks.find(arguments.task, arguments.family)
    if settings and hasattr(task, "settings"):
        return replace(task, settings=settings)  # type: ignore[type-var]
    return task


def _own(arguments: argparse.Namespace, settings: Mapping[str, Any]) -> Any:
    import sys

    from hotseat_registry.names import check_name
    from hotseat_train.tasks.own_table import OwnTable, slug

    if arguments.task is not None:
        raise TrainError(f"{arguments.task} knows its data: leave --target out")
    if not arguments.data:
        raise TrainError("--target: say of which table: --data FILE")
    path = Path(arguments.data)
    name = arguments.model_name or slug(path)
    try:
        check_name(name)
    except RegistryError as error:
        raise TrainError(f"{error}: --model-name NAME") from None

    def warn(said: str) -> None:
        print(f"  note: {said}", file=sys.stderr)

    return OwnTable(
        path=path, target=arguments.target, name=name, id=arguments.id,
        said=tuple(arguments.column), family=arguments.family or "trees",
        settings=settings, warn=warn,
    )  # fmt: skip
