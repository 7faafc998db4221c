"""A studio's own table: one column is predicted from the others.

The signature is inferred from the data: a field for each column with its type and its
default. Categories stay open: an unseen category is answered like any other. Rows are
split by the id column, if there is one, so that a player's rows are in one split; else
by their content, so that duplicate rows are in one split.
"""

import difflib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import balanced_accuracy_score
from sklearn.tree import DecisionTreeClassifier

from hotseat_registry import Field, Signature
from hotseat_train.data.dataset import Dataset, Split, split
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables import families, schema
from hotseat_train.models.tables.preprocessing import Preprocessor
from hotseat_train.models.tables.schema import Column
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

    path: Path
    target: str
    name: str
    id: str | None = None
    types: tuple[str, ...] = ()
    """Types of columns, as ``NAME=TYPE``."""
    sha256: str | None = None
    """Of the file that a run was trained on; None: any."""
    warn: Callable[[str], None] = lambda _remark: None

    intended_use = "Tell a column of the studio's own table from the others."
    limits = (
        "It knows what that table told, and nothing of players who are not like those "
        "in it. What a column means, and whether it is known when the model is asked, "
        "is for the studio to say."
    )

    def record(self) -> dict[str, Any]:
        """Return what `tasks.of` reads from the run's record."""
        table = {
            "path": str(self.path.resolve()), "target": self.target, "id": self.id,
            "types": list(self.types), "name": self.name,
        }  # fmt: skip
        return {**super().record(), "table": table}

    @classmethod
    def of(cls, record: Mapping[str, Any], sha256: str, **more: Any) -> "OwnTable":
        """Return the task that a run was of."""
        fields = dict(record)
        types = fields.pop("said", ())  # how earlier releases stored `types`
        fields["types"] = tuple(fields.get("types", types))
        fields["path"] = Path(record["path"])
        return cls(**fields, sha256=sha256, **more)

    def dataset(self) -> Dataset:
        """Read, check and split the table; raises `DatasetError`."""
        found, remarks = self._columns
        notes = list(remarks)
        features = [item for item in found if item.name not in {self.target, self.id}]
        target = next(item for item in found if item.name == self.target)
        keys = next((item for item in found if item.name == self.id), None)
        rows, labels = self._rows(features, target, keys)
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
        if gone := len(target.values) - len(rows):
            notes.append(f"{gone} rows have no {self.target}, and are left out")
        for note in notes:
            self.warn(note)
        by = f"the column {self.id!r}" if self.id else "what a row holds"
        return Dataset(
            train=train, validation=validation, test=test, labels=labels,
            source=f"{self.path.name}, {self.target} told from "
            f"{', '.join(item.name for item in features)}",
            licence="the studio's own",
            sha256=hashlib.sha256(self.path.read_bytes()).hexdigest(),
            preparation="; ".join([*notes, f"split 80/10/10 by a hash of {by}"]),
        )  # fmt: skip

    @cached_property
    def _columns(self) -> tuple[list[Column], list[str]]:
        """Return the columns with a type, and remarks on the others."""
        table = schema.read(self.path)
        if self.sha256:
            digest = hashlib.sha256(self.path.read_bytes()).hexdigest()
            if digest != self.sha256:
                raise DatasetError(f"{self.path} has changed since it was trained on")
        for name in filter(None, (self.target, self.id)):
            if name not in table:
                near = difflib.get_close_matches(name, table, 1)
                hint = f"; do you mean {near[0]!r}?" if near else ""
                raise DatasetError(
                    f"{self.path} has no column {name!r}{hint} It has: "
                    f"{', '.join(list(table)[:20])}"
                )
        explicit = schema.explicit_types(self.types, table)
        explicit |= {name: "category" for name in (self.target, self.id) if name}
        size = len(table[self.target])
        if size < _ROWS:
            raise DatasetError(
                f"{self.path}: {size} rows are too few to learn from and be judged by; "
                f"at least {_ROWS}"
            )
        found, notes = [], []
        for name, values in table.items():
            column = schema.infer(name, values, explicit.get(name))
            if isinstance(column, Column):
                found.append(column)
            else:
                notes.append(f"column {name!r} is left out: {column}")
        if len(found) < 2 + bool(self.id):
            raise DatasetError(
                f"{self.path}: no column is left to tell {self.target!r} from. "
                f"{'; '.join(notes)}"
            )
        return found, notes

    def _rows(
        self, features: Sequence[Column], target: Column, keys: Column | None
    ) -> tuple[list[tuple[str, dict[str, Any], int]], tuple[str, ...]]:
        """Return (key, input, target) of each row that has a target, and the labels."""
        counts = Counter(value for value in target.values if value is not None)
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
        rows = []
        for at, value in enumerate(target.values):
            if value is None:
                continue
            row = {item.name: item.values[at] for item in features}
            key = (keys and keys.values[at]) or json.dumps(row, sort_keys=True)
            rows.append((key, row, labels.index(value)))
        return rows, labels

    def _table(self, train: Split) -> Preprocessor:
        """Return the preprocessing, derived from the training rows alone."""
        numbers, words = [], []
        for column in self._columns[0]:
            name = column.name
            if name not in train.inputs[0]:
                continue
            if column.type == "category":
                words.append(Field(name, "category", default=""))
            else:
                values = [row[name] for row in train.inputs]
                there = [value for value in values if value is not None]
                numbers.append(_number(name, there, column, len(values) - len(there)))
        return Preprocessor(numbers, words, train)

    def learner(self, train: Split, seed: int) -> Learner:
        """Return a model of the task's family."""
        labels = max(train.targets) + 1
        return families.learner(
            self.family, self._table(train), labels, seed, self.settings
        )

    def signature(self, dataset: Dataset) -> Signature:
        """Return the fields that the columns became, and the labels."""
        return self._table(dataset.train).signature(dataset.labels)

    def plan(self, optimizer: str) -> Plan:
        """Return the usual plan for tables."""
        return families.plan(optimizer)


def slug(path: Path) -> str:
    """Return a model's name after a file's."""
    return re.sub(r"[^a-z0-9]+", "-", path.stem.lower()).strip("-") or "table"


def _number(name: str, there: Sequence[float], column: Column, missing: int) -> Field:
    """Return a number's field; its default is the median if training always had it.

    Only a truth value has hard bounds: the data of any other column show which values
    occurred, not which are possible.
    """
    low, high = (0.0, 1.0) if column.boolean else (None, None)
    default = None if missing else float(np.median(there))
    return Field(name, default=default, minimum=low, maximum=high)


def _natural(label: str) -> tuple[int, float, str]:
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label


def _leaking(
    features: Sequence[Column], rows: Sequence[Any], targets: Sequence[int]
) -> list[str]:
    """Return the columns from which a small tree predicts nearly every target."""
    found = []
    for item in features:
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
