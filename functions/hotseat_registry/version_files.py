"""Bring one file of a version onto this machine, checked by its digest."""

from pathlib import Path, PurePath

from hotseat_registry import layout
from hotseat_registry.cache import Cache, describe
from hotseat_registry.errors import IntegrityError, NotFoundError, RetiredError
from hotseat_registry.ledger import Ledger
from hotseat_registry.manifest import Manifest
from hotseat_registry.stores import OnBytes, Store


def in_place(store: Store, manifest: Manifest, name: str) -> Path | None:
    """Return a file of a baked version where it lies, under its own name.

    None if the store has no such place. Raises `IntegrityError` unless the file's
    bytes match their digest.
    """
    real_path = getattr(store, "real_path", None)
    if real_path is None:
        return None
    file = manifest.files[name]
    key = layout.blob(file.sha256)
    try:
        path: Path = real_path(key)
    except NotFoundError:
        return None  # the download says what is missing
    if path.name != name:
        return None
    if describe(path).sha256 != file.sha256:
        raise _damaged(manifest, name, key)
    return path


def download(
    store: Store,
    ledger: Ledger,
    manifest: Manifest,
    name: str,
    cache: Cache,
    on_bytes: OnBytes,
) -> Path:
    """Download a file into the cache; return its path.

    Raises `RetiredError` if gc removed it, `IntegrityError` if its bytes are missing
    or wrong.
    """
    file = manifest.files[name]
    key = layout.blob(file.sha256)
    try:
        return cache.put(
            file,
            PurePath(name).suffix,
            lambda into: store.download(key, into, on_bytes),
        )
    except NotFoundError:
        if manifest.version in ledger.retired(manifest.model):
            raise RetiredError(f"{manifest.reference} was retired by gc") from None
        raise IntegrityError(
            f"{manifest.reference}, {name}: its bytes are missing ({key})"
        ) from None
    except (ValueError, IntegrityError):
        raise _damaged(manifest, name, key) from None


def _damaged(manifest: Manifest, name: str, key: str) -> IntegrityError:
    return IntegrityError(
        f"{manifest.reference}, {name}: its bytes do not match their digest ({key})"
    )
