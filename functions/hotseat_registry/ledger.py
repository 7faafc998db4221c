"""The ledger of every model in a store (`entry` has its rules)."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime

from hotseat_registry import layout
from hotseat_registry.dataclass import dataclass
from hotseat_registry.entry import Entry, check, follow
from hotseat_registry.errors import (
    AliasMovedError,
    AliasNotFoundError,
    ConflictError,
    IntegrityError,
    NotFoundError,
)
from hotseat_registry.names import check_name
from hotseat_registry.parallel import map_parallel
from hotseat_registry.positions import previous_position
from hotseat_registry.ranges import Ranges
from hotseat_registry.stores import Store

_MOST = 256
"""Entries that are prefetched when the ledger is read backwards."""


@dataclass(frozen=True, slots=True)
class Head:
    """The newest entry of a model's ledger, and the tag that names this state."""

    entry: Entry
    tag: str


class Ledger:
    """Reads and extends ledgers. Every method may raise `StoreError`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def head(self, model: str, *, unless: Head | None = None) -> Head:
        """Return the newest entry of the ledger of `model`; one request.

        With `unless`, an unchanged head is returned without being sent again, and
        `IntegrityError` is raised for one that does not follow it.
        Raises `AliasNotFoundError` when nothing was ever done.
        """
        key = layout.head(check_name(model))
        try:
            stored = self._store.read(key, unless=unless.tag if unless else None)
        except NotFoundError:
            raise AliasNotFoundError(
                f"{model} has no aliases: promote a version first"
            ) from None
        if stored is None:
            assert unless is not None
            return unless
        entry = Entry.from_bytes(stored.data, key)
        if entry.model != model:
            raise IntegrityError(f"{key} holds the ledger of {entry.model!r}")
        if unless is not None:
            self._check_follows(entry, unless.entry)
        return Head(entry, stored.tag)

    def newest(self, model: str, *, unless: Head | None = None) -> Head | None:
        """Return the head of `model`, or None when nothing was ever done.

        With `unless`, an unchanged head is returned without being sent again.
        """
        try:
            return self.head(model, unless=unless)
        except AliasNotFoundError:
            return None

    def history(self, model: str, last: int | None = None) -> list[Entry]:
        """Return the changes of the model, oldest first, chain checked.

        With `last`, only so many of the newest: each costs a request, some at once.
        Raises `IntegrityError` when the chain is broken.
        """
        head = self.newest(model)
        if head is None:
            return []
        first = 1 if last is None else max(1, head.entry.sequence - last + 1)
        numbers = range(first, head.entry.sequence)
        chain = [*map_parallel(lambda n: self._entry(model, n), numbers), head.entry]
        check(chain, first)
        return chain

    def back(self, head: Head) -> Iterator[Entry]:
        """Yield the entries newest first, no more than are wanted, chain checked.

        They are read some at once, at first a few. Raises `IntegrityError`.
        """
        newer = head.entry
        yield newer
        size = 2
        while newer.sequence > 1:
            numbers = range(newer.sequence - 1, max(0, newer.sequence - 1 - size), -1)
            for entry in map_parallel(
                lambda n: self._entry(head.entry.model, n), numbers
            ):
                check((entry, newer), entry.sequence)
                newer = entry
                yield entry
            size = min(2 * size, _MOST)

    def previous_position(self, head: Head, alias: str, steps: int) -> int:
        """Return the version on which `alias` stood `steps` moves ago.

        The newest entry knows it; but for more than `POSITIONS` steps, or where it is
        of the first releases, the entries before are read until one does. Raises
        `AliasNotFoundError`, `RefusedError` (not moved that often), `IntegrityError`.
        """
        return previous_position(self.back(head), alias, steps)

    def as_of(self, model: str, time: datetime) -> dict[str, int]:
        """Return where each alias of `model` stood at `time`.

        Reads the logarithm of the ledger's length. Raises `IntegrityError`.
        """
        head = self.newest(model)
        if head is None:
            return {}

        def at(sequence: int) -> datetime:
            return datetime.fromisoformat(self._at(head, sequence).at)

        # the last entry that is not after `time`; times never go backwards
        found = bisect_right(range(1, head.entry.sequence + 1), time, key=at)
        return dict(self._at(head, found).aliases) if found else {}

    def retired(self, model: str) -> Sequence[int]:
        """Return the versions that gc took, ascending; one request.

        Who asks for each request keeps the head, and reads it again with `unless`.
        """
        head = self.newest(model)
        return Ranges.of(head.entry.retired) if head else ()

    def change(self, head: Head | None, change: Entry) -> Entry:
        """Write the entry that follows `head`; raises `AliasMovedError`."""
        entry = follow(head.entry if head else None, change)
        if head:
            with suppress(ConflictError):  # whoever wrote it wrote the same bytes
                key = layout.entry(head.entry.model, head.entry.sequence)
                self._store.write(key, head.entry.to_bytes())
        tag = head.tag if head else None
        try:
            self._store.write(layout.head(entry.model), entry.to_bytes(), replacing=tag)
        except ConflictError:
            won = self.head(entry.model).entry
            if won == entry:
                return entry  # our own write, whose answer was lost
            raise AliasMovedError(
                f"{entry.model} was not changed ({entry.action}): meanwhile {won.by} "
                f"did {_say(won)} at {won.at}; look again and repeat"
            ) from None
        return entry

    def check_fresh(self, head: Head) -> None:
        """Raise `ExpiredError` for a head that is too old; unsigned heads never are."""

    def check_manifest(self, model: str, version: int, digest: str) -> None:
        """Raise `UntrustedError` for another manifest than the head names.

        Unsigned heads name none.
        """

    def _check_follows(self, entry: Entry, seen: Entry) -> None:
        """Raise `IntegrityError` unless the chain leads from `seen` to `entry`.

        What was missed meanwhile is read, unless it is more than `_MOST` entries.
        """
        if entry.sequence < seen.sequence:
            raise IntegrityError(
                f"{entry.model}: an older head was put back, entry {entry.sequence} "
                f"after {seen.sequence}; restart what should accept it"
            )
        if entry.sequence == seen.sequence:
            if entry.digest() != seen.digest():
                raise IntegrityError(
                    f"{entry.model}: entry {entry.sequence} was replaced by another"
                )
            return
        numbers = range(seen.sequence + 1, entry.sequence)
        if len(numbers) > _MOST:
            return
        missed = map_parallel(lambda n: self._entry(entry.model, n), numbers)
        check((seen, *missed, entry), seen.sequence)

    def _at(self, head: Head, sequence: int) -> Entry:
        if sequence == head.entry.sequence:
            return head.entry
        return self._entry(head.entry.model, sequence)

    def _entry(self, model: str, sequence: int) -> Entry:
        key = layout.entry(model, sequence)
        try:
            stored = self._store.read(key)
        except NotFoundError:
            raise IntegrityError(f"{key} is missing from the ledger") from None
        assert stored is not None
        entry = Entry.from_bytes(stored.data, key)
        if (entry.model, entry.sequence) != (model, sequence):
            raise IntegrityError(
                f"{key} holds entry {entry.sequence} of {entry.model!r}"
            )
        return entry


def _say(entry: Entry) -> str:
    """Describe an entry in a few words."""
    if entry.alias:
        return f"{entry.action} {entry.model}#{entry.alias} to version {entry.after}"
    return f"{entry.action} of {entry.model}"
