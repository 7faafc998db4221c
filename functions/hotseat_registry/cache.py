"""Files of versions on this machine: checked, shared by processes, bounded.

A file lies under its digest and appears by a rename, so a process that is killed in
mid-download leaves nothing that another would take for whole. Every use checks the
digest. When there is more than `limit` bytes, what was used least recently goes.
"""

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hotseat_registry.manifest import File

_PIECE = 1 << 20
_PART = ".part-"
_ABANDONED = 3600  # seconds after which a part is nobody's any more
LIMIT = 10 << 30


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of files under their digests."""

    folder: Path
    limit: int = LIMIT
    """Bytes."""

    def get(self, file: File, suffix: str) -> Path | None:
        """Return the file if it is here and whole."""
        path = self._path(file, suffix)
        if not path.exists() or describe(path).sha256 != file.sha256:
            return None
        with contextlib.suppress(OSError):  # gone or not ours: its age matters little
            os.utime(path)
        return path

    def find(self, file: File, suffix: str) -> Path | None:
        """Return the file if one of its size is here; its digest is not looked at."""
        path = self._path(file, suffix)
        with contextlib.suppress(OSError):
            if path.stat().st_size == file.size:
                return path
        return None

    def put(self, file: File, suffix: str, write: Callable[[IO[bytes]], None]) -> Path:
        """Let `write` fill a file and keep it if its digest is right.

        Raises `ValueError` when it is not, and whatever `write` raises.
        """
        path = self._path(file, suffix)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=_PART, delete=False
        ) as part:
            here = Path(part.name)
            try:
                write(part.file)
            except BaseException:
                here.unlink()
                raise
        if describe(here).sha256 != file.sha256:
            here.unlink()
            raise ValueError(file.sha256)
        here.replace(path)
        self._shrink(path)
        return path

    def _path(self, file: File, suffix: str) -> Path:
        return self.folder / file.sha256[:2] / f"{file.sha256}{suffix}"

    def _shrink(self, keep: Path) -> None:
        """Remove parts of the dead, and the least recently used over the limit."""
        files = []
        for path in self.folder.glob("??/*"):
            with contextlib.suppress(OSError):  # another process was here first
                found = path.stat()
                if not path.name.startswith(_PART):
                    files.append((found.st_mtime, found.st_size, path))
                elif time.time() - found.st_mtime > _ABANDONED:
                    path.unlink()
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self.limit:
                break
            if path != keep:
                # what is open stays readable where it is open; Windows keeps it
                with contextlib.suppress(OSError):
                    path.unlink()
                    total -= size


def describe(path: Path) -> File:
    """Return a file's digest and size, reading a piece at a time."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
    return File(sha256=digest.hexdigest(), size=size)
