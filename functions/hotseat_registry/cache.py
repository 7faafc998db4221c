"""Files of versions on this machine: checked, shared by processes, bounded.

A file is named by its digest and appears by a rename, so a process that is killed
during a download leaves no file that another would read as complete. Every use checks
the digest. Code that opens a file by its path calls `check` after opening it: the file
must still be the one that was hashed. Over `limit` bytes, the least recently used files
are removed.
"""

import contextlib
import errno
import functools
import hashlib
import logging
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO
from uuid import uuid4

from hotseat_registry.dataclass import dataclass
from hotseat_registry.errors import IntegrityError, NoRoomError
from hotseat_registry.manifest import File

log = logging.getLogger("hotseat.registry")

MANIFESTS = "manifests"
"""The folder of manifests, which lie under no digest."""
PASSED = "passed"
"""The folder of records of golden rows that passed; they have no digest either."""
TOGETHER = "together"
"""The folder of links that put weights beside their graph, under their own names."""
_PIECE = 1 << 20
_PART = ".part-"
_ABANDONED = 3600  # seconds after which a part is nobody's any more
_FULL = {errno.ENOSPC, errno.EDQUOT}
LIMIT = 10 << 30


@dataclass(frozen=True, slots=True)
class Cache:
    """A folder of files under their digests."""

    folder: Path
    limit: int = LIMIT
    """Bytes."""

    @classmethod
    def private(cls, folder: Path, limit: int = LIMIT) -> "Cache":
        """Return a cache that only this process's user writes.

        The folder is made for the user alone, or made so if it is the user's own;
        where it is somebody else's, or a link, a fresh temporary folder takes its
        place, and the log says so.
        """
        try:
            return cls(_private(folder), limit)
        except OSError as error:
            fresh = _temporary_folder()
            log.warning("%s is no cache (%s): using %s", folder, error, fresh)
            return cls(fresh, limit)

    def check(self, path: Path, file: File) -> None:
        """Raise `IntegrityError` unless the file is still the one that was hashed."""
        try:
            if _VERIFIED.get(path) == (file.sha256, _state(path.stat())):
                return
            if describe(path).sha256 == file.sha256:
                return
        except OSError as error:
            raise IntegrityError(f"{path.name} cannot be read: {error}") from None
        raise IntegrityError(f"{path.name} changed while it was opened")

    def get(self, file: File, suffix: str) -> Path | None:
        """Return the file if it is cached and complete."""
        path = self._path(file, suffix)
        with contextlib.suppress(OSError):  # gone or not ours: its age matters little
            os.utime(path)
        try:
            right = describe(path).sha256 == file.sha256
        except OSError:
            return None
        return path if right else None

    def find(self, file: File, suffix: str) -> Path | None:
        """Return the file if it is unchanged since its hash, else as `get` does."""
        path = self._path(file, suffix)
        with contextlib.suppress(OSError):
            if _VERIFIED.get(path) == (file.sha256, _state(path.stat())):
                return path
        return self.get(file, suffix)

    def make_room(self, files: Iterable[tuple[File, str]]) -> None:
        """Remove old files until all of these, with their suffixes, have room.

        Raises `NoRoomError` if the disk is too small for them, before anything is
        fetched.
        """
        wanted = {self._path(file, suffix): file.size for file, suffix in files}
        needed = sum(size for path, size in wanted.items() if not path.exists())
        if not needed:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._shrink(set(wanted), needed)
        free = _free(self.folder)
        if needed > free:
            raise NoRoomError(
                f"{needed:,} bytes do not fit into {self.folder}, which has {free:,} "
                "free: give the function more ephemeral_storage_mb, or free the disk"
            )

    def put(self, file: File, suffix: str, write: Callable[[IO[bytes]], None]) -> Path:
        """Let `write` fill a file and keep it if its digest is right.

        Raises `ValueError` when it is not, `IntegrityError` for more bytes than there
        should be, `NoRoomError` for a full disk, and whatever `write` raises.
        """
        path = self._path(file, suffix)
        with _no_room(self.folder):
            self._shrink({path}, file.size)
            path.parent.mkdir(parents=True, exist_ok=True)
            here = path.parent / f"{_PART}{uuid4().hex}"
            with here.open("xb") as part:
                try:
                    write(Bounded(part, file.size))  # type: ignore[arg-type]
                    part.flush()  # what the disk has no room for fails here
                except BaseException:
                    here.unlink()
                    raise
        if describe(here).sha256 != file.sha256:
            here.unlink()
            raise ValueError(file.sha256)
        here.replace(path)
        _VERIFIED.pop(here, None)
        _remember(path, file.sha256, _state(path.stat()))
        return path

    def _path(self, file: File, suffix: str) -> Path:
        return self.folder / file.sha256[:2] / f"{file.sha256}{suffix}"

    def _shrink(self, keep: set[Path], needed: int) -> None:
        """Remove partial files of ended processes, and least recently used files.

        Until `needed` more bytes are within the limit and have room on the disk.
        """
        files = []
        for path in self.folder.glob("??/*"):
            with contextlib.suppress(OSError):  # another process was here first
                found = path.stat()
                if not path.name.startswith(_PART):
                    files.append((found.st_mtime, found.st_size, path))
                elif time.time() - found.st_mtime > _ABANDONED:
                    path.unlink()
        total = needed + sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self.limit and needed <= self._free():
                break
            if path not in keep:
                # what is open stays readable where it is open; Windows keeps it
                with contextlib.suppress(OSError):
                    self._unlink(path)
                    total -= size

    def _unlink(self, path: Path) -> None:
        """Remove a file, and the folder where it is linked beside its graph."""
        found = path.stat()
        path.unlink()
        if found.st_nlink > 1:
            for link in self.folder.glob(f"{TOGETHER}/*/*"):
                with contextlib.suppress(OSError):
                    if link.stat().st_ino == found.st_ino:
                        _remove(link.parent)

    def _free(self) -> int:
        try:
            return _free(self.folder)
        except FileNotFoundError:  # nothing was fetched yet
            return self.limit


