"""The rows that a streamed run keeps for its evaluation."""

from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from hotseat_registry import Signature
from hotseat_train.data.dataset import Dataset, Split
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables.streamed import splits
from hotseat_train.models.tables.streamed.prepare import SPLIT


def read(path: Path, signature: Signature, target: str) -> Dataset:
    """Return the kept rows as requests have them; raises `DatasetError`."""
    try:
        table = parquet.read_table(path)
    except FileNotFoundError:
        raise DatasetError(
            f"{path} is missing: the run keeps the rows of its evaluation there; train "
            "again"
        ) from None
    names = [field.name for item in signature.inputs for field in item.fields or ()]
    numbers = {label: number for number, label in enumerate(signature.labels)}
    parts = []
    for split in (splits.TRAIN, splits.VALIDATION, splits.TEST):
        some = table.filter(pa.array(table.column(SPLIT).to_numpy() == split))
        inputs = tuple(
            {name: value for name, value in row.items() if value is not None}
            for row in some.select(names).to_pylist()
        )
        targets = tuple(numbers[label] for label in some.column(target).to_pylist())
        parts.append(Split(inputs, targets))
    train, validation, test = parts
    return Dataset(
        train=train, validation=validation, test=test, labels=signature.labels,
        source="", licence="", sha256="", preparation="",
    )  # fmt: skip
