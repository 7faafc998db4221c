"""The verb `tune`."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hotseat_registry.cli.common import DONE, Run, answering
from hotseat_train.cli.task_arguments import add_task, task_of
from hotseat_train.errors import TrainError

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

# torch, optuna and ray take seconds to import: only a verb that runs imports them


def tune(parser: argparse.ArgumentParser) -> Run:
    """Search for the settings with the lowest validation loss."""
    parser.description = (
        "Search for the settings of a task with the lowest validation loss. The same "
        "command resumes an interrupted search. The test split is never used."
    )
    parser.epilog = "example: hotseat tune player-churn --family trees --trials 40"
    add_task(parser)
    parser.add_argument(
        "--trials",
        type=int,
        default=30,
        help="number of trials in all (default: %(default)s)",
    )
    parser.add_argument(
        "--timeout", type=float, metavar="SECONDS", help="stop after this time"
    )
    parser.add_argument(
        "--optimizer", choices=("gd", "sgd", "momentum", "adam"), default="adam",
        help="of models trained by gradient (default: adam)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--max-epochs", type=int, help="at most, for each trial")
    parser.add_argument("--rows", type=int, help="train on the first rows only")
    parser.add_argument(
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="run trials on Ray: started on this machine, or the cluster at ADDRESS",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=2,
        help="parallel trials on Ray (default: %(default)s)",
    )
    parser.add_argument(
        "--storage",
        metavar="URL",
        help="storage of Optuna, for a cluster (default: a journal in the folder)",
    )
    parser.add_argument("--run", type=Path, metavar="DIR", help="the search's folder")
    return _tune


@answering(TrainError)
def _tune(arguments: argparse.Namespace) -> int:
    from dataclasses import replace

    from hotseat_train import run
    from hotseat_train.pipeline.hyperparameter_search import Objective, Search

    arguments.family = arguments.family or (arguments.target and "trees")
    task = task_of(arguments).with_rows("a search")
    plan = replace(task.plan(arguments.optimizer), seed=arguments.seed)
    if arguments.max_epochs:
        plan = replace(plan, max_epochs=arguments.max_epochs)
    words = ["search", *([task.family] if task.family else []), arguments.optimizer]
    folder = arguments.run or run.RUNS / task.name / "-".join(words)
    searched = Search(folder, arguments.seed, arguments.storage)
    objective = Objective(task, task.data, plan, arguments.rows)

    def report(trial: "FrozenTrial") -> None:
        loss = "" if trial.value is None else f", loss {trial.value:.4f}"
        state = trial.state.name.lower()
        print(f"{task.name} trial {trial.number + 1}: {state}{loss}", flush=True)

    best = searched.run(
        objective, arguments.trials, timeout=arguments.timeout, ray=arguments.ray,
        workers=arguments.workers, report=report,
    )  # fmt: skip
    print(f"trial {best.number + 1} is best: validation loss {best.value:.4f}")
    for name, value in best.params.items():
        shown = value if isinstance(value, str | bool) else f"{value:.4g}"
        print(f"  {name.replace('_', ' ')}: {shown}")
    print(f"  wrote {searched.best}")
    what = arguments.task or (
        f"--data {arguments.data} --target {arguments.target}"
        f"{f' --id {arguments.id}' if arguments.id else ''}"
    )
    print(f"  next: hotseat train {what} --plan {searched.best}")
    return DONE
