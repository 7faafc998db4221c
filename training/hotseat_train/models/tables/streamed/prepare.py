"""From a stream of typed rows to encoded rows on disk, in two passes.

The first pass takes a sample, which decides how columns are encoded; the second encodes
all rows, splits them and writes them. Some rows of the validation and test splits are
kept as they are, for the evaluation through the serving code.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hotseat_registry import Field
from hotseat_train.data.tables import ColumnType
from hotseat_train.errors import DatasetError
from hotseat_train.models.tables.streamed import splits
from hotseat_train.models.tables.streamed.encoding import (
    Encoding,
    Ranks,
    label_scores,
)
from hotseat_train.models.tables.streamed.sampling import (
    SAMPLE,
    Array,
    Sampler,
    numbers_of,
    texts_of,
)
from hotseat_train.models.tables.streamed.spool import Part
from hotseat_train.models.tables.streamed.trees import Data
from hotseat_train.models.tables.synthetic_rows import rounded

KEPT = {splits.TRAIN: 1_000, splits.VALIDATION: 20_000, splits.TEST: 50_000}
"""Rows of each split that are kept as they are: at most so many, a random sample."""
SPLIT = "split"
"""The column of the kept rows that says which split they are of."""
_NUMBERS = {"number", "boolean"}

Batches = Callable[[], Iterable[pa.RecordBatch]]
Report = Callable[[str, int], None]
"""Receives the name of a pass and the rows that are done."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Which columns are what."""

    features: Sequence[ColumnType]
    target: str
    id: str | None
    rows: int
    weight: str | None = None
    """The column of the training rows' weights; it is no feature."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Encoded rows, and what they are."""

    encoding: Encoding
    labels: tuple[str, ...]
    data: Data
    kept: pa.Table
    """Some rows as they are, with the column `SPLIT`."""
    counts: tuple[int, int, int]
    """Rows of the training, validation and test split."""
    without_target: int

    @property
    def sampled(self) -> tuple[int, int]:
        """Kept rows of the validation and of the test split."""
        of = np.bincount(self.kept.column(SPLIT).to_numpy(), minlength=3)
        return int(of[splits.VALIDATION]), int(of[splits.TEST])


def streamable(column: ColumnType) -> bool:
    """Whether a streamed training can use a column."""
    return column.type in _NUMBERS or column.type == "category"


def prepare(
    batches: Batches,
    columns: Columns,
    folder: Path,
    seed: int,
    report: Report = lambda _what, _rows: None,
) -> Prepared:
    """Write the encoded rows to a folder; raises `DatasetError`."""
    sampler, counts = Sampler(SAMPLE, seed), Counter[str]()
    schema, done = pa.schema([]), 0
    for batch in batches():
        schema = batch.schema
        sampler.add(batch)
        for pair in pc.value_counts(batch.column(columns.target)):
            counts[pair["values"].as_py()] += pair["counts"].as_py()
        done += len(batch)
        report("sampled", done)
    nothing = counts.pop(None, 0)  # type: ignore[call-overload] # null is no text
    labels = tuple(sorted(counts, key=_natural))
    sample = sampler.rows(schema)
    sample = sample.filter(pc.is_valid(sample.column(columns.target)))
    encoding = _encoding(sample, columns, labels)
    data, kept, sizes = _written(
        batches, columns, encoding, labels, folder, seed, report
    )
    if not all(sizes):
        raise DatasetError(f"{sum(sizes)} rows are too few to split in three")
    return Prepared(encoding, labels, data, kept, sizes, nothing)


def _natural(label: str) -> tuple[int, float, str]:
    try:
        return 0, float(label), label
    except ValueError:
        return 1, 0.0, label


def _classes(column: pa.Array, labels: Sequence[str]) -> Array:
    found = pc.index_in(column, value_set=pa.array(labels, pa.string()))
    classes: Array = pc.fill_null(found, -1).to_numpy(zero_copy_only=False)
    return classes


def _encoding(sample: pa.Table, columns: Columns, labels: Sequence[str]) -> Encoding:
    classes = _classes(sample.column(columns.target).combine_chunks(), labels)
    scores = label_scores(classes, len(labels))
    numbers, categories, ranks = [], [], {}
    for column in columns.features:
        values = sample.column(column.name).combine_chunks()
        if column.type == "category":
            found = Ranks.of(texts_of(values), scores)
            ranks[column.name] = found
            categories.append(
                Field(
                    column.name, "category", default="", known=tuple(found.ranks),
                    reading=column.reading,
                )
            )  # fmt: skip
        else:
            numbers.append(_number(column, numbers_of(values)))
    return Encoding(tuple(numbers), tuple(categories), ranks)


def _number(column: ColumnType, values: Array) -> Field:
    """Return a number's field; its default is the median if it is never missing."""
    low, high = (0.0, 1.0) if column.type == "boolean" else (None, None)
    default = None if column.missing else float(np.nanmedian(values))
    observed = (
        None
        if column.minimum is None or column.maximum is None
        else (rounded(column.minimum, up=False), rounded(column.maximum, up=True))
    )
    return Field(
        column.name, default=default, minimum=low, maximum=high, observed=observed,
        reading=column.reading,
    )  # fmt: skip


def _written(
    batches: Batches,
    columns: Columns,
    encoding: Encoding,
    labels: Sequence[str],
    folder: Path,
    seed: int,
    report: Report,
) -> tuple[Data, pa.Table, tuple[int, int, int]]:
    parts = [
        Part(folder / name, encoding.columns)
        for name in ("train", "validation", "test")
    ]
    samplers = {split: Sampler(most, seed) for split, most in KEPT.items()}
    schema, done = pa.schema([]), 0
    with ExitStack() as stack:
        # only training rows are weighted
        writers = [
            stack.enter_context(part.writer(weighted=at == 0 and bool(columns.weight)))
            for at, part in enumerate(parts)
        ]
        for batch in batches():
            done += len(batch)
            schema = batch.schema
            classes = _classes(batch.column(columns.target), labels)
            if (classes < 0).any():
                batch = batch.filter(pa.array(classes >= 0))  # noqa: PLW2901
                classes = classes[classes >= 0]
            x = encoding.encode(batch)
            split = (
                splits.by_id(batch.column(columns.id), splits.SEED)
                if columns.id
                else splits.by_row(x, splits.SEED)
            )
            for at, writer in enumerate(writers):
                rows = split == at
                weights = _weights(batch, columns.weight) if at == 0 else None
                writer.add(
                    x[rows], classes[rows], None if weights is None else weights[rows]
                )
                samplers[at].add(batch.filter(pa.array(rows)))
            report("encoded", done)
    kept = pa.concat_tables(
        sampler.rows(schema).append_column(
            SPLIT, pa.array([at] * sampler.count, pa.int8())
        )
        for at, sampler in samplers.items()
    )
    sizes = (len(parts[0]), len(parts[1]), len(parts[2]))
    return Data(*parts), kept, sizes


def _weights(batch: pa.RecordBatch, name: str | None) -> Array | None:
    """Return the weight of each row; raises `DatasetError`."""
    if name is None:
        return None
    weights = numbers_of(batch.column(name))
    if bad := weights[~(weights >= 0)][:1].tolist():
        raise DatasetError(
            f"--weight {name}: a row holds {bad[0]:g}; expected a number of 0 or more "
            "in each row"
        )
    return weights


def every(seconds: float, call: Callable[[str, int], None]) -> Callable[..., None]:
    """Return what passes a call on once in so many seconds."""
    last = time.monotonic()

    def sometimes(what: str, done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= seconds:
            last = time.monotonic()
            call(what, done)

    return sometimes
