"""Remember which versions passed their golden rows on this machine.

A record is believed if it is of the same bytes (the manifest with the digests of all
files, which every start checks), variant and threads, and was written by the same
release on the same runtime and kind of processor. It lies in the cache's folder, which
only the service's user can write; a damaged or a foreign record is as none.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import numpy as np

import hotseat_registry
import hotseat_serve
from hotseat_registry.cache import PASSED, Cache
from hotseat_registry.checksummed_json import read_checksummed, write_checksummed
from hotseat_registry.errors import IntegrityError
from hotseat_registry.manifest import Manifest
from hotseat_serve.runtime.session import RUNTIME

LEAST = 0.01
"""Seconds that the rows have to take: quicker ones are checked at each start, which
costs hardly more than to verify a record."""
_CPU = Path("/proc/cpuinfo")
_CPU_BYTES = 8192
"""Of the first processor in `_CPU`; the system writes no more than what is read."""
_KINDS = frozenset({
    "vendor_id", "cpu family", "model", "model name", "stepping", "flags",
    "CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision",
    "Features",
})  # fmt: skip


class GoldenRecord:
    """Whether a version's golden rows passed here before."""

    def __init__(
        self, cache: Cache, manifest: Manifest, variant: str, threads: int
    ) -> None:
        files = manifest.files
        named = (manifest.golden or "", manifest.variant(variant).file)
        digests = " ".join(files[name].sha256 for name in named)
        name = hashlib.sha256(f"{digests} {variant}".encode()).hexdigest()
        self._path = cache.folder / PASSED / name
        self._manifest = manifest
        self._variant = variant
        self._threads = threads
        self._seconds = 0.0

    def holds(self) -> bool:
        """Whether there is a record of exactly this version, release and machine."""
        with suppress(OSError, IntegrityError):
            return read_checksummed(self._path.read_bytes(), "") == self._expected()
        return False

    def passed(self, seconds: float) -> None:
        """Note that the rows passed, and how long they took; see `keep`."""
        self._seconds = seconds

    def keep(self) -> None:
        """Write the record of rows that passed; a full or read-only disk is ignored.

        The caller has checked that the files are still those that were opened.
        """
        if self._seconds < LEAST:
            return
        part = self._path.with_suffix(f".{uuid4().hex}")
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            part.write_bytes(write_checksummed(self._expected()))
            part.replace(self._path)

    def _expected(self) -> dict[str, str | int]:
        return {
            "content": hashlib.sha256(self._manifest.content()).hexdigest(),
            "variant": self._variant,
            "threads": self._threads,
            "runtime": RUNTIME,
            "numpy": np.__version__,
            "python": sys.version,
            "code": code(),
            "machine": machine(),
        }


def code() -> str:
    """Return the SHA-256 of names, sizes and times of the files that answer."""
    digest = hashlib.sha256()
    for package in (hotseat_registry, hotseat_serve):
        for line in sorted(_files(package.__path__[0])):
            digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _files(folder: str) -> Iterator[str]:
    with os.scandir(folder) as found:
        for item in found:
            if item.is_dir():
                yield from () if item.name == "__pycache__" else _files(item.path)
            elif item.name.endswith((".py", ".pyc")):
                state = item.stat()
                yield f"{item.path} {state.st_size} {state.st_mtime_ns}\n"


def machine() -> str:
    """Return the SHA-256 of what the system says of its first processor.

    Raises `OSError` where it says nothing (Windows, macOS): there each start checks.
    """
    with _CPU.open("rb") as file:
        first = file.read(_CPU_BYTES).decode(errors="replace").split("\n\n")[0]
    lines = [line for line in first.splitlines() if _kind(line) in _KINDS]
    if not lines:
        raise OSError(f"{_CPU} names no processor")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _kind(line: str) -> str:
    return line.partition(":")[0].strip()
