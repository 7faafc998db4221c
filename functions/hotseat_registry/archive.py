"""Copy a version to another registry, directly or through one file.

The file is a plain tar: ``manifest.json`` first, then ``files/NAME`` and
``signatures/KEY.json``. Digests and signatures stay what they are; the number is the
target's next.
"""

import io
import re
import tarfile
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import IO

from hotseat_registry import layout
from hotseat_registry.cache import Cache, describe
from hotseat_registry.checksummed_json import parse_json
from hotseat_registry.errors import (
    ConflictError,
    ExistsError,
    IntegrityError,
    StoreError,
)
from hotseat_registry.manifest import Manifest
from hotseat_registry.names import Reference
from hotseat_registry.registry import Registry, StartProgress, no_progress
from hotseat_registry.signatures import MAX_SIGNATURES
from hotseat_registry.stores.store import MAX_OBJECT_BYTES

_MANIFEST, _FILES, _SIGNATURES = "manifest.json", "files/", "signatures/"
_SIGNATURE = re.compile(r"signatures/[A-Za-z0-9]{1,128}\.json")
_HINT = re.compile(r"[A-Za-z0-9]{1,128}")


def copy(
    manifest: Manifest,
    source: Registry,
    target: Registry,
    *,
    by: str,
    progress: StartProgress = no_progress,
) -> Manifest:
    """Publish a version of `source` in `target`, with its signatures.

    Raises `ExistsError` when the target's newest version is the same already.
    """
    with tempfile.TemporaryDirectory() as folder:
        paths = source.fetch(manifest, Cache(Path(folder)), progress=progress)
        signatures = source.signatures(manifest)
        return _publish(manifest, paths, signatures, target, by, progress)


def write(
    manifest: Manifest,
    source: Registry,
    path: Path,
    progress: StartProgress = no_progress,
) -> None:
    """Write a version into one file, which appears complete or not at all."""
    part = path.with_name(f"{path.name}.part")
    try:
        with tempfile.TemporaryDirectory() as folder, tarfile.open(part, "w") as tar:
            paths = source.fetch(manifest, Cache(Path(folder)), progress=progress)
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
    path: Path, target: Registry, *, by: str, progress: StartProgress = no_progress
) -> Manifest:
    """Publish the version in a file that `write` made.

    Members are read one by one: the manifest, then the files that it names, of the
    sizes that it says, then signatures; regular files and nothing else. Raises
    `IntegrityError` when anything in it is not what the manifest says, and
    `ExistsError` as `copy` does.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        try:
            with tarfile.open(path, "r:") as tar:
                manifest, paths, signatures = _unpacked(tar, folder, str(path))
        except (OSError, tarfile.TarError, EOFError, ValueError) as error:
            raise IntegrityError(f"{path} is no exported version: {error}") from error
        for item, file in manifest.files.items():
            if item not in paths:
                raise IntegrityError(f"{path}: {item} is missing")
            if describe(paths[item]).sha256 != file.sha256:
                raise IntegrityError(f"{path}: {item} does not match its digest")
        return _publish(manifest, paths, signatures, target, by, progress)


def _unpacked(
    tar: tarfile.TarFile, folder: Path, what: str
) -> tuple[Manifest, dict[str, Path], list[bytes]]:
    """Return the manifest, and the files and signatures of an archive.

    No name in the archive becomes a path before the manifest has named it. Raises
    `IntegrityError`.
    """
    members = iter(tar)
    first = next(members, None)
    if first is None or first.name != _MANIFEST:
        raise IntegrityError(f"{what} does not begin with {_MANIFEST}")
    manifest = Manifest.from_bytes(_bytes(tar, first, what), f"{what}, {_MANIFEST}")
    paths: dict[str, Path] = {}
    signatures: dict[str, bytes] = {}
    for member in members:
        item = member.name.removeprefix(_FILES)
        if member.name.startswith(_FILES) and item in manifest.files:
            if item in paths:
                raise IntegrityError(f"{what} holds {item} twice")
            size = manifest.files[item].size
            if member.size != size:
                raise IntegrityError(f"{what}: {item} has {member.size} bytes")
            # by its number: whatever it is called, it lies in this folder
            paths[item] = folder / f"{len(paths)}{PurePosixPath(item).suffix}"
            with paths[item].open("wb") as file:
                _copy(_opened(tar, member, what), file)
        elif _SIGNATURE.fullmatch(member.name) and len(signatures) < MAX_SIGNATURES:
            signatures[member.name] = _bytes(tar, member, what)
        else:
            raise IntegrityError(
                f"{what} holds {member.name[:100]!r}, which its manifest does not name"
            )
    return manifest, paths, [signatures[name] for name in sorted(signatures)]


def _opened(tar: tarfile.TarFile, member: tarfile.TarInfo, what: str) -> IO[bytes]:
    """Open a member that is a regular file; raises `IntegrityError`."""
    file = tar.extractfile(member) if member.isreg() else None
    if file is None or member.issparse():
        raise IntegrityError(f"{what}: {member.name[:100]!r} is no regular file")
    return file


def _bytes(tar: tarfile.TarFile, member: tarfile.TarInfo, what: str) -> bytes:
    if member.size > MAX_OBJECT_BYTES:
        raise IntegrityError(f"{what}: {member.name} has {member.size:,} bytes")
    return _opened(tar, member, what).read(MAX_OBJECT_BYTES)


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    while piece := source.read(1 << 20):
        target.write(piece)


def add_signature(registry: Registry, manifest: Manifest, signature: bytes) -> str:
    """Store a signature of a version and return its key's hint; idempotent."""
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
    progress: StartProgress,
) -> Manifest:
    signatures = list(signatures)
    for signature in signatures:
        _hint(signature)  # before anything is published
    newest = max(target.versions(manifest.model), default=0)
    if newest:
        there = target.resolve(Reference(manifest.model, version=newest))
        if there.content() == manifest.content():
            raise ExistsError(f"{there.reference} in {target.store.uri} is the same")
    published = target.publish(manifest, paths, by=by, progress=progress)
    for signature in signatures:
        add_signature(target, published, signature)
    return published


def _hint(signature: bytes) -> str:
    bundle = parse_json(signature, "a signature")
    try:
        found = str(bundle["verificationMaterial"]["publicKey"]["hint"])
    except (KeyError, TypeError) as error:
        raise IntegrityError(f"a signature cannot be read: {error}") from None
    if not _HINT.fullmatch(found):
        raise IntegrityError("a signature names no key")
    return found


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    item = tarfile.TarInfo(name)
    item.size = len(data)
    tar.addfile(item, io.BytesIO(data))


def _plain(item: tarfile.TarInfo) -> tarfile.TarInfo:
    """Leave out author and time, so that equal versions give equal files."""
    item.uid = item.gid = item.mtime = 0
    item.uname = item.gname = ""
    item.mode = 0o644
    return item
