"""Reads delimited text: CSV, TSV and their relatives.

Arrow reads the rows; the encoding, the delimiter and the header are found from the
first lines. Where rows do not fit the header, a second pass finds their lines.
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
from pyarrow import csv as arrow_csv

from hotseat_train.data.tables import encoding, spelling
from hotseat_train.data.tables.options import Options
from hotseat_train.errors import DatasetError

_SAMPLE = 1 << 16
_BLOCK = 4 << 20
_DELIMITERS = ",;\t|"
_FAULTS = 5
_UTF8 = {"utf-8", "utf-8-sig"}
"""Codecs that Arrow reads itself."""
_NAMES = {"\t": "tabs", ";": "semicolons", "|": "bars", ",": "commas"}


class Delimited:
    """One delimited file; `notes` and `faults` are complete behind the last batch."""

    def __init__(
        self, path: Path, stream: Callable[[], IO[bytes]], options: Options
    ) -> None:
        self.path, self._stream = path, stream
        self.notes: list[str] = []
        self.faults: list[str] = []
        with stream() as file:
            found = encoding.find(file) if options.encoding is None else None
        self._codec = found.codec if found else str(options.encoding)
        if found and found.guessed:
            self.notes.append(
                f"read as {found.title}, which its bytes suggest; --encoding NAME "
                "takes another, and UTF-8 needs no guess"
            )
        title = found.title if found else str(options.encoding)
        sample = self._sample()
        self._skipped, delimiter = _excel(sample)
        lines = "\n".join(sample.split("\n")[self._skipped :])
        self._delimiter = _given(options.delimiter) or delimiter or _delimiter(lines)
        rows = _rows(lines, self._delimiter)
        if not rows:
            raise DatasetError(f"{path} is empty: the first line names the columns")
        self._header = self._names(rows, options)
        self.comma = self._delimiter != "," or _has_decimal_commas(rows[1:])
        self.format = f"csv, {title}, separated by " + _NAMES.get(
            self._delimiter, repr(self._delimiter)
        )

    def _sample(self) -> str:
        """Return the first lines as text, with line feeds."""
        with self._stream() as file:
            data = file.read(_SAMPLE)
        try:
            text = data.decode(
                self._codec, "ignore" if len(data) == _SAMPLE else "strict"
            )
        except (UnicodeDecodeError, LookupError) as error:
            raise DatasetError(
                f"{self.path} cannot be read as {self._codec}: {error}"
            ) from None
        text = text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")
        return text[: text.rfind("\n") + 1] if len(data) == _SAMPLE else text

    def _names(
        self, rows: Sequence[Sequence[str]], options: Options
    ) -> list[str | None]:
        """Return the columns' names, None for those to leave out."""
        if not options.header:
            self._first_row = 0
            return [f"column_{at + 1}" for at in range(len(rows[0]))]
        self._first_row = 1
        first = [name.strip() for name in rows[0]]
        if first and all(map(spelling.is_plain, first)):
            raise DatasetError(
                f"{self.path}: the first line holds numbers ({', '.join(first[:3])}), "
                "no names of columns: add them, or --no-header"
            )
        if {len(row) for row in rows[1:]} == {len(first) + 1}:
            if all(row[-1] == "" for row in rows[1:]):
                first.append("")
            else:  # as R writes it: names of rows have no header
                first.insert(0, "")
                self.notes.append(
                    "every row has one value more than the header: the first one is "
                    "read as the row's name"
                )
        names, notes = named(first, rows[1:], str(self.path))
        self.notes += notes
        return names

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the rows in batches of texts; an empty cell is null."""
        invalid: list[int] = []

        def skip(row: Any) -> str:
            invalid.append(row.actual_columns)
            return "skip"

        positions = [f"{at}" for at in range(len(self._header))]
        kept = {
            p: n for p, n in zip(positions, self._header, strict=True) if n is not None
        }
        try:
            reader = arrow_csv.open_csv(
                self._stream(),
                arrow_csv.ReadOptions(
                    use_threads=False, block_size=_BLOCK,
                    encoding="utf8" if self._codec in _UTF8 else self._codec,
                    column_names=positions, skip_rows=self._skipped,
                    skip_rows_after_names=self._first_row,
                ),
                arrow_csv.ParseOptions(
                    delimiter=self._delimiter, newlines_in_values=True,
                    invalid_row_handler=skip,
                ),
                arrow_csv.ConvertOptions(
                    column_types=dict.fromkeys(positions, pa.string()),
                    include_columns=list(kept), null_values=[""],
                    strings_can_be_null=True,
                ),
            )  # fmt: skip
            for batch in reader:
                yield batch.rename_columns(list(kept.values()))
        except (pa.ArrowInvalid, UnicodeError) as error:
            if "Empty CSV file" in str(error):
                return
            raise DatasetError(f"{self.path} cannot be read: {error}") from None
        if invalid:
            self.faults += self._invalid_lines()

    def _invalid_lines(self) -> list[str]:
        """Return what is wrong with the rows that do not fit the header."""
        found: list[str] = []
        more = 0
        with io.TextIOWrapper(self._stream(), self._codec, newline="") as file:
            lines = csv.reader(file, delimiter=self._delimiter)
            for number, row in enumerate(lines, 1):
                if number <= self._skipped or not row or len(row) == len(self._header):
                    continue
                if len(found) < _FAULTS:
                    found.append(
                        f"row {number} (line {lines.line_num}): {len(row)} values, and "
                        f"the header names {len(self._header)} columns; put quotes "
                        "around values with a delimiter, or remove the line"
                    )
                else:
                    more += 1
        return [*found, *([f"{more} more such rows"] if more else [])]


def named(
    header: Sequence[str], rows: Sequence[Sequence[Any]], path: str
) -> tuple[list[str | None], list[str]]:
    """Return names for all columns, None for those to leave out, and notes.

    `rows` are some of the first. A first column without a name is the index that pandas
    or R writes; a last one without values is what a delimiter at the end of each line
    leaves. Raises `DatasetError` for a name that stands twice.
    """
    names: list[str | None] = [name.strip() for name in header]
    notes = []
    check_names([name for name in names if name], path)
    for at, name in enumerate(names):
        if name and (at or name != "Unnamed: 0"):
            continue
        if all(len(row) <= at or row[at] in {"", None} for row in rows):
            names[at] = None  # an empty column without a name
        elif at == 0:
            names[at] = None
            notes.append("the first column has no name: an index, which is left out")
        else:
            names[at] = f"column_{at + 1}"
            notes.append(f"column {at + 1} has no name, and is called column_{at + 1}")
    return names, notes


def _given(delimiter: str | None) -> str | None:
    """Return the caller's delimiter; raises `DatasetError` if it cannot be one."""
    found = "\t" if delimiter in {"\\t", "tab"} else delimiter
    if found is not None and not (len(found) == 1 and found.isascii()):
        raise DatasetError(
            f"--delimiter {delimiter}: expected one character of ASCII, or tab"
        )
    return found


