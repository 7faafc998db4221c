"""House-keeping: retire versions that nothing needs, remove blobs that nothing names.

A version stays while an alias points to it or pointed to it within `keep`, while it is
younger than that, and while it is its model's newest. The rest are retired by one
ledger entry a model, so a promote and a sweep at once cannot both win. Numbers and
manifests stay for ever; blobs go after the grace time (see `blobs`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import chain

from hotseat_registry import blobs, layout
from hotseat_registry.entry import RETIRE, Entry
from hotseat_registry.errors import AliasMovedError, AliasNotFoundError
from hotseat_registry.names import Reference
from hotseat_registry.parallel import at_once, each
from hotseat_registry.record import time_of
from hotseat_registry.registry import Registry, Watch, unwatched

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

    since = now - keep
    found = each(
        models,
        lambda model: _unpointed(registry, model, since),
        watch("ledgers", len(models)),
    )
    unpointed = list(chain.from_iterable(found))
    old = each(
        unpointed,
        lambda place: _is_old(registry, place, since),
        watch("versions", len(unpointed)),
    )
    plans: dict[str, list[int]] = {}
    for place, is_old in zip(unpointed, old, strict=True):
        if is_old and place.version is not None:
            plans.setdefault(place.model, []).append(place.version)

    def retire(model: str) -> bool:
        return dry_run or _retire(registry, model, tuple(plans[model]), by)

    retired, skipped = [], []
    done = each(plans, retire, watch("retiring", len(plans)))
    for model, went in zip(plans, done, strict=True):
        if went:
            retired += [f"{model}@{number}" for number in plans[model]]
        else:
            skipped.append(model)
    named = _named(registry, set(retired) if dry_run else set(), watch)
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


def _unpointed(registry: Registry, model: str, since: datetime) -> list[Reference]:
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
        if time_of(entry.at) < since:
            break  # this held when the time began
    return needed


def _is_old(registry: Registry, reference: Reference, since: datetime) -> bool:
    return time_of(registry.resolve(reference).published_at) < since


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


def _named(registry: Registry, gone: set[str], watch: Watch) -> set[str]:
    """Return the digests that a version names which is not retired."""
    models = registry.models()

    def kept(model: str) -> list[Reference]:
        retired = registry.ledger.retired(model)
        return [
            Reference(model, version=number)
            for number in registry.versions(model)
            if number not in retired and f"{model}@{number}" not in gone
        ]

    stays = list(chain.from_iterable(at_once(kept, models)))

    def named(reference: Reference) -> set[str]:
        return {file.sha256 for file in registry.resolve(reference).files.values()}

    return set().union(*each(stays, named, watch("named blobs", len(stays))))
