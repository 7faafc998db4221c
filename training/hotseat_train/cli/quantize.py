"""The verb `quantize`."""

import argparse
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from hotseat_registry.cli.common import DONE, Run, add_registry, answering
from hotseat_registry.names import Reference
from hotseat_train.cli.arguments import add_max_quality_drop
from hotseat_train.cli.graph_flags import add_description
from hotseat_train.cli.quantize_graph import (
    add_flags,
    quantize_file,
    quantize_version,
)
from hotseat_train.errors import TrainError
from hotseat_train.external.source import is_source

if TYPE_CHECKING:
    from hotseat_train.run import Run as RunFolder
    from hotseat_train.tasks.task import Task

# torch, onnx and matplotlib take seconds to import: only a verb that runs imports them


def quantize(parser: argparse.ArgumentParser) -> Run:
    """Make smaller, faster variants of a run, an ONNX file or a version."""
    parser.description = (
        "Make variants of a run's graph: int8 with ranges measured at each call "
        "(dynamic) or beforehand on calibration data (static). For supervised "
        "networks also with fewer hidden units (prune), or a smaller network "
        "distilled from the run's (distill), both in int8 as well. With "
        "--max-quality-drop they are measured at once through the serving code, and "
        "those that may exceed it are removed. Of an ONNX file or a published version "
        "(NAME@N, NAME#ALIAS, NAME), int8 and fp16 variants are compared with the "
        "original on --calibrate; they are written beside the file, or with --publish "
        "published as the next version."
    )
    parser.epilog = (
        "example: hotseat quantize sentiment --method all --max-quality-drop 0.5%\n"
        "example: hotseat quantize mood.onnx --calibrate rows.npz\n"
        "example: hotseat quantize mood@3 --calibrate rows.csv --target label --publish"
    )
    parser.add_argument(
        "run",
        help="a run's folder, a task's name for its newest run, an ONNX file or a "
        "folder with one, or a version: mood@3",
    )
    parser.add_argument(
        "--method",
        action="append",
        choices=("dynamic", "static", "fp16", "prune", "distill", "all"),
        help="repeat for several (default: dynamic; of files and versions: dynamic, "
        "static and fp16)",
    )
    parser.add_argument(
        "--calibration",
        action="append",
        choices=("minmax", "entropy", "percentile"),
        help="method of the static ranges; repeat for several (default: minmax)",
    )
    parser.add_argument(
        "--share",
        type=float,
        default=0.5,
        help="of the hidden units that prune removes (default: 0.5)",
    )
    add_max_quality_drop(
        parser,
        None,
        "measure, and keep the variants whose quality drops by at most this",
    )
    add_registry(parser)
    add_flags(parser)
    add_description(parser)
    return _quantize


@answering(TrainError)
def _quantize(arguments: argparse.Namespace) -> int:
    if is_source(arguments.run):
        return quantize_file(arguments)
    if "@" in arguments.run or "#" in arguments.run or arguments.calibrate is not None:
        return quantize_version(Reference.parse(arguments.run), arguments)
    from hotseat_train import run, tasks
    from hotseat_train.cli.progress import epochs
    from hotseat_train.compression import variants

    source = run.find(arguments.run)
    task = tasks.of(source.read())
    methods = arguments.method or ["dynamic"]
    if "all" in methods:
        methods = variants.suitable(source)
        if left := [name for name in variants.METHODS if name not in methods]:
            print(f"  left out: {' and '.join(left)}, for networks fitted to rows")
    with ExitStack() as stack:
        more: dict[str, Any] = {}
        if {"prune", "distill"} & set(methods):
            more["report"] = stack.enter_context(epochs("compressing", None))
        graphs = variants.make(
            source,
            methods,
            task=task,
            calibrations=arguments.calibration or ["minmax"],
            share=arguments.share,
            **more,
        )
    before = source.model.stat().st_size
    for path in graphs.values():
        after = path.stat().st_size
        print(f"  wrote {path}: {after:,} bytes, {before / after:.1f} times smaller")
    if arguments.max_quality_drop is not None:
        _keep(source, task, arguments.max_quality_drop)
    return DONE


def _keep(source: "RunFolder", task: "Task", max_loss: float) -> None:
    """Measure the variants, show them, and remove those whose quality drops too far."""
    from hotseat_train.cli.evaluate import show
    from hotseat_train.errors import GateError
    from hotseat_train.evaluation import quality_gate
    from hotseat_train.pipeline.evaluate import evaluate, refuse, write

    manifest = write(source, evaluate(source, task))
    show(manifest)
    print(f"  wrote {source.variants}")
    refused = []
    for variant in manifest.variants:
        try:
            quality_gate.check(variant, manifest.variants[0], max_loss)
        except GateError as error:
            refused.append(variant)
            print(f"  removed: {error}")
    if refused:
        refuse(source, manifest, refused)
