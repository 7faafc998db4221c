"""Cache manifests on disk, because they never change.

They are not named by a digest, so their checksum and name are checked on reading.
"""

import hashlib
import logging
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from hotseat_registry import layout
from hotseat_registry.cache import MANIFESTS, Cache
from hotseat_registry.errors import IntegrityError
from hotseat_registry.manifest import Manifest

log = logging.getLogger("hotseat.registry")


def place(cache: Cache | None, uri: str, model: str, number: int) -> Path | None:
    """Return where the manifest of a version in the store `uri` is kept.

    None without a cache, and for a folder: that is read as quickly as its copy, and may
    be removed and made anew.
    """
    if cache is None or uri.startswith("file:"):
        return None
    key = layout.manifest(model, number)
    name = hashlib.sha256(f"{uri}/{key}".encode()).hexdigest()
    return cache.folder / MANIFESTS / name


def find(path: Path | None, model: str, number: int) -> Manifest | None:
    """Return the cached bytes; None if missing, damaged or of another version."""
    if path is not None:
        with suppress(IntegrityError, OSError):
            return parse(path.read_bytes(), str(path), model, number)
    return None


def keep(path: Path | None, data: bytes) -> None:
    """Store a manifest's bytes; a full or read-only disk is ignored."""
    if path is None:
        return
    part = path.with_suffix(f".{uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        log.warning("a manifest is not kept: %s", error)
        with suppress(OSError):
            part.unlink(missing_ok=True)


def parse(data: bytes, key: str, model: str, number: int) -> Manifest:
    """Read a manifest of exactly this version; raises `IntegrityError`."""
    manifest = Manifest.from_bytes(data, key)
    if (manifest.model, manifest.version) != (model, number):
        raise IntegrityError(f"{key} holds the manifest of {manifest.reference}")
    return manifest