def check_names(names: Sequence[str], path: str) -> None:
    """Raise `DatasetError` for names that more than one column has."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DatasetError(
            f"{path}: the header names {', '.join(map(repr, repeated))} more than "
            "once: rename or remove all but one"
        )


def _excel(sample: str) -> tuple[int, str | None]:
    """Return the lines before the header, and the delimiter of Excel's ``sep=``."""
    lines = sample.split("\n")
    blank = next((at for at, line in enumerate(lines) if line.strip()), 0)
    first = lines[blank].strip().strip('"')
    if first.lower().startswith("sep=") and len(first) <= 5 and first.isascii():
        return blank + 1, first[4:] or "\t"
    return blank, None


def _delimiter(lines: str) -> str:
    """Return the delimiter that splits the most of the first lines as the header."""

    def score(mark: str) -> tuple[float, int]:
        rows = _rows(lines, mark)
        width = len(rows[0]) if rows else 0
        if width < 2:
            return 0.0, 0
        alike = sum(len(row) in {width, width + 1} for row in rows)
        return round(alike / len(rows), 2), width

    best = max(_DELIMITERS, key=score)
    return best if score(best)[1] else ","


def _rows(lines: str, delimiter: str) -> list[list[str]]:
    try:
        return [row for row in csv.reader(io.StringIO(lines, newline=""),
                                          delimiter=delimiter) if row]  # fmt: skip
    except csv.Error:
        return [line.split(delimiter) for line in lines.splitlines() if line]


def _has_decimal_commas(rows: Sequence[Sequence[str]]) -> bool:
    cells = [cell for row in rows[:50] for cell in row]
    return any(spelling.of(cell.strip()).notations == {(",", "")} for cell in cells)
