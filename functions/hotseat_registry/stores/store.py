"""The protocol of a store: bytes under keys.

A store knows nothing of models. It must be strongly consistent: what a write
returned from is what every later read sees (a folder is; S3 is since 2020).
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Protocol

from hotseat_registry.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class Stored:
    """One small object, and the tag that names this state of it."""

    data: bytes
    tag: str


MAX_OBJECT_BYTES = 4 << 20
"""Bytes of an object that is read whole: a manifest with its card, an entry, a page of
a listing. Blobs are downloaded piece by piece."""
OBJECT_TOO_LARGE = (
    f"it has more than {MAX_OBJECT_BYTES:,} bytes, and no manifest or ledger entry has"
)

OnBytes = Callable[[int], None]


def ignore_bytes(_size: int) -> None:
    """Ignore the bytes."""


class Store(Protocol):
    """Bytes under keys, for several threads.

    Every method may raise `StoreError`, and none raises anything but `RegistryError`.
    """

    uri: str

    def read(self, key: str, *, unless: str | None = None) -> Stored | None:
        """Return the object, or None if its tag is still `unless`.

        Raises `NotFoundError`, and `StoreError` for more than `MAX_OBJECT_BYTES` bytes.
        """

    def write(self, key: str, data: bytes, *, replacing: str | None = None) -> str:
        """Write the object in one step and return its new tag.

        `replacing` is the tag it must have now; None means that it must not exist.
        Raises `ConflictError` and leaves the object as it is when that is not so.
        """

    def delete(self, key: str, *, replacing: str | None = None) -> None:
        """Remove the object if it is there, and if its tag is `replacing`.

        Raises `ConflictError` when it has another tag.
        """

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys below `prefix`, in no order."""

    def folders(self, prefix: str) -> Iterator[str]:
        """Yield the names between `prefix` and the next slash, in no order.

        It takes a request for each thousand names, however many keys lie below them.
        """

    def upload(self, key: str, path: Path, on_bytes: OnBytes = ignore_bytes) -> bool:
        """Store the file unless the key exists; return whether it was sent.

        `on_bytes` is called with the size of each piece.
        """

    def download(
        self, key: str, file: IO[bytes], on_bytes: OnBytes = ignore_bytes
    ) -> None:
        """Append the object to `file`, a piece at a time; raises `NotFoundError`."""
