"""The parts of an explanation, from the fields that a tensor's columns come of."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from hotseat_registry.dataclass import dataclass
from hotseat_registry.signature import Signature
from hotseat_serve.shapley.graph_nodes import UnsuitableError

Groups = Mapping[str, Collection[str]]
"""Fields that a version's background file declares as one part, by its name."""


@dataclass(frozen=True, slots=True)
class Part:
    """A player of the game, as the answer names it."""

    names: tuple[str, ...]
    at: tuple[int, ...] | None = None
    group: str | None = None
    """The declared group that these fields are."""

    @property
    def name(self) -> str:
        """The part's name in the answer."""
        return self.group or ", ".join(self.names)

    def to_json(self) -> dict[str, Any]:
        """Return the part's description."""
        described: dict[str, Any] = {"part": self.name}
        if len(self.names) > 1:
            described["fields"] = list(self.names)
        if self.at is not None:
            described["at"] = list(self.at)
        return described


@dataclass(frozen=True, slots=True)
class ColumnParts:
    """Which columns of a tensor belong to which player, and players to which part."""

    players: tuple[int, ...]
    """The player of each column."""
    part_of: tuple[int, ...]
    """The part of each player."""
    parts: tuple[Part, ...]


def named(names: Sequence[str], groups: Groups) -> Part:
    """Return a part of these fields, named by the group that has exactly them."""
    for group, fields in groups.items():
        if set(fields) == set(names):
            return Part(tuple(names), group=group)
    return Part(tuple(names))


def of_columns(
    columns: Sequence[Sequence[str]] | None,
    tensor: str,
    signature: Signature,
    groups: Groups,
) -> ColumnParts:
    """Return the players and parts of a tensor's columns.

    `columns` names the fields of each column; without it `tensor` has to be an input of
    the signature. Columns of one field are players of their own, whose values are
    added. A column of several fields joins them: they are in a coalition together.
    Raises `UnsuitableError` if the fields are not known.
    """
    fields = columns if columns is not None else _fields(tensor, signature)
    if isinstance(fields, int):
        cells = tuple(Part((tensor,), (at,)) for at in range(fields))
        return ColumnParts(tuple(range(fields)), tuple(range(fields)), cells)
    joined: list[set[str]] = []
    for names in fields:
        if len(names) > 1:
            near = [one for one in joined if one & set(names)]
            joined = [one for one in joined if one not in near]
            joined.append(set(names).union(*near))
    order = list(dict.fromkeys(name for names in fields for name in names))
    group_of = {
        name: next((at for at, one in enumerate(joined) if name in one), None)
        for name in order
    }
    parts: list[Part] = []
    part_of_name: dict[str, int] = {}
    for name in order:
        if name in part_of_name:
            continue
        at = group_of[name]
        names = tuple(
            n for n in order if n == name or (at is not None and group_of[n] == at)
        )
        part_of_name |= dict.fromkeys(names, len(parts))
        parts.append(named(names, groups))
    players: list[int] = []
    part_of: list[int] = []
    player_of_group: dict[int, int] = {}
    for names in fields:
        at = group_of[names[0]]
        if at is None:
            players.append(len(part_of))
            part_of.append(part_of_name[names[0]])
            continue
        if at not in player_of_group:
            player_of_group[at] = len(part_of)
            part_of.append(part_of_name[names[0]])
        players.append(player_of_group[at])
    return ColumnParts(tuple(players), tuple(part_of), tuple(parts))


def _fields(tensor: str, signature: Signature) -> Sequence[Sequence[str]] | int:
    """Return the fields of each column, or the number of columns without names."""
    for item in signature.inputs:
        if item.name == tensor and item.fields:
            return [(field.name,) for field in item.fields]
        if item.name == tensor and len(item.shape) == 2 and item.shape[1] > 0:
            return item.shape[1]
    raise UnsuitableError("the fields of the graph's columns are not known")
