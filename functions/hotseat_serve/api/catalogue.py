"""List all models, or describe one model in full.

The list reads only the head of each model: one request for each, several in parallel.
It is cached for the refresh time.
"""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hotseat_registry import LIVE, Manifest, Reference, Registry
from hotseat_registry.cache import Cache
from hotseat_registry.errors import (
    BadNameError,
    IntegrityError,
    ModelNotFoundError,
    NotFoundError,
    RefusedError,
    RegistryError,
)
from hotseat_registry.parallel import map_parallel
from hotseat_serve.kinds.request_context import RequestContext
from hotseat_serve.runtime.reach import Reach, visible_versions
from hotseat_serve.runtime.read_cache import ReadCache, WaitTimeoutError
from hotseat_serve.settings import Settings

log = logging.getLogger("hotseat.serve")


class Listing(NamedTuple):
    """All models in short, and the names of damaged models."""

    models: list[dict[str, Any]]
    damaged: list[str]


class Catalogue:
    """Reads models from the registry. Every method may raise `RegistryError`."""

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        reach: Reach | None = None,
    ) -> None:
        self._reach = reach
        self._registry = registry
        self._settings = settings
        seconds = float("inf") if settings.static else settings.refresh_seconds
        self._all: ReadCache[Listing] = ReadCache(seconds, clock)
        self._one: ReadCache[dict[str, Any]] = ReadCache(seconds, clock)

    def all(self, context: RequestContext) -> Listing:
        """Return every model in short, by name.

        A damaged ledger or manifest does not affect other models.
        Raises `Problem` (deadline_exceeded).
        """
        try:
            return self._all.get("", lambda: self._read(context), context.remaining)
        except (TimeoutError, WaitTimeoutError):
            context.check_deadline()
            raise

    def one(self, name: str) -> dict[str, Any]:
        """Return one model in full: card, signature, versions, aliases.

        `versions` excludes those that gc retired.
        """
        if self._reach is not None:
            self._reach.check_model(name)
        return self._one.get(name, lambda: self._whole(name))

    def _read(self, context: RequestContext) -> Listing:
        models_found: list[dict[str, Any]] = []
        damaged: list[str] = []
        if self._reach is None:
            model_names = self._registry.models()
        else:  # other models are not even listed
            model_names = sorted(self._reach.followed)
        # the threads live only for this read
        for name, item in zip(
            model_names,
            map_parallel(self._readable, model_names, lambda: context.remaining),
            strict=True,
        ):
            context.check_deadline()
            if isinstance(item, RegistryError):
                log.warning("%s is not in the catalogue: %s", name, item)
                damaged.append(name)
            elif item is not None:
                models_found.append(item)
        return Listing(models_found, damaged)

    def _readable(self, name: str) -> dict[str, Any] | RegistryError | None:
        try:
            return self._short(name)
        except BadNameError:
            return None  # a folder without a model
        except (IntegrityError, NotFoundError, RefusedError) as error:
            return error  # damaged, not signed, or an alias points to nothing

    def _short(self, name: str) -> dict[str, Any] | None:
        head = self._registry.ledger.newest(name)
        if head is None:
            return self._unpromoted(name)
        aliases = self._visible(name, head.entry.aliases)
        number = aliases.get(LIVE) or max(aliases.values(), default=0)
        if not number:
            return self._unpromoted(name)
        kind = head.entry.kind if LIVE in aliases else None
        if kind is None:  # a ledger of the first releases, or no live version
            kind = self._manifest(name, number).kind
        return {"name": name, "kind": kind, "version": number, "aliases": aliases}

    def _unpromoted(self, name: str) -> dict[str, Any] | None:
        """Return a model without a promotion, by its newest version."""
        versions = self._registry.versions(name)
        if not versions or (self._reach and not self._reach.by_number):
            return None
        kind = self._manifest(name, versions[-1]).kind
        return {"name": name, "kind": kind, "version": versions[-1], "aliases": {}}

    def _whole(self, name: str) -> dict[str, Any]:
        versions = self._registry.versions(name)
        if not versions:
            raise ModelNotFoundError(f"no model {name!r}")
        head = self._registry.ledger.newest(name)
        aliases = self._visible(name, head.entry.aliases if head else {})
        versions = visible_versions(self._reach, versions, aliases)
        if not versions:
            raise ModelNotFoundError(f"no model {name!r}")
        retired = head.entry.retired if head else ()
        manifest = self._manifest(name, aliases.get(LIVE) or versions[-1])
        return {
            "name": name,
            "kind": manifest.kind,
            "version": manifest.version,
            "versions": [number for number in versions if number not in retired],
            "aliases": aliases,
            "signature": manifest.signature.to_json(),
            "variants": [variant.to_json() for variant in manifest.variants],
            "card": manifest.card,
            "ready": LIVE in aliases,
        }

    def _visible(self, name: str, aliases: Mapping[str, int]) -> dict[str, int]:
        if self._reach is None:
            return dict(aliases)
        return self._reach.visible(name, aliases)

    def _manifest(self, name: str, number: int) -> Manifest:
        settings = self._settings
        cache = Cache.private(settings.cache_folder, settings.cache_bytes)
        return self._registry.resolve(Reference(name, version=number), cache)
