"""The chain of alias moves of one model, and where its aliases stand now.

Rules, free of any store:

- The newest entry *is* the state: it carries where every alias stands after it.
  So a move and its record are one object, written by one compare-and-swap.
- Every entry holds the SHA-256 of the entry before, so an edited, removed or
  reordered entry shows.
- Before the head moves on, its entry is copied to a key of its own. That copy is
  created once and is the same bytes whoever writes it, so a crash leaves nothing
  half done: at worst a copy of what the head still says.
- Times never go backwards, even if a clock does.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hotseat_registry.errors import AliasNotFoundError, IntegrityError, RefusedError
from hotseat_registry.manifest import Record, to_bytes

NO_ENTRY = "0" * 64


@dataclass(frozen=True, slots=True)
class Entry(Record):
    """One move of one alias."""

    sequence: int
    """1, 2, 3 ... without gaps."""
    model: str
    alias: str
    after: int
    aliases: Mapping[str, int]
    """Where every alias of the model stands after this move."""
    at: str
    """UTC, ISO 8601."""
    by: str
    previous: str
    """SHA-256 of the entry before, zeros for the first."""
    before: int | None = None
    """The version that the alias stood on; None if it is new."""
    action: str = "promote"
    because: str | None = None

    def to_bytes(self) -> bytes:
        """Return the bytes that are stored and hashed."""
        return to_bytes(self.to_json())

    @classmethod
    def from_bytes(cls, data: bytes, what: str) -> "Entry":
        """Read an entry called `what`; raises `IntegrityError`."""
        try:
            return cls.from_json(json.loads(data))
        except (ValueError, TypeError, AttributeError) as error:
            raise IntegrityError(f"{what} is no ledger entry: {error}") from None

    def digest(self) -> str:
        """Return the SHA-256 of the entry, in hex."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


@dataclass(frozen=True, slots=True)
class Move:
    """What somebody wants an alias to do."""

    model: str
    alias: str
    after: int
    at: str
    by: str
    because: str | None = None
    action: str = "promote"


def follow(head: Entry | None, move: Move) -> Entry:
    """Return the entry of `move` that follows `head`."""
    aliases = dict(head.aliases) if head else {}
    return Entry(
        sequence=head.sequence + 1 if head else 1,
        model=move.model,
        alias=move.alias,
        before=aliases.get(move.alias),
        after=move.after,
        aliases={**aliases, move.alias: move.after},
        at=max(move.at, head.at) if head else move.at,
        by=move.by,
        previous=head.digest() if head else NO_ENTRY,
        action=move.action,
        because=move.because,
    )


def before(entries: Iterable[Entry], alias: str, steps: int = 1) -> int:
    """Return the version on which `alias` stood `steps` moves ago.

    `entries` come oldest first. A roll back takes its move off the way, so that
    rolling back twice goes two versions back and not to and fro.

    Raises `AliasNotFoundError` and `RefusedError` (not moved that often).
    """
    way: list[int] = []
    for entry in entries:
        if entry.alias != alias:
            continue
        if entry.action == "rollback" and entry.after in way:
            while way[-1] != entry.after:
                way.pop()
        elif not way or way[-1] != entry.after:
            way.append(entry.after)
    if not way:
        raise AliasNotFoundError(f"no alias {alias!r} to roll back")
    if len(way) <= steps:
        raise RefusedError(
            f"{alias!r} cannot go {steps} back from version {way[-1]}: "
            f"it has moved {len(way) - 1} times"
        )
    return way[-1 - steps]


def check(entries: Iterable[Entry]) -> None:
    """Check the chain, oldest entry first; raises `IntegrityError`."""
    previous = NO_ENTRY
    for sequence, entry in enumerate(entries, start=1):
        if entry.sequence != sequence:
            raise IntegrityError(
                f"{entry.model}: ledger entry {sequence} is missing, "
                f"{entry.sequence} stands in its place"
            )
        if entry.previous != previous:
            raise IntegrityError(
                f"{entry.model}: ledger entry {sequence} does not follow the entry "
                "before it: one of the two was changed"
            )
        previous = entry.digest()
