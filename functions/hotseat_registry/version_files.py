"""Bring files of a version onto this machine, checked by their digests."""

from collections.abc import Callable, Iterable
from pathlib import Path, PurePath

from hotseat_registry import layout
from hotseat_registry.ahead import Ahead, is_far
from hotseat_registry.cache import Cache, describe
from hotseat_registry.errors import IntegrityError, NotFoundError, RetiredError
from hotseat_registry.ledger import Ledger
from hotseat_registry.manifest import Manifest
from hotseat_registry.parallel import all_at_once
from hotseat_registry.stores import OnBytes, Store


def fetch(
    store: Store,
    ledger: Ledger,
    manifest: Manifest,
    names: Iterable[str],
    cache: Cache,
    progress: Callable[[str, int], OnBytes],
    ahead: Ahead | None,
    *,
    in_place: bool,
    at_once: bool,
) -> dict[str, Path]:
    """Return the paths of files, by name; see `Registry.fetch`.

    With `at_once`, files come in parallel from a store where that is faster.
    """
    paths = {
        name: path
        for name in names
        if in_place and (path := _in_place(store, manifest, name))
    }
    missing = [name for name in names if name not in paths]
    cache.make_room((manifest.files[name], PurePath(name).suffix) for name in missing)

    def bring(name: str) -> Path:
        file, suffix = manifest.files[name], PurePath(name).suffix
        path = ahead.path(file, suffix) if ahead else None
        return path or cache.get(file, suffix) or _download(
            store, ledger, manifest, name, cache, progress(name, file.size)
        )  # fmt: skip

    bring_all = all_at_once if at_once and is_far(store) else map
    return {**paths, **dict(zip(missing, bring_all(bring, missing), strict=True))}


def _in_place(store: Store, manifest: Manifest, name: str) -> Path | None:
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


def _download(
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
