"""Walk a registry, or one version, and report all that is damaged."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import chain
from pathlib import Path

from hotseat_registry import graph, layout, signature_check
from hotseat_registry.cache import Cache
from hotseat_registry.dataclass import dataclass
from hotseat_registry.encrypted_file import EncryptedFile
from hotseat_registry.errors import NotFoundError, RegistryError, StoreError
from hotseat_registry.graph import Interface
from hotseat_registry.manifest import GRAPHS, Manifest
from hotseat_registry.names import Reference
from hotseat_registry.parallel import map_with_progress
from hotseat_registry.registry import Registry, StartProgress, no_progress


@dataclass(frozen=True, slots=True)
class Audit:
    """The number of checked files, and the damage."""

    versions: int
    files: int
    damage: tuple[str, ...]


def audit(
    registry: Registry,
    reference: Reference | None = None,
    *,
    progress: StartProgress = no_progress,
    decrypt_keys: Sequence[str] = (),
) -> Audit:
    """Check every byte of one version, or of all versions and ledgers.

    Damage is collected, not raised. `progress` is called with the name of each stage
    and its number of steps. Encrypted files are checked as they are stored, and with
    `decrypt_keys` (places of keys) decrypted in memory as well. Raises `StoreError`
    when the store cannot be reached, and `NotFoundError` when `reference` does not
    exist.
    """
    damage: list[str] = []
    if reference is not None:
        places = [reference]
    else:
        models = registry.models()
        ledgers = map_with_progress(
            models,
            lambda model: list(_ledger(registry, model)),
            progress("ledgers", len(models)),
        )
        damage += chain.from_iterable(ledgers)
        places = list(_all(registry))
    manifests: list[Manifest] = []
    for found in map_with_progress(
        places,
        lambda place: _manifest(registry, place, strict=reference is not None),
        progress("manifests", len(places)),
    ):
        if isinstance(found, str):
            damage.append(found)
        else:
            manifests.append(found)
    # a file that several versions share is checked once
    files = {
        file.sha256: (manifest, name)
        for manifest in manifests
        for name, file in manifest.files.items()
    }
    interfaces: dict[str, Interface | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder))

        def check(item: tuple[Manifest, str]) -> list[str]:
            manifest, name = item
            try:
                path = registry.fetch(manifest, cache, [name])[name]
                file = _readable(manifest, name, path, decrypt_keys)
                if file is not None and file.suffix in GRAPHS:
                    found = graph.check(file, manifest.files)
                    interfaces[manifest.files[name].sha256] = found
                path.unlink()  # frees the space for the next file
            except StoreError:
                raise
            except RegistryError as error:
                return [str(error)]
            return []

        checked = map_with_progress(
            files.values(), check, progress("files", len(files))
        )
        damage += chain.from_iterable(checked)
    for manifest in manifests:
        damage += _signatures(registry, manifest)
        damage += _interfaces(manifest, interfaces)
    count = sum(len(manifest.files) for manifest in manifests)
    return Audit(len(places), count, tuple(damage))


def _readable(
    manifest: Manifest, name: str, path: Path, decrypt_keys: Sequence[str]
) -> Path | EncryptedFile | None:
    """Return a file whose content can be read; None if it is encrypted."""
    if manifest.encryption is None:
        return path
    if not decrypt_keys:
        return None
    from hotseat_registry.encrypted_version import decrypt

    return decrypt(manifest, {name: path}, decrypt_keys).files[name]


def _manifest(registry: Registry, place: Reference, *, strict: bool) -> Manifest | str:
    """Return a manifest, or what is wrong with it."""
    try:
        return registry.resolve(place)
    except StoreError:
        raise
    except NotFoundError as error:
        if strict:
            raise
        return str(error)
    except RegistryError as error:
        return str(error)


def _interfaces(
    manifest: Manifest, interfaces: Mapping[str, Interface | None]
) -> Iterator[str]:
    """Check the signature against the readable graphs."""
    for variant in manifest.variants:
        for file, part in signature_check.parts(manifest, variant):
            found = interfaces.get(manifest.files[file].sha256)
            try:
                if found is not None:
                    signature_check.check(part, found.inputs, found.outputs)
            except RegistryError as error:
                yield str(error)


def _all(registry: Registry) -> Iterator[Reference]:
    for model in registry.models():
        gone: Sequence[int] = ()
        with suppress(RegistryError):  # a damaged head was reported with the ledgers
            gone = registry.ledger.retired(model)
        for number in registry.versions(model):
            if number not in gone:
                yield Reference(model, version=number)


def _ledger(registry: Registry, model: str) -> Iterator[str]:
    try:
        history = registry.ledger.history(model)
    except StoreError:
        raise
    except RegistryError as error:
        yield str(error)
        return
    known = set(registry.versions(model))
    aliases = history[-1].aliases if history else {}
    for alias, number in aliases.items():
        if number not in known:
            yield f"{model}#{alias} points to version {number}, which is not there"
    entries = set(registry.store.list(layout.ledger(model)))
    versions = set(registry.store.list(layout.versions(model)))
    for key in sorted(entries | versions):
        if not layout.is_numbered(key):
            yield f"{key} is no manifest or ledger entry"
    kept = set(layout.numbers(entries))
    for number in sorted(kept - set(range(1, len(history) + 1))):
        yield f"{layout.entry(model, number)} belongs to no ledger"


def _signatures(registry: Registry, manifest: Manifest) -> Iterator[str]:
    if registry.trust is not None:
        try:
            registry.check_trust(manifest)
        except RegistryError as error:
            yield str(error)
