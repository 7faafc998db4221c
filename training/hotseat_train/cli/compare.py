"""The verb `compare`."""

import argparse
from dataclasses import asdict
from pathlib import Path

from hotseat_registry.cli.common import (
    DONE,
    Run,
    add_registry,
    answering,
    print_json,
    print_table,
    registry,
)
from hotseat_train.errors import TrainError

# torch, onnx and matplotlib take seconds to import: only a verb that runs imports them


def compare(parser: argparse.ArgumentParser) -> Run:
    """Compare versions and variants, and recommend one."""
    parser.description = (
        "Compare versions and variants of a model by measured quality, time and size, "
        "mark the Pareto front, and recommend one."
    )
    parser.epilog = "example: hotseat compare player-churn --max-mb 0.1 --html out.html"
    parser.add_argument("model")
    parser.add_argument("versions", nargs="*", type=int, help="default: all")
    parser.add_argument(
        "--by",
        metavar="METRIC",
        help="the metric to compare by, as roc_auc (default: accuracy; for policies "
        "and generators the quality on the card)",
    )
    parser.add_argument("--max-ms", type=float, help="upper limit for one request")
    parser.add_argument("--max-mb", type=float, help="upper limit for the graph")
    parser.add_argument("--min-quality", type=float, help="lower limit")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a report")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_registry(parser)
    return _compare


@answering(TrainError)
def _compare(arguments: argparse.Namespace) -> int:
    from hotseat_train.reports import comparison as comparing

    found = comparing.candidates(
        registry(arguments), arguments.model, arguments.versions, arguments.by
    )
    limits = comparing.Limits(arguments.max_ms, arguments.max_mb, arguments.min_quality)
    taken = comparing.recommend(found, limits)
    if arguments.html:
        from hotseat_train.reports.comparison_page import page

        whole = page(arguments.model, found, taken, limits)
        arguments.html.write_text(whole, "utf-8")
    if arguments.json:
        rows = [
            {**asdict(item), "dollars": item.dollars, "recommended": item is taken}
            for item in found
        ]
        return print_json(rows)
    print_table(
        (
            "candidate",
            "quality",
            "95 %",
            "calibration error",
            "corrupted",
            "ms",
            "MB",
            "$ per million, 512 MB",
            "front",
        ),
        (
            (
                item.name,
                f"{item.quality:.4f}",
                f"{item.low:.4f} to {item.high:.4f}",
                f"{item.metrics.get('calibration_error', '')}",
                f"{min(item.robust.values(), default='')}",
                f"{item.milliseconds:.3f}",
                f"{item.megabytes:.2f}",
                f"{item.dollars[512]:.2f}" if item.dollars else "",
                "*" if item.best else "",
            )
            for item in found
        ),
    )
    if note := comparing.different_rows(found):
        print(f"  note: {note}")
    print(
        f"recommended: {taken.name}" if taken else "no candidate is within the limits"
    )
    if arguments.html:
        print(f"  wrote {arguments.html}")
    return DONE
