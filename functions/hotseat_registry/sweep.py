"""House-keeping: retire versions that nothing needs, remove blobs that nothing names.

A version stays while an alias points to it or pointed to it within `keep`, while it is
younger than that, and while it is its model's newest. The rest are retired by one
ledger entry a model, so a promote and a sweep at once cannot both win. Numbers and
manifests stay for ever; blobs go after the grace time (see `blobs`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hotseat_registry import blobs, layout
from hotseat_registry.entry import RETIRE, Entry
from hotseat_registry.errors import AliasMovedError, AliasNotFoundError
from hotseat_registry.names import Reference
from hotseat_registry.parallel import at_once, each
from hotseat_registry.record import time_of
from hotseat_registry.registry import Registry, Watch, unwatched
from hotseat_registry.stores import Moved

KEEP = timedelta(days=30)
GRACE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Swept:
    """What went, or would go."""

    retired: tuple[str, ...]
    """Versions that no alias needs."""
    skipped: tuple[str, ...]
    """Models that somebody changed meanwhile: the next sweep looks again."""
    unnamed: tuple[str, ...]
    """Blobs that nothing names; they wait for the grace time."""
    removed: tuple[str, ...]
    """Blobs that are gone."""


def sweep(
    registry: Registry,
    *,
    by: str,
    keep: timedelta = KEEP,
    grace: timedelta = GRACE,
    dry_run: bool = False,
    watch: Watch = unwatched,
) -> Swept:
    """Retire versions and remove blobs; with `dry_run`, only say which.

    `watch` is called with each of its stages and the number of its steps.

    Raises `IntegrityError` before anything goes, when a manifest or ledger cannot be
    read: what is not understood is not swept.
    """
    now = registry.clock()
    models = registry.models()

    def idle(model: str) -> tuple[int, ...]:
        return _idle(registry, model, now - keep)

    found = each(models, idle, watch("versions", len(models)))
    plans = dict(zip(models, found, strict=True))
    retired, skipped = [], []
    for model, numbers in plans.items():
        if numbers and not dry_run and not _retire(registry, model, numbers, by):
            skipped.append(model)
        else:
            retired += [f"{model}@{number}" for number in numbers]
    gone = set(retired) if dry_run else set()
    named = _named(registry, gone, watch("named blobs", len(models)))
    there = set(layout.digests(registry.store.list(layout.BLOBS)))
    noted = set(layout.digests(registry.store.list(layout.GARBAGE)))
    unnamed = sorted(there - named)
    removed = []
    if not dry_run:

        def take(sha256: str) -> bool:
            if sha256 in there:
                blobs.mark(registry.store, sha256, now)
            return blobs.remove(registry.store, sha256, now, grace)

        free = sorted({*unnamed, *(noted - named)})
        list(at_once(lambda sha256: blobs.unmark(registry.store, sha256),
                     sorted(noted & named)))  # fmt: skip
        taken = each(free, take, watch("free blobs", len(free)))
        removed = [sha256 for sha256, gone_ in zip(free, taken, strict=True) if gone_]
    return Swept(tuple(retired), tuple(skipped), tuple(unnamed), tuple(removed))


def _idle(registry: Registry, model: str, since: datetime) -> tuple[int, ...]:
    """Return the versions that nothing has needed since then."""
    versions = registry.versions(model)
    entries = registry.ledger.history(model)
    needed = {*_pointed(entries, since), versions[-1]}
    gone = entries[-1].retired_versions() if entries else set()
    return tuple(
        number
        for number in versions
        if number not in needed
        and number not in gone
        and _published(registry, model, number) < since
    )


def _pointed(entries: Iterable[Entry], since: datetime) -> set[int]:
    """Return every version on which an alias stood at any time since then."""
    needed: set[int] = set()
    standing: set[int] = set()
    for entry in entries:
        if datetime.fromisoformat(entry.at) >= since:
            needed |= standing
        standing = set(entry.aliases.values())
    return needed | standing


def _published(registry: Registry, model: str, number: int) -> datetime:
    manifest = registry.resolve(Reference(model, version=number))
    return time_of(manifest.published_at)


def _retire(registry: Registry, model: str, numbers: tuple[int, ...], by: str) -> bool:
    """Write the entry, unless an alias came to need one of them."""
    try:
        head = registry.ledger.head(model)
    except AliasNotFoundError:
        head = None
    if head and set(numbers) & set(head.entry.aliases.values()):
        return False
    change = Entry(model, RETIRE, by, registry.time(), retired=numbers)
    try:
        registry.ledger.change(head, change)
    except AliasMovedError:
        return False
    return True


def _named(registry: Registry, gone: set[str], moved: Moved) -> set[str]:
    """Return the digests that a version names which is not retired."""

    def of(model: str) -> set[str]:
        retired = registry.ledger.retired(model)
        return {
            file.sha256
            for number in registry.versions(model)
            if number not in retired and f"{model}@{number}" not in gone
            for file in registry.resolve(
                Reference(model, version=number)
            ).files.values()
        }

    return set().union(*each(registry.models(), of, moved))
