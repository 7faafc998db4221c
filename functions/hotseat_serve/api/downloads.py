"""Download a version to a device: its manifest, and its files in pieces.

Where the adapter streams, any range is sent, up to the whole file. Elsewhere a piece
fits into Lambda's answer in base64. Both ways an interrupted download can be resumed.
Only models named in the settings are offered.
"""

import re
from collections.abc import Callable
from pathlib import PurePath
from typing import Any, BinaryIO, Self

from hotseat_registry import Manifest, Reference, Registry, layout
from hotseat_registry.cache import Cache
from hotseat_registry.dataclass import dataclass
from hotseat_registry.errors import NotFoundError, RegistryError
from hotseat_serve.api.messages import Answer
from hotseat_serve.problems import Problem, from_registry
from hotseat_serve.settings import Settings

PIECE = 4_000_000
"""Bytes in one answer; Lambda takes 6 MB, and base64 makes four of three."""
_CHUNK = 1 << 18
"""Bytes that are read and sent at once of a streamed file."""
BYTES = "application/octet-stream"
_PUBLISHED = frozenset({"published_at", "published_by"})
_NEEDED = frozenset(
    {"model", "version", "kind", "format", "signature", "variants", "default_variant",
     "golden", "files"}
)  # fmt: skip
"""The fields of a manifest that the SDKs read."""
_OF_A_VARIANT = frozenset({"name", "file", "data", "optimized"})
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{0,15})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Downloads:
    """Serves versions to devices. Every method raises only `Problem`."""

    registry: Registry
    settings: Settings
    check_reach: Callable[[Reference], None] = lambda _reference: None
    """Raises `NotFoundError` for a version that requests may not name."""
    check_not_retired: Callable[[str, int], None] = lambda _model, _number: None
    """Raises `RetiredError` for a version that gc retired."""
    with_cached_misses: Callable[
        [Reference, Callable[[Reference], Manifest]], Manifest
    ] = lambda reference, find: find(reference)
    """Calls the function, or raises a cached `NotFoundError`."""

    def version(self, model: str, version: str) -> dict[str, Any]:
        """Return the data that a device needs to fetch, check and run a version."""
        try:
            manifest = self._manifest(model, version)
            chosen = self.settings.variant or manifest.default_variant
            signatures = self.registry.signatures(manifest)
            answer = {
                "manifest": device_manifest(manifest, signed=bool(signatures)),
                "variant": manifest.variant(chosen).name,
                "signatures": [data.decode() for data in signatures],
            }
            if signatures:
                # what was signed, byte by byte: not every device writes JSON as we do
                answer["content"] = manifest.content().decode()
            head = self._signed_head(manifest.model)
        except RegistryError as error:
            raise from_registry(error) from error
        return answer if head is None else {**answer, "head": head}

    def file(
        self,
        model: str,
        version: str,
        name: str,
        range_header: str | None,
        *,
        streams: bool = False,
    ) -> Answer:
        """Return a file of a version, or the piece of a header ``Range``.

        If the adapter `streams`, a piece may have any length. Otherwise a whole file of
        more than one piece is too_large.
        """
        try:
            manifest = self._manifest(model, version)
            if name not in manifest.files:
                raise Problem("not_found", f"{manifest.reference} has no file {name!r}")
            entry = manifest.files[name]
            # hashed once for each process; the client hashes the joined pieces
            cache = self._cache
            path = cache.find(entry, PurePath(name).suffix)
            if path is None:
                path = self.registry.fetch(manifest, cache, [name])[name]
        except RegistryError as error:
            raise from_registry(error) from error
        limit = entry.size if streams else PIECE
        first, last = _byte_range(range_header, entry.size, limit)
        count = last - first + 1
        headers = {
            "content-type": BYTES,
            "accept-ranges": "bytes",
            "etag": f'"{entry.sha256}"',
        }
        if range_header is not None:
            headers["content-range"] = f"bytes {first}-{last}/{entry.size}"
        status = 200 if range_header is None else 206
        source = path.open("rb")
        source.seek(first)
        if count > PIECE:  # only with `streams`; small ones are sent in one write
            headers["content-length"] = str(count)
            return Answer(status, b"", headers, FileChunks(source, count))
        with source:
            return Answer(status, source.read(count), headers)

    def _signed_head(self, model: str) -> str | None:
        """Return the envelope of the model's signed head, for the device to check."""
        try:
            stored = self.registry.store.read(layout.signed(model))
        except NotFoundError:
            return None
        assert stored is not None
        return stored.data.decode("utf-8", "replace")

    @property
    def _cache(self) -> Cache:
        return Cache.private(self.settings.cache_folder, self.settings.cache_bytes)

    def _manifest(self, model: str, version: str) -> Manifest:
        offered = {name.strip() for name in self.settings.downloads.split(",")}
        if not offered & {model, "*"}:
            raise Problem("not_found", f"{model} is not offered for download")
        named = Reference.of(model, version)
        self.check_reach(named)
        manifest = self.with_cached_misses(
            named, lambda reference: self.registry.resolve(reference, self._cache)
        )
        self.check_not_retired(model, manifest.version)
        self.registry.check_trust(manifest)
        if manifest.encryption is not None:
            raise Problem(
                "not_found",
                f"{manifest.reference} is encrypted, and no device has its key: "
                "publish a version for devices without --encrypt",
            )
        return manifest


class FileChunks:
    """An iterator over the next `count` bytes of an open file; it closes the file."""

    def __init__(self, source: BinaryIO, count: int) -> None:
        self._source, self._left = source, count

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        """Return the next bytes; raises `EOFError` if the file was shortened."""
        if not self._left:
            self.close()
            raise StopIteration
        chunk = self._source.read(min(_CHUNK, self._left))
        if not chunk:
            self.close()
            raise EOFError(f"{self._left} bytes of the file are missing")
        self._left -= len(chunk)
        return chunk

    def close(self) -> None:
        """Close the file."""
        self._source.close()


def device_manifest(manifest: Manifest, *, signed: bool) -> dict[str, Any]:
    """Return the fields of a manifest for a device: no publisher, time or lineage.

    The verification of a `signed` version needs all signed fields, so its card, lineage
    and measurements are included.
    """
    whole = manifest.to_json()
    if signed:
        return {k: v for k, v in whole.items() if k not in _PUBLISHED}
    needed = {k: v for k, v in whole.items() if k in _NEEDED}
    variants = [
        {k: v for k, v in item.items() if k in _OF_A_VARIANT}
        for item in whole["variants"]
    ]
    return {**needed, "variants": variants}


def _byte_range(range_header: str | None, size: int, limit: int) -> tuple[int, int]:
    """Return the first and the last byte to send, at most `limit`; raises `Problem`."""
    if range_header is None:
        if size > limit:
            raise Problem(
                "too_large",
                f"the file has {size} bytes: ask for pieces, "
                f"Range: bytes=0-{PIECE - 1} and on",
            )
        return 0, size - 1
    match = _RANGE.fullmatch(range_header)
    if not match:
        raise Problem(
            "invalid_input", f"Range {range_header[:40]!r} is not bytes=first-last"
        )
    first = int(match[1])
    last = min(int(match[2] or size), first + limit - 1, size - 1)
    if last < first:
        raise Problem("invalid_input", f"no byte from {first} to {last} of {size}")
    return first, last
