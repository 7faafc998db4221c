"""Tables for notebooks and scripts: read, and described."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hotseat_train.data import tables
from hotseat_train.data.tables import Description, Options, Table


def load(
    data: str | Path, *, columns: Mapping[str, str] | None = None, target: str = ""
) -> Table:
    """Read a table: typed values in Arrow, and what each column is.

    `data` is a file, a folder of parts or an address, in any format that
    ``hotseat train --data`` reads. `columns` gives types: number, category, boolean,
    date, text, list, id or out. A `target` is kept whatever its values are, as texts.
    `table.arrow.to_pandas()` is a data frame. Raises `DatasetError` with every fault of
    the table.
    """
    return tables.read(data, options=_options(columns, target))


def inspect(
    data: str | Path, *, columns: Mapping[str, str] | None = None, target: str = ""
) -> Description:
    """Return what the columns of a table are, and why; the arguments are `load`'s.

    One pass over the rows; memory does not depend on their number. Raises
    `DatasetError` with every fault of the table.
    """
    return tables.describe(data, options=_options(columns, target))


def _options(columns: Mapping[str, str] | None, target: str) -> Options:
    if not target:
        return Options(columns=columns or {})
    # labels are texts, as in a training: yes and no are no 1 and 0
    return Options(columns={target: "category", **(columns or {})}, targets=(target,))


def file_of(data: Any, folder: Path) -> str | Path:
    """Return the file of `data`; a data frame becomes ``data.parquet`` in a folder.

    A data frame is any object with Arrow's stream interface: pandas, Polars, Arrow.
    """
    if isinstance(data, str | Path):
        return data
    if not hasattr(data, "__arrow_c_stream__"):
        raise TypeError(
            "expected a path, or a data frame of pandas (from 2.2), Polars or Arrow, "
            f"got a {type(data).__name__}"
        )
    import pyarrow as pa
    from pyarrow import parquet

    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "data.parquet"
    parquet.write_table(pa.table(data), path)
    return path
