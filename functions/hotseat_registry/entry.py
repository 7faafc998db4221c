"""One change of a model, chained to the one before, and the state that came of it.

Rules, free of any store:

- The newest entry *is* the state: where every alias stands, which versions are
  retired, and the gate. So a change and its record are one object, written by one
  compare-and-swap.
- Every entry holds the SHA-256 of the entry before, so an edited, removed or
  reordered entry shows.
- Before the head moves on, its entry is copied to a key of its own. That copy is
  created once and is the same bytes whoever writes it, so a crash leaves nothing
  half done: at worst a copy of what the head still says.
- Times never go backwards, even if a clock does.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from hotseat_registry.errors import AliasNotFoundError, IntegrityError, RefusedError
from hotseat_registry.record import Record
from hotseat_registry.seal import opened, sealed

NO_ENTRY = "0" * 64
PROMOTE, ROLLBACK, RETIRE, GATE = "promote", "rollback", "retire", "gate"


@dataclass(frozen=True, slots=True)
class Entry(Record):
    """One change: who, when, what and why, and all that holds after it."""

    model: str
    action: str
    """promote, rollback, retire or gate."""
    by: str
    at: str
    """UTC, ISO 8601."""
    because: str | None = None
    alias: str | None = None
    """What moved, of a promote or roll back."""
    before: int | None = None
    """The version that the alias stood on; None if it is new."""
    after: int | None = None
    """The version that the alias stands on now."""
    steps: int | None = None
    """How far a roll back went."""
    override: str | None = None
    """Why the gate was passed over."""
    aliases: Mapping[str, int] = field(default_factory=dict)
    """Where every alias stands after this."""
    retired: tuple[int, ...] = ()
    """The versions that gc took."""
    gate: Mapping[str, Any] | None = None
    """What a version must pass to become live."""
    sequence: int = 0
    """1, 2, 3 ... without gaps."""
    previous: str = NO_ENTRY
    """SHA-256 of the entry before, zeros for the first."""

    def __post_init__(self) -> None:
        """Take JSON's list for the retired."""
        object.__setattr__(self, "retired", tuple(self.retired))

    def to_bytes(self) -> bytes:
        """Return the bytes that are stored and hashed."""
        return sealed(self.to_json())

    @classmethod
    def from_bytes(cls, data: bytes, what: str) -> "Entry":
        """Read an entry called `what`; raises `IntegrityError`."""
        try:
            return cls.from_json(opened(data, what))
        except (ValueError, TypeError, AttributeError) as error:
            raise IntegrityError(f"{what} is no ledger entry: {error}") from None

    def digest(self) -> str:
        """Return the SHA-256 of the entry, in hex."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def follow(head: Entry | None, change: Entry) -> Entry:
    """Return `change` as the entry that follows `head`, with the state after it.

    Of `change`, `retired` are the versions that go and `gate` is the new one; both
    add to what holds already.
    """
    aliases = dict(head.aliases) if head else {}
    before = aliases.get(change.alias) if change.alias else None
    if change.alias and change.after:
        aliases[change.alias] = change.after
    return replace(
        change,
        before=before,
        aliases=aliases,
        retired=tuple(sorted({*(head.retired if head else ()), *change.retired})),
        gate=change.gate if change.action == GATE or not head else head.gate,
        sequence=head.sequence + 1 if head else 1,
        at=max(change.at, head.at) if head else change.at,
        previous=head.digest() if head else NO_ENTRY,
    )


def before(entries: Iterable[Entry], alias: str, steps: int = 1) -> int:
    """Return the version on which `alias` stood `steps` moves ago.

    `entries` come oldest first. A roll back takes the moves it undid off the way, so
    that rolling back twice goes two versions back and not to and fro.

    Raises `AliasNotFoundError` and `RefusedError` (not moved that often).
    """
    way: list[int] = []
    for entry in entries:
        if entry.alias != alias or entry.after is None:
            continue
        if entry.action == ROLLBACK:
            del way[-(entry.steps or 1) :]
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
