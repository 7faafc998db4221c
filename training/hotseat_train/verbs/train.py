"""Learn: the verb train."""

import argparse
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from hotseat_registry.verbs.command import DONE, Run, answering
from hotseat_train.errors import TrainError

# torch, onnx and matplotlib take seconds to import: only the verb that runs does so


def train(parser: argparse.ArgumentParser) -> Run:
    """Train a task on its data."""
    parser.description = (
        "Train a task and leave a run: model, graph, loss curve. The same command "
        "takes an interrupted run up again where --run names it."
    )
    parser.epilog = "example: hotseat train sentiment --optimizer sgd"
    parser.add_argument(
        "task",
        help="sentiment, chat-moderation, player-churn, connect-four, sokoban-levels",
    )
    parser.add_argument(
        "--family",
        choices=("logistic", "mlp", "trees", "svm"),
        help="of player-churn (default: trees)",
    )
    parser.add_argument(
        "--data", metavar="DIR", help="folder with local copies (default: HOTSEAT_DATA)"
    )
    parser.add_argument(
        "--optimizer",
        choices=("gd", "sgd", "momentum", "adam"),
        default="sgd",
        help="gd: the whole data a step; the others: a batch a step (default: sgd)",
    )
    for name, kind, what in (
        ("learning-rate", float, "size of a step"),
        ("momentum", float, "share of the last step that goes on"),
        ("batch-size", int, "rows a step"),
        ("max-epochs", int, "passes over the data, at most"),
        ("tolerance", float, "stop when the loss changes by less"),
        ("patience", int, "stop after so many epochs without improvement"),
        ("seed", int, "of initialisation and order"),
    ):
        parser.add_argument(
            f"--{name}", type=kind, help=f"{what} (default: the task's)"
        )
    parser.add_argument(
        "--minutes", type=float, help="of training, for connect-four, sokoban-levels"
    )
    parser.add_argument(
        "--trained",
        action="store_true",
        help="take the graph that came along, as chat-moderation has one, too",
    )
    parser.add_argument("--rows", type=int, help="train on the first rows only")
    parser.add_argument("--run", type=Path, metavar="DIR", help="the run's folder")
    return _train


@answering(TrainError)
def _train(arguments: argparse.Namespace) -> int:
    from hotseat_train import run, tasks
    from hotseat_train.progress import epochs
    from hotseat_train.train import take
    from hotseat_train.train import train as begin

    if arguments.data:
        os.environ["HOTSEAT_DATA"] = arguments.data
    if arguments.task in tasks.MADE:
        return _make(arguments)
    task = tasks.find(arguments.task, arguments.family)
    plan = task.plan(arguments.optimizer)
    given = {name: getattr(arguments, name, None) for name in plan.__slots__}
    plan = replace(plan, **{k: v for k, v in given.items() if v is not None})
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = arguments.run or run.RUNS / task.name / f"{now}-{plan.optimizer}"
    if arguments.trained:
        taken = take(task, folder)
        print(
            f"  took the graph that came along; next: hotseat evaluate {taken.folder}"
        )
        return DONE
    print(f"reading and encoding the data of {task.name} ...", flush=True)
    with epochs(f"{task.name}, {plan.optimizer}", plan.max_epochs) as report:
        made = begin(task, plan, folder, rows=arguments.rows, report=report)
    record = made.read()
    best = record["best"]
    how = (
        "fitted in one go"
        if record["reason"] == "fitted"
        else f"stopped by {record['reason']} after {len(record['curve'])} epochs; kept "
        f"epoch {best['number']}"
    )
    print(
        f"{how}: validation loss {best['validation_loss']:.4f}, "
        f"accuracy {best['validation_accuracy']:.3f}"
    )
    for path in (made.record, made.model, made.curve):
        print(f"  wrote {path}")
    return DONE


def _make(arguments: argparse.Namespace) -> int:
    """Train what is learned by playing or from whole items."""
    from hotseat_train import run, tasks
    from hotseat_train.maker import make

    task, usual = tasks.maker(arguments.task)
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = arguments.run or run.RUNS / task.name / now
    made = run.Run(folder)
    manifest = make(
        task,
        made,
        minutes=arguments.minutes or usual,
        trained=arguments.trained,
        report=lambda line: print(f"{task.name} {line}", flush=True),
    )
    for name, value in manifest.variants[0].metrics.items():
        print(f"  {name.replace('_', ' ')}: {value}")
    for path in (made.model, made.golden, made.manifest):
        print(f"  wrote {path}")
    print(f"  next: hotseat publish {folder}")
    return DONE
