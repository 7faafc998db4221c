"""Fetch what a version needs while its manifest is still being read.

A start from a bucket waits for answers, not for bytes. The head names the files of the
versions on which aliases stand (`Entry.start_files`), and a signature is stored under
the name of the key that made it, so all of them are requested at once. Nothing is
believed because it came early: a file is kept by its digest and used only if the
manifest names it, a signature is verified as any other, and what fails here is read
again in its turn.
"""

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from hotseat_registry import layout, parallel
from hotseat_registry.cache import Cache
from hotseat_registry.errors import RegistryError
from hotseat_registry.manifest import MAX_START_FILES, File
from hotseat_registry.names import Reference
from hotseat_registry.stores import Store

if TYPE_CHECKING:
    from hotseat_registry.trust import Trust

_FILE = re.compile(r"([0-9a-f]{64})((?:\.[a-z]{1,16})?)")

T = TypeVar("T")


class _Job(Generic[T]):
    """A call in a thread of its own; `result` is None where it raised."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._result: T | None = None

        def run() -> None:
            with suppress(RegistryError, ValueError, OSError):
                self._result = call()

        self._thread = threading.Thread(target=run, name="hotseat-ahead", daemon=True)
        self._thread.start()

    def result(self) -> T | None:
        """Wait for the call, and return what it returned."""
        self._thread.join()
        return self._result


class Ahead:
    """Requests for one version that are under way; without any, all is read in turn."""

    def __init__(self) -> None:
        self._files: dict[tuple[str, str], _Job[Path]] = {}
        self._signatures: list[_Job[bytes]] = []

    def path(self, file: File, suffix: str) -> Path | None:
        """Return a file that was fetched, or is just being fetched."""
        job = self._files.get((file.sha256, suffix))
        return job.result() if job else None

    def signatures(self) -> list[bytes]:
        """Return the signatures that there are of the keys that were named."""
        found = [job.result() for job in self._signatures]
        return [data for data in found if data is not None]

    def fetch(self, store: Store, cache: Cache, files: Mapping[str, int]) -> None:
        """Fetch files, by digest and suffix, with their sizes in bytes."""
        first = islice(files.items(), MAX_START_FILES)
        named = [(_FILE.fullmatch(name), size) for name, size in first]
        wanted = [(File(m[1], size), m[2]) for m, size in named if m and size >= 0]
        if sum(file.size for file, _ in wanted) > cache.limit:
            return  # room for them would cost every other file its place
        with suppress(RegistryError, OSError):
            cache.make_room(wanted)
            for file, suffix in wanted:
                self._files[file.sha256, suffix] = _Job(
                    _fetch(store, cache, file, suffix)
                )

    def read_signatures(
        self, store: Store, reference: Reference, keys: Iterable[str]
    ) -> None:
        """Read the signatures of a version by keys, which their hints name."""
        number = reference.version
        assert number is not None
        for key in islice(keys, MAX_START_FILES):
            place = layout.signature(reference.model, number, key)
            self._signatures.append(_Job(_read(store, place)))


def start_ahead(
    store: Store,
    cache: Cache,
    reference: Reference,
    *,
    files: Mapping[str, int],
    trust: "Trust | None",
) -> Ahead:
    """Request a version's files and its trusted signatures, where that saves waiting.

    `reference` has the version's number, `files` its files as `Entry.start_files`.
    """
    ahead = Ahead()
    if is_far(store):
        if trust is not None:
            ahead.read_signatures(store, reference, trust.hints)
        ahead.fetch(store, cache, files)
    return ahead


def is_far(store: Store) -> bool:
    """Whether several requests at once take less time than one after the other."""
    return parallel.THREADS > 1 and not store.uri.startswith("file:")


def _fetch(store: Store, cache: Cache, file: File, suffix: str) -> Callable[[], Path]:
    key = layout.blob(file.sha256)

    def run() -> Path:
        found = cache.get(file, suffix)
        return found or cache.put(file, suffix, lambda into: store.download(key, into))

    return run


def _read(store: Store, key: str) -> Callable[[], bytes]:
    def run() -> bytes:
        stored = store.read(key)
        assert stored is not None  # no tag was given
        return stored.data

    return run
