"""Collects the statistics of one column, batch by batch."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hotseat_registry.reading import Reading
from hotseat_serve.codec import cells
from hotseat_train.data.tables import dates, spelling
from hotseat_train.data.tables.distinct import Distinct, hash_numbers, hash_texts

KEPT = 20_000
"""Distinct texts of a column that are kept with their counts."""
_EXAMPLES = 3
_SEPARATORS = "|;,"
_PLAIN = r"^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*$"
_ZERO = r"^\s*[+-]?0\d"
PACKED = r"^\s*(19|20)\d{6}(\d{6})?\s*$"


@dataclass(slots=True)
class Profile:
    """Statistics of one column; `add` takes the next batch."""

    name: str
    reading: Reading
    """With the caller's own words for missing values."""
    kind: str = ""
    """Arrow's kind of the values: text, number, boolean, date, list or empty."""
    rows: int = 0
    missing: int = 0
    """Cells without a text, and nulls."""
    markers: Counter[str] = field(default_factory=Counter)
    """Rows of each text of `cells.MISSING`, as it is spelled."""
    texts: Counter[str] = field(default_factory=Counter)
    """Rows of each distinct text, while there are at most `KEPT`."""
    overflow: bool = False
    """Whether there are more distinct texts."""
    numbers: Counter[spelling.Spelling] = field(default_factory=Counter)
    """Rows of each way to spell a number."""
    strays: dict[str, int] = field(default_factory=dict)
    """The first texts that are no number, with their rows."""
    formats: list[str] | None = None
    """The date formats that all texts have; None: no text yet."""
    whole: bool = True
    minimum: float = np.inf
    maximum: float = -np.inf
    personal: Counter[str] = field(default_factory=Counter)
    words: int = 0
    separated: Counter[str] = field(default_factory=Counter)
    """Rows with each of the separators of a list."""
    distinct: Distinct = field(default_factory=Distinct)
    examples: list[str] = field(default_factory=list)

    def add(self, array: pa.Array) -> None:
        """Add the values of the next rows."""
        kind = kind_of(array.type)
        self.kind = (
            kind if self.kind in {"", "empty", kind} or kind == "empty" else "text"
        )
        self.missing += array.null_count
        if kind == "number" and is_packed(array):
            self._add_texts(array.cast(pa.string()))
        elif kind == "number":
            values = array.drop_null()
            self._show(map(str, values.slice(0, _EXAMPLES).to_pylist()))
            self._add_numbers(np.asarray(values.cast(pa.float64(), safe=False)))
        elif kind == "text" and self._is_plain(array):
            values = pc.utf8_trim_whitespace(array.drop_null())
            self._show(values.slice(0, _EXAMPLES).to_pylist())
            self._add_numbers(np.asarray(values.cast(pa.float64())))
        elif kind != "empty":
            self._add_texts(array if kind == "text" else as_text(array))
        self.rows += len(array)

    @property
    def present(self) -> int:
        """Rows with a value, whatever it is."""
        return self.rows - self.missing

    def skip(self, rows: int) -> None:
        """Add rows of files that do not have the column."""
        self.rows += rows
        self.missing += rows

    def _is_plain(self, array: pa.Array) -> bool:
        """Whether all are plain numbers, and neither codes nor dates (20260131)."""
        if not is_plain(array) or _any(array, _ZERO):
            return False
        return self.formats == [] or not _any(array, PACKED)

    def _add_numbers(self, values: Any) -> None:
        missing = ~np.isfinite(values)
        if missing.any():
            self.markers["nan"] += int(missing.sum())
            values = values[~missing]
        if not len(values):
            return
        unique, counts = np.unique(values, return_counts=True)
        self.distinct.add(hash_numbers(unique), counts)
        whole = bool((unique == np.floor(unique)).all())
        self.whole &= whole
        self._between(float(unique[0]), float(unique[-1]))
        notation = spelling.of("1" if whole else "1.5")
        self.numbers[notation] += len(values)
        self.formats = []
        if not self.overflow:
            spelled = [_spelled(value) for value in unique[: KEPT + 1].tolist()]
            self._keep(spelled, counts[: KEPT + 1].tolist())

    def _add_texts(self, array: pa.Array) -> None:
        counted = pc.value_counts(array.drop_null())
        values = counted.field("values").to_pylist()
        counts = counted.field("counts").to_pylist()
        kept: Counter[str] = Counter()
        for value, count in zip(values, counts, strict=True):
            text = value.strip()
            if not text or text.lower() in (self.reading.missing or ()):
                self.missing += count
            elif cells.is_missing(text, self.reading):
                self.markers[text] += count
            else:
                kept[text] += count
        for text, count in kept.items():
            self._add_text(text, count, array)
        self.distinct.add(_hashes(list(kept)), np.array(list(kept.values()), np.int64))
        self._keep(list(kept), list(kept.values()))
        self._show(kept)

    def _add_text(self, text: str, count: int, array: pa.Array) -> None:
        spelled = spelling.of(text)
        self.numbers[spelled] += count
        if spelled.notations:
            if (".", "") in spelled.notations and not spelled.unit:
                value = float(text)
                self.whole &= value.is_integer()
                self._between(value, value)
            else:
                self.whole = False
        elif len(self.strays) < _EXAMPLES and text not in self.strays:
            trimmed = pc.utf8_trim_whitespace(array)
            self.strays[text] = self.rows + pc.index(trimmed, text).as_py()
        if self.formats is None or self.formats:
            self.formats = (
                dates.fitting(text, self.formats or dates.FORMATS)
                if dates.is_like(text)
                else []
            )
        if kind := spelling.personal(text):
            self.personal[kind] += count
        self.words += count * _word_count(text)
        for separator in _SEPARATORS:
            if separator in text:
                self.separated[separator] += count

    def _keep(self, texts: list[str], counts: list[int]) -> None:
        if self.overflow:
            return
        for text, count in zip(texts, counts, strict=True):
            self.texts[text] += count
        self.overflow = len(self.texts) > KEPT

    def _show(self, texts: Any) -> None:
        for text in texts:
            if len(self.examples) >= _EXAMPLES:
                return
            if text not in self.examples:
                self.examples.append(text)

    def _between(self, low: float, high: float) -> None:
        self.minimum, self.maximum = min(self.minimum, low), max(self.maximum, high)


