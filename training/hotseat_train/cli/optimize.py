"""The verb `optimize`."""

import argparse

from hotseat_registry.cli.common import DONE, Run, answering
from hotseat_train.cli.arguments import add_run
from hotseat_train.errors import TrainError

# torch, onnx and matplotlib take seconds to import: only a verb that runs imports them


def optimize(parser: argparse.ArgumentParser) -> Run:
    """Measure how each graph starts fastest, and keep that."""
    parser.description = (
        "Optimise a run's graphs beforehand, with their weights in a file that is "
        "mapped into memory, start both forms in fresh processes, and keep the quicker "
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
            f"  {name}: as it is {found['plain']:.1f} ms, optimised before "
            f"{found['optimized']:.1f} ms; keeping it {found['chosen']}"
        )
    return DONE
