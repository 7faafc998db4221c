"""A version on its way from one registry to another: copied, or in one file.

The file is a plain tar: ``manifest.json`` first, then ``files/NAME`` and
``signatures/KEY.json``. Digests and signatures stay what they are; the number is the
target's next.
"""

import io
import json
import tarfile
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath

from hotseat_registry import layout
from hotseat_registry.cache import Cache, describe
from hotseat_registry.errors import (
    ConflictError,
    ExistsError,
    IntegrityError,
    StoreError,
)
from hotseat_registry.manifest import Manifest
from hotseat_registry.names import Reference
from hotseat_registry.registry import Registry, Watch, unwatched

_MANIFEST, _FILES, _SIGNATURES = "manifest.json", "files/", "signatures/"


def copy(
    manifest: Manifest,
    source: Registry,
    target: Registry,
    *,
    by: str,
    watch: Watch = unwatched,
) -> Manifest:
    """Publish a version of `source` in `target`, with its signatures.

    Raises `ExistsError` when the target's newest version is the same already.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = source.fetch(manifest, Cache(Path(folder)), watch=watch)
        signatures = source.signatures(manifest)
        return _publish(manifest, paths, signatures, target, by, watch)


def write(
    manifest: Manifest, source: Registry, path: Path, watch: Watch = unwatched
) -> None:
    """Write a version into one file; the file is there whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    try:
        with tempfile.TemporaryDirectory() as folder, tarfile.open(part, "w") as tar:
            paths = source.fetch(manifest, Cache(Path(folder)), watch=watch)
            _add(tar, _MANIFEST, manifest.to_bytes())
            for name, file in sorted(paths.items()):
                tar.add(file, _FILES + name, filter=_plain)
            for signature in source.signatures(manifest):
                _add(tar, f"{_SIGNATURES}{_hint(signature)}.json", signature)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise StoreError(f"{path} cannot be written: {error}") from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def read(
    path: Path, target: Registry, *, by: str, watch: Watch = unwatched
) -> Manifest:
    """Publish the version in a file that `write` made.

    Raises `IntegrityError` when anything in it is not what the manifest says, and
    `ExistsError` as `copy` does.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            with tarfile.open(path, "r:") as tar:
                # the filter refuses links, devices and paths that lead outside
                tar.extractall(folder, filter="data")
            manifest = Manifest.from_bytes(
                (folder / _MANIFEST).read_bytes(), f"{path}, {_MANIFEST}"
            )
        except (OSError, tarfile.TarError) as error:
            raise IntegrityError(f"{path} is no exported version: {error}") from error
        for item in manifest.files:
            if PurePosixPath(item).name != item:
                raise IntegrityError(f"{path}: {item!r} is no plain file name")
        paths = {item: folder / _FILES / item for item in manifest.files}
        for item, file in paths.items():
            if not file.is_file():
                raise IntegrityError(f"{path}: {item} is missing")
            if describe(file).sha256 != manifest.files[item].sha256:
                raise IntegrityError(f"{path}: {item} does not match its digest")
        signatures = [
            file.read_bytes() for file in sorted((folder / _SIGNATURES).glob("*.json"))
        ]
        return _publish(manifest, paths, signatures, target, by, watch)


def add_signature(registry: Registry, manifest: Manifest, signature: bytes) -> str:
    """Keep a signature of a version; return its key's hint. Twice is once."""
    hint = _hint(signature)
    key = layout.signature(manifest.model, manifest.version, hint)
    with suppress(ConflictError):  # this key has signed it already
        registry.store.write(key, signature)
    return hint


def _publish(
    manifest: Manifest,
    paths: dict[str, Path],
    signatures: Iterable[bytes],
    target: Registry,
    by: str,
    watch: Watch,
) -> Manifest:
    newest = max(target.versions(manifest.model), default=0)
    if newest:
        there = target.resolve(Reference(manifest.model, version=newest))
        if there.content() == manifest.content():
            raise ExistsError(f"{there.reference} in {target.store.uri} is the same")
    published = target.publish(manifest, paths, by=by, watch=watch)
    for signature in signatures:
        add_signature(target, published, signature)
    return published


def _hint(signature: bytes) -> str:
    try:
        found = str(json.loads(signature)["verificationMaterial"]["publicKey"]["hint"])
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError(f"a signature cannot be read: {error}") from None
    if not (found.isalnum() and found.isascii()):
        raise IntegrityError("a signature names no key")
    return found


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    item = tarfile.TarInfo(name)
    item.size = len(data)
    tar.addfile(item, io.BytesIO(data))


def _plain(item: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out who and when, so that the same version is the same file."""
    item.uid = item.gid = item.mtime = 0
    item.uname = item.gname = ""
    item.mode = 0o644
    return item
