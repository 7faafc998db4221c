"""Put one version into a folder that goes into an image: the static deployment."""

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
            store.upload(layout.blob(manifest.files[item].sha256), path)
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
