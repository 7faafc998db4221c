"""Put one version into a folder that goes into an image: the static deployment.

Its files lie in ``files``, under their own names; each blob is a link to one. So the
runtime opens them where they lie, the weights beside their graph, without a copy in the
function's temporary folder.
"""

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from hotseat_registry import archive, layout
from hotseat_registry.cache import Cache
from hotseat_registry.errors import ExistsError, NotFoundError
from hotseat_registry.manifest import Manifest
from hotseat_registry.names import Reference
from hotseat_registry.registry import Registry, StartProgress, no_progress
from hotseat_registry.stores.folder import FolderStore


def bake(
    registry: Registry,
    reference: Reference,
    folder: Path,
    *,
    by: str,
    progress: StartProgress = no_progress,
) -> Manifest:
    """Write a version, its signatures and the alias live as a registry in `folder`.

    The number is kept, so that the image answers with the version's own number.
    Raises `ExistsError` when the folder holds anything, and what fetching raises.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ExistsError(f"{folder} is not empty: remove it, or bake into another")
    manifest = registry.resolve(reference)
    registry.check_trust(manifest)
    store = FolderStore(folder)
    with tempfile.TemporaryDirectory() as name:
        paths = registry.fetch(manifest, Cache(Path(name)), progress=progress)
        for item, path in paths.items():
            _put(store, layout.blob(manifest.files[item].sha256), item, path)
    store.write(layout.manifest(manifest.model, manifest.version), manifest.to_bytes())
    image = Registry(store, registry.clock)
    for signature in registry.signatures(manifest):
        archive.add_signature(image, manifest, signature)
    with suppress(NotFoundError):  # for devices, which check it themselves
        key = layout.signed(manifest.model)
        signed = registry.store.read(key)
        assert signed is not None
        store.write(key, signed.data)
    image.promote(Reference(manifest.model, version=manifest.version), by=by)
    return manifest


def _put(store: FolderStore, key: str, name: str, path: Path) -> None:
    """Store a file under its own name and link its blob to it."""
    file, blob = store.root / "files" / name, store.root / key
    for place in (file, blob):
        place.parent.mkdir(parents=True, exist_ok=True)
    if blob.is_symlink():
        return  # two names of the same bytes: one of them is enough
    shutil.copyfile(path, file)
    try:
        blob.symlink_to(os.path.relpath(file, blob.parent))
    except OSError:  # Windows without the right to links
        file.unlink()
        store.upload(key, path)
