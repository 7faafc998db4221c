"""The background of explanations: made rows that a version carries in a file.

::

    {"format": 1, "source": "...", "rows": [input, ...], "groups": {"months": [field]}}
"""

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hotseat_registry.dataclass import dataclass
from hotseat_registry.errors import IntegrityError
from hotseat_serve.kinds.json_file import read_object

FILE = "background.json"
FORMAT = 1
MIN_ROWS, MAX_ROWS = 100, 1_000


@dataclass(frozen=True, slots=True)
class Background:
    """Inputs in the form of a request's, none of them a player's."""

    rows: Sequence[Any]
    groups: Mapping[str, Sequence[str]]
    """Fields that explanations name as one part, by its name."""
    source: str
    """How the rows were made."""

    def to_bytes(self) -> bytes:
        """Return the bytes of the file."""
        value = {
            "format": FORMAT, "source": self.source, "rows": list(self.rows),
            "groups": {name: list(fields) for name, fields in self.groups.items()},
        }  # fmt: skip
        return f"{json.dumps(value, ensure_ascii=False)}\n".encode()


def read(data: bytes, fields: Collection[str]) -> Background:
    """Return the background of a version whose inputs have these fields.

    Raises `IntegrityError` with the fault: too few or too many rows, a group of unknown
    or shared fields.
    """
    value = read_object(data, FILE, FORMAT)
    rows, groups = value.get("rows"), value.get("groups", {})
    if not isinstance(rows, list) or not MIN_ROWS <= len(rows) <= MAX_ROWS:
        raise IntegrityError(
            f"{FILE}: expected a list of {MIN_ROWS} to {MAX_ROWS} inputs at /rows"
        )
    if not isinstance(groups, dict) or not all(
        isinstance(names, list) and all(isinstance(name, str) for name in names)
        for names in groups.values()
    ):
        raise IntegrityError(f"{FILE}: expected lists of fields by name at /groups")
    grouped = [name for names in groups.values() for name in names]
    if unknown := set(grouped) - set(fields):
        raise IntegrityError(f"{FILE}: the group of {min(unknown)!r}: no such field")
    if len(set(grouped)) < len(grouped):
        raise IntegrityError(f"{FILE}: a field is in two groups")
    if shared := set(groups) & (set(fields) - set(grouped)):
        raise IntegrityError(f"{FILE}: {min(shared)!r} is the name of a field, too")
    return Background(rows, groups, str(value.get("source", "")))
