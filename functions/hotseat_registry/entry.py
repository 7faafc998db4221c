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
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from hotseat_registry.errors import AliasNotFoundError, IntegrityError, RefusedError
from hotseat_registry.names import LIVE
from hotseat_registry.record import Record, put, time_of
from hotseat_registry.seal import opened, sealed

Positions = Mapping[str, tuple[int, ...]]

NO_ENTRY = "0" * 64
PROMOTE, ROLLBACK, RETIRE, GATE = "promote", "rollback", "retire", "gate"
_MOST = 1_000_000_000  # a version's number has nine digits at most
_MOST_RETIRED = 1_000_000  # they are counted out one by one
POSITIONS = 32
"""Of an alias, that the newest entry keeps: a roll back reads no other entry."""


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
    """The versions that gc took; entries of the first releases list all of them."""
    retired_ranges: tuple[tuple[int, int], ...] | None = None
    """All versions that gc took until now, as (first, last)."""
    positions: Positions | None = None
    """The last versions on which each alias stood, oldest first, without the moves
    that a roll back undid; `POSITIONS` of them at most, after a 0 where there were
    more. None in ledgers of the first releases."""
    kind: str | None = None
    """Of the version that is live, so that a catalogue needs no manifest."""
    gate: Mapping[str, Any] | None = None
    """What a version must pass to become live."""
    sequence: int = 0
    """1, 2, 3 ... without gaps."""
    previous: str = NO_ENTRY
    """SHA-256 of the entry before, zeros for the first."""

    def __post_init__(self) -> None:
        """Take JSON's lists; raises `IntegrityError` for what is no entry."""
        put(self, "retired", tuple(self.retired))
        if self.retired_ranges is not None:
            put(self, "retired_ranges", tuple(map(tuple, self.retired_ranges)))
        if self.positions is not None:
            positions = {name: tuple(way) for name, way in self.positions.items()}
            put(self, "positions", positions)
        _check(self)

    def is_retired(self, version: int) -> bool:
        """Whether gc took the version."""
        ranges = self.retired_ranges or ()
        return version in self.retired or any(a <= version <= b for a, b in ranges)

    def retired_versions(self) -> set[int]:
        """Return all versions that gc took until now."""
        ranges = self.retired_ranges or ()
        return {*self.retired, *(n for a, b in ranges for n in range(a, b + 1))}

    def to_bytes(self) -> bytes:
        """Return the bytes that are stored and hashed."""
        return sealed(self.to_json())

    @classmethod
    def from_bytes(cls, data: bytes, what: str) -> "Entry":
        """Read an entry called `what`; raises `IntegrityError`."""
        value = opened(data, what)
        try:
            return cls.from_json(value)
        except IntegrityError as error:
            raise IntegrityError(f"{what}: {error}") from None

    def digest(self) -> str:
        """Return the SHA-256 of the entry, in hex."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def follow(head: Entry | None, change: Entry, known: Positions | None = None) -> Entry:
    """Return `change` as the entry that follows `head`, with the state after it.

    Of `change`, `retired` are the versions that go, `gate` is the new one and `kind`
    that of the version an alias moves to. What holds already stays. `known` are the
    positions up to `head`, where it has none itself.
    """
    aliases = dict(head.aliases) if head else {}
    before = aliases.get(change.alias) if change.alias else None
    if change.alias and change.after:
        aliases[change.alias] = change.after
    gone = {*(head.retired_versions() if head else ()), *change.retired}
    live = change.alias == LIVE and change.after
    return replace(
        change,
        before=before,
        aliases=aliases,
        retired=(),
        retired_ranges=_ranges(gone) or None,
        positions=_moved(_before(head, known), change),
        kind=change.kind if live or not head else head.kind,
        gate=change.gate if change.action == GATE or not head else head.gate,
        sequence=head.sequence + 1 if head else 1,
        at=max(change.at, head.at) if head else change.at,
        previous=head.digest() if head else NO_ENTRY,
    )


def _before(head: Entry | None, known: Positions | None) -> Positions | None:
    if head is None:
        return {}
    return known if head.positions is None else head.positions


def _moved(known: Positions | None, change: Entry) -> Positions | None:
    """Return the positions after `change`; None where those before are not known."""
    if known is None or not change.alias or change.after is None:
        return known
    way = list(known.get(change.alias, ()))
    more = way[:1] == [0]
    return {**known, change.alias: kept(_step(way[more:], change), more=more)}


def kept(way: Sequence[int], *, more: bool = False) -> tuple[int, ...]:
    """Return the last positions as an entry has them; `more`: others were before."""
    more = more or len(way) > POSITIONS
    return (*([0] if more else []), *way[-POSITIONS:])


def _step(way: list[int], entry: Entry) -> list[int]:
    """Add a move to the positions of an alias, or take off what a roll back undid."""
    if entry.action == ROLLBACK:
        del way[-(entry.steps or 1) :]
        if not way or way[-1] != entry.after:  # it went further back than is kept
            way.append(entry.after or 0)
    elif not way or way[-1] != entry.after:
        way.append(entry.after or 0)
    return way


def _ranges(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    found: list[tuple[int, int]] = []
    for number in sorted(numbers):
        if found and found[-1][1] == number - 1:
            found[-1] = found[-1][0], number
        else:
            found.append((number, number))
    return tuple(found)


def positions(entries: Iterable[Entry], alias: str) -> list[int]:
    """Return where `alias` stood, oldest first; `entries` come oldest first."""
    way: list[int] = []
    for entry in entries:
        if entry.alias == alias and entry.after is not None:
            way = _step(way, entry)
    return way


def before(entries: Iterable[Entry], alias: str, steps: int = 1) -> int:
    """Return the version on which `alias` stood `steps` moves ago.

    `entries` come oldest first. A roll back takes the moves it undid off the way, so
    that rolling back twice goes two versions back and not to and fro.

    Raises `AliasNotFoundError` and `RefusedError` (not moved that often).
    """
    return stood(positions(entries, alias), alias, steps)


def stood(way: Sequence[int], alias: str, steps: int) -> int:
    """Return the position `steps` before the last; raises as `before` does."""
    if not way:
        raise AliasNotFoundError(f"no alias {alias!r} to roll back")
    if len(way) <= steps:
        raise RefusedError(
            f"{alias!r} cannot go {steps} back from version {way[-1]}: "
            f"it has moved {len(way) - 1} times"
        )
    return way[-1 - steps]


def check(entries: Iterable[Entry], first: int = 1) -> None:
    """Check the chain from entry `first` on, oldest first; raises `IntegrityError`."""
    previous = NO_ENTRY if first == 1 else None
    for sequence, entry in enumerate(entries, start=first):
        if entry.sequence != sequence:
            raise IntegrityError(
                f"{entry.model}: ledger entry {sequence} is missing, "
                f"{entry.sequence} stands in its place"
            )
        if previous is not None and entry.previous != previous:
            raise IntegrityError(
                f"{entry.model}: ledger entry {sequence} does not follow the entry "
                "before it: one of the two was changed"
            )
        previous = entry.digest()


def _check(entry: Entry) -> None:
    """Raise `IntegrityError` for a number or time that no entry has."""
    versions = (
        *(n for n in (entry.before, entry.after, entry.steps) if n is not None),
        *entry.aliases.values(),
        *entry.retired,
        *(n for pair in entry.retired_ranges or () for n in pair),
    )
    ranges = entry.retired_ranges or ()
    ways = [n for way in (entry.positions or {}).values() for n in way]
    if min(versions, default=1) < 1 or min(ways, default=0) < 0 or entry.sequence < 0:
        raise IntegrityError("a ledger entry has a number below 1")
    for first, last in ranges:
        if not first <= last < _MOST:
            raise IntegrityError(f"no versions from {first} to {last}")
    if sum(last - first + 1 for first, last in ranges) > _MOST_RETIRED:
        raise IntegrityError(f"more than {_MOST_RETIRED:,} versions are retired")
    time_of(entry.at)  # times are compared with others
