"""Make graphs small and quick to start: the verbs quantize and optimize."""

import argparse

from hotseat_registry.verbs.command import DONE, Run, answering
from hotseat_train.errors import TrainError

# torch, onnx and matplotlib take seconds to import: only the verb that runs does so

_RUN = "a run's folder, or a task's name for its newest run"


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
