"""Compare the optimizers: ``python -m hotseat_train.cli.optimizers TASK``."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hotseat_registry.cli.common import DONE, Run, answering
from hotseat_train.errors import TrainError

if TYPE_CHECKING:
    from hotseat_train.optim.loop import Epoch

# torch, onnx and matplotlib take seconds to import: only a verb that runs imports them


def optimizers(parser: argparse.ArgumentParser) -> Run:
    """Train a task with each optimizer and draw their loss curves."""
    parser.description = (
        "Train a task with gradient descent, SGD, momentum and Adam, on the same rows "
        "from the same weights, and draw their loss curves in one picture."
    )
    parser.epilog = (
        "example: python -m hotseat_train.cli.optimizers sentiment --max-epochs 20"
    )
    parser.add_argument("task", help="one with labelled rows: sentiment")
    parser.add_argument(
        "--data", metavar="DIR", help="folder with local copies (default: HOTSEAT_DATA)"
    )
    parser.add_argument(
        "--family",
        choices=("mlp",),
        help="of player-churn: a family trained by gradient (default: mlp)",
    )
    parser.add_argument("--max-epochs", type=int, default=20, help="(default: 20)")
    parser.add_argument("--rows", type=int, help="train on the first rows only")
    parser.add_argument("--run", type=Path, metavar="DIR", help="folder for the runs")
    return _optimizers


@answering(TrainError)
def _optimizers(arguments: argparse.Namespace) -> int:
    from hotseat_train import run, tasks
    from hotseat_train.pipeline.optimizer_comparison import compare, picture

    if arguments.data:
        os.environ["HOTSEAT_DATA"] = arguments.data
    found = tasks.find(arguments.task).with_rows("a comparison of optimizers")
    task = found.choose(arguments.family or ("mlp" if found.families else None))
    folder = arguments.run or run.RUNS / task.name / "optimizers"

    def report(name: str, epoch: "Epoch") -> None:
        print(
            f"{name} epoch {epoch.number}: loss {epoch.train_loss:.4f}, validation "
            f"{epoch.validation_loss:.4f}",
            flush=True,
        )

    runs = compare(
        task,
        folder,
        max_epochs=arguments.max_epochs,
        rows=arguments.rows,
        report=report,
    )
    for name, result in runs.items():
        curve = result.read()["curve"]
        best = min(epoch["validation_loss"] for epoch in curve)
        first, last = curve[0]["train_loss"], curve[-1]["train_loss"]
        print(
            f"{name}: training loss {first:.4f} to {last:.4f} in {len(curve)} epochs, "
            f"lowest validation loss {best:.4f}"
        )
    print(f"  wrote {picture(folder)}")
    return DONE


if __name__ == "__main__":
    _parser = argparse.ArgumentParser(prog="python -m hotseat_train.cli.optimizers")
    sys.exit(optimizers(_parser)(_parser.parse_args()))
