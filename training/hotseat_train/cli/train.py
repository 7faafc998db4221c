"""The verb `train`."""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hotseat_registry.cli.common import (
    DONE,
    OldSpelling,
    Run,
    answering,
    print_table,
)
from hotseat_train.cli import streaming
from hotseat_train.cli.task_arguments import add_task, task_of
from hotseat_train.errors import TrainError

if TYPE_CHECKING:
    from hotseat_train.run import Run as RunFolder
    from hotseat_train.tasks.task import Progress, Task

PLAN = {
    "learning_rate": (float, "step size"),
    "momentum": (float, "share of the last step that is added to the next"),
    "batch_size": (int, "rows per step"),
    "max_epochs": (int, "at most so many passes over the data"),
    "tolerance": (float, "stop when the loss changes by less"),
    "patience": (int, "stop after so many epochs without improvement"),
    "seed": (int, "of the initial weights and the order of rows"),
    "minutes": (float, "of training, for self-trained tasks"),
}

# torch, onnx and matplotlib take seconds to import: only a verb that runs imports them


def train(parser: argparse.ArgumentParser) -> Run:
    """Train a task on its data."""
    parser.description = (
        "Train a task, or a model for a table of your own (--data FILE --target "
        "COLUMN), and write a run: model, ONNX graph, loss curve. Where --run names "
        "the folder of an interrupted run, the same command resumes a network "
        "(mlp, and the tasks of texts and games); other families begin anew."
    )
    parser.epilog = (
        "example: hotseat train sentiment --optimizer sgd; "
        "hotseat train --data players.csv --target churned --cv 5"
    )
    add_task(parser)
    streaming.add(parser)
    parser.add_argument(
        "--cv",
        type=int,
        metavar="FOLDS",
        help="compare all families by cross-validation, and train the best",
    )
    parser.add_argument(
        "--plan",
        type=Path,
        metavar="FILE",
        help="the best settings, as hotseat tune wrote them",
    )
    parser.add_argument(
        "--optimizer",
        choices=("gd", "sgd", "momentum", "adam"),
        help="gd: full batch; the others: mini-batches (default: sgd; for tables adam)",
    )
    for name, (kind, what) in PLAN.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=kind,
            help=f"{what} (default: the task's)",
        )
    parser.add_argument(
        "--pretrained",
        action="store_true",
        help="use the pretrained graph, which some tasks have, instead of training",
    )
    parser.add_argument(
        "--trained", action=OldSpelling, new="--pretrained", nargs=0, const=True
    )
    parser.add_argument(
        "--log",
        choices=("mlflow", "tensorboard"),
        help="also log every epoch: to MLflow's tracking URI, or into the run's folder "
        "for TensorBoard",
    )
    parser.add_argument("--rows", type=int, help="read or train on the first rows only")
    parser.add_argument("--run", type=Path, metavar="DIR", help="the run's folder")
    return _train


@answering(TrainError)
def _train(arguments: argparse.Namespace) -> int:
    # before OpenMP starts: threads that spin while they wait slow each other down
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    found = json.loads(arguments.plan.read_bytes()) if arguments.plan else {}
    if found.get("family") and not arguments.family:
        arguments.family = found["family"]
    # before the training libraries are imported: a streamed one sets up OpenMP
    task = task_of(arguments, settings=found.get("settings"))
    from hotseat_train import run
    from hotseat_train.cli.progress import watch
    from hotseat_train.pipeline.train import take
    from hotseat_train.pipeline.train import train as begin

    flags = {
        name: value
        for name in (*PLAN, "optimizer")
        if (value := getattr(arguments, name)) is not None
    }
    if not (arguments.cv or arguments.pretrained) and (why := task.unused(flags)):
        raise TrainError(why)
    options = {
        "optimizer": found.get("optimizer"),
        **found.get("plan", {}),
        **flags,
    }
    more: dict[str, Any] = {}
    if arguments.cv:
        task, more = _compared(task, arguments.cv, options)
    plan = task.plan_of(options)
    folder = arguments.run or run.RUNS / task.name / _label(plan)
    if arguments.pretrained:
        result = take(task, folder)
        print(f"  took the pretrained graph; next: hotseat evaluate {result.folder}")
    else:
        print(f"reading the data of {task.name} ...", flush=True)
        with watch(task, plan) as shown, _logged(arguments.log, task, folder, plan,
                                                 shown) as progress:  # fmt: skip
            # a table of one's own is not read beyond these rows
            rows = None if arguments.target else arguments.rows
            result = begin(task, plan, folder, rows=rows, more=more, progress=progress)
    if task.evaluated_at_once:
        return _evaluated(result)
    if not arguments.pretrained:
        _show_training(result)
    return DONE


@contextmanager
def _logged(
    kind: str | None, task: "Task", folder: Path, plan: Any, progress: "Progress"
) -> Iterator["Progress"]:
    """Yield what also logs the epochs, if ``--log`` is given."""
    if kind is None:
        yield progress
        return
    from hotseat_train.reports import experiment_log
    from hotseat_train.tasks.task import Progress

    if not is_dataclass(plan) or isinstance(plan, type):
        raise TrainError(f"{task.name} has no epochs to log: leave --log out")
    parameters = {"task": task.name, **asdict(plan)}
    with experiment_log.opened(kind, task.name, folder, parameters) as log:

        def both(epoch: Any) -> None:
            progress.epoch(epoch)
            log(epoch)

        yield Progress(epoch=both, line=progress.line)


def _label(plan: Any) -> str:
    """Return a folder's name for a run that begins now."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    optimizer = getattr(plan, "optimizer", "")
    return f"{now}-{optimizer}" if optimizer else now


def _show_training(result: "RunFolder") -> None:
    """Print how the training of a supervised task went."""
    record = result.read()
    best = record["best"]
    how = (
        "fitted in one step"
        if record["reason"] == "fitted"
        else f"stopped by {record['reason']} after {len(record['curve'])} epochs; kept "
        f"epoch {best['number']}"
    )
    print(
        f"{how}: validation loss {best['validation_loss']:.4f}, "
        f"accuracy {best['validation_accuracy']:.3f}"
    )
    for path in (result.record, result.model, result.curve):
        print(f"  wrote {path}")
    print(f"  next: hotseat evaluate {result.folder}")


def _evaluated(result: "RunFolder") -> int:
    """Evaluate a run and print what was measured."""
    from hotseat_train.pipeline.evaluate import measured

    print("measuring through the serving code ...", flush=True)
    manifest, note = measured(result)
    if note:
        print(f"  note: {note}", file=sys.stderr)
    for name, value in manifest.variants[0].metrics.items():
        print(f"  {name.replace('_', ' ')}: {value}")
    for path in (result.model, result.golden, result.manifest):
        print(f"  wrote {path}")
    folder = result.folder
    print(f"  next: hotseat quantize {folder}, or hotseat publish {folder}")
    return DONE


def _compared(
    task: "Task", folds: int, options: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Compare the families; return the task with the best, and the scores of all."""
    from hotseat_train.pipeline import cross_validation
    from hotseat_train.reports import cells

    found = cross_validation.compare(
        task.with_rows("cross-validation"), folds, options,
        report=lambda line: print(f"{task.name} {line}", flush=True),
    )  # fmt: skip
    print_table(cells.FAMILY_COLUMNS, map(cells.family, found.families))
    best = found.families[0].family
    print(f"{best} has the lowest loss")
    print(cells.nested(found.nested))
    return (
        task.choose(best),
        {
            "families": [asdict(item) for item in found.families],
            "nested": asdict(found.nested),
        },
    )
