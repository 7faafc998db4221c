"""Learn: the verb train."""

import argparse
import json
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotseat_registry.verbs.command import DONE, Run, answering, print_table
from hotseat_train.cli.task_arguments import add_question, question
from hotseat_train.errors import TrainError

if TYPE_CHECKING:
    from hotseat_train.optim.loop import Plan

# torch, onnx and matplotlib take seconds to import: only the verb that runs does so


def train(parser: argparse.ArgumentParser) -> Run:
    """Train a task on its data."""
    parser.description = (
        "Train a task, or a model for a table of your own (--data FILE --target "
        "COLUMN), and leave a run: model, graph, loss curve. The same command takes "
        "an interrupted run up again where --run names it."
    )
    parser.epilog = (
        "example: hotseat train sentiment --optimizer sgd; "
        "hotseat train --data players.csv --target churned --cv 5"
    )
    add_question(parser)
    parser.add_argument(
        "--cv",
        type=int,
        metavar="FOLDS",
        help="compare all families by cross-validation, and train the best",
    )
    parser.add_argument(
        "--plan", type=Path, metavar="FILE", help="what hotseat search found best"
    )
    parser.add_argument(
        "--optimizer",
        choices=("gd", "sgd", "momentum", "adam"),
        help="gd: the whole data a step; the others: a batch a step (default: sgd; "
        "for tables adam)",
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
        "--minutes", type=float, help="of training, for the games and their levels"
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
    from hotseat_train.cli.progress import epochs
    from hotseat_train.pipeline.train import take
    from hotseat_train.pipeline.train import train as begin

    found = json.loads(arguments.plan.read_bytes()) if arguments.plan else {}
    if found.get("family") and not arguments.family:
        arguments.family = found["family"]
    task = question(arguments, settings=found.get("settings"))
    if arguments.task in tasks.MADE:
        return _make(arguments)
    usual = "adam" if hasattr(task, "family") else "sgd"
    optimizer = arguments.optimizer or found.get("optimizer") or usual

    def change(plan: "Plan") -> "Plan":
        given = {name: getattr(arguments, name, None) for name in plan.__slots__}
        given = {k: v for k, v in given.items() if v is not None and k != "optimizer"}
        return replace(plan, **{**found.get("plan", {}), **given})

    more: dict[str, Any] = {}
    if arguments.cv:
        task, more = _compared(task, arguments.cv, optimizer, change)
    plan = change(task.plan(optimizer))
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    folder = arguments.run or run.RUNS / task.name / f"{now}-{plan.optimizer}"
    if arguments.trained:
        taken = take(task, folder)
        print(
            f"  took the graph that came along; next: hotseat evaluate {taken.folder}"
        )
        return DONE
    print(f"reading and encoding the data of {task.name} ...", flush=True)
    title = f"{task.name}, {getattr(task, 'family', plan.optimizer)}"
    with epochs(title, plan.max_epochs) as report:
        made = begin(
            task, plan, folder, rows=arguments.rows, more=more, report=report
        )  # fmt: skip
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
    print(f"  next: hotseat evaluate {folder}")
    return DONE


def _compared(
    task: Any, folds: int, optimizer: str, change: Any
) -> tuple[Any, dict[str, Any]]:
    """Compare the families; return the task with the best, and how all stand."""
    from hotseat_train.evaluation import family_scores
    from hotseat_train.pipeline import cross_validation

    if not hasattr(task, "family"):
        raise TrainError(f"{task.name} has one family of models: leave --cv out")
    seed = change(task.plan(optimizer)).seed
    found = cross_validation.compare(
        task, folds, seed, optimizer=optimizer, change=change,
        report=lambda line: print(f"{task.name} {line}", flush=True),
    )  # fmt: skip
    print_table(family_scores.COLUMNS, map(family_scores.cells, found))
    print(f"the lowest loss has {found[0].family}")
    return (
        replace(task, family=found[0].family),
        {"families": [asdict(item) for item in found]},
    )


def _make(arguments: argparse.Namespace) -> int:
    """Train what is learned by playing or from whole items."""
    from hotseat_train import run, tasks
    from hotseat_train.pipeline.self_training import make

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
    print(f"  next: hotseat quantize {folder}, or hotseat publish {folder}")
    return DONE
