"""Measure a run, and publish it: the verbs evaluate and publish."""

import argparse
import json
import sys
from typing import TYPE_CHECKING

from hotseat_registry.cli.common import (
    DONE,
    Run,
    add_registry,
    answering,
    author,
    print_table,
    registry,
    watched,
)
from hotseat_train.cli.arguments import add_max_loss, add_run
from hotseat_train.errors import TrainError

if TYPE_CHECKING:
    from hotseat_registry import Manifest

# torch, onnx and matplotlib take seconds to import: only the verb that runs does so


def evaluate(parser: argparse.ArgumentParser) -> Run:
    """Measure a run's variants."""
    parser.description = (
        "Measure every variant of a run through the code that serves it: quality "
        "with its 95 % interval, on the test split or by what is played or built, "
        "size, latency."
    )
    parser.epilog = "example: hotseat evaluate sentiment --json"
    add_run(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return _evaluate


@answering(TrainError)
def _evaluate(arguments: argparse.Namespace) -> int:
    from hotseat_train import run
    from hotseat_train.pipeline.evaluate import measured

    source = run.find(arguments.run)
    manifest, note = measured(source)
    if note:
        print(f"  note: {note}", file=sys.stderr)
    if arguments.json:
        print(json.dumps([v.to_json() for v in manifest.variants], indent=2))
        return DONE
    show(manifest)
    for path in (source.golden, source.manifest):
        print(f"  wrote {path}")
    return DONE


def show(manifest: "Manifest") -> None:
    """Print the variants with what was measured of them."""
    from hotseat_train.evaluation.paired_bootstrap import lost, quality
    from hotseat_train.evaluation.pareto import front

    best = front(manifest.variants)
    what = quality(manifest.variants[0].metrics)
    print_table(
        ("variant", f"{what} (95 %)", "macro F1", "loss, % (95 %)", "KiB",
         "memory, MiB", "ms an answer", "speed", "front"),
        (
            (
                variant.name,
                "{:.3f} ({:.3f} to {:.3f})".format(m[what], *m["interval"]),
                f"{m['macro_f1']:.3f}" if "macro_f1" in m else "",
                lost(m),
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


def publish(parser: argparse.ArgumentParser) -> Run:
    """Publish a measured run as a version."""
    parser.description = (
        "Publish a run as the model's next version. A variant that may have lost more "
        "quality than the gate allows is refused."
    )
    parser.epilog = "example: hotseat publish sentiment --max-loss 0.5%"
    add_run(parser)
    add_registry(parser)
    add_max_loss(
        parser,
        0.5,
        "of the first one's quality that a variant may have lost, by the upper end of "
        "the loss's interval (default: 0.5%%)",
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
    from hotseat_train.pipeline.publish import publish as give

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
