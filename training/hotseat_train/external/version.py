"""The files of a published version in a folder, under their own names."""

import os
import shutil
from pathlib import Path

from hotseat_registry import Reference, Registry
from hotseat_registry.cache import Cache
from hotseat_registry.registry import StartProgress, no_progress
from hotseat_train.external.description import Description
from hotseat_train.external.publish import Prepared


def fetch(
    registry: Registry,
    reference: Reference,
    folder: Path,
    progress: StartProgress = no_progress,
) -> Prepared:
    """Return a published version, with its files in `folder`.

    A graph refers to its weights by name, and a cache names files by digest. Raises
    `RegistryError`, of it `NoKeyError` for an encrypted version.
    """
    manifest = registry.resolve(reference)
    manifest.check_plain()
    registry.check_trust(manifest)
    cache = Cache(folder / "blobs")
    files = {}
    for name, path in registry.fetch(manifest, cache, progress=progress).items():
        files[name] = folder / name
        try:
            os.link(path, files[name])
        except OSError:  # a file system without links
            shutil.copyfile(path, files[name])
    described = Description(manifest.kind, manifest.signature)
    return Prepared(manifest, files, described, random=False)
