"""A registry's store in memory, for tests; it can fail on cue."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from hotseat_registry.errors import ConflictError, NotFoundError
from hotseat_registry.stores.store import OnBytes, Stored, ignore_bytes

Listener = Callable[[str, str], None]


class MemoryStore:
    """Bytes in a dictionary, for several threads.

    `before` is called before every operation with its name and key, `after` after every
    write: they may raise any `RegistryError`, to simulate a store that is unreachable
    or whose response was lost.
    """

    def __init__(
        self, before: Listener | None = None, after: Listener | None = None
    ) -> None:
        self.uri = "memory://"
        self.objects: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self.before = before or (lambda _operation, _key: None)
        self.after = after or (lambda _operation, _key: None)

    def read(self, key: str, *, unless: str | None = None) -> Stored | None:
        """See `Store.read`."""
        self.before("read", key)
        data = self._get(key)
        return None if _tag(data) == unless else Stored(data, _tag(data))

    def write(self, key: str, data: bytes, *, replacing: str | None = None) -> str:
        """See `Store.write`."""
        self.before("write", key)
        with self._lock:
            there = self.objects.get(key)
            if (None if there is None else _tag(there)) != replacing:
                raise ConflictError(f"{key} was written by somebody else")
            self.objects[key] = data
        self.after("write", key)
        return _tag(data)

    def delete(self, key: str, *, replacing: str | None = None) -> None:
        """See `Store.delete`."""
        self.before("delete", key)
        with self._lock:
            there = self.objects.get(key)
            if there is not None and replacing not in {None, _tag(there)}:
                raise ConflictError(f"{key} was written by somebody else")
            self.objects.pop(key, None)
        self.after("delete", key)

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`."""
        self.before("list", prefix)
        yield from [key for key in list(self.objects) if key.startswith(prefix)]

    def folders(self, prefix: str) -> Iterator[str]:
        """See `Store.folders`."""
        self.before("list", prefix)
        keys = [key for key in list(self.objects) if key.startswith(prefix)]
        rest = (key[len(prefix) :] for key in keys)
        yield from {name.partition("/")[0] for name in rest if "/" in name}

    def upload(self, key: str, path: Path, on_bytes: OnBytes = ignore_bytes) -> bool:
        """See `Store.upload`."""
        self.before("upload", key)
        data = path.read_bytes()
        with self._lock:
            if key in self.objects:
                return False
            self.objects[key] = data
        on_bytes(len(data))
        self.after("upload", key)
        return True

    def download(
        self, key: str, file: IO[bytes], on_bytes: OnBytes = ignore_bytes
    ) -> None:
        """See `Store.download`."""
        self.before("download", key)
        on_bytes(file.write(self._get(key)))

    def _get(self, key: str) -> bytes:
        try:
            return self.objects[key]
        except KeyError:
            raise NotFoundError(f"{self.uri} has no {key}") from None


def _tag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
