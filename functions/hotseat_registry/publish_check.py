"""Checks before a version is stored."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from hotseat_registry import graph, signature_check
from hotseat_registry import manifest as manifests
from hotseat_registry.cache import describe
from hotseat_registry.errors import BadNameError, IntegrityError
from hotseat_registry.manifest import GRAPHS, Manifest, check_file_name
from hotseat_registry.stores.store import MAX_OBJECT_BYTES

if TYPE_CHECKING:
    from hotseat_registry.wrapping_keys import WrappingKey


def check_free(given: str, names: Iterable[str], what: str = "model") -> None:
    """Raise `BadNameError` for a name that another differs from by case alone.

    On file systems that ignore case the two would be one file.
    """
    for name in names:
        if name != given and name.casefold() == given.casefold():
            raise BadNameError(
                f"{given!r} differs from the {what} {name!r} by case alone: write "
                f"{name!r}, or give it another name"
            )


def check_files(manifest: Manifest, files: Mapping[str, Path]) -> None:
    """Raise `IntegrityError` for a file that is missing or may not be in a version.

    Graphs must be allowed (`graph.check`) and fit the signature; those of an encrypted
    version are checked where they are decrypted.
    """
    for name in files:
        check_file_name(name)
    manifests.check_files(manifest, files)
    if manifest.encryption is not None:
        return
    retrieval = manifest.signature.retrieval
    if retrieval is not None:
        size = files[retrieval.vectors].stat().st_size
        if size != retrieval.bytes:
            raise IntegrityError(
                f"{retrieval.vectors} has {size:,} bytes; {retrieval.count:,} vectors "
                f"take {retrieval.bytes:,}"
            )
    graphs = {
        file: part
        for variant in manifest.variants
        for file, part in signature_check.parts(manifest, variant)
    }
    for name, path in files.items():
        if PurePath(name).suffix in GRAPHS:
            found = graph.check(path, files)
            if found is not None and name in graphs:
                signature_check.check(graphs[name], found.inputs, found.outputs)


@contextmanager
def prepared(
    manifest: Manifest,
    files: Mapping[str, Path],
    time: str,
    by: str,
    encrypt: "WrappingKey | None",
) -> Iterator[tuple[Manifest, Mapping[str, Path]]]:
    """Check a version, and yield it as it is stored: described, encrypted or not.

    Encrypted files lie in a temporary folder until the end.
    """
    check_files(manifest, files)
    with ExitStack() as stack:
        if encrypt is not None:
            from hotseat_registry.encrypted_version import encrypt as encrypt_version

            folder = Path(stack.enter_context(TemporaryDirectory()))
            manifest, files = encrypt_version(manifest, files, encrypt, folder)
        described = {name: describe(path) for name, path in sorted(files.items())}
        manifest = replace(manifest, files=described)
        check_readable(replace(manifest, version=1, published_at=time, published_by=by))
        yield manifest, files


def check_readable(version: Manifest) -> None:
    """Raise `IntegrityError` for a manifest that nobody could read again."""
    try:
        data = version.to_bytes()
    except (TypeError, ValueError, RecursionError) as error:
        raise IntegrityError(
            f"the manifest of {version.reference} is no JSON: {error}"
        ) from None
    if len(data) > MAX_OBJECT_BYTES:
        raise IntegrityError(
            f"the manifest of {version.reference} has {len(data):,} bytes, and "
            f"{MAX_OBJECT_BYTES:,} is the most: shorten its card or lineage"
        )
    Manifest.from_bytes(data, f"the manifest of {version.reference}")
