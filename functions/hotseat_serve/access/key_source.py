"""Where a service finds the keys of player tokens: a registry, or files."""

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from hotseat_registry.errors import (
    NotFoundError,
    RegistryError,
    StoreError,
    UntrustedError,
)
from hotseat_registry.stores import Store
from hotseat_serve.access.access_keys import KEY, KIND, AccessKeys, from_pem

if TYPE_CHECKING:
    from hotseat_registry.trust import Trust

log = logging.getLogger("hotseat.serve")

REFRESH_SECONDS = 60.0
"""How long the document is cached: a revocation takes effect after it."""
_PAUSE_SECONDS = 5.0
"""Between two reads for keys that are not known: tokens name what they like."""


class RegistryKeys:
    """The keys in a registry, read again after a minute. Safe for several threads.

    With `trust`, the document has to be signed by its keys.
    """

    def __init__(
        self, store: Store, trust: "Trust | None", clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._trust = trust
        self._clock = clock
        self._keys: AccessKeys | None = None
        self._tag: str | None = None
        self._read_at = float("-inf")
        self._lock = threading.Lock()

    def __call__(self, anew: bool) -> AccessKeys:
        """See `KeySource`; raises `RegistryError` when there are none."""
        keys = self._keys
        wait = _PAUSE_SECONDS if anew else REFRESH_SECONDS
        if keys is not None and self._clock() < self._read_at + wait:
            return keys
        with self._lock:
            if self._keys is None or self._clock() >= self._read_at + wait:
                self._refresh()
            assert self._keys is not None
            return self._keys

    def _refresh(self) -> None:
        """Read the document; on a failure the known keys stay, with a warning."""
        try:
            stored = self._store.read(KEY, unless=self._tag)
            if stored is not None:
                keys = read_document(stored.data, self._trust)
                if self._keys and keys.sequence < self._keys.sequence:
                    raise UntrustedError(f"{KEY}: an older document was put back")
                self._keys, self._tag = keys, stored.tag
        except RegistryError as error:
            if self._keys is None:
                if isinstance(error, NotFoundError):
                    raise StoreError(
                        f"{self._store.uri} has no {KEY}: hotseat registry access "
                        "--add-key PEM"
                    ) from None
                raise
            log.warning("the keys of player tokens stay as they were: %s", error)
        self._read_at = self._clock()


def read_document(data: bytes, trust: "Trust | None") -> AccessKeys:
    """Read the document of a registry; raises `UntrustedError`, `StoreError`."""
    if trust is not None:
        data = trust.open(data, KIND, KEY)
    try:
        return AccessKeys.from_bytes(data)
    except ValueError as error:
        raise StoreError(f"{KEY}: {error}") from None


def read_files(paths: str) -> Callable[[bool], AccessKeys]:
    """Return the keys of files, separated by commas: PEM, or one JSON Web Key Set.

    Raises `RegistryError`.
    """
    names = [part.strip() for part in paths.split(",") if part.strip()]
    try:
        contents = [Path(name).read_bytes() for name in names]
        is_set = len(contents) == 1 and contents[0].lstrip()[:1] == b"{"
        keys = AccessKeys.from_bytes(contents[0]) if is_set else from_pem(contents)
    except (OSError, ValueError) as error:
        raise RegistryError(f"{paths} holds no keys of tokens: {error}") from None
    return lambda _anew: keys
