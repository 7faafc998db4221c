"""The verb `federate`."""

import argparse
import os
import sys
from collections.abc import Mapping
from contextlib import nullcontext, redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotseat_registry.cli.common import DONE, Run, answering, print_json
from hotseat_train.cli.task_arguments import add_task, task_of
from hotseat_train.errors import TrainError

if TYPE_CHECKING:
    from hotseat_train.federated.settings import Settings
    from hotseat_train.run import Run as RunFolder
    from hotseat_train.tasks.federated import FederatedTask

# torch, onnx and matplotlib take seconds to import: only a verb that runs imports them

_NUMBERS = {
    "rounds": (int, "rounds of training (default: 12)"),
    "local_epochs": (int, "passes of a client over its rows in a round (default: 2)"),
    "learning_rate": (float, "of the clients (default: 10 for texts, 0.1 for tables)"),
    "batch_size": (int, "rows per step of a client (default: 32)"),
    "server_momentum": (
        float,
        "of fedavgm: share of the last step added to the next (default: 0.8)",
    ),
    "server_learning_rate": (
        float,
        "by which the clients' mean step is multiplied (default: 1)",
    ),
    "fraction": (float, "share of the clients in a round (default: 1)"),
    "seed": (int, "of the clients' order of rows (default: 0)"),
}
_PRIVATE = {
    "epsilon": (float, "privacy budget of all rounds together (default: no noise)"),
    "delta": (float, "its probability of failure (default: 0.1 / clients)"),
    "clip": (float, "largest norm of a client's update (default: 1)"),
}
_EPILOG = """\
example: hotseat federate sentiment --clients 20 --rounds 12
example: hotseat federate --data chat.csv --target label --text line --id match \\
  --clients 500 --epsilon 8
example: hotseat federate --data players.csv --target churned --id player_id \\
  --family mlp --schema players.json --by country

A table needs --schema FILE, because scales and categories must be agreed without
seeing a row. players.json, for example:

  {"labels": ["no", "yes"],
   "columns": {"hours": {"minimum": 0, "maximum": 500, "missing": true},
               "country": {"categories": ["de", "fr", "cn"]},
               "vip": {"type": "boolean"}}}

Texts need none: their alphabet is public, and n-grams are hashed. Trees, blends and
SVMs cannot be averaged; dates, texts and lists of a table need --column NAME=out.
"""


def federate(parser: argparse.ArgumentParser) -> Run:
    """Train on clients that keep their rows, and average their models."""
    parser.description = (
        "Train a task on clients that keep their rows: in each round the server sends "
        "the model, each client trains it on its own rows, and the server averages "
        "what comes back (FedAvg, or FedAvgM with momentum). Here the clients are cut "
        "from one data set, to see what a federation would reach; --app writes the "
        "same training as a Flower app for real clients. With --epsilon updates are "
        "clipped and noise is added: the run's card has epsilon, delta and what they "
        "protect. The result is a run like any other: evaluate, publish, promote. The "
        "same command with --run DIR resumes an interrupted training. Flower has an "
        "environment of its own."
    )
    parser.epilog = _EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_task(parser)
    clients = parser.add_argument_group("clients")
    clients.add_argument(
        "--clients",
        default="10",
        metavar="N|each",
        help="deal the groups of rows to N clients; each: every group is a client "
        "(default: 10)",
    )
    clients.add_argument(
        "--by",
        metavar="COLUMN",
        help="feature whose values group the rows (default: what the rows are split "
        "by: --id, the match of a chat, else the row itself)",
    )
    clients.add_argument(
        "--schema",
        type=Path,
        metavar="FILE",
        help="ranges, categories and labels of a table, that all clients agree on",
    )
    training = parser.add_argument_group("training")
    training.add_argument(
        "--strategy",
        choices=("fedavgm", "fedavg"),
        help="how the server averages (default: fedavgm)",
    )
    for name, (kind, what) in _NUMBERS.items():
        training.add_argument(f"--{name.replace('_', '-')}", type=kind, help=what)
    private = parser.add_argument_group(
        "differential privacy",
        "protects a client as a whole: with --clients each and --id player, a player",
    )
    for name, (kind, what) in _PRIVATE.items():
        private.add_argument(f"--{name}", type=kind, help=what)
    parser.add_argument(
        "--app",
        type=Path,
        metavar="DIR",
        help="write the training as a Flower app for --clients N real clients, and "
        "train nothing here",
    )
    parser.add_argument("--run", type=Path, metavar="DIR", help="the run's folder")
    parser.add_argument("--json", action="store_true", help="print JSON")
    return _federate


