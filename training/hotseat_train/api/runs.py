"""Runs for notebooks and scripts: trained, evaluated and published."""

import getpass
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from hotseat_registry import Manifest, open_registry
from hotseat_train import run as runs
from hotseat_train.api.tables import file_of
from hotseat_train.run import Run

if TYPE_CHECKING:
    from hotseat_train.optim.loop import Epoch
    from hotseat_train.pipeline.evaluate_new import MeasuredAnew

# torch and scikit-learn take seconds to import: a call that needs them imports them


def train(
    data: Any,
    target: str,
    *,
    run: str | Path | None = None,
    name: str | None = None,
    id: str | None = None,  # noqa: A002 (as on the command line)
    family: str | None = None,
    objective: str | None = None,
    columns: Mapping[str, str] | None = None,
    settings: Mapping[str, Any] | None = None,
    seed: int = 0,
    stream: bool = False,
    epoch: Callable[["Epoch"], None] = lambda _epoch: None,
    note: Callable[[str], None] = lambda _text: None,
) -> Run:
    """Train a model that predicts the column `target` of a table; return its run.

    `data` is a path, an address or a data frame (pandas, Polars, Arrow). `run` is the
    run's folder (default: a new one in ``.hotseat/runs``), `name` the model's (default:
    the file's). `id` is the group column: its rows stay in one split. `family` and
    `settings` choose the model, `objective` what is predicted (label, number, count,
    amount or quantile:LEVEL; default: by the values), `columns` the types (see
    `load`). `stream` reads the table in batches, for tables larger than memory. `epoch`
    receives the progress, `note` what is left out or looks wrong. Raises `TrainError`.
    """
    from hotseat_train.pipeline.train import train as begin
    from hotseat_train.tasks.own_number import chosen
    from hotseat_train.tasks.own_table import OwnTable, slug
    from hotseat_train.tasks.streamed_table import StreamedTable
    from hotseat_train.tasks.task import Progress, Task

    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    folder = Path(run) if run else runs.RUNS / (name or target) / moment
    source = file_of(data, folder)
    title = name or slug(Path(source))
    task: Task
    if stream:
        task = StreamedTable(
            source=str(source), target=target, name=title, id=id,
            types=dict(columns or {}), threads=os.cpu_count() or 1, warn=note,
        ).choose(family, settings)  # fmt: skip
    else:
        own = OwnTable(
            path=source, target=target, name=title, id=id,
            types=tuple(f"{key}={kind}" for key, kind in (columns or {}).items()),
            warn=note,
        )  # fmt: skip
        task = chosen(own, objective, note).choose(family, settings)
    progress = Progress(epoch=epoch)
    return begin(task, task.plan_of({"seed": seed}), folder, progress=progress)


@overload
def evaluate(run: Run | str | Path) -> Manifest: ...
@overload
def evaluate(
    run: Run | str | Path, *, data: str | Path, target: str | None = None
) -> "MeasuredAnew": ...
def evaluate(
    run: Run | str | Path, *, data: str | Path | None = None, target: str | None = None
) -> "Manifest | MeasuredAnew":
    """Measure a run's variants; return its manifest, with the card and all metrics.

    With `data`, measure the run on the rows of that table, and change nothing in it:
    the result has `metrics` by variant, `before` and `notes`. `target` is the column
    of labels (default: that of the training). Raises `TrainError`.
    """
    from hotseat_train.pipeline import evaluate as measuring
    from hotseat_train.pipeline import evaluate_new

    source = _run(run)
    if data is not None:
        return evaluate_new.evaluate(source, Path(data), target)
    manifest, _ = measuring.measured(source)
    return manifest


def publish(
    model: Any,
    *,
    name: str | None = None,
    example: Any = None,
    labels: Sequence[str] = (),
    registry: str | None = None,
    kind: str | None = None,
    by: str | None = None,
    max_quality_drop: float = 0.5,
    notify: Callable[[str], None] = print,
) -> Manifest:
    """Publish an evaluated run, or a model that lies in memory; return the manifest.

    `model` is a run (`Run`, or its folder as a `Path`): a variant whose quality may be
    more than `max_quality_drop` percent below the first one's is left out. `registry`
    is a URI (default: HOTSEAT_REGISTRY, else ``file://.hotseat/registry``), `by` the
    author. `notify` receives what is left out.

    Or `model` is an estimator or pipeline of scikit-learn, or a model of LightGBM or
    XGBoost; then `name` and `example` are needed, and the other arguments are those of
    `from_memory.publish`. Raises `TrainError`, `SourceError` and `RegistryError`.
    """
    if isinstance(model, Run | Path | str):
        from hotseat_train.pipeline.publish import publish as publish_run

        uri = registry or os.environ.get("HOTSEAT_REGISTRY", "file://.hotseat/registry")
        return publish_run(
            _run(model),
            open_registry(uri),
            by=by or getpass.getuser(),
            max_loss=max_quality_drop,
            report=notify,
        )
    from hotseat_train.api import from_memory

    if name is None or example is None:
        raise TypeError(
            "a model in memory needs name= and example=, rows for the measurements"
        )
    return from_memory.publish(
        model, name=name, example=example, labels=labels, registry=registry,
        kind=kind, by=by, notify=notify,
    )  # fmt: skip


def _run(run: Run | str | Path) -> Run:
    return run if isinstance(run, Run) else runs.find(str(run))
