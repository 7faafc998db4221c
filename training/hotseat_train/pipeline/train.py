"""Train a task: data, descent, graph, picture; one run."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from shutil import copyfile
from typing import Any

from hotseat_train import run
from hotseat_train.data.dataset import Dataset
from hotseat_train.errors import RunError
from hotseat_train.optim.loop import Epoch, Plan
from hotseat_train.pipeline.self_training import TRAINED
from hotseat_train.reports import learning_curve
from hotseat_train.run import Run
from hotseat_train.tasks.own_table import OwnTable
from hotseat_train.tasks.supervised import Task


def train(
    task: Task,
    plan: Plan,
    folder: Path,
    *,
    rows: int | None = None,
    more: Mapping[str, Any] | None = None,
    report: Callable[[Epoch], None] = lambda _epoch: None,
) -> Run:
    """Train and leave a run in `folder`; an interrupted one goes on.

    `rows` takes the first of the training rows only, for trying things out; `more` is
    kept in the run's record. Raises `DatasetError`.
    """
    dataset = task.dataset()
    part = dataset.train.pick(range(len(dataset.train))[:rows])
    learned = dataset.learned(part, dataset.validation) if rows is None else part
    learner = task.learner(part, plan.seed)
    result = Run(folder)
    folder.mkdir(parents=True, exist_ok=True)
    began = datetime.now(UTC)
    state = learner.fit(
        learned,
        dataset.validation,
        plan,
        checkpoint=result.checkpoint,
        report=report,
    )
    learner.export(result.model)
    best = state.best_epoch
    title = f"{task.name}, {plan.optimizer}: stopped by {state.reason}"
    learning_curve.plot(state.curve, best.number, title, result.curve)
    record = {
        "task": task.name,
        "family": learner.family,
        "plan": asdict(plan),
        "data": _source(dataset, len(part), len(learned) - len(part)),
        "curve": [asdict(epoch) for epoch in state.curve],
        "best": asdict(best),
        "reason": state.reason,
        "began_at": began.isoformat(timespec="seconds"),
        "seconds": round((datetime.now(UTC) - began).total_seconds(), 1),
        "commit": run.commit(),
        **({"settings": dict(task.settings)} if hasattr(task, "settings") else {}),
        **({"table": task.record()} if isinstance(task, OwnTable) else {}),
        **(more or {}),
    }
    run.write(result.record, record)
    return result


def take(task: Task, folder: Path) -> Run:
    """Leave a run of the graph that came along, with the record of its training.

    Raises `RunError` when none of that task did.
    """
    there = TRAINED / task.name
    if not (there / "run.json").exists():
        raise RunError(f"no graph of {task.name} came along: leave --trained out")
    folder.mkdir(parents=True, exist_ok=True)
    for path in there.iterdir():
        copyfile(path, folder / path.name)
    return Run(folder)


def _source(dataset: Dataset, rows: int, more: int) -> dict[str, object]:
    return {
        "source": dataset.source,
        "licence": dataset.licence,
        "sha256": dataset.sha256,
        "preparation": dataset.preparation,
        "rows": {
            "train": rows,
            **({"more": more} if more else {}),
            "validation": len(dataset.validation),
            "test": len(dataset.test),
        },
    }
