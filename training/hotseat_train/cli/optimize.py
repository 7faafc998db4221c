"""The verb `optimize`."""

import argparse

from hotseat_registry.cli.common import DONE, Run, answering
from hotseat_train.cli.arguments import add_run
from hotseat_train.errors import TrainError

# torch, onnx and matplotlib take seconds to import: only a verb that runs imports them


def optimize(parser: argparse.ArgumentParser) -> Run:
    """Optimize a run's graphs for a fast start."""
    parser.description = (
        "Optimize a run's graphs ahead of time, with their weights in a memory-mapped "
        "file, time the start of both forms in fresh processes, and keep the faster "
        "one for evaluate and publish."
    )
    parser.epilog = "example: hotseat optimize sentiment"
    add_run(parser)
    return _optimize


@answering(TrainError)
def _optimize(arguments: argparse.Namespace) -> int:
    from hotseat_train import run
    from hotseat_train.compression.graph_optimization import choose

    for name, found in choose(run.find(arguments.run)).items():
        print(
            f"  {name}: plain {found['plain']:.1f} ms, optimized "
            f"{found['optimized']:.1f} ms; kept {found['chosen']}"
        )
    return DONE
