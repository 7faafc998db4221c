"""Garbage collection: retire unused versions, remove unnamed blobs.

A version stays while an alias points to it or pointed to it within `keep`, while it is
younger than that, and while it is its model's newest. The rest are retired by one
ledger entry a model, so a promote and a collection at once cannot both succeed.
Numbers and manifests stay for ever; blobs go after the grace time (see `blobs`).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import chain

from hotseat_registry import blobs, layout
from hotseat_registry.dataclass import dataclass
from hotseat_registry.entry import RETIRE, Entry
from hotseat_registry.errors import AliasMovedError, AliasNotFoundError
from hotseat_registry.json_dataclass import parse_time
from hotseat_registry.names import Reference
from hotseat_registry.parallel import map_parallel, map_with_progress
from hotseat_registry.registry import Registry, StartProgress, no_progress

KEEP = timedelta(days=30)
GRACE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class GarbageReport:
    """What was retired and removed, or would be."""

    retired: tuple[str, ...]
    """Versions that no alias needs."""
    skipped: tuple[str, ...]
    """Models that somebody changed meanwhile: the next run checks them again."""
    unnamed: tuple[str, ...]
    """Blobs that nothing names; they wait for the grace time."""
    removed: tuple[str, ...]
    """Blobs that are gone."""


def collect_garbage(
    registry: Registry,
    *,
    by: str,
    keep: timedelta = KEEP,
    grace: timedelta = GRACE,
    dry_run: bool = False,
    progress: StartProgress = no_progress,
) -> GarbageReport:
    """Retire versions and remove blobs; with `dry_run`, only list them.

    `progress` is called with each of its stages and the number of its steps.

    Raises `IntegrityError` before anything goes, when a manifest or ledger cannot be
    read: nothing is removed then.
    """
    now = registry.clock()
    models = registry.models()

    since = now - keep
    candidates = map_with_progress(
        models,
        lambda model: _unused(registry, model, since),
        progress("ledgers", len(models)),
    )
    unused = list(chain.from_iterable(candidates))
    old = map_with_progress(
        unused,
        lambda place: _is_old(registry, place, since),
        progress("versions", len(unused)),
    )
    plans: dict[str, list[int]] = {}
    for place, is_old in zip(unused, old, strict=True):
        if is_old and place.version is not None:
            plans.setdefault(place.model, []).append(place.version)

    def retire(model: str) -> bool:
        return dry_run or _retire(registry, model, tuple(plans[model]), by)

    retired, skipped = [], []
    done = map_with_progress(plans, retire, progress("retiring", len(plans)))
    for model, was_retired in zip(plans, done, strict=True):
        if was_retired:
            retired += [f"{model}@{number}" for number in plans[model]]
        else:
            skipped.append(model)
    named = _named(registry, set(retired) if dry_run else set(), progress)
    stored_blobs = set(layout.digests(registry.store.list(layout.BLOBS)))
    with_tombstone = set(layout.digests(registry.store.list(layout.GARBAGE)))
    unnamed = sorted(stored_blobs - named)
    removed = []
    if not dry_run:

        def remove_blob(sha256: str) -> bool:
            if sha256 in stored_blobs:
                blobs.mark(registry.store, sha256, now)
            return blobs.remove(registry.store, sha256, now, grace)

        removable = sorted({*unnamed, *(with_tombstone - named)})
        list(map_parallel(lambda sha256: blobs.unmark(registry.store, sha256),
                     sorted(with_tombstone & named)))  # fmt: skip
        removals = map_with_progress(
            removable, remove_blob, progress("free blobs", len(removable))
        )
        removed = [
            sha256
            for sha256, was_removed in zip(removable, removals, strict=True)
            if was_removed
        ]
    return GarbageReport(tuple(retired), tuple(skipped), tuple(unnamed), tuple(removed))


def _unused(registry: Registry, model: str, since: datetime) -> list[Reference]:
    """Return the versions to which no alias has pointed since then."""
    head = registry.ledger.newest(model)
    needed = _pointed(registry.ledger.back(head), since) if head else set()
    gone = head.entry.retired if head else ()
    return [
        Reference(model, version=number)
        for number in registry.versions(model)[:-1]  # the newest stays
        if number not in needed and number not in gone
    ]


def _pointed(entries: Iterable[Entry], since: datetime) -> set[int]:
    """Return every version on which an alias stood at any time since then.

    `entries` come newest first; what is older than `since` is not read.
    """
    needed: set[int] = set()
    for entry in entries:
        needed |= set(entry.aliases.values())
        if parse_time(entry.at) < since:
            break  # this held when the time began
    return needed


def _is_old(registry: Registry, reference: Reference, since: datetime) -> bool:
    return parse_time(registry.resolve(reference).published_at) < since


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


def _named(registry: Registry, gone: set[str], progress: StartProgress) -> set[str]:
    """Return the digests of all versions that are not retired."""
    models = registry.models()

    def references_to_keep(model: str) -> list[Reference]:
        retired = registry.ledger.retired(model)
        return [
            Reference(model, version=number)
            for number in registry.versions(model)
            if number not in retired and f"{model}@{number}" not in gone
        ]

    kept_versions = list(chain.from_iterable(map_parallel(references_to_keep, models)))

    def named(reference: Reference) -> set[str]:
        return {file.sha256 for file in registry.resolve(reference).files.values()}

    return set().union(
        *map_with_progress(
            kept_versions, named, progress("named blobs", len(kept_versions))
        )
    )
