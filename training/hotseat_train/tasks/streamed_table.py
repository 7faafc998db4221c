"""A studio's own table that is larger than memory; see `OwnTable`.

The rows are read in batches, encoded onto the disk, and boosted trees learn from their
bins. Rows of the validation and test splits are kept in the run's folder, so that an
evaluation needs the table no more.
"""

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import onnx
import pyarrow as pa
from pyarrow import parquet

from hotseat_registry import Signature
from hotseat_serve.codec import game_json
from hotseat_serve.kinds.background import Background
from hotseat_train.data import tables
from hotseat_train.data.dataset import Dataset
from hotseat_train.data.tables import Options
from hotseat_train.errors import DatasetError, TrainError
from hotseat_train.evaluation.evaluator import Evaluator, Tensors
from hotseat_train.evaluation.labelled import SupervisedEvaluator
from hotseat_train.models.tables import families, synthetic_rows
from hotseat_train.models.tables.streamed import columns as columns_
from hotseat_train.models.tables.streamed import (
    forecast,
    kept_rows,
    splits,
    trees,
    workers,
)
from hotseat_train.models.tables.streamed.prepare import (
    SPLIT,
    Columns,
    Prepared,
    every,
    prepare,
)
from hotseat_train.onnx_graph.merge import chain
from hotseat_train.optim.loop import Plan
from hotseat_train.run import Run, commit
from hotseat_train.tasks import table_labels
from hotseat_train.tasks.task import Progress
from hotseat_train.time_left import TimeLeft

if TYPE_CHECKING:
    from hotseat_train.tasks.supervised import SupervisedTask

KEPT = "held_out.parquet"
"""Rows of the validation and test splits, in the run's folder."""
_SPOOL = "encoded"
_SECONDS = 20.0
"""Between two lines of progress of a pass."""
_ANSWERS = 200
"""Validation rows whose answers of the trees are compared with the graph's."""


