"""The features that an own table's columns become."""

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pyarrow.compute as pc

from hotseat_registry import Field
from hotseat_registry.reading import Reading
from hotseat_serve.codec import cells
from hotseat_train.data.dataset import Split
from hotseat_train.data.tables import ColumnType, Table
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables.preprocessing import Preprocessor


def preprocessor(features: Sequence[ColumnType], train: Split) -> Preprocessor:
    """Return the preprocessing, derived from the training rows alone."""
    numbers: list[Field] = []
    others: dict[str, list[Field]] = {
        "category": [], "date": [], "text": [], "list": [],
    }  # fmt: skip
    for column in features:
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


def present_day(
    table: Table, dates: Sequence[str], now: str | None
) -> tuple[float, str]:
    """Return the day that ages count to, since 1970, and where it is from.

    Raises `DatasetError` if `now` is no date.
    """
    if now is not None:
        try:
            return cells.days(now, "iso"), "as --now says"
        except ValueError:
            raise DatasetError(
                f"--now {now}: expected a date such as 2026-11-28"
            ) from None
    days = [pc.max(table.arrow.column(name)).as_py() for name in dates]
    newest = max(day for day in days if day is not None)
    return newest, "the newest date of the table (--now DATE takes another)"


def iso(day: float) -> str:
    """Return a day since 1970 as ISO 8601."""
    moment = datetime.fromtimestamp(day * cells.SECONDS_PER_DAY, UTC)
    return moment.isoformat(timespec="minutes").removesuffix("T00:00+00:00")


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
