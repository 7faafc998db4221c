"""Labelled rows in three splits."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hotseat_train.errors import DatasetError

Requests = Sequence[tuple[Any, Mapping[str, Any]]]
"""Inputs with their options."""


@dataclass(frozen=True, slots=True)
class Split:
    """Inputs and the index of each one's label."""

    inputs: tuple[Any, ...]
    targets: tuple[int, ...]
    keys: tuple[str, ...] = ()
    """The key that each row was split by; rows with one key are in one split."""
    weights: tuple[float, ...] = ()
    """How much each row counts in a training; empty: all the same."""
    allowed: tuple[frozenset[str], ...] = ()
    """The categories that each row may have, of a task whose labels have some; a source
    that only knows "toxic" allows all of its categories. Empty: no categories."""

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.inputs)

    def pick(self, rows: Sequence[int]) -> "Split":
        """Return these rows alone."""
        return Split(
            tuple(self.inputs[row] for row in rows),
            tuple(self.targets[row] for row in rows),
            tuple(self.keys[row] for row in rows) if self.keys else (),
            tuple(self.weights[row] for row in rows) if self.weights else (),
            tuple(self.allowed[row] for row in rows) if self.allowed else (),
        )

    def digest(self) -> str:
        """Return the SHA-256 of the inputs and targets, whatever their order."""
        rows = sorted(
            hashlib.sha256(f"{target} {value}".encode(errors="replace")).digest()
            for value, target in zip(self.inputs, self.targets, strict=True)
        )
        return hashlib.sha256(b"".join(rows)).hexdigest()

    def __add__(self, other: "Split") -> "Split":
        """Return the rows of both."""
        return Split(
            self.inputs + other.inputs,
            self.targets + other.targets,
            self.keys + other.keys,
            self._all_weights() + other._all_weights()
            if self.weights or other.weights
            else (),
            self.allowed + other.allowed,
        )

    def _all_weights(self) -> tuple[float, ...]:
        return self.weights or (1.0,) * len(self)


@dataclass(frozen=True, slots=True)
class Dataset:
    """Three splits that share no row, and their origin."""

    train: Split
    validation: Split
    test: Split
    labels: tuple[str, ...]
    source: str
    licence: str
    sha256: str
    """Digest of the files."""
    preparation: str
    """The steps before the split, for the model card."""
    train_only: Split = Split((), ())
    """Train-only rows: the same keys at other times."""

    def training_rows(self, train: Split, *held: Split) -> Split:
        """Return `train` and the train-only rows whose keys are in no other split."""
        away = {key for side in (*held, self.test) for key in side.keys}
        free = [row for row, key in enumerate(self.train_only.keys) if key not in away]
        return train + self.train_only.pick(free)


def split(
    rows: Sequence[tuple[str, Any, int]], seed: int, test: int = 1
) -> tuple[Split, Split, Split]:
    """Split rows of (key, input, target) by a hash of their key.

    A tenth of the rows is for validation, `test` tenths are for the test, the rest is
    for training. Rows with the same key are in one split, and a row keeps its split
    when others are added or removed. Rows are in the order of the hash, so that the
    first rows of a split are a sample of it. Raises `DatasetError` for an empty split.
    """
    parts: tuple[list[tuple[Any, int, str]], ...] = ([], [], [])
    hashed = [
        (hashlib.sha256(f"{seed} {row[0]}".encode()).digest(), row) for row in rows
    ]
    for digest, (key, value, target) in sorted(hashed, key=lambda item: item[0]):
        place = int.from_bytes(digest[-8:], "big") % 10 - (9 - test)
        parts[(place >= 0) + (place > 0)].append((value, target, key))
    if not all(parts):
        raise DatasetError(f"{len(rows)} rows are too few to split in three")
    train, validation, last = (Split(*zip(*part, strict=True)) for part in parts)
    return train, validation, last
