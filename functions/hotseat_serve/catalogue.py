"""What there is to ask: every model in short, and one model whole.

A model in short comes from its head alone, so that a catalogue costs one request a
model, some at once, and nothing while it is kept: for the refresh time.
"""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from hotseat_registry import LIVE, Manifest, Reference, Registry
from hotseat_registry.cache import Cache
from hotseat_registry.errors import NotFoundError
from hotseat_registry.parallel import at_once
from hotseat_serve.settings import Settings
from hotseat_serve.turn import Turn

_MODELS = 1_000
"""Models that are kept whole; of more, all are read anew."""

T = TypeVar("T")


class Catalogue:
    """Models as the registry has them. Every method may raise `RegistryError`."""

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._registry = registry
        self._settings = settings
        self._clock = clock
        self._kept: dict[str, tuple[Any, float]] = {}
        self._lock = threading.Lock()

    def all(self, turn: Turn) -> list[dict[str, Any]]:
        """Return every model in short, by name.

        Raises `Problem` (deadline_exceeded) where the caller gives up meanwhile.
        """

        def read() -> list[dict[str, Any]]:
            found = []
            for item in at_once(self._short, self._registry.models()):
                turn.check()
                found += [item] if item else []
            return found

        return self._keep("", read)

    def one(self, name: str) -> dict[str, Any]:
        """Return one model whole: card, signature, versions, aliases."""
        return self._keep(name, lambda: self._whole(name))

    def _short(self, name: str) -> dict[str, Any] | None:
        head = self._registry.ledger.newest(name)
        if head is None:
            return self._unpromoted(name)
        aliases = dict(head.entry.aliases)
        number = aliases.get(LIVE) or max(aliases.values(), default=0)
        if not number:
            return self._unpromoted(name)
        kind = head.entry.kind if LIVE in aliases else None
        if kind is None:  # a ledger of the first releases, or no live version
            kind = self._manifest(name, number).kind
        return {"name": name, "kind": kind, "version": number, "aliases": aliases}

    def _unpromoted(self, name: str) -> dict[str, Any] | None:
        """Return a model of which nothing was promoted yet, by its newest version."""
        versions = self._registry.versions(name)
        if not versions:
            return None
        kind = self._manifest(name, versions[-1]).kind
        return {"name": name, "kind": kind, "version": versions[-1], "aliases": {}}

    def _whole(self, name: str) -> dict[str, Any]:
        versions = self._registry.versions(name)
        aliases = self._registry.aliases(name)
        number = aliases.get(LIVE) or max(versions, default=1)
        manifest = self._manifest(name, number)
        return {
            "name": name,
            "kind": manifest.kind,
            "version": manifest.version,
            "versions": versions,
            "aliases": aliases,
            "signature": manifest.signature.to_json(),
            "variants": [variant.to_json() for variant in manifest.variants],
            "card": manifest.card,
            "ready": LIVE in aliases,
        }

    def _manifest(self, name: str, number: int) -> Manifest:
        settings = self._settings
        cache = Cache.private(settings.cache_folder, settings.cache_bytes)
        return self._registry.resolve(Reference(name, version=number), cache)

    def _keep(self, name: str, read: Callable[[], T]) -> T:
        """Return what was read within the refresh time, or read it; misses as well."""
        now = self._clock()
        kept = self._kept.get(name)
        found: T | NotFoundError
        if kept and now < kept[1]:
            found = kept[0]
        else:
            try:
                found = read()
            except NotFoundError as error:
                found = error
            seconds = self._settings.refresh_seconds
            until = float("inf") if self._settings.static else now + seconds
            with self._lock:
                if len(self._kept) >= _MODELS:
                    self._kept.clear()
                self._kept[name] = found, until
        if isinstance(found, NotFoundError):
            raise found
        return found
