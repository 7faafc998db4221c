"""A folder as a store, safe for several processes on one machine.

A file appears under its key by a rename, complete or not at all, and is on the disk
when `write` returns. Compare-and-swap holds a lock that the operating system releases
when its holder dies.
"""

import hashlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, BinaryIO

from hotseat_registry.errors import ConflictError, NotFoundError, StoreError
from hotseat_registry.stores.store import (
    MAX_OBJECT_BYTES,
    OBJECT_TOO_LARGE,
    OnBytes,
    Stored,
    ignore_bytes,
)

_TEMPORARY = ".tmp-"
_PIECE = 1 << 20


class FolderStore:
    """Keys are paths below `root`."""

    def __init__(self, root: Path) -> None:
        # "file:///C:/x" leaves "/C:/x" on Windows
        text = str(root)
        if sys.platform == "win32" and text[:1] in "/\\" and text[2:3] == ":":
            root = Path(text[1:])
        self.root = root.expanduser().absolute()
        self.uri = f"file://{self.root.as_posix()}"

    def read(self, key: str, *, unless: str | None = None) -> Stored | None:
        """See `Store.read`."""
        with self._translated_errors(key):
            data = _small(self._path(key))
        tag = hashlib.sha256(data).hexdigest()
        return None if tag == unless else Stored(data, tag)

    def write(self, key: str, data: bytes, *, replacing: str | None = None) -> str:
        """See `Store.write`."""
        with self._translated_errors(key), self._locked():
            try:
                current = hashlib.sha256((self._path(key)).read_bytes()).hexdigest()
            except FileNotFoundError:
                current = None
            if current != replacing:
                raise ConflictError(f"{key} was written by somebody else")
            with self._renamed(key) as file:
                file.write(data)
        return hashlib.sha256(data).hexdigest()

    def delete(self, key: str, *, replacing: str | None = None) -> None:
        """See `Store.delete`."""
        with self._translated_errors(key), self._locked():
            path = self._path(key)
            if replacing is not None and path.exists():
                current = hashlib.sha256(path.read_bytes()).hexdigest()
                if current != replacing:
                    raise ConflictError(f"{key} was written by somebody else")
            path.unlink(missing_ok=True)

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`."""
        with self._translated_errors(prefix):
            folder = self._path(prefix)
            for path, _, names in os.walk(folder, onerror=_unless_missing):
                for name in names:
                    if not name.startswith(_TEMPORARY):
                        yield Path(path, name).relative_to(self.root).as_posix()

    def folders(self, prefix: str) -> Iterator[str]:
        """See `Store.folders`."""
        with self._translated_errors(prefix), suppress(FileNotFoundError):
            for path in (self._path(prefix)).iterdir():
                if path.is_dir():
                    yield path.name

    def upload(self, key: str, path: Path, on_bytes: OnBytes = ignore_bytes) -> bool:
        """See `Store.upload`."""
        with self._translated_errors(key):
            if (self._path(key)).exists():
                return False
            with path.open("rb") as source, self._renamed(key) as file:
                _copy(source, file, on_bytes)
        return True

    def download(
        self, key: str, file: IO[bytes], on_bytes: OnBytes = ignore_bytes
    ) -> None:
        """See `Store.download`."""
        with self._translated_errors(key), (self._path(key)).open("rb") as source:
            _copy(source, file, on_bytes)

    def real_path(self, key: str) -> Path:
        """Return the file that holds a key; a link leads to it (see `bake`)."""
        with self._translated_errors(key):
            return self._path(key).resolve(strict=True)

    def _path(self, key: str) -> Path:
        """Return where a key lies; raises `ValueError` for one outside the root.

        Keys may come from another store's list, where ``..`` is a name like any other.
        """
        if not key:
            return self.root
        parts = key.removesuffix("/").split("/")
        if any(part in {"", ".", ".."} or set(part) & {"\\", ":"} for part in parts):
            raise ValueError("no key of a folder")
        return self.root.joinpath(*parts)

    @contextmanager
    def _renamed(self, key: str) -> Iterator[BinaryIO]:
        """Open a temporary file that takes the key's place when it is complete."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        name = path.with_name(f"{_TEMPORARY}{os.urandom(8).hex()}")
        try:
            # the umask decides who reads it: a server may run as another user, where
            # mkstemp lets its own user alone
            with name.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            name.replace(path)
        except BaseException:
            name.unlink(missing_ok=True)
            raise
        _sync(path.parent)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("a+b") as file:
            _lock(file)
            yield  # closing the file gives the lock back

    @contextmanager
    def _translated_errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except FileNotFoundError as error:
            raise NotFoundError(f"{self.uri} has no {key}") from error
        except (OSError, ValueError) as error:  # ValueError: a NUL in a path
            reason = getattr(error, "strerror", None) or str(error)
            raise StoreError(f"{self.uri}, {key}: {reason}") from error


def _small(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MAX_OBJECT_BYTES + 1)
    if len(data) > MAX_OBJECT_BYTES:
        raise OSError(OBJECT_TOO_LARGE)
    return data


def _unless_missing(error: OSError) -> None:
    """Raise errors of a walk; a folder that was removed meanwhile is none."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _copy(source: IO[bytes], target: IO[bytes], on_bytes: OnBytes) -> None:
    while piece := source.read(_PIECE):
        target.write(piece)
        on_bytes(len(piece))


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_LOCK, 1)

    def _sync(_folder: Path) -> None:
        """Windows has no handle of a folder to flush."""

else:
    import fcntl

    def _lock(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX)

    def _sync(folder: Path) -> None:
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