@contextlib.contextmanager
def _no_room(folder: Path) -> Iterator[None]:
    """Raise `NoRoomError` for a full disk.

    A store takes any other `OSError` for its own; a full disk is no fault of the store.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise NoRoomError(
            f"{folder} is full: give the function more ephemeral_storage_mb, or free "
            "the disk"
        ) from error


class Bounded:
    """A file with a maximum size, because a store may send any number of bytes."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._size = file, size

    def write(self, data: bytes) -> int:
        """Write; raises `IntegrityError` beyond the size."""
        if self._file.tell() + len(data) > self._size:
            raise IntegrityError(f"more than the {self._size} bytes that were said")
        with _no_room(Path(str(getattr(self._file, "name", ""))).parent):
            return self._file.write(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        """See `IO.seek`."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """See `IO.tell`."""
        return self._file.tell()

    def seekable(self) -> bool:
        """See `IO.seekable`."""
        return True

    def flush(self) -> None:
        """See `IO.flush`."""
        self._file.flush()


def describe(path: Path) -> File:
    """Return a file's digest and size, reading a piece at a time."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        before = os.fstat(file.fileno())
        while piece := file.read(_PIECE):
            digest.update(piece)
            size += len(piece)
        if _state(before) == _state(os.fstat(file.fileno())):
            _remember(path, digest.hexdigest(), _state(before))
    return File(sha256=digest.hexdigest(), size=size)


_State = tuple[int, int, int, int, int]
_VERIFIED: dict[Path, tuple[str, _State]] = {}
"""The files' digests, and what they were, when this process hashed them."""
_MAX_VERIFIED = 10_000


def _remember(path: Path, sha256: str, state: _State) -> None:
    if len(_VERIFIED) >= _MAX_VERIFIED:
        _VERIFIED.clear()  # whoever asks is answered by hashing again
    _VERIFIED[path] = sha256, state


def _state(found: os.stat_result) -> _State:
    """Return what changes with the file: only the system sets its ctime."""
    return (
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


def _private(folder: Path) -> Path:
    """Return a folder that is the user's alone; raises `OSError`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode) or not stat.S_ISDIR(found.st_mode):
        raise PermissionError(f"{folder} is no folder")
    user = getattr(os, "getuid", None)
    if user is None:  # Windows: temporary folders are the user's own
        return folder
    if found.st_uid != user():
        raise PermissionError(f"{folder} belongs to another user")
    if found.st_mode & 0o022:
        # others could write here: what has no digest is not believed
        for name in (MANIFESTS, PASSED):
            _remove(folder / name)
    if found.st_mode & 0o077:
        folder.chmod(0o700)
    return folder


@functools.cache
def _temporary_folder() -> Path:
    """Return one temporary folder a process."""
    import tempfile  # late: it imports much, and few starts need it

    return Path(tempfile.mkdtemp(prefix="hotseat-cache-"))


def _free(folder: Path) -> int:
    """Return the bytes that are free on a folder's disk."""
    if hasattr(os, "statvfs"):
        found = os.statvfs(folder)
        return found.f_bavail * found.f_frsize
    import shutil  # late: it brings every format of archives; Windows alone needs it

    return shutil.disk_usage(folder).free


def _remove(folder: Path) -> None:
    import shutil  # late: see `_free`

    shutil.rmtree(folder, ignore_errors=True)
