"""Rows invented from a declaration of columns, in place of players' rows.

Preprocessing of tables learns medians, scales and categories from rows. Clients that do
not show their rows declare the columns instead: a range for a number, the values of a
category. The rows invented here cover the declaration, so that each client derives the
same preprocessing from them.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from hotseat_train.data.dataset import Split
from hotseat_train.errors import DatasetError

_ROWS = 240
_TIMES = 8
"""Rows of each category at least: a version holds no rarer one."""
_CATEGORIES = 99
_GAPS = 8
"""Every so many values of a column that may be missing are."""
_EXAMPLE = (
    '{"labels": ["no", "yes"], "columns": {"hours": {"minimum": 0, "maximum": 500}, '
    '"country": {"categories": ["de", "fr"]}, "vip": {"type": "boolean"}}}'
)


@dataclass(frozen=True, slots=True)
class Column:
    """A declared column."""

    type: str
    """number, category or boolean."""
    minimum: float = 0.0
    maximum: float = 1.0
    categories: tuple[str, ...] = ()
    missing: bool = False
    """Whether a number may be missing."""

    def values(self, count: int, seed: int) -> list[Any]:
        """Return values that cover the declaration, in an order of their own.

        Numbers are spread evenly over the signed logarithm, as the preprocessing takes
        them.
        """
        order = np.random.default_rng(seed).permutation(count)
        if self.type == "category":
            return [self.categories[at % len(self.categories)] for at in order]
        if self.type == "boolean":
            return [float(at % 2) for at in order]
        low, high = (math.copysign(math.log1p(abs(v)), v) for v in
                     (self.minimum, self.maximum))  # fmt: skip
        logs = np.linspace(low, high, count)[order]
        spread = np.sign(logs) * np.expm1(np.abs(logs))
        found = np.clip(spread, self.minimum, self.maximum).tolist()
        if self.missing:
            return [None if at % _GAPS == 1 else v for at, v in enumerate(found)]
        return list(found)


@dataclass(frozen=True, slots=True)
class Declaration:
    """The columns and labels that all clients agree on."""

    columns: Mapping[str, Column]
    labels: tuple[str, ...]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a JSON file; raises `DatasetError`."""
        try:
            document = json.loads(path.read_text("utf-8"))
        except OSError as error:
            raise DatasetError(f"--schema {path}: {error.strerror}") from None
        except ValueError as error:
            raise DatasetError(f"--schema {path} is no JSON: {error}") from None
        return cls.of(document, f"--schema {path}")

    @classmethod
    def of(cls, document: Any, where: str) -> Self:
        """Return the declaration of a document; raises `DatasetError`."""
        if not isinstance(document, Mapping):
            raise DatasetError(f"{where}: expected an object such as {_EXAMPLE}")
        columns, labels = document.get("columns"), document.get("labels")
        if not isinstance(columns, Mapping) or not columns:
            raise DatasetError(
                f"{where}: expected columns at /columns, such as {_EXAMPLE}"
            )
        if (
            not isinstance(labels, list)
            or len(set(map(str, labels))) != len(labels)
            or len(labels) < 2
        ):
            raise DatasetError(
                f"{where}: expected a list of two or more labels at /labels"
            )
        return cls(
            {str(name): _column(f"{where}: /columns/{name}", given)
             for name, given in columns.items()},
            tuple(map(str, labels)),
        )  # fmt: skip

    def rows(self) -> Split:
        """Return the invented rows, with the labels in turn."""
        most = max(len(column.categories) for column in self.columns.values())
        count = max(_ROWS, _TIMES * most, _TIMES * len(self.labels))
        values = {
            name: column.values(count, seed)
            for seed, (name, column) in enumerate(self.columns.items())
        }
        return Split(
            tuple({name: of[at] for name, of in values.items()} for at in range(count)),
            tuple(at % len(self.labels) for at in range(count)),
            tuple(f"invented {at}" for at in range(count)),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the document that `of` reads."""
        columns: dict[str, dict[str, Any]] = {}
        for name, column in self.columns.items():
            if column.type == "category":
                columns[name] = {"categories": list(column.categories)}
            elif column.type == "boolean":
                columns[name] = {"type": "boolean"}
            else:
                columns[name] = {"minimum": column.minimum, "maximum": column.maximum,
                                 "missing": column.missing}  # fmt: skip
        return {"columns": columns, "labels": list(self.labels)}


def _column(where: str, given: Any) -> Column:
    """Return a declared column; raises `DatasetError`."""
    if not isinstance(given, Mapping):
        raise DatasetError(f"{where}: expected an object such as in {_EXAMPLE}")
    if "categories" in given:
        values = given["categories"]
        if not isinstance(values, list) or not 1 <= len(values) <= _CATEGORIES:
            raise DatasetError(
                f"{where}/categories: expected a list of 1 to {_CATEGORIES} values"
            )
        return Column("category", categories=tuple(map(str, values)))
    if given.get("type") == "boolean":
        return Column("boolean")
    low, high = given.get("minimum"), given.get("maximum")
    for name, value in (("minimum", low), ("maximum", high)):
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise DatasetError(
                f"{where}/{name}: expected a number. A column is declared by minimum "
                'and maximum, by categories, or by "type": "boolean"; columns of '
                "dates, texts and lists need statistics of all rows, which no client "
                "shows: leave them out (--column NAME=out)"
            )
    assert low is not None
    assert high is not None
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise DatasetError(f"{where}: expected minimum below maximum, both finite")
    return Column("number", float(low), float(high), missing=bool(given.get("missing")))
