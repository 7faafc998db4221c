"""A studio's own table: one column is predicted from the others.

The signature is inferred from the data: a field for each column with its type and its
default. Categories stay open: an unseen category is answered like any other. Rows are
split by the id column, if there is one, so that a player's rows are in one split; else
by their content, so that duplicate rows are in one split.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from sklearn.metrics import balanced_accuracy_score
from sklearn.tree import DecisionTreeClassifier

from hotseat_registry import Field, Signature
from hotseat_registry.reading import Reading
from hotseat_serve.codec import cells
from hotseat_train.data import tables
from hotseat_train.data.dataset import Dataset, Split, split
from hotseat_train.data.tables import ColumnType, Description, Options, Table
from hotseat_train.data.tables.options import column_types
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables import families
from hotseat_train.models.tables.preprocessing import Preprocessor, now_name
from hotseat_train.optim.loop import Plan
from hotseat_train.tasks.supervised import Learner, TableTask

_SEED = 0  # of the split, which stays the same whatever the run's seed
_ROWS, _OF_A_LABEL = 100, 10
"""The least number of rows: in all, and of each label."""
_LABELS = 50
_TELLS = 0.99
"""Balanced accuracy of one column alone that counts as target leakage."""


@dataclass(frozen=True, kw_only=True)
class OwnTable(TableTask):
    """Named features in, the label's probabilities out."""

    path: Path | str
    """A file or folder, ``-``, or an address (s3, https); see `data.tables`."""
    target: str
    name: str
    id: str | None = None
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

    intended_use = "Tell a column of the studio's own table from the others."
    limits = (
        "It knows what that table told, and nothing of players who are not like those "
        "in it. What a column means, and whether it is known when the model is asked, "
        "is for the studio to say."
    )

    def record(self) -> dict[str, Any]:
        """Return what `tasks.of` reads from the run's record, and the columns."""
        path = self.path.resolve() if isinstance(self.path, Path) else self.path
        table = {
            "path": str(path), "target": self.target, "id": self.id,
            "types": list(self.types), "name": self.name, "now": self.now,
            "missing": list(self.missing), "encoding": self.encoding,
            "delimiter": self.delimiter, "header": self.header, "rows": self.rows,
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
        return cls(**fields, sha256=sha256, **more)

    def dataset(self) -> Dataset:
        """Read, check and split the table; raises `DatasetError`."""
        table = self._table
        features = self._features
        self.show(table.description)
        notes = table.description.remarks()
        rows, labels = self._rows(features)
        if self._dates:
            day, why = self._today
            notes.append(f"ages count to {_iso(day)}, {why}")
        train, validation, test = split(rows, _SEED)
        for name, part in (("validation", validation), ("test", test)):
            if none := set(range(len(labels))) - set(part.targets):
                raise DatasetError(
                    f"{self.path}: no row with {self.target} = "
                    f"{labels[min(none)]!r} fell into the {name} split: more are needed"
                )
        notes += [
            f"column {name!r} alone tells {self.target}: was it known before? If not, "
            f"leave it out: --column {name}=out"
            for name in _leaking(features, rows, [row[2] for row in rows])
        ]
        if gone := len(table) - len(rows):
            notes.append(f"{gone} rows have no {self.target}, and are left out")
        for note in notes:
            self.warn(note)
        by = f"the column {self.id!r}" if self.id else "what a row holds"
        return Dataset(
            train=train, validation=validation, test=test, labels=labels,
            source=f"{table.description.name}, {self.target} told from "
            f"{', '.join(item.name for item in features)}",
            licence="the studio's own",
            sha256=table.description.sha256,
            preparation="; ".join([*notes, f"split 80/10/10 by a hash of {by}"]),
        )  # fmt: skip

    @cached_property
    def _table(self) -> Table:
        """Return the table's values and description; raises `DatasetError`."""
        columns = column_types(self.types)
        columns.setdefault(self.target, "category")
        if self.id:
            columns[self.id] = "id"
        options = Options(
            columns=columns, targets=(self.target,), keep=(self.id,) if self.id else (),
            missing=self.missing, encoding=self.encoding, delimiter=self.delimiter,
            header=self.header, rows=self.rows, sha256=self.sha256,
        )  # fmt: skip
        table = tables.read(self.path, options=options)
        if len(table) < _ROWS:
            raise DatasetError(
                f"{self.path}: {len(table)} rows are too few to learn from and be "
                f"judged by; at least {_ROWS}"
            )
        return table

    @cached_property
    def _features(self) -> list[ColumnType]:
        """Return the columns that are features; raises `DatasetError` for none."""
        description = self._table.description
        found = [
            column
            for column in description.columns
            if column.used and column.name not in {self.target, self.id}
        ]
        if not found:
            raise DatasetError(
                f"{self.path}: no column is left to tell {self.target!r} from. "
                f"{'; '.join(description.remarks())}"
            )
        return found

    @property
    def _dates(self) -> list[str]:
        return [column.name for column in self._features if column.type == "date"]

    @cached_property
    def _today(self) -> tuple[float, str]:
        """Return the day that ages count to, and where it is from."""
        if self.now is not None:
            try:
                return cells.days(self.now, "iso"), "as --now says"
            except ValueError:
                raise DatasetError(
                    f"--now {self.now}: expected a date such as 2026-11-28"
                ) from None
        days = [pc.max(self._table.arrow.column(name)).as_py() for name in self._dates]
        newest = max(day for day in days if day is not None)
        return newest, "the newest date of the table (--now DATE takes another)"

    def _rows(
        self, features: Sequence[ColumnType]
    ) -> tuple[list[tuple[str, dict[str, Any], int]], tuple[str, ...]]:
        """Return (key, input, target) of each row that has a target, and the labels."""
        targets = self._targets()
        counts = Counter(value for value in targets if value is not None)
        if len(counts) == 1:
            raise DatasetError(
                f"{self.path}: {self.target!r} is {next(iter(counts))!r} in every row: "
                "there is nothing to tell apart"
            )
        if len(counts) > _LABELS:
            raise DatasetError(
                f"{self.path}: {self.target!r} has {len(counts)} different values, "
                f"and at most {_LABELS} can be told apart. If it is a number, make "
                "a few bands of it; if it is an id, it is not what to predict"
            )
        label, count = min(counts.items(), key=lambda item: item[1])
        if count < _OF_A_LABEL:
            raise DatasetError(
                f"{self.path}: {self.target} = {label!r} stands on {count} of "
                f"{sum(counts.values())} rows; at least {_OF_A_LABEL} are needed"
            )
        labels = tuple(sorted(counts, key=_natural))
        numbers = {label: at for at, label in enumerate(labels)}
        inputs = self._table.rows([item.name for item in features])
        keys = self._table.values(self.id) if self.id else [None] * len(inputs)
        present = {}
        if self._dates:
            present = {now_name([item.name for item in features]): self._today[0]}
        rows = []
        for key, row, value in zip(keys, inputs, targets, strict=True):
            if value is not None:
                key = key or json.dumps(row, sort_keys=True)  # noqa: PLW2901
                rows.append((key, {**row, **present}, numbers[value]))
        return rows, labels

    def _targets(self) -> list[str | None]:
        """Return the label of each row; CSV's True is Parquet's true."""
        values = self._table.values(self.target)
        lower = {None if value is None else value.lower() for value in values}
        if lower <= {"true", "false", None}:
            return [value and value.lower() for value in values]
        return values

    def _preprocessor(self, train: Split) -> Preprocessor:
        """Return the preprocessing, derived from the training rows alone."""
        numbers: list[Field] = []
        others: dict[str, list[Field]] = {
            "category": [], "date": [], "text": [], "list": [],
        }  # fmt: skip
        for column in self._features:
            name, reading = column.name, column.reading or Reading()
            if column.type in {"number", "boolean"}:
                values = [row[name] for row in train.inputs]
                there = [value for value in values if value is not None]
                numbers.append(_number(column, there, len(values) - len(there)))
            else:
                default = "" if column.type == "category" else None
                others[column.type].append(
                    Field(name, column.type, default, reading=reading)
                )
        return Preprocessor(
            numbers, others["category"], train, dates=others["date"],
            texts=[*others["text"], *others["list"]],
        )  # fmt: skip

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


def _number(column: ColumnType, there: Sequence[float], missing: int) -> Field:
    """Return a number's field; its default is the median if training always had it.

    Only a truth value has hard bounds: the data of any other column show which values
    occurred, not which are possible.
    """
    low, high = (0.0, 1.0) if column.type == "boolean" else (None, None)
    default = None if missing or not there else float(np.median(there))
    return Field(
        column.name, default=default, minimum=low, maximum=high,
        reading=column.reading or Reading(),
    )  # fmt: skip


def _iso(day: float) -> str:
    moment = datetime.fromtimestamp(day * cells.SECONDS_PER_DAY, UTC)
    return moment.isoformat(timespec="minutes").removesuffix("T00:00+00:00")


def _natural(label: str) -> tuple[int, float, str]:
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label


def _leaking(
    features: Sequence[ColumnType], rows: Sequence[Any], targets: Sequence[int]
) -> list[str]:
    """Return the columns from which a small tree predicts nearly every target."""
    found = []
    for item in features:
        if item.type in {"text", "list"}:
            continue
        values = [row[1][item.name] for row in rows]
        if item.type == "category":
            often = {word: at for at, (word, _) in
                     enumerate(Counter(values).most_common(20))}  # fmt: skip
            x = np.array([often.get(value, len(often)) for value in values], float)
        else:
            x = np.array([np.nan if value is None else value for value in values])
        tree = DecisionTreeClassifier(
            max_leaf_nodes=16, min_samples_leaf=5, class_weight="balanced",
            random_state=0,
        )  # fmt: skip
        predicted = tree.fit(x[:, None], targets).predict(x[:, None])
        if balanced_accuracy_score(targets, predicted) >= _TELLS:
            found.append(item.name)
    return found