@answering(TrainError)
def _federate(arguments: argparse.Namespace) -> int:
    # before OpenMP starts: threads that spin while they wait slow each other down
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from hotseat_train import run
    from hotseat_train.cli.progress import epochs
    from hotseat_train.models.tables.declared_rows import Declaration
    from hotseat_train.pipeline import federate as pipeline
    from hotseat_train.tasks.federated import FederatedTask
    from hotseat_train.tasks.task import Progress

    count = _count(arguments.clients)
    declared = Declaration.read(arguments.schema) if arguments.schema else None
    if declared and not arguments.family:
        arguments.family = "mlp"
    with redirect_stdout(sys.stderr) if arguments.json else nullcontext():
        task = FederatedTask.of(task_of(arguments), declared)
    settings = _settings(arguments, task)
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = arguments.run or run.RUNS / task.name / f"{now}-{settings.strategy}"
    clients = pipeline.Clients(count, arguments.by)
    if arguments.app:
        return _write_app(arguments, task, settings, folder)
    if arguments.json:
        with redirect_stdout(sys.stderr):  # the table's columns, as they are read
            result = pipeline.federate(task, settings, folder, clients)
        return print_json({"run": str(result.folder), **_shown(result.read())})
    with epochs(f"{task.name}, {settings.strategy}", settings.rounds, "round") as each:
        result = pipeline.federate(
            task, settings, folder, clients, progress=Progress(epoch=each)
        )
    _print(result)
    return DONE


def _write_app(
    arguments: argparse.Namespace,
    task: "FederatedTask",
    settings: "Settings",
    folder: Path,
) -> int:
    from hotseat_train.pipeline import federated_app

    if arguments.by or arguments.clients == "each":
        raise TrainError("--app has real clients: --clients N without --by")
    count = int(arguments.clients)
    federated_app.write(arguments.app, task, settings, count, folder)
    print(f"  wrote {arguments.app}, a Flower app for {count} clients; the server "
          f"will write the run {folder}")  # fmt: skip
    print(f"  next: flwr run {arguments.app} SUPERLINK --stream")
    return DONE


def _count(text: str) -> int:
    """Return the number of clients; 0 for `each`. Raises `TrainError`."""
    if text == "each":
        return 0
    if not text.isdecimal() or int(text) < 2:
        raise TrainError(f"--clients {text}: expected a number of 2 or more, or each")
    return int(text)


def _settings(arguments: argparse.Namespace, task: "FederatedTask") -> "Settings":
    from hotseat_train.federated.settings import Settings

    names = ("strategy", *_NUMBERS, *_PRIVATE)
    found: dict[str, Any] = {
        name: value for name in names if (value := getattr(arguments, name)) is not None
    }
    for name, needs in (("clip", "epsilon"), ("delta", "epsilon")):
        if name in found and needs not in found:
            raise TrainError(f"--{name} belongs to --{needs}: give both, or leave it")
    if found.get("strategy") == "fedavg" and "server_momentum" in found:
        raise TrainError("--server-momentum is of --strategy fedavgm: leave it out")
    return Settings(**{**task.usual, **found})


def _shown(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what to print of a run as JSON."""
    return {
        "task": record["task"],
        "seconds": record["seconds"],
        "last": record["best"],
        "curve": record["curve"],
        "federated": record["federated"],
    }


def _print(result: "RunFolder") -> None:
    from hotseat_train.reports import federated_card

    record = result.read()
    last = record["best"]
    print(
        f"{last['number']} rounds: validation loss {last['validation_loss']:.4f}, "
        f"accuracy {last['validation_accuracy']:.3f}"
    )
    for line in federated_card.lines(record["federated"]):
        print(f"  {line}" if line else "")
    for path in (result.record, result.model, result.curve):
        print(f"  wrote {path}")
    print(f"  next: hotseat evaluate {result.folder}")
