"""Cuts training rows into clients: whole groups, never parts of one."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hotseat_train.data.dataset import Split
from hotseat_train.errors import TrainError

EACH = 0
"""As a number of clients: each group is a client."""


@dataclass(frozen=True, slots=True)
class Partition:
    """Clients with their rows, and what a client is."""

    clients: tuple[Split, ...]
    by: str
    """What groups the rows: a column's name, or ``key``."""
    groups: int

    @property
    def unit(self) -> str:
        """What a client is, in words; differential privacy protects one of these."""
        if len(self.clients) == self.groups:
            return f"one client, which is one {self.by}"
        share = self.groups / len(self.clients)
        return f"one client, which holds about {share:.0f} values of {self.by}"


def partition(rows: Split, count: int, by: str | None, id_column: str | None,
              seed: int = 0) -> Partition:  # fmt: skip
    """Return the rows of each client; no group is at two clients.

    A group has one value of the column `by`; None: one key of the split. Groups are
    dealt to `count` clients by a hash, `EACH` gives each its own. A place depends on
    the group's value, not on the order of rows. Raises `TrainError` for an unknown
    column and for fewer than two clients.
    """
    if by is None or by == id_column:
        values: Sequence[str] = rows.keys
    else:
        values = _column(rows, by)
    members: dict[str, list[int]] = defaultdict(list)
    for at, value in enumerate(values):
        members[value].append(at)
    ordered = sorted(members, key=lambda value: _digest(seed, value))
    if len(ordered) < max(2, count):
        raise TrainError(
            f"{len(ordered)} groups of rows by {by or id_column or 'key'} cannot be "
            f"dealt to {max(2, count)} clients: fewer clients (--clients), or another "
            "column (--by)"
        )
    step = count or len(ordered)
    dealt = [
        [at for value in ordered[first::step] for at in members[value]]
        for first in range(step)
    ]
    clients = tuple(rows.pick(places) for places in dealt)
    return Partition(clients, by or id_column or "key", len(ordered))


def _column(rows: Split, by: str) -> list[str]:
    first = rows.inputs[0]
    if not isinstance(first, Mapping):
        raise TrainError(
            f"--by {by}: rows of texts have no columns. Group them by --id {by}, and "
            "leave --by out"
        )
    if by not in first:
        raise TrainError(
            f"--by {by}: no such column among {', '.join(sorted(first))}. A column "
            "that is no feature groups the rows as --id COLUMN"
        )
    return [str(row[by]) for row in rows.inputs]


def _digest(seed: int, value: str) -> bytes:
    return hashlib.sha256(f"{seed} {value}".encode(errors="replace")).digest()
