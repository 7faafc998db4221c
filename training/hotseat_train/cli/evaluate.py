"""The verb `evaluate`."""

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hotseat_registry.cli.common import DONE, Run, answering, print_table
from hotseat_train.cli.arguments import add_run
from hotseat_train.errors import TrainError

if TYPE_CHECKING:
    from hotseat_registry import Manifest
    from hotseat_train.run import Run as RunFolder

# torch, onnx and matplotlib take seconds to import: only a verb that runs imports them


def evaluate(parser: argparse.ArgumentParser) -> Run:
    """Measure a run's variants."""
    parser.description = (
        "Measure every variant of a run through the serving code: quality with its "
        "95 % interval, on the test split, in games or on generated items; size; "
        "latency."
    )
    parser.epilog = (
        "example: hotseat evaluate sentiment --json; "
        "hotseat evaluate runs/churn --data december.csv"
    )
    add_run(parser)
    parser.add_argument(
        "--data",
        type=Path,
        metavar="FILE",
        help="measure an evaluated run on the rows of this table instead, and change "
        "nothing: last month's model on this month's players",
    )
    parser.add_argument(
        "--target", metavar="COLUMN", help="labels of --data (default: as in training)"
    )
    parser.add_argument(
        "--text",
        metavar="COLUMN",
        help="texts of --data, for a model of texts (default: text)",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return _evaluate


@answering(TrainError)
def _evaluate(arguments: argparse.Namespace) -> int:
    from hotseat_train import run
    from hotseat_train.pipeline.evaluate import measured
    from hotseat_train.pipeline.moved_data import follow

    source = run.find(arguments.run)
    if arguments.data and follow(source, arguments.data):
        print(f"  note: the run's table is now {arguments.data}", file=sys.stderr)
    elif arguments.data:
        return _evaluate_new(arguments, source)
    if arguments.target or arguments.text:
        raise TrainError("--target and --text are of --data FILE")
    manifest, note = measured(source)
    if note:
        print(f"  note: {note}", file=sys.stderr)
    if arguments.json:
        print(json.dumps([v.to_json() for v in manifest.variants], indent=2))
        return DONE
    show(manifest)
    for path in (source.behaviour, source.golden, source.manifest):
        if path.exists():
            print(f"  wrote {path}")
    return DONE


def _evaluate_new(arguments: argparse.Namespace, source: "RunFolder") -> int:
    from hotseat_train.pipeline import evaluate_new

    found = evaluate_new.evaluate(
        source, arguments.data, arguments.target, arguments.text
    )
    for note in found.notes:
        print(f"  note: {note}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(found.metrics, indent=2))
        return DONE
    rows = found.metrics.items()
    if any("macro_f1" in metrics for metrics in found.metrics.values()):
        columns = ("macro_f1", "roc_auc", "calibration_error")
        name = "accuracy"
    else:
        columns = ("mean_absolute_error", "root_mean_squared_error", "mean_difference")
        name = "quality"
    print_table(
        ("variant", "rows", f"{name} (95 %)", "in the run's evaluation",
         *(column.replace("_", " ") for column in columns)),
        (
            (
                variant,
                f"{m['rows']:,}",
                "{:.3f} ({:.3f} to {:.3f})".format(m[name], *m["interval"]),
                _cell(found.before[variant].get(name)),
                *(_cell(m.get(column)) for column in columns),
            )
            for variant, m in rows
        ),
    )  # fmt: skip
    return DONE


def _cell(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def show(manifest: "Manifest") -> None:
    """Print the variants with their measurements."""
    from hotseat_train.evaluation.paired_bootstrap import quality
    from hotseat_train.evaluation.pareto import front
    from hotseat_train.reports import cells

    best = front(manifest.variants)
    what = quality(manifest.variants[0].metrics)
    print_table(
        ("variant", f"{what} (95 %)", "macro F1", "quality drop, % (95 %)", "KiB",
         "memory, MiB", "ms", "speed", "front"),
        (
            (
                variant.name,
                "{:.3f} ({:.3f} to {:.3f})".format(m[what], *m["interval"]),
                f"{m['macro_f1']:.3f}" if "macro_f1" in m else "",
                cells.quality_drop(m),
                f"{m['bytes'] / 1024:,.0f}",
                f"{m.get('memory_bytes', 0) / 2**20:.1f}",
                f"{m['milliseconds']:.3f}",
                f"{m['speed']:.2f}x",
                "*" if variant in best else "",
            )
            for variant in manifest.variants
            for m in [variant.metrics]
        ),
    )  # fmt: skip
