"""A studio's own table: one column is predicted from the others.

The signature is inferred from the data: a field for each column with its type and its
default. Categories stay open: an unseen category is answered like any other. A tenth of
each label's rows is for validation and a tenth for the test. Rows are split by the id
column, if there is one, so that a player's rows are in one split; else by their
content, so that duplicate rows are in one split; or by time.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from hotseat_registry import Signature
from hotseat_train.data import splits, tables
from hotseat_train.data.dataset import Dataset, Split
from hotseat_train.data.tables import ColumnType, Description, Options, Table
from hotseat_train.data.tables.options import column_types
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables import families
from hotseat_train.models.tables.preprocessing import Preprocessor, now_name
from hotseat_train.optim.loop import Plan
from hotseat_train.tasks import leakage, table_features, table_labels
from hotseat_train.tasks.supervised import Learner, TableTask

_SEED = 0  # of the split, which stays the same whatever the run's seed
_ROWS = 100
"""The least number of rows."""


@dataclass(frozen=True, kw_only=True)
class OwnTable(TableTask):
    """Named features in, the label's probabilities out."""

    path: Path | str
    """A file or folder, ``-``, or an address (s3, https); see `data.tables`."""
    target: str
    name: str
    family: str = "blend"
    id: str | None = None
    time: str | None = None
    """The column whose newest rows are the test; it is no feature."""
    test: Path | str | None = None
    """A table of its own for the test; None: a tenth of the rows."""
    weight: str | None = None
    """The column that says how much a row counts in training; it is no feature."""
    cost: float | None = None
    """What a missed row of the rarer of two labels costs, in false alarms."""
    balance: bool = False
    """Whether rare labels count as much as frequent ones in training."""
    types: tuple[str, ...] = ()
    """Types of columns, as ``NAME=TYPE``."""
    missing: tuple[str, ...] = ()
    """Further texts of a missing value."""
    now: str | None = None
    """The day that ages count to, in ISO 8601; None: the newest date of the table."""
    encoding: str | None = None
    delimiter: str | None = None
    header: bool = True
    rows: int | None = None
    """Only so many rows of the table are read; None: all."""
    sha256: str | None = None
    """Of the file that a run was trained on; None: any."""
    warn: Callable[[str], None] = lambda _remark: None
    show: Callable[[Description], None] = lambda _description: None
    """Takes the description of the table once it is read."""

    target_type: ClassVar[str] = "category"
    """How the target's column is read."""
    intended_use = "Predict a column of the studio's own table from the others."
    limits = (
        "It has learned from that table alone, and not from players who differ from "
        "those in it. The studio has to check what a column means, and whether its "
        "value is known at prediction time."
    )

    def record(self) -> dict[str, Any]:
        """Return what `tasks.of` reads from the run's record, and the columns."""
        table = {
            "path": str(_absolute(self.path)), "target": self.target, "id": self.id,
            "types": list(self.types), "name": self.name, "now": self.now,
            "missing": list(self.missing), "encoding": self.encoding,
            "delimiter": self.delimiter, "header": self.header, "rows": self.rows,
            "time": self.time, "weight": self.weight, "balance": self.balance,
            "cost": self.cost,
            "test": None if self.test is None else str(_absolute(self.test)),
        }  # fmt: skip
        columns = self._table.description.public()["columns"]
        return {**super().record(), "table": table, "columns": columns}

    @classmethod
    def of(cls, record: Mapping[str, Any], sha256: str, **more: Any) -> "OwnTable":
        """Return the task that a run was of."""
        fields = dict(record)
        types = fields.pop("said", ())  # how earlier releases stored `types`
        fields["types"] = tuple(fields.get("types", types))
        fields["missing"] = tuple(fields.get("missing", ()))
        path = record["path"]
        fields["path"] = path if "://" in path or path == "-" else Path(path)
        if (test := fields.get("test")) is not None and "://" not in test:
            fields["test"] = Path(test)
        return cls(**fields, sha256=sha256, **more)

    def dataset(self) -> Dataset:
        """Read, check and split the table; raises `DatasetError`."""
        table = self._table
        features = self.features
        self.show(table.description)
        notes = table.description.remarks()
        if self._dates:
            day, why = self._today
            notes.append(f"ages count to {table_features.iso(day)}, {why}")
        targets, labels = self.encoded(table)
        table_labels.check_cost(self.cost, labels)
        found = self._rows(table, targets)
        train, validation, test = self._splits(found, labels)
        parts = (("training", train), ("validation", validation), ("test", test))
        for name, part in parts:
            if none := set(range(len(labels))) - set(part.targets):
                raise DatasetError(
                    f"{self.path}: no row with {self.target} = "
                    f"{labels[min(none)]!r} fell into the {name} split: more are needed"
                )
        rows = [(key, value[0], target) for (key, value, target), _ in found]
        notes += [
            f"column {name!r} alone tells {self.target}: was it known before? If not, "
            f"leave it out: --column {name}=out"
            for name in self.leaking(features, rows)
        ]
        notes += self.remarks(targets, labels)
        if gone := len(table) - len(rows):
            notes.append(f"{gone} rows have no {self.target}, and are left out")
        for note in notes:
            self.warn(note)
        return Dataset(
            train=train, validation=validation, test=test, labels=labels,
            source=f"{table.description.name}, {self.target} predicted from "
            f"{', '.join(item.name for item in features)}",
            licence="the studio's own",
            sha256=table.description.sha256,
            preparation="; ".join([*notes, self._how_split()]),
        )  # fmt: skip

    def _how_split(self) -> str:
        by = f"the column {self.id!r}" if self.id else "what a row holds"
        cut = f"split by a hash of {by}, a tenth of each label"
        if self.time:
            cut = f"split by {self.time}, the newest rows for the test"
        if self.test is not None:
            return f"{cut}, for validation; the test is {Path(str(self.test)).name}"
        return f"{cut}, for validation and for the test each"

    def _splits(
        self, found: Sequence[tuple[splits.Row, float]], labels: Sequence[str]
    ) -> tuple[Split, Split, Split]:
        """Cut the rows, or take the test's from its own table."""
        rows, own = [row for row, _ in found], self.test is not None
        if self.time:
            moments = [moment for _, moment in found]
            parts = splits.by_time(rows, moments, test=not own)
        else:
            strata = self.strata([row[2] for row in rows], labels)
            parts = splits.stratified(rows, strata, _SEED, test=not own)
        train, validation, test = parts
        if own:
            table = self._read_test()
            test = splits.as_split(
                [row for row, _ in self._rows(table, self.encoded(table, labels)[0])]
            )
        return self._weighted(train), _plain(validation), _plain(test)

    def _weighted(self, train: Split) -> Split:
        """Return the training rows with their weights, if there are any."""
        plain = _plain(train)
        if not (self.weight or self.balance):
            return plain
        weights = np.array([weight for _, weight in train.inputs])
        if self.balance:
            counts = Counter(train.targets)
            weights *= [len(train) / len(counts) / counts[t] for t in train.targets]
        return replace(plain, weights=tuple((weights / weights.mean()).tolist()))

    def _read_test(self) -> Table:
        """Return the table of the test, read as the training's was."""
        assert self.test is not None
        description = self._table.description
        columns = {
            column.name: column.type for column in description.columns if column.used
        }
        options = replace(
            self._options(), columns={**columns, **self._options().columns}, sha256=None
        )
        return tables.read(self.test, options=options)

    @cached_property
    def _table(self) -> Table:
        """Return the table's values and description; raises `DatasetError`."""
        if self.sha256 and isinstance(self.path, Path) and not self.path.exists():
            raise DatasetError(
                f"{self.path} is not there any more. If it was moved: hotseat evaluate "
                "RUN --data FILE names it again"
            )
        table = tables.read(self.path, options=self._options())
        if len(table) < _ROWS:
            raise DatasetError(
                f"{self.path}: {len(table)} rows are too few to learn from and be "
                f"judged by; at least {_ROWS}"
            )
        return table

    def numbers_of_target(self) -> np.ndarray[Any, Any] | None:
        """Return the target's values if it is a column of numbers; else None.

        Raises `DatasetError`.
        """
        options = self._options()
        columns = {k: v for k, v in options.columns.items() if k != self.target}
        columns |= column_types(self.types)
        table = tables.read(self.path, options=replace(options, columns=columns))
        (column,) = [c for c in table.description.columns if c.name == self.target]
        if column.type != "number":
            return None
        there = [value for value in table.values(self.target) if value is not None]
        return np.array(there, float)

    def _options(self) -> Options:
        columns = column_types(self.types)
        columns.setdefault(self.target, self.target_type)
        if self.id:
            columns[self.id] = "id"
        if self.weight:
            columns[self.weight] = "number"
        beside = (self.id, self.time, self.weight)
        return Options(
            columns=columns, targets=(self.target,), keep=tuple(filter(None, beside)),
            missing=self.missing, encoding=self.encoding, delimiter=self.delimiter,
            header=self.header, rows=self.rows, sha256=self.sha256,
        )  # fmt: skip

    @cached_property
    def features(self) -> list[ColumnType]:
        """Return the columns that are features; raises `DatasetError` for none."""
        description = self._table.description
        found = [
            column
            for column in description.columns
            if column.used and column.name not in self._no_features
        ]
        if not found:
            raise DatasetError(
                f"{self.path}: no column is left to tell {self.target!r} from. "
                f"{'; '.join(description.remarks())}"
            )
        return found

    @property
    def _no_features(self) -> set[str | None]:
        return {self.target, self.id, self.time, self.weight}

    @property
    def _dates(self) -> list[str]:
        return [column.name for column in self.features if column.type == "date"]

    @cached_property
    def _today(self) -> tuple[float, str]:
        """Return the day that ages count to, and where it is from."""
        return table_features.present_day(self._table, self._dates, self.now)

    def encoded(
        self, table: Table, labels: Sequence[str] = ()
    ) -> tuple[list[Any], tuple[str, ...]]:
        """Return the label's number of each row, None without one, and the labels.

        `labels` are those of the training, for a table of the test. Raises
        `DatasetError` for labels that cannot be learned.
        """
        values = self._labels(table)
        counts = Counter(value for value in values if value is not None)
        if labels and (new := set(counts) - set(labels)):
            raise DatasetError(
                f"{self.test}: {self.target} = {min(new)!r} is in no training row"
            )
        if not labels:
            labels = table_labels.checked(counts, str(self.path), self.target)
        numbers = {label: at for at, label in enumerate(labels)}
        return [None if v is None else numbers[v] for v in values], tuple(labels)

    def strata(self, targets: Sequence[Any], labels: Sequence[str]) -> Sequence[int]:
        """Return the stratum of each row, of which a tenth is in each split."""
        del labels
        return targets

    def remarks(self, targets: Sequence[Any], labels: Sequence[str]) -> list[str]:
        """Return what to note of the targets."""
        counts = Counter(target for target in targets if target is not None)
        return table_labels.remarks(self.target, labels, counts, balanced=self.balance)

    def leaking(self, features: Sequence[ColumnType], rows: Sequence[Any]) -> list[str]:
        """Return the columns from which a small tree predicts nearly every target."""
        return leakage.of_labels(features, rows)

    def _rows(
        self, table: Table, targets: Sequence[Any]
    ) -> list[tuple[splits.Row, float]]:
        """Return (key, (input, weight), target) and the moment of each labelled row."""
        names = [item.name for item in self.features]
        inputs = table.rows(names)
        keys = table.values(self.id) if self.id else [None] * len(inputs)
        present = {now_name(names): self._today[0]} if self._dates else {}
        moments = table.values(self.time) if self.time else [0.0] * len(inputs)
        weights = self._weights(table)
        there = [at for at, target in enumerate(targets) if target is not None]
        contents = splits.content_keys(
            [json.dumps(inputs[at], sort_keys=True) for at in there]
        )
        rows = []
        for at, content in zip(there, contents, strict=True):
            moment = moments[at]
            if moment is None or isinstance(moment, str):
                raise DatasetError(
                    f"--time {self.time}: row {at + 1} holds {moment!r}; expected a "
                    f"number or a date in each row (--column {self.time}=date)"
                )
            row = {**inputs[at], **present}
            key = str(keys[at] or content)
            rows.append(((key, (row, weights[at]), targets[at]), float(moment)))
        return rows

    def _weights(self, table: Table) -> list[float]:
        if not self.weight:
            return [1.0] * len(table)
        values = table.values(self.weight)
        for at, value in enumerate(values, 1):
            if value is None or value < 0:
                raise DatasetError(
                    f"--weight {self.weight}: row {at} holds {value}; expected a "
                    "number of 0 or more in each row"
                )
        return [float(value) for value in values]

    def _labels(self, table: Table) -> list[str | None]:
        """Return the label of each row; CSV's True is Parquet's true."""
        values = table.values(self.target)
        lower = {None if value is None else value.lower() for value in values}
        if lower <= {"true", "false", None}:
            return [value and value.lower() for value in values]
        return values

    def _preprocessor(self, train: Split) -> Preprocessor:
        """Return the preprocessing, derived from the training rows alone."""
        return table_features.preprocessor(self.features, train)

    def learner(self, train: Split, seed: int) -> Learner:
        """Return a model of the task's family."""
        labels = max(train.targets) + 1
        return families.learner(
            self.family, self._preprocessor(train), labels, seed, self.settings
        )

    def signature(self, dataset: Dataset) -> Signature:
        """Return the fields that the columns became, and the labels."""
        return self._preprocessor(dataset.train).signature(dataset.labels)

    def plan(self, optimizer: str) -> Plan:
        """Return the usual plan for tables."""
        return families.plan(optimizer)


def slug(path: Path | str) -> str:
    """Return a model's name after a file's."""
    stem = Path(str(path).partition("#")[0]).name.partition(".")[0]
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-") or "table"


def _plain(part: Split) -> Split:
    """Return the rows without their weights."""
    return replace(part, inputs=tuple(row for row, _ in part.inputs))


def _absolute(path: Path | str) -> Path | str:
    return path.resolve() if isinstance(path, Path) else path
