"""Training's verbs: train, quantize, evaluate, publish."""

import argparse
import json
import os
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hotseat_registry.verbs.command import (
    DONE,
    Run,
    add_registry,
    answering,
    author,
    print_json,
    print_table,
    registry,
    watched,
)
from hotseat_train.errors import TrainError

if TYPE_CHECKING:
    from hotseat_registry import Manifest

# torch, onnx and matplotlib take seconds to import: only the verb that runs does so

_RUN = "a run's folder, or a task's name for its newest run"


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
        choices=("gd", "sgd", "adam"),
        default="sgd",
        help="gd: the whole data a step; sgd, adam: a batch a step (default: sgd)",
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
        help="take the graph that came along instead of training (the same two)",
    )
    parser.add_argument("--rows", type=int, help="train on the first rows only")
    parser.add_argument("--run", type=Path, metavar="DIR", help="the run's folder")
    return _train


@answering(TrainError)
def _train(arguments: argparse.Namespace) -> int:
    from hotseat_train import run, tasks
    from hotseat_train.progress import epochs
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


def quantize(parser: argparse.ArgumentParser) -> Run:
    """Make a run's int8 variant."""
    parser.description = "Make the dynamic int8 variant of a run's graph."
    parser.epilog = "example: hotseat quantize sentiment"
    parser.add_argument("run", help=_RUN)
    return _quantize


@answering(TrainError)
def _quantize(arguments: argparse.Namespace) -> int:
    from hotseat_train import run
    from hotseat_train.quantize import quantize as make

    source = run.find(arguments.run)
    path = make(source)
    before, after = source.model.stat().st_size, path.stat().st_size
    print(f"  wrote {path}: {after:,} bytes, {before / after:.1f} times smaller")
    return DONE


def optimize(parser: argparse.ArgumentParser) -> Run:
    """Measure how each graph starts fastest, and keep that."""
    parser.description = (
        "Optimise a run's graphs beforehand, with their weights in a file that is "
        "mapped into memory, start both forms in fresh processes, and keep the quicker "
        "one for evaluate and publish."
    )
    parser.epilog = "example: hotseat optimize sentiment"
    parser.add_argument("run", help=_RUN)
    return _optimize


@answering(TrainError)
def _optimize(arguments: argparse.Namespace) -> int:
    from hotseat_train import run
    from hotseat_train.startup import choose

    for name, found in choose(run.find(arguments.run)).items():
        print(
            f"  {name}: as it is {found['plain']:.1f} ms, optimised before "
            f"{found['optimized']:.1f} ms; keeping it {found['chosen']}"
        )
    return DONE


def evaluate(parser: argparse.ArgumentParser) -> Run:
    """Measure a run's variants on the test split."""
    parser.description = (
        "Measure every variant of a run through the code that serves it: quality "
        "with its 95 % interval, size, latency."
    )
    parser.epilog = "example: hotseat evaluate sentiment --json"
    parser.add_argument("run", help=_RUN)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return _evaluate


@answering(TrainError)
def _evaluate(arguments: argparse.Namespace) -> int:
    from hotseat_train import run
    from hotseat_train.evaluate import evaluate as measure

    source = run.find(arguments.run)
    manifest = measure(source)
    if arguments.json:
        print(json.dumps([v.to_json() for v in manifest.variants], indent=2))
        return DONE
    show(manifest)
    for path in (source.golden, source.manifest):
        print(f"  wrote {path}")
    return DONE


def show(manifest: "Manifest") -> None:
    """Print the variants with what was measured of them."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("variant", "accuracy (95 %)", "macro F1", "KiB", "ms a row", "speed"):
        table.add_column(name, justify="left" if name == "variant" else "right")
    for variant in manifest.variants:
        m = variant.metrics
        low, high = m["interval"]
        table.add_row(
            variant.name,
            f"{m['accuracy']:.3f} ({low:.3f} to {high:.3f})",
            f"{m['macro_f1']:.3f}",
            f"{m['bytes'] / 1024:,.0f}",
            f"{m['milliseconds']:.3f}",
            f"{m['speed']:.2f}x",
        )
    Console().print(table)


def publish(parser: argparse.ArgumentParser) -> Run:
    """Publish a measured run as a version."""
    parser.description = (
        "Publish a run as the model's next version. A variant that lost more "
        "accuracy than the gate allows is refused."
    )
    parser.epilog = "example: hotseat publish sentiment --max-loss 0.5"
    parser.add_argument("run", help=_RUN)
    add_registry(parser)
    parser.add_argument(
        "--max-loss",
        type=float,
        default=0.5,
        metavar="POINTS",
        help="accuracy that int8 may lose (default: 0.5)",
    )
    parser.add_argument(
        "--variant",
        action="append",
        default=[],
        help="publish this one; again for more (default: all)",
    )
    return _publish


@answering(TrainError)
def _publish(arguments: argparse.Namespace) -> int:
    from hotseat_train import run
    from hotseat_train.publish import publish as give

    target = registry(arguments)
    with watched() as watch:
        manifest = give(
            run.find(arguments.run),
            target,
            by=author(),
            max_loss=arguments.max_loss,
            variants=tuple(arguments.variant),
            watch=watch,
        )
    print(f"published {manifest.reference} to {target.store.uri}")
    for name, file in manifest.files.items():
        print(f"  {name}  {file.size:,} bytes  sha256 {file.sha256[:12]}")
    print(f"  serves {manifest.default_variant}; next: hotseat promote "
          f"{manifest.reference}")  # fmt: skip
    return DONE


def compare(parser: argparse.ArgumentParser) -> Run:
    """Put candidates side by side, and say which one to take."""
    parser.description = (
        "Compare versions and variants of a model by quality, time and size as they "
        "were measured, mark those that no other beats, and recommend one."
    )
    parser.epilog = "example: hotseat compare player-churn --max-mb 0.1 --html out.html"
    parser.add_argument("model")
    parser.add_argument("versions", nargs="*", type=int, help="default: all")
    parser.add_argument("--max-ms", type=float, help="of one request")
    parser.add_argument("--max-mb", type=float, help="of the graph")
    parser.add_argument("--min-quality", type=float)
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_registry(parser)
    return _compare


@answering(TrainError)
def _compare(arguments: argparse.Namespace) -> int:
    from hotseat_train import compare as comparing

    found = comparing.candidates(
        registry(arguments), arguments.model, arguments.versions
    )
    limits = comparing.Limits(arguments.max_ms, arguments.max_mb, arguments.min_quality)
    taken = comparing.recommend(found, limits)
    if arguments.html:
        page = comparing.report(arguments.model, found, taken, limits)
        arguments.html.write_text(page, "utf-8")
    if arguments.json:
        rows = [{**asdict(item), "recommended": item == taken} for item in found]
        return print_json(rows)
    print_table(
        ("candidate", "quality", "95 %", "ms", "MB", "unbeaten"),
        (
            (
                item.name,
                f"{item.quality:.4f}",
                f"{item.low:.4f} to {item.high:.4f}",
                f"{item.milliseconds:.3f}",
                f"{item.megabytes:.2f}",
                "*" if item.best else "",
            )
            for item in found
        ),
    )
    print(f"take {taken.name}" if taken else "none keeps to the limits")
    if arguments.html:
        print(f"  wrote {arguments.html}")
    return DONE
