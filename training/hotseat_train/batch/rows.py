"""Rows of a table as inputs of a model, and answers as further columns."""

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from typing import Any

import pyarrow as pa

from hotseat_registry import Field, Signature
from hotseat_registry.reading import Reading
from hotseat_serve.codec import cells
from hotseat_train.batch.predictors import Outcome
from hotseat_train.errors import DatasetError

_NUMBERS = {"number", "date"}
_PLAIN = Reading()
MOST_LABELS = 50
"""More labels get no column each: the label and its probability remain."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """Which columns of a table a model reads."""

    fields: tuple[Field, ...]
    """The model's fields that the table has; empty for a model of texts."""
    text: str | None
    """The column of a model that reads one text."""
    defaults: tuple[str, ...]
    """Fields that the table lacks and whose default the model takes."""
    ignored: tuple[str, ...]
    """Columns that the model does not read; they are kept in the output."""


def mapped(
    signature: Signature, columns: Sequence[str], text: str | None = None
) -> Mapped:
    """Match the columns of a table with a model's fields, by their names.

    `text` is the column of texts, for a model that reads one text. Raises
    `DatasetError` if a needed column is missing or the model reads no rows of a table.
    """
    forms = {item.form for item in signature.inputs}
    if forms == {"features"}:
        fields = [field for item in signature.inputs for field in item.fields or ()]
        names = {field.name for field in fields}
        absent = [field for field in fields if field.name not in columns]
        needed = [
            field.name
            for field in absent
            if field.default is None
            and (field.type not in _NUMBERS or not signature.non_finite)
        ]
        if needed or len(absent) == len(fields):
            lacking = needed or [field.name for field in fields]
            raise DatasetError(
                f"the table lacks {_listed(lacking)}, which the model needs; it has "
                f"{_listed(columns)}"
            )
        return Mapped(
            tuple(field for field in fields if field.name in columns),
            None,
            tuple(field.name for field in absent),
            tuple(name for name in columns if name not in names),
        )
    if forms <= {"text", "tokens"} and len({i.key for i in signature.inputs}) == 1:
        column = text or "text"
        if column not in columns:
            raise DatasetError(
                f"the table has no column {column!r} of texts: name one with --text "
                f"COLUMN; it has {_listed(columns)}"
            )
        others = tuple(name for name in columns if name != column)
        return Mapped((), column, (), others)
    raise DatasetError(
        f"a model with inputs of form {', '.join(sorted(forms))} reads no rows of a "
        "table: send its inputs as JSON, without --output"
    )


def _listed(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def inputs(batch: pa.RecordBatch, mapping: Mapped) -> list[Any]:
    """Return the rows of a batch as a service's JSON takes them.

    Missing values are left out. A text in a column of numbers that is no number stays
    a text: the model's answer is then an error that names it.
    """
    if mapping.text is not None:
        texts = batch.column(mapping.text).to_pylist()
        return ["" if text is None else str(text) for text in texts]
    columns = {
        field.name: [
            _cell(cell, field) for cell in batch.column(field.name).to_pylist()
        ]
        for field in mapping.fields
    }
    return [
        {
            field: cell
            for field, cell in zip(columns, row, strict=True)
            if cell is not None
        }
        for row in zip(*columns.values(), strict=True)
    ]


def _cell(cell: Any, field: Field) -> Any:
    """Return a cell as JSON has it; None if it is missing.

    The codec reads the texts of a field that says how; those of other fields, of models
    from elsewhere, are read here. What cannot be read stays as it is.
    """
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, date | time):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        cell = float(cell)
    if field.reading is None:
        with suppress(ValueError):
            if field.type == "category":
                cell = cells.category(cell, _PLAIN)
            elif isinstance(cell, str):
                cell = cells.number(cell, _PLAIN)
    return cell


@dataclass(frozen=True, slots=True)
class Answers:
    """Columns of the answers: their names and types."""

    schema: pa.Schema
    labels: tuple[str, ...]
    """Labels with a column each for their probability."""
    prefix: str

    @classmethod
    def of(
        cls, signature: Signature, kind: str, columns: Sequence[str], prefix: str
    ) -> "Answers":
        """Return the columns for a model; raises `DatasetError`.

        A classification has ``label``, ``probability`` and, for each of at most
        `MOST_LABELS` labels, ``probability_LABEL``; a regression has ``value``. Both
        have ``error``. `prefix` goes before each name.
        """
        labels: tuple[str, ...] = ()
        if kind == "classification":
            if len(signature.labels) <= MOST_LABELS:
                labels = signature.labels
            fields = [
                ("label", pa.string()),
                ("probability", pa.float32()),
                *((f"probability_{label}", pa.float32()) for label in labels),
            ]
        elif kind == "regression":
            fields = [("value", pa.float64())]
        else:
            raise DatasetError(
                f"a model of kind {kind} has no answer to a row of a table: "
                "classification and regression have"
            )
        names = [(f"{prefix}{name}", type_) for name, type_ in fields]
        names.append((f"{prefix}error", pa.string()))
        taken = [name for name, _ in names if name in columns]
        if taken:
            raise DatasetError(
                f"the table has a column {taken[0]!r} already, which is also the name "
                "of a column of answers: give those a prefix, such as --prefix new_"
            )
        return cls(pa.schema(names), labels, prefix)

    def columns(self, results: Sequence[Outcome]) -> list[pa.Array]:
        """Return the columns of some rows' outcomes, in the order of the schema."""
        return [
            pa.array(
                [self._part(name.removeprefix(self.prefix), item) for item in results],
                type_,
            )
            for name, type_ in zip(self.schema.names, self.schema.types, strict=True)
        ]

    def _part(self, name: str, item: Outcome) -> Any:
        if name == "error":
            return item.error
        if name == "probability":
            return _probability(item.answer)
        if name.startswith("probability_"):
            return item.answer.get("scores", {}).get(name.removeprefix("probability_"))
        cell = item.answer.get(name)
        return cell[0] if isinstance(cell, list) and len(cell) == 1 else cell


def _probability(answer: Mapping[str, Any]) -> Any:
    return answer.get("probability", answer.get("scores", {}).get(answer.get("label")))
