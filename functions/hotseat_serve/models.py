"""Loaded versions: which one an alias means now, fetched, checked and warm.

An alias is believed for `refresh_seconds`; then its head is read again, which is one
conditional request. A version takes over only after its digests and golden rows are
right; when anything fails, the version that served goes on serving.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hotseat_registry import Head, Manifest, Reference, Registry
from hotseat_registry.cache import Cache
from hotseat_registry.errors import NotFoundError, RegistryError
from hotseat_serve import codec, golden
from hotseat_serve.session import Session
from hotseat_serve.settings import Settings

log = logging.getLogger("hotseat.serve")

_KEPT = 8  # versions in memory; the least recently asked goes first


@dataclass(frozen=True, slots=True)
class Loaded:
    """A version that answers."""

    manifest: Manifest
    variant: str
    session: Session

    def predict(
        self, inputs: Sequence[Any], pointers: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """Return one answer an input; raises `Problem` for what does not fit."""
        tensors = codec.encode(self.manifest.signature, inputs, pointers)
        return codec.decode(self.manifest, self.session.run(tensors))


@dataclass(slots=True)
class Followed:
    """An alias, and the version that serves for it."""

    head: Head
    loaded: Loaded
    until: float


class Models:
    """The versions that this process serves. Safe for several threads."""

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.registry = registry
        self._settings = settings
        self._clock = clock
        self._default = settings.default_model
        self._lock = threading.RLock()
        self._followed: dict[Reference, Followed] = {}
        self._loaded: OrderedDict[str, Loaded] = OrderedDict()

    def get(self, reference: Reference) -> Loaded:
        """Return the version that `reference` means now.

        Raises `RegistryError` when it cannot be loaded and none served before.
        """
        if reference.version is not None:
            with self._lock:
                return self._load(reference.model, reference.version)
        followed = self._followed.get(reference)
        if followed is not None and self._clock() < followed.until:
            return followed.loaded
        with self._lock:
            return self._follow(reference)

    def default(self) -> str:
        """Return the model that POST /model-service asks.

        Without a setting it is the only live one, found once: another that comes to
        life later changes nothing for whoever asks already.
        Raises `NotFoundError` when there is none, or several and none is named.
        """
        if not self._default:
            live = [n for n in self.registry.models() if self.registry.aliases(n)]
            if len(live) != 1:
                raise NotFoundError(
                    f"{len(live)} models are live: set HOTSEAT_DEFAULT_MODEL"
                )
            self._default = live[0]
        return self._default

    def _follow(self, reference: Reference) -> Loaded:
        followed = self._followed.get(reference)
        if followed is not None and self._clock() < followed.until:
            return followed.loaded  # another thread was here first
        try:
            followed = self._refreshed(reference, followed)
        except RegistryError as error:
            if followed is None:
                raise
            log.warning(
                "%s stays on %s: %s",
                reference,
                followed.loaded.manifest.reference,
                error,
            )
        followed.until = self._clock() + self._settings.refresh_seconds
        self._followed[reference] = followed
        return followed.loaded

    def _refreshed(self, reference: Reference, old: Followed | None) -> Followed:
        if old is None:
            # asks in words that name the missing model, version or alias
            number = self.registry.number(reference)
            head = self.registry.ledger.head(reference.model)
        else:
            head = self.registry.ledger.head(reference.model, unless=old.head)
            if head is old.head:
                return old
            number = head.entry.aliases[str(reference.alias)]
        loaded = self._load(reference.model, number)
        log.info("%s is %s", reference, loaded.manifest.reference)
        return Followed(head, loaded, 0.0)

    def _load(self, model: str, number: int) -> Loaded:
        reference = Reference(model, version=number)
        name = str(reference)
        if name not in self._loaded:
            self._loaded[name] = load(self.registry, reference, self._settings)
        self._loaded.move_to_end(name)
        while len(self._loaded) > _KEPT:
            self._loaded.popitem(last=False)
        return self._loaded[name]


def load(registry: Registry, reference: Reference, settings: Settings) -> Loaded:
    """Fetch a version, check its digests and golden rows, and return it warm.

    Raises `RegistryError`.
    """
    cache = Cache(settings.cache_folder, settings.cache_bytes)
    manifest = registry.resolve(reference, cache)
    codec.check(manifest)
    variant = manifest.variant(manifest.default_variant)
    names = [variant.file, *([manifest.golden] if manifest.golden else [])]
    registry.check_trust(manifest)
    paths = registry.fetch(manifest, cache, names)
    session = Session(paths[variant.file], settings.threads)
    loaded = Loaded(manifest, variant.name, session)
    if manifest.golden:
        data = paths[manifest.golden].read_bytes()
        golden.check(data, variant.name, loaded.predict, manifest.reference)
    return loaded
