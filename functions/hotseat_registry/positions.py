"""Earlier positions of an alias, and the target of a roll back.

The positions of an alias are a stack: a promote to another version pushes one, a roll
back of n steps pops n. Every entry stores the upper part of each stack, so that the
newest entry is enough for a roll back. Entries of the first releases do not store it:
there the ledger is read backwards, entry by entry, as far as needed.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from hotseat_registry.errors import AliasNotFoundError, RefusedError

Positions = Mapping[str, tuple[int, ...]]

POSITIONS = 32
"""Of each alias, that an entry keeps."""
_MORE = 0
"""Stands before the positions where others were before them; no version has it."""
ROLLBACK = "rollback"


class Move(Protocol):
    """The fields of an entry that positions depend on."""

    @property
    def action(self) -> str:
        """Promote, rollback, retire or gate."""

    @property
    def alias(self) -> str | None:
        """The alias that moved."""

    @property
    def before(self) -> int | None:
        """The version it stood on; None if it is new."""

    @property
    def after(self) -> int | None:
        """The version it stands on now."""

    @property
    def steps(self) -> int | None:
        """How far a roll back went."""

    @property
    def aliases(self) -> Mapping[str, int]:
        """Where every alias stands after this."""

    @property
    def positions(self) -> Positions | None:
        """What this entry keeps; None in entries of the first releases."""


def positions_of(entry: Move) -> Positions:
    """Return what an entry says of the positions; at least where each alias stands."""
    if entry.positions is not None:
        return entry.positions
    return {alias: (_MORE, version) for alias, version in entry.aliases.items()}


def positions_after(before: Positions, change: Move) -> Positions:
    """Return the positions after `change`."""
    if not change.alias or change.after is None:
        return before
    stack = list(before.get(change.alias, ()))
    is_truncated = stack[:1] == [_MORE]
    stack = _step(stack[is_truncated:], change)
    is_truncated = is_truncated or len(stack) > POSITIONS
    last = (*([_MORE] if is_truncated else []), *stack[-POSITIONS:])
    return {**before, change.alias: last}


def previous_position(entries: Iterable[Move], alias: str, steps: int) -> int:
    """Return the version on which `alias` stood `steps` moves ago.

    `entries` come newest first, and no more of them are read than it takes. A roll
    back takes the moves it undid off the way, so that rolling back twice goes two
    versions back and not to and fro.

    Raises `AliasNotFoundError` and `RefusedError` (not moved that often).
    """
    depth = steps  # in the stack after the entry that is looked at
    current = 0
    for entry in entries:
        if alias not in entry.aliases:
            break
        current = current or entry.aliases[alias]
        stack = positions_of(entry)[alias]
        is_truncated = stack[:1] == (_MORE,)
        if depth < len(stack) - is_truncated:
            return stack[-1 - depth]
        if not is_truncated:
            depth -= len(stack) - 1
            break
        if entry.alias == alias:
            if entry.before is None:
                break
            depth += _depth_change(entry)
    if not current:
        raise AliasNotFoundError(f"no alias {alias!r} to roll back")
    raise RefusedError(
        f"{alias!r} cannot go {steps} back from version {current}: "
        f"it has moved {steps - depth} times"
    )


def positions(entries: Iterable[Move], alias: str) -> list[int]:
    """Return the whole stack of `alias`, oldest first; `entries` come oldest first."""
    stack: list[int] = []
    for entry in entries:
        if entry.alias == alias and entry.after is not None:
            stack = _step(stack, entry)
    return stack


def _step(stack: Sequence[int], move: Move) -> list[int]:
    """Return the stack after a move."""
    stack, after = list(stack), move.after
    assert after is not None
    if move.action == ROLLBACK:
        del stack[-(move.steps or 1) :]
    # after a roll back it is there, but where it went further back than is kept
    return stack if stack and stack[-1] == after else [*stack, after]


def _depth_change(entry: Move) -> int:
    """Return how much deeper what lies under the top lay before an entry."""
    if entry.action == ROLLBACK:
        return entry.steps or 1
    return 0 if entry.before == entry.after else -1
