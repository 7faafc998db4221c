"""Cache open versions, and refresh aliases in the background.

An alias is cached for `refresh_seconds` with jitter, so that functions do not all read
it at the same time. After that, the old version still answers the next request, while
the head is read in the background with one conditional request. A request that comes
after more than twice that time waits for the refresh, at most until its deadline, so
that no answer is staler. A new version takes over once it is open, checked and warm; if
that fails, the old version keeps serving.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from hotseat_registry import Reference, Registry
from hotseat_registry.errors import (
    ExpiredError,
    NotFoundError,
    RegistryError,
    RetiredError,
    StoreError,
)
from hotseat_serve.runtime.alias_state import Refresh, TrackedAlias
from hotseat_serve.runtime.default_model import LiveModels, read_live
from hotseat_serve.runtime.head_cache import HeadCache
from hotseat_serve.runtime.loaded_model import LoadedModel
from hotseat_serve.runtime.loader import load
from hotseat_serve.runtime.reach import Reach
from hotseat_serve.runtime.read_cache import ReadCache
from hotseat_serve.settings import Settings

log = logging.getLogger("hotseat.serve")

_MAX_VERSIONS = 8
"""Versions in memory without a budget."""
_MAX_WAIT = 10.0
"""Seconds to wait for a refresh, or for another thread to open a version."""
_MAX_RETRY_WAIT = 60.0
"""Seconds between two tries to open a version that fails to open."""
_SUBPROCESS_BYTES = 150 << 20
"""Bytes of the interpreter and the runtime in a subprocess."""

Notify = Callable[[str, dict[str, Any]], None]


_system = random.SystemRandom()


class MemoryBudgetError(RegistryError):
    """A version needs more memory than the budget for versions."""


def _start_thread(job: Callable[[], None]) -> None:
    threading.Thread(target=job, name="hotseat-refresh", daemon=True).start()


def _leave(_loaded: LoadedModel) -> None:
    """Change nothing."""


def _ignore(_name: str, _fields: dict[str, Any]) -> None:
    """Ignore an event."""


class ModelCache:
    """The versions that this process serves. Safe for several threads.

    `draw` gives numbers in [0, 1) for the jitter, from the system: a generator seeded
    before a snapshot repeats in every copy. `in_background` runs a job without waiting
    for it. `notify` receives events for the operator, `prepare` each version that has
    been opened, before it answers.
    """

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        *,
        draw: Callable[[], float] = _system.random,
        in_background: Callable[[Callable[[], None]], None] = _start_thread,
        notify: Notify = _ignore,
    ) -> None:
        self.registry = registry
        self.notify = notify
        self.prepare: Callable[[LoadedModel], None] = _leave
        self.settings = self._settings = settings
        self.clock = clock
        self._draw = draw
        self._in_background = in_background
        self._default = settings.default_model
        self.reach = Reach.read(settings.models, by_number=settings.by_number)
        self._lock = threading.RLock()
        self._tracked: dict[Reference, TrackedAlias] = {}
        self._loaded: dict[str, LoadedModel] = {}
        self._opening_locks: dict[str, threading.Lock] = {}
        self.heads = HeadCache(
            registry,
            self.reach,
            clock,
            self._next_refresh,
            self._serving,
            static=settings.static,
        )
        seconds = float("inf") if settings.static else settings.refresh_seconds
        self._live: ReadCache[LiveModels] = ReadCache(seconds, clock)

    def get(self, reference: Reference, wait: float | None = None) -> LoadedModel:
        """Return the version that `reference` means now.

        `wait` is how many seconds the request may wait for a read of the registry;
        None: until the read ends or fails. Raises `RegistryError` if the version cannot
        be loaded and there is no earlier one.
        """
        now = self.clock()
        max_wait = _MAX_WAIT if wait is None else max(0.0, min(wait, _MAX_WAIT))
        tracked = self._tracked.get(reference)
        if tracked is not None:
            if now >= tracked.refresh_at:
                self._refresh(reference, tracked, now, max_wait)
            loaded = tracked.loaded
        elif reference.version is not None:
            loaded = self._by_number(reference, max_wait)
        else:
            if self.reach is not None:
                self.reach.check_alias(reference)
            loaded = self.heads.with_cached_misses(reference, self._track).loaded
        loaded.last_used = now
        return loaded

    def reference(self, model: str, version: str | None) -> Reference:
        """Return what a request names; without a version, the followed alias."""
        if version is None and self.reach is not None:
            version = self.reach.followed.get(model)
        return Reference.of(model, version)

    def may_wait(self) -> bool:
        """Whether an answer could wait now for a read of an alias that is too old."""
        if self._settings.static:
            return False
        too_old = self.clock() - self._settings.refresh_seconds
        return any(
            tracked.refresh_at <= too_old for tracked in list(self._tracked.values())
        )

    def _by_number(self, reference: Reference, max_wait: float) -> LoadedModel:
        """Return a version by its number, unless gc retired it."""
        model, number = reference.model, reference.version
        assert number is not None
        try:
            self.heads.check_number(model, number)
        except RetiredError:
            self._loaded.pop(str(reference), None)
            raise
        found = self._loaded.get(str(reference))
        return found or self.heads.with_cached_misses(
            reference, lambda _: self._load(model, number, max_wait)
        )

    def default(self) -> str:
        """Return the model of POST /model-service.

        Without a setting it is the only live one, found once: a model that goes live
        later does not change it.
        Raises `NotFoundError` if there is none, or several and none is set.
        """
        if not self._default:
            live = self._live.get("", self._read_live)
            if len(live.names) != 1:
                raise NotFoundError(live.reason)
            self._default = live.names[0]
        return self._default

    def live(self) -> list[str]:
        """Return the live models; only the default if there is one."""
        if self._default:
            return [self._default]
        return self._live.get("", self._read_live).names

    def _read_live(self) -> LiveModels:
        names = None if self.reach is None else sorted(self.reach.followed)
        return read_live(self.registry, names)

    def _track(self, reference: Reference) -> TrackedAlias:
        head = self.registry.ledger.newest(reference.model)
        if head is None or str(reference.alias) not in head.entry.aliases:
            aliases = head.entry.aliases if head else {}
            raise self.registry.no_alias(reference, aliases)
        number, files = head.entry.position(str(reference.alias))
        loaded = self._load(reference.model, number, start_files=files)
        with self._lock:
            # the first thread's value
            tracked = TrackedAlias(head, loaded, self._next_refresh())
            return self._tracked.setdefault(reference, tracked)

    def _serving(self, model: str) -> set[int]:
        """Return the versions of a model that serve its tracked aliases."""
        return {
            tracked.loaded.manifest.version
            for reference, tracked in list(self._tracked.items())
            if reference.model == model
        }

    def _next_refresh(self) -> float:
        if self._settings.static:
            return float("inf")
        seconds = self._settings.refresh_seconds
        return self.clock() + seconds * (1 - self._draw() / 10)

    def _refresh(
        self, reference: Reference, tracked: TrackedAlias, now: float, max_wait: float
    ) -> None:
        """Start a refresh in the background; wait for it if the alias is too old."""
        with self._lock:
            refresh = tracked.refresh
            if refresh is None or now - refresh.started_at >= _MAX_WAIT:
                if now < tracked.refresh_at:
                    return
                refresh = tracked.refresh = Refresh(now)
                is_new = True
            else:
                is_new = False
        if is_new:
            job = refresh

            def run() -> None:
                self._run_refresh(reference, tracked, job)

            self._in_background(run)
        if now >= tracked.refresh_at + self._settings.refresh_seconds:
            refresh.wait(max_wait)

    def _run_refresh(
        self, reference: Reference, tracked: TrackedAlias, refresh: Refresh
    ) -> None:
        """Read the head and open the alias's version; never raises."""
        try:
            self._update_alias(reference, tracked, refresh)
        except RegistryError as error:
            serving = tracked.loaded.manifest.reference
            self._drop_if_expired(reference, tracked)
            log.warning("%s stays on %s: %s", reference, serving, error)
            outcome = "unreachable" if isinstance(error, StoreError) else "refused"
            self.notify(
                f"registry_{outcome}",
                {"model": reference.model, "serving": serving, "why": str(error)},
            )
        except Exception:
            log.exception("%s: the refresh failed", reference)
        finally:
            tracked.refresh_at = self._next_refresh()
            if tracked.refresh is refresh:
                tracked.refresh = None
            refresh.end()

    def _drop_if_expired(self, reference: Reference, tracked: TrackedAlias) -> None:
        """Stop serving an alias whose signed head has expired, and its grace is over.

        An old head that somebody keeps in place must not hold an old version live.
        """
        try:
            self.registry.ledger.check_fresh(tracked.head)
        except ExpiredError:
            with self._lock:
                if self._tracked.get(reference) is tracked:
                    del self._tracked[reference]

    def _update_alias(
        self, reference: Reference, tracked: TrackedAlias, refresh: Refresh
    ) -> None:
        head = self.registry.ledger.head(reference.model, unless=tracked.head)
        number = head.entry.aliases.get(str(reference.alias))
        if number is None:
            raise NotFoundError(f"{reference} is gone")
        serving = tracked.loaded.manifest.version
        if number == serving:
            tracked.head = head
            return
        if number == tracked.refused_version and self.clock() < tracked.retry_at:
            return
        try:
            max_wait = self._settings.open_seconds  # no thread waits for ever
            loaded = self._load(reference.model, number, max_wait, in_subprocess=True)
        except Exception:
            same = number == tracked.refused_version
            tracked.retry_wait = (
                min(2 * tracked.retry_wait, _MAX_RETRY_WAIT) if same else 1.0
            )
            tracked.refused_version, tracked.retry_at = (
                number,
                self.clock() + tracked.retry_wait,
            )
            raise
        with self._lock:
            if tracked.refresh is not refresh:
                return  # a later read was faster and has a newer state
            tracked.head, tracked.loaded, tracked.refused_version = head, loaded, 0
        log.info("%s is %s", reference, loaded.manifest.reference)
        self.notify(
            "version_changed",
            {"model": reference.model, "version": number, "before": serving},
        )

    def _load(
        self,
        model: str,
        number: int,
        max_wait: float | None = None,
        *,
        in_subprocess: bool = False,
        start_files: Mapping[str, int] | None = None,
    ) -> LoadedModel:
        reference = Reference(model, version=number)
        name = str(reference)
        # one thread opens it; requests for other versions do not wait
        lock = self._opening_locks.setdefault(name, threading.Lock())
        if not lock.acquire(timeout=-1 if max_wait is None else max_wait):
            raise StoreError(f"{name} is still being opened")
        try:
            return self._loaded.get(name) or self._open(
                name, reference, start_files, in_subprocess=in_subprocess
            )
        finally:
            self._opening_locks.pop(name, None)
            lock.release()

    def _open(
        self,
        name: str,
        reference: Reference,
        start_files: Mapping[str, int] | None,
        *,
        in_subprocess: bool,
    ) -> LoadedModel:
        found = load(
            self.registry,
            reference,
            self._settings,
            self._free_memory,
            in_subprocess=in_subprocess,
            start_files=None if self._settings.variant else start_files,
        )
        found.last_used = self.clock()
        if found.decrypted is not None:
            event = found.decrypted.to_event(reference)
            self.notify("version_decrypted", event)
        self.prepare(found)
        with self._lock:
            self._loaded[name] = found
            if not self._settings.memory_bytes:
                self._evict(lambda: len(self._loaded) <= _MAX_VERSIONS, reference.model)
        return found

    def _free_memory(self, model: str, size: int) -> bool:
        """Evict versions until `size` bytes fit; raises `MemoryBudgetError`.

        Returns whether a subprocess that opens the version first fits as well.
        """
        limit = self._settings.memory_bytes
        if not limit:
            return True
        with self._lock:
            self._evict(lambda: self._used_bytes() + size <= limit, model)
            if self._used_bytes() + size > limit:
                raise MemoryBudgetError(
                    f"a version of {model} takes about {size:,} bytes of memory; of "
                    f"{limit:,} there are {limit - self._used_bytes():,} left "
                    "(HOTSEAT_MEMORY_BYTES, or more memory for the function)"
                )
            return self._used_bytes() + 2 * size + _SUBPROCESS_BYTES <= limit

    def _used_bytes(self) -> int:
        return sum(loaded.bytes for loaded in self._loaded.values())

    def _evict(self, enough: Callable[[], bool], model: str) -> None:
        """Evict the least recently used versions until `enough` returns true.

        Versions that serve an alias of `model` stay: a successor is being opened.
        """
        serving = {
            id(tracked.loaded)
            for reference, tracked in self._tracked.items()
            if reference.model == model
        }
        for name, loaded in sorted(
            self._loaded.items(), key=lambda item: item[1].last_used
        ):
            if enough():
                return
            if id(loaded) in serving:
                continue
            del self._loaded[name]
            for reference, tracked in list(self._tracked.items()):
                if tracked.loaded is loaded:
                    del self._tracked[reference]
            log.info("%s left memory", name)
