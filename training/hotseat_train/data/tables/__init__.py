"""Reads any table: its columns, their types, and what is dropped and why."""

from hotseat_train.data.tables.description import ColumnType, Description
from hotseat_train.data.tables.options import Options
from hotseat_train.data.tables.table import Table, batches, describe, read

__all__ = [
    "ColumnType", "Description", "Options", "Table", "batches", "describe", "read",
]  # fmt: skip
