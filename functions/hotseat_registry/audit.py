"""Walk a registry, or one version, and report all that is damaged."""

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hotseat_registry import layout
from hotseat_registry.cache import Cache
from hotseat_registry.errors import NotFoundError, RegistryError, StoreError
from hotseat_registry.manifest import Manifest
from hotseat_registry.names import Reference
from hotseat_registry.registry import Registry


@dataclass(frozen=True, slots=True)
class Audit:
    """What was looked at, and what is wrong with it."""

    versions: int
    files: int
    damage: tuple[str, ...]


def audit(registry: Registry, reference: Reference | None = None) -> Audit:
    """Check every byte of one version, or of all versions and ledgers.

    Damage is collected, not raised. Raises `StoreError` when the store is away, and
    `NotFoundError` for a `reference` that is not there.
    """
    versions = files = 0
    damage: list[str] = []
    checked: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        # a limit of nothing: what was checked makes room for the next
        cache = Cache(Path(folder), limit=0)
        if reference is not None:
            places: Iterator[Reference] = iter([reference])
        else:
            damage += _ledgers(registry)
            places = _all(registry)
        for place in places:
            versions += 1
            try:
                manifest = registry.resolve(place)
            except (NotFoundError, StoreError) as error:
                if reference is not None or isinstance(error, StoreError):
                    raise
                damage.append(str(error))
                continue
            except RegistryError as error:
                damage.append(str(error))
                continue
            for name in manifest.files:
                files += 1
                if manifest.files[name].sha256 not in checked:
                    damage += _file(registry, manifest, name, cache)
                    checked.add(manifest.files[name].sha256)
            damage += _signatures(registry, manifest)
    return Audit(versions, files, tuple(damage))


def _all(registry: Registry) -> Iterator[Reference]:
    for model in registry.models():
        gone: tuple[int, ...] = ()
        with suppress(RegistryError):  # a damaged head was reported with the ledgers
            gone = registry.ledger.retired(model)
        for number in registry.versions(model):
            if number not in gone:
                yield Reference(model, version=number)


def _ledgers(registry: Registry) -> Iterator[str]:
    for model in registry.models():
        try:
            history = registry.ledger.history(model)
        except StoreError:
            raise
        except RegistryError as error:
            yield str(error)
            continue
        known = set(registry.versions(model))
        aliases = history[-1].aliases if history else {}
        for alias, number in aliases.items():
            if number not in known:
                yield f"{model}#{alias} points to version {number}, which is not there"
        kept = {layout.number(key) for key in registry.store.list(layout.ledger(model))}
        for number in sorted(kept - set(range(1, len(history) + 1))):
            yield f"{layout.entry(model, number)} belongs to no ledger"


def _file(
    registry: Registry, manifest: Manifest, name: str, cache: Cache
) -> Iterator[str]:
    try:
        registry.fetch(manifest, cache, [name])
    except StoreError:
        raise
    except RegistryError as error:
        yield str(error)


def _signatures(registry: Registry, manifest: Manifest) -> Iterator[str]:
    if registry.trust is not None:
        try:
            registry.check_trust(manifest)
        except RegistryError as error:
            yield str(error)
