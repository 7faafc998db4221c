"""One change of a model, chained to the one before it, and the state after it.

Rules, free of any store:

- The newest entry *is* the state: where every alias stands, which versions are
  retired, and the gate. So a change and its record are one object, written by one
  compare-and-swap.
- Every entry holds the SHA-256 of the entry before, so an edited, removed or
  reordered entry is detected.
- Before the head moves on, its entry is copied to a key of its own. That copy is
  created once and is the same bytes whoever writes it, so a crash leaves nothing
  half done: at worst there is a copy of the current head.
- Times never go backwards, even if a clock does.
- What grows is stored briefly: retired versions as ranges, and only the last positions
  of an alias (see `positions`).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hotseat_registry.checksummed_json import read_checksummed, write_checksummed
from hotseat_registry.dataclass import dataclass, field
from hotseat_registry.errors import IntegrityError
from hotseat_registry.json_dataclass import JsonDataclass, parse_time, set_frozen_field
from hotseat_registry.names import LIVE
from hotseat_registry.positions import (
    ROLLBACK,
    Positions,
    positions_after,
    positions_of,
    previous_position,
)
from hotseat_registry.ranges import Ranges

__all__ = ["GATE", "NO_ENTRY", "PROMOTE", "RETIRE", "ROLLBACK", "Entry", "before",
           "check", "follow"]  # fmt: skip

NO_ENTRY = "0" * 64
PROMOTE, RETIRE, GATE = "promote", "retire", "gate"
_MOST = 1_000_000_000  # a version's number has nine digits at most
_MOST_RETIRED = 1_000_000  # whoever lists them counts them out


@dataclass(frozen=True, slots=True)
class Entry(JsonDataclass):
    """One change: who, when, what and why, and the state after it."""

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
    retired: Sequence[int] = ()
    """All versions that gc took until now; of a change, those that go by it."""
    retired_ranges: tuple[tuple[int, int], ...] | None = None
    """How `retired` is written, as (first, last); entries of the first releases list
    each version in `retired` itself."""
    positions: Positions | None = None
    """The last versions on which each alias stood, oldest first, without the moves
    that a roll back undid; `POSITIONS` of them at most, after a 0 where there were
    more. None in entries of the first releases."""
    kind: str | None = None
    """Of the version that is live, so that a catalogue needs no manifest."""
    start_files: Mapping[str, Mapping[str, int]] | None = None
    """By alias, what a start of its version fetches: sizes in bytes by digest and
    suffix. A hint, which lets files come beside the manifest; the manifest decides."""
    gate: Mapping[str, Any] | None = None
    """What a version must pass to become live."""
    sequence: int = 0
    """1, 2, 3 ... without gaps."""
    previous: str = NO_ENTRY
    """SHA-256 of the entry before, zeros for the first."""

    def __post_init__(self) -> None:
        """Take JSON's lists; raises `IntegrityError` for what is no entry."""
        if not isinstance(self.retired, Ranges):
            set_frozen_field(self, "retired", tuple(self.retired))
        if self.retired_ranges is not None:
            set_frozen_field(
                self, "retired_ranges", tuple(map(tuple, self.retired_ranges))
            )
        if self.positions is not None:
            ways = {name: tuple(way) for name, way in self.positions.items()}
            set_frozen_field(self, "positions", ways)
        _check(self)
        if self.retired_ranges is not None:
            set_frozen_field(
                self, "retired", Ranges.of(Ranges(self.retired_ranges), self.retired)
            )

    def is_retired(self, version: int) -> bool:
        """Whether gc took the version."""
        return version in self.retired

    def position(self, alias: str) -> tuple[int, Mapping[str, int] | None]:
        """Return where an alias stands, and its start files if the entry has them."""
        return self.aliases[alias], (self.start_files or {}).get(alias)

    def to_json(self) -> dict[str, Any]:
        """Return what `from_json` reads, retired versions as ranges alone."""
        value = JsonDataclass.to_json(self)
        return value if self.retired_ranges is None else {**value, "retired": []}

    def to_bytes(self) -> bytes:
        """Return the bytes that are stored and hashed."""
        return write_checksummed(self.to_json())

    @classmethod
    def from_bytes(cls, data: bytes, what: str) -> "Entry":
        """Read an entry called `what`; raises `IntegrityError`."""
        value = read_checksummed(data, what)
        try:
            return cls.from_json(value)
        except IntegrityError as error:
            raise IntegrityError(f"{what}: {error}") from None

    def digest(self) -> str:
        """Return the SHA-256 of the entry, in hex."""
        return hashlib.sha256(self.to_bytes()).hexdigest()


def follow(head: Entry | None, change: Entry) -> Entry:
    """Return `change` as the entry that follows `head`, with the state after it.

    Of `change`, `retired` are the versions that go, `gate` is the new one and `kind`
    that of the version an alias moves to. What holds already stays.
    """
    aliases = dict(head.aliases) if head else {}
    before = aliases.get(change.alias) if change.alias else None
    if change.alias and change.after:
        aliases[change.alias] = change.after
    gone = Ranges.of(head.retired if head else (), change.retired)
    live = change.alias == LIVE and change.after
    return replace(
        change,
        before=before,
        aliases=aliases,
        retired=(),
        retired_ranges=gone.pairs or None,
        positions=positions_after(positions_of(head) if head else {}, change),
        kind=change.kind if live or not head else head.kind,
        start_files=_start_files(head, change),
        gate=change.gate if change.action == GATE or not head else head.gate,
        sequence=head.sequence + 1 if head else 1,
        at=max(change.at, head.at) if head else change.at,
        previous=head.digest() if head else NO_ENTRY,
    )


def _start_files(
    head: Entry | None, change: Entry
) -> Mapping[str, Mapping[str, int]] | None:
    """Return the files of every alias; an alias that moved has those of the change."""
    files = dict(head.start_files or {}) if head else {}
    if change.alias and change.after:
        files.pop(change.alias, None)
    return {**files, **(change.start_files or {})} or None


def before(entries: Iterable[Entry], alias: str, steps: int = 1) -> int:
    """Return the version to which `alias` pointed `steps` moves ago.

    `entries` come oldest first; see `previous_position`.
    """
    return previous_position(reversed(list(entries)), alias, steps)


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
    """Raise `IntegrityError` for a number, range or time that no entry has."""
    ranges = entry.retired_ranges or ()
    versions = (
        *(n for n in (entry.before, entry.after, entry.steps) if n is not None),
        *entry.aliases.values(),
        *(entry.retired if isinstance(entry.retired, tuple) else ()),
    )
    ways = entry.positions or {}
    lowest = min((n for way in ways.values() for n in way), default=0)
    if min(versions, default=1) < 1 or lowest < 0 or entry.sequence < 0:
        raise IntegrityError("a ledger entry has a number below 1")
    for name, way in ways.items():
        if not way or way[-1] != entry.aliases.get(name):
            raise IntegrityError(f"{name!r} stands elsewhere than its positions say")
    end = 0
    for first, last in ranges:
        if not end < first <= last < _MOST:
            raise IntegrityError(f"no versions from {first} to {last} after {end}")
        end = last
    if sum(last - first + 1 for first, last in ranges) > _MOST_RETIRED:
        raise IntegrityError(f"more than {_MOST_RETIRED:,} versions are retired")
    parse_time(entry.at)  # times are compared with others
