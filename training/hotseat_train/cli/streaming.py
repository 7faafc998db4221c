"""Arguments of a table that is larger than memory."""

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotseat_train.errors import TrainError

if TYPE_CHECKING:
    from hotseat_train.tasks.task import Task


def add(parser: argparse.ArgumentParser) -> None:
    """Add the flags."""
    group = parser.add_argument_group("a table larger than memory")
    group.add_argument(
        "--stream",
        action="store_true",
        help="read the table in batches and train trees on their bins; the default "
        "where the table would not fit into memory",
    )
    group.add_argument(
        "--workers",
        type=int,
        default=0,
        metavar="N",
        help="train on a Ray with so many workers (implies --stream)",
    )
    group.add_argument(
        "--cluster",
        metavar="ADDRESS",
        help="of the Ray, as ray://10.0.0.7:10001 (default: one is started here)",
    )
    group.add_argument(
        "--threads",
        type=int,
        metavar="N",
        help="of each worker (default: 1), or of this process (default: all cores)",
    )


def applies(arguments: argparse.Namespace) -> bool:
    """Whether a table is read in batches: as the caller says, or as it is too large.

    Call it before a training library is imported. Raises `TrainError`.
    """
    from hotseat_train.data import table_size
    from hotseat_train.models.tables.streamed import forecast

    if arguments.cluster and not arguments.workers:
        raise TrainError("--cluster needs the number of workers: --workers N")
    if not (arguments.stream or arguments.workers):
        size = table_size.estimate(Path(arguments.data))
        if size is None:
            return False
        rows, columns = size
        if forecast.fits(min(rows, arguments.rows or rows), columns):
            return False
    # before OpenMP starts: threads that spin while they wait make a training on a
    # machine with other work ten times as slow
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    return True


def task(
    arguments: argparse.Namespace,
    name: str,
    settings: Mapping[str, Any],
    warn: Callable[[str], None],
) -> "Task":
    """Return the task of a streamed table; raises `TrainError`."""
    from hotseat_train.data.tables import Options
    from hotseat_train.data.tables.options import column_types
    from hotseat_train.tasks.streamed_table import StreamedTable

    if not (arguments.stream or arguments.workers):
        warn("the table may not fit into memory: it is read in batches (--stream)")
    if arguments.workers and arguments.weight:
        raise TrainError("--weight is for one process: leave --workers out")
    engine = None
    if arguments.workers:
        from hotseat_train.models.tables.streamed.ray_workers import LOCAL, RayWorkers

        engine = RayWorkers(
            arguments.workers, arguments.cluster or LOCAL, arguments.threads or 1
        )
    options = Options(
        missing=tuple(arguments.missing), encoding=arguments.encoding,
        delimiter=arguments.delimiter, header=not arguments.no_header,
        rows=arguments.rows,
    )  # fmt: skip
    found = StreamedTable(
        source=str(arguments.data), target=arguments.target, name=name,
        id=arguments.id, weight=arguments.weight, cost=arguments.cost,
        types=column_types(arguments.column), engine=engine,
        threads=arguments.threads or os.cpu_count() or 1, reading=options, warn=warn,
    )  # fmt: skip
    return found.choose(arguments.family, settings)