def is_plain(array: pa.Array) -> bool:
    """Whether every text is a plain number: numpy reads these far quicker."""
    if len(array) == array.null_count:
        return False
    return bool(pc.all(pc.match_substring_regex(array, _PLAIN)).as_py())


def is_packed(array: pa.Array) -> bool:
    """Whether whole numbers may be dates without marks: 20260131."""
    if not pa.types.is_integer(array.type) or array.null_count == len(array):
        return False
    return bool(
        pc.all(pc.match_substring_regex(array.cast(pa.string()), PACKED)).as_py()
    )


def _any(array: pa.Array, pattern: str) -> bool:
    return bool(pc.any(pc.match_substring_regex(array, pattern)).as_py())


def kind_of(kind: pa.DataType) -> str:
    """Return what a raw column holds: text, number, boolean, date, list or empty."""
    types = pa.types
    if types.is_null(kind):
        return "empty"
    if types.is_boolean(kind):
        return "boolean"
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return "number"
    if types.is_timestamp(kind) or types.is_date(kind):
        return "date"
    return "list" if types.is_list(kind) or types.is_large_list(kind) else "text"


def as_text(array: pa.Array) -> pa.Array:
    """Return the texts of truth values, dates and lists."""
    kind = kind_of(array.type)
    if kind == "date":
        return pc.strftime(array.cast(pa.timestamp("us")), format="%Y-%m-%dT%H:%M:%S")
    if kind == "list":
        plain = Reading()
        return pa.array(
            [None if v is None else cells.items(v, plain) for v in array.to_pylist()],
            pa.string(),
        )
    return array.cast(pa.string())


def _hashes(texts: list[str]) -> Any:
    """Return a hash of each text; of a plain number, the number's."""
    hashes = hash_texts(texts).copy() if texts else np.zeros(0, np.uint64)
    for at, text in enumerate(texts):
        if spelling.is_plain(text):
            hashes[at] = hash_numbers(np.array([float(text)]))[0]
    return hashes


def _spelled(value: float) -> str:
    return str(int(value)) if value.is_integer() else repr(value)


def _word_count(text: str) -> int:
    return cells.words(text[:500]).count(cells.BETWEEN) + 1
