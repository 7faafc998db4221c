"""The documents of an index: from a text file, JSON lines or a table."""

import csv
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotseat_train.external.errors import UnclearError

MOST = 1_000_000
"""Documents of one version."""
_SCALARS = (str, int, float, bool)


@dataclass(frozen=True, slots=True)
class Documents:
    """Texts to search, with what an answer says of each."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    metadata: Mapping[str, tuple[Any, ...]]
    """By field, a value of each document; None where it has none."""

    def to_json(self) -> dict[str, Any]:
        """Return the file of a version."""
        fields = {name: list(values) for name, values in self.metadata.items()}
        return {"ids": list(self.ids), "texts": list(self.texts), "metadata": fields}


def read(path: Path, text: str = "text", identity: str = "id") -> Documents:
    """Read a file's documents.

    A .txt file has one a line, a .jsonl file an object a line, a .csv file one a row;
    the fields `text` and `identity` are the text and the id, all others are metadata.
    Without ids, documents have their number from 1. Raises `UnclearError` that names
    the line.
    """
    try:
        reader = _READERS[path.suffix.lower()]
    except KeyError:
        raise UnclearError(
            f"{path.name}: expected documents in a file with one of the suffixes "
            f"{', '.join(_READERS)}"
        ) from None
    try:
        rows = list(reader(path, text))
    except (OSError, ValueError, csv.Error) as error:
        raise UnclearError(f"{path.name} cannot be read: {error}") from None
    if not 1 <= len(rows) <= MOST:
        raise UnclearError(
            f"{path.name} has {len(rows):,} documents; an index has 1 to {MOST:,}"
        )
    texts = tuple(_text(row, text, line, path) for line, row in rows)
    fields = dict.fromkeys(name for _, row in rows for name in row)
    ids = tuple(
        _id(row.get(identity, at), line, path)
        for at, (line, row) in enumerate(rows, start=1)
    )
    if len(set(ids)) < len(ids):
        twice = Counter(ids).most_common(1)[0][0]
        raise UnclearError(f"{path.name}: two documents have the id {twice!r}")
    metadata = {
        name: tuple(_scalar(row.get(name), name, line, path) for line, row in rows)
        for name in fields
        if name not in {text, identity}
    }
    return Documents(ids, texts, metadata)


def _lines(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in _numbered(path):
        yield number, {text: line}


def _objects(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    del text
    for number, line in _numbered(path):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise ValueError(f"line {number}: {error}") from None
        if not isinstance(row, dict):
            raise UnclearError(f"{path.name}, line {number}: expected an object")
        yield number, row


def _rows(path: Path, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if text not in (reader.fieldnames or ()):
            raise ValueError(f"it has no column {text!r} (--text)")
        for row in reader:
            if None in row:
                raise ValueError(f"line {reader.line_num}: more values than columns")
            yield reader.line_num, {n: v or None for n, v in row.items()}


def _numbered(path: Path) -> Iterable[tuple[int, str]]:
    # not splitlines(): a text may hold other separators than line feeds
    lines = path.read_text("utf-8-sig").split("\n")
    return (
        (number, line.removesuffix("\r"))
        for number, line in enumerate(lines, start=1)
        if line.strip()
    )


def _text(row: Mapping[str, Any], name: str, line: int, path: Path) -> str:
    found = row.get(name)
    if not isinstance(found, str) or not found.strip():
        raise UnclearError(f"{path.name}, line {line}: it has no text in {name!r}")
    return found


def _id(value: Any, line: int, path: Path) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise UnclearError(f"{path.name}, line {line}: an id is a text or a number")
    return str(value)


def _scalar(value: Any, name: str, line: int, path: Path) -> Any:
    if value is not None and not isinstance(value, _SCALARS):
        raise UnclearError(
            f"{path.name}, line {line}: {name!r} is no text, number, true or false"
        )
    return value


_READERS = {".txt": _lines, ".jsonl": _objects, ".csv": _rows}