@dataclass(frozen=True, kw_only=True)
class StreamedTable:
    """Named features in, the label's probabilities out; see `tasks.task.Task`."""

    source: str
    target: str
    name: str
    id: str | None = None
    weight: str | None = None
    """The column that says how much a row counts in training; it is no feature."""
    cost: float | None = None
    """What a missed row of the rarer of two labels costs, in false alarms."""
    types: Mapping[str, str] = field(default_factory=dict)
    """Explicit types by column."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Replace the usual settings of the trees."""
    threads: int = 2
    reading: Options = field(default_factory=Options)
    """How the file is read."""
    engine: workers.Engine | None = None
    """Trains on several machines; None: on this one."""
    kept: Path | None = None
    """The rows that a run has kept; None before the training."""
    trained_signature: Signature | None = None
    warn: Callable[[str], None] = lambda _remark: None

    kind = "classification"
    families = ("trees",)
    family = "trees"
    options = ("seed",)
    compressions = ()
    evaluated_at_once = False
    intended_use = "Predict a column of the studio's own table from the others."
    limits = (
        "It knows what that table shows, and nothing of players who are not like those "
        "in it. What a column means, and whether it is known when the model is asked, "
        "is for the studio to say."
    )

    def choose(
        self, family: str | None, settings: Mapping[str, Any] | None = None
    ) -> Self:
        """See `Task.choose`."""
        if family not in {None, "trees"}:
            raise TrainError(
                f"a table that is streamed is learned by trees, not by {family}: leave "
                "--family out, or train on a part of the rows: --rows"
            )
        unknown = set(settings or {}) - set(trees.SETTINGS)
        if unknown:
            raise TrainError(
                f"streamed trees have no setting {min(unknown)!r}; they have "
                f"{', '.join(trees.SETTINGS)}"
            )
        return replace(self, settings=settings or self.settings)

    def plan_of(self, options: Mapping[str, Any]) -> Plan:
        """See `Task.plan_of`; the seed is all that trees take of a plan."""
        return replace(families.plan("adam"), seed=options.get("seed", 0))

    def unused(self, options: Any) -> str:
        """See `Task.unused`."""
        left = sorted(set(options) - set(self.options))
        if not left:
            return ""
        return (
            f"streamed trees do not use --{left[0].replace('_', '-')}: leave it out; "
            "--plan FILE takes their settings"
        )

    def most_epochs(self, plan: Plan) -> int | None:
        """See `Task.most_epochs`; an epoch is a tree of each label."""
        del plan
        return trees.rounds(self.settings)

    def title(self, plan: Plan) -> str:
        """See `Task.title`."""
        del plan
        return f"{self.name}, streamed trees"

    @cached_property
    def _read(self) -> columns_.Choice:
        """Describe the table in a pass over all its rows."""
        found = columns_.choose(
            self.source, self.target, self.id, self.types, self.reading, self.weight
        )
        for remark in found.remarks:
            self.warn(remark)
        return found

    def train(
        self, run: Run, plan: Plan, progress: Progress, rows: int | None = None
    ) -> dict[str, Any]:
        """See `Task.train`; what is interrupted begins anew.

        Raises `DatasetError` if the disk is too small for the encoded rows.
        """
        began, clock = datetime.now(UTC), time.monotonic()
        base = forecast.peak_memory()
        found = self._read
        description, columns = found.description, found.columns
        options = replace(found.options, rows=rows or found.options.rows)
        seconds_read = time.monotonic() - clock
        self._check_disk(run.folder, columns)
        spool = run.folder / _SPOOL
        shutil.rmtree(spool, ignore_errors=True)
        spool.mkdir(parents=True)

        left = {
            what: TimeLeft(description.rows, time.monotonic)
            for what in ("sampled", "encoded")
        }

        def passes(what: str, done: int) -> None:
            ahead = left[what].after(done)
            progress.line(f"{what} {done:,} of {description.rows:,} rows{ahead}")

        try:
            prepared = prepare(
                lambda: tables.batches(
                    self.source, options=options, description=description
                ),
                columns,
                spool,
                plan.seed,
                every(_SECONDS, passes),
            )
            table_labels.check_cost(self.cost, prepared.labels)
            expected = self._forecast(prepared, seconds_read, base)
            progress.line(forecast.sentence(expected))
            fitted = (self.engine or workers.Here(self.threads)).fit(
                prepared.data,
                len(prepared.labels),
                plan.seed,
                self.settings,
                report=progress.epoch,
            )
        finally:
            shutil.rmtree(spool, ignore_errors=True)
        encoding, labels = prepared.encoding, prepared.labels
        graph = trees.graph(fitted.booster, encoding.columns, len(labels))
        onnx.save(chain(encoding.graph(), graph), run.model)
        parquet.write_table(prepared.kept, run.folder / KEPT, compression="zstd")
        validation = prepared.kept.filter(
            pa.array(prepared.kept.column(SPLIT).to_numpy() == splits.VALIDATION)
        ).slice(0, _ANSWERS)
        answers = trees.probabilities(
            fitted.booster, encoding.encode(validation), len(labels)
        )
        train, held, test = prepared.counts
        took = time.monotonic() - clock
        return {
            "task": self.name,
            "family": "trees",
            "plan": asdict(plan),
            "settings": {**trees.SETTINGS, **self.settings},
            "data": {
                "source": f"{description.name}, {self.target} from "
                f"{', '.join(column.name for column in columns.features)}",
                "licence": "the studio's own",
                "sha256": description.sha256,
                "preparation": self._preparation(prepared),
                "rows": {"train": train, "validation": held, "test": test},
            },
            "curve": [asdict(epoch) for epoch in fitted.curve],
            "best": asdict(fitted.best),
            "reason": "fitted",
            "answers": np.round(answers, 6).tolist(),
            "began_at": began.isoformat(timespec="seconds"),
            "seconds": round(took, 1),
            "commit": commit(),
            "forecast": {
                **expected.to_json(),
                "measured_seconds": round(took, 1),
                "measured_memory_bytes": forecast.peak_memory(),
            },
            "streamed": {
                "source": self.source,
                "target": self.target,
                "name": self.name,
                "id": self.id,
                "weight": self.weight,
                "cost": self.cost,
                "types": dict(self.types),
                "kept": str((run.folder / KEPT).resolve()),
                "signature": encoding.signature(labels).to_json(),
            },
        }

    def _check_disk(self, folder: Path, columns: Columns) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        needed = columns.rows * 4 * (len(columns.features) + 1)
        if needed > forecast.free_disk(folder):
            raise DatasetError(
                f"the encoded rows take {needed / 1e9:.1f} GB, and {folder} has "
                f"{forecast.free_disk(folder) / 1e9:.1f} GB free: name a folder on "
                "another disk with --run"
            )

    def _forecast(
        self, prepared: Prepared, seconds_read: float, base: int
    ) -> forecast.Forecast:
        part = prepared.data.train
        size = min(len(part), 100_000)
        a_row = trees.seconds_per_row(
            part.rows(0, size), part.targets()[:size], len(prepared.labels),
            self.threads, self.settings,
        )  # fmt: skip
        return forecast.streamed(
            sum(prepared.counts),
            prepared.encoding.columns,
            len(prepared.labels),
            seconds_read=seconds_read,
            seconds_a_tree=a_row * len(part),
            trees=trees.rounds(self.settings),
            base=base,
        )

    def _preparation(self, prepared: Prepared) -> str:
        gone = prepared.without_target
        by = f"the column {self.id!r}" if self.id else "the row"
        return "; ".join(
            [
                *(
                    [f"{gone} rows without a {self.target} are left out"]
                    if gone
                    else []
                ),
                "read in batches; categories ranked by the mean target of a sample",
                f"split 80/10/10 by a hash of {by}",
                f"evaluated on a random sample of {prepared.sampled[1]:,} test rows",
            ]
        )

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Return the task that a run was of."""
        table = dict(record["streamed"])
        kept, signature = table.pop("kept"), table.pop("signature")
        folder = record.get("folder")
        path = Path(folder) / KEPT if folder else Path(kept)
        return cls(**table, kept=path, trained_signature=Signature.from_json(signature))

    def dataset(self) -> Dataset:
        """Return the kept rows of a run; raises `DatasetError`."""
        if self.kept is None or self.trained_signature is None:
            raise DatasetError(
                f"{self.name} is not trained yet: hotseat train --stream"
            )
        return kept_rows.read(self.kept, self.trained_signature, self.target)

    def evaluator(self, record: Mapping[str, Any]) -> Evaluator:
        """See `Task.evaluator`."""
        dataset = self.dataset()
        assert self.trained_signature is not None  # as `dataset` has it
        return SupervisedEvaluator(
            dataset,
            self.trained_signature,
            record.get("answers", ()),
            golden=synthetic_rows.rows(self.trained_signature, dataset.train),
            cost=self.cost,
        )

    def background(self) -> Background | None:
        """See `Task.background`."""
        dataset = self.dataset()
        assert self.trained_signature is not None  # as `dataset` has it
        return synthetic_rows.background(self.trained_signature, dataset.train, {})

    def calibration(self, run: Run) -> list[Tensors]:
        """See `Task.calibration`."""
        del run
        rows = self.dataset().train.inputs[:96]
        assert self.trained_signature is not None
        pointers = [f"/{number}" for number in range(len(rows))]
        return [game_json.encode(self.trained_signature, rows, pointers)]

    def with_rows(self, purpose: str) -> "SupervisedTask":
        """See `Task.with_rows`."""
        raise TrainError(f"{purpose} needs all rows in memory: leave --stream out")

    def says(self) -> str:
        """See `Task.says`."""
        return ""
