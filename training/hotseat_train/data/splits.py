"""Cuts a table's rows in training, validation and test: by strata and groups, or time.

A row's place depends on the row and not on the order of the file. Of each stratum (a
label, or a tenth of a number's range) a tenth is for validation and a tenth for the
test, so that a rare label is in each split. Rows of one key are in one split.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from hotseat_train.data.dataset import Split
from hotseat_train.errors import DatasetError

Row = tuple[str, Any, Any]
"""Key, input and target."""
_SHARE = 0.1
"""Of the rows, for validation and for the test each."""


def stratified(
    rows: Sequence[Row],
    strata: Sequence[int],
    seed: int,
    *,
    test: bool = True,
) -> tuple[Split, Split, Split]:
    """Return the splits; a key's stratum is the one that most of its rows have.

    Rows are in the order of a hash of their key, so that the first rows of a split are
    a sample of it. `test` False: there are other rows for the test, which is empty.
    Raises `DatasetError` if a split would be empty.
    """
    of_key: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        of_key[row[0]].append(at)
    by_stratum: dict[int, list[str]] = defaultdict(list)
    for key, places in of_key.items():
        most = Counter(strata[at] for at in places).most_common()
        top = min(stratum for stratum, count in most if count == most[0][1])
        by_stratum[top].append(key)
    parts: tuple[list[str], ...] = ([], [], [])
    for _, keys in sorted(by_stratum.items()):
        ordered = sorted(keys, key=lambda key: _digest(seed, key))
        total = sum(len(of_key[key]) for key in ordered)
        quota = max(1, round(_SHARE * total))
        held = [2, 1] if test else [1]
        counts = [0, 0, 0]
        for key in ordered:
            part = next((at for at in held if counts[at] < quota), 0)
            parts[part].append(key)
            counts[part] += len(of_key[key])
    return _splits(rows, of_key, parts, seed, test=test)


def by_time(
    rows: Sequence[Row], moments: Sequence[float], *, test: bool = True
) -> tuple[Split, Split, Split]:
    """Return splits of which the newest rows are the test, and those before them the
    validation; rows of one moment are in one split. Raises `DatasetError`.
    """  # noqa: D205
    counts = Counter(moments)
    total, seen = len(rows), 0
    part_of: dict[float, int] = {}
    for moment in sorted(counts, reverse=True):
        tenth = seen / total
        newest = 2 if test else 1
        part_of[moment] = (
            newest
            if tenth < _SHARE
            else (newest - 1 if tenth < 2 * _SHARE or newest == 1 else 0)
        )
        seen += counts[moment]
    if len(set(part_of.values())) < (3 if test else 2):
        raise DatasetError(
            f"--time has {len(counts)} different moments, which are too few to train "
            "on the past and test on the newest: at least 3, none with most of the rows"
        )
    found: tuple[list[Row], ...] = ([], [], [])
    for at in sorted(range(total), key=lambda at: (moments[at], rows[at][0])):
        found[part_of[moments[at]]].append(rows[at])
    train, validation, last = (as_split(part) for part in found)
    return train, validation, last


def as_split(rows: Sequence[Row]) -> Split:
    """Return rows as a split."""
    return Split(
        tuple(row[1] for row in rows),
        tuple(row[2] for row in rows),
        tuple(row[0] for row in rows),
    )


def content_keys(contents: Sequence[str]) -> list[str]:
    """Return a key for each row without an id: its content.

    Equal rows have one key, so that none is trained on and tested. In a table of few
    different rows equal ones are different players, and each is a key of its own.
    """
    counts = Counter(contents)
    if 2 * len(counts) >= len(contents):
        return list(contents)
    seen: Counter[str] = Counter()
    keys = []
    for content in contents:
        seen[content] += 1
        keys.append(f"{content} {seen[content]}")
    return keys


def _splits(
    rows: Sequence[Row],
    of_key: dict[str, list[int]],
    parts: Sequence[Sequence[str]],
    seed: int,
    *,
    test: bool,
) -> tuple[Split, Split, Split]:
    found = []
    for number, keys in enumerate(parts):
        ordered = sorted(keys, key=lambda key: _digest(seed, key))
        places = [at for key in ordered for at in of_key[key]]
        if not places and (test or number < 2):
            raise DatasetError(f"{len(rows)} rows are too few to split in three")
        found.append(as_split([rows[at] for at in places]))
    return found[0], found[1], found[2]


def _digest(seed: int, key: str) -> bytes:
    return hashlib.sha256(f"{seed} {key}".encode(errors="replace")).digest()
