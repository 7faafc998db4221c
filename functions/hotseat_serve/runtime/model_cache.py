"""Which versions are open, and what an alias means now.

An alias is cached for `refresh_seconds`, a little less by chance, so that many
functions do not look at once. Then the next request is still answered by what served
before, and in the background the head is read again: one conditional request. Where
nobody asked for twice that long, the request waits for the look, so that no answer is
staler than that; but no longer than its own deadline, after which what serves answers.
A version takes over only when it was opened apart, is open, checked and warm; whatever
fails, the version that served goes on serving.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from hotseat_registry import Reference, Registry
from hotseat_registry.errors import (
    NotFoundError,
    RegistryError,
    RetiredError,
    StoreError,
)
from hotseat_serve.runtime.alias_state import Followed, Known, Look
from hotseat_serve.runtime.default_model import Live, read_live
from hotseat_serve.runtime.loader import Loaded, load
from hotseat_serve.runtime.read_cache import Kept, again
from hotseat_serve.settings import Settings

log = logging.getLogger("hotseat.serve")

_KEPT = 8
"""Versions in memory where no budget is set."""
_PATIENCE = 10.0
"""Seconds after which a look or an opening that has not ended is not waited for."""
_LONGEST = 60.0
"""Seconds between two tries to open a version that does not open."""
_CHILD = 150 << 20
"""Bytes that the interpreter and the runtime take in a process of their own."""
_UNKNOWN = 1_000
"""Names that were asked for in vain and are remembered for the refresh time."""

Notice = Callable[[str, dict[str, Any]], None]
T = TypeVar("T")


_system = random.SystemRandom()


class MemoryBudgetError(RegistryError):
    """A version needs more memory than there is for versions."""


def _beside(job: Callable[[], None]) -> None:
    threading.Thread(target=job, name="hotseat-refresh", daemon=True).start()


def _silent(_name: str, _fields: dict[str, Any]) -> None:
    """Tell nobody."""


class Models:
    """The versions that this process serves. Safe for several threads.

    `draw` gives numbers in [0, 1) for the jitter: from the system, because what is
    seeded before a snapshot is the same in every copy of it. `beside` runs a job
    without waiting for it. `notice` hears of what an operator wants to know.
    """

    def __init__(
        self,
        registry: Registry,
        settings: Settings,
        clock: Callable[[], float] = time.monotonic,
        *,
        draw: Callable[[], float] = _system.random,
        beside: Callable[[Callable[[], None]], None] = _beside,
        notice: Notice = _silent,
    ) -> None:
        self.registry = registry
        self.notice = notice
        self.settings = self._settings = settings
        self.clock = clock
        self._draw = draw
        self._beside = beside
        self._default = settings.default_model
        self._lock = threading.RLock()
        self._followed: dict[Reference, Followed] = {}
        self._loaded: dict[str, Loaded] = {}
        self._opening: dict[str, threading.Lock] = {}
        self._known: dict[str, Known] = {}
        seconds = float("inf") if settings.static else settings.refresh_seconds
        self._live: Kept[Live] = Kept(seconds, clock)
        self._unknown: dict[Reference, tuple[NotFoundError, float]] = {}

    def get(self, reference: Reference, wait: float | None = None) -> Loaded:
        """Return the version that `reference` means now.

        `wait` are the seconds that the request may wait for a look at the registry;
        None: until the look was given up. Raises `RegistryError` when the version
        cannot be loaded and none served before.
        """
        now = self.clock()
        patience = _PATIENCE if wait is None else max(0.0, min(wait, _PATIENCE))
        followed = self._followed.get(reference)
        if followed is not None:
            if now >= followed.until:
                self._refresh(reference, followed, now, patience)
            loaded = followed.loaded
        elif reference.version is not None:
            loaded = self._numbered(reference, patience)
        else:
            loaded = self.remembered(reference, self._first).loaded
        loaded.used = now
        return loaded

    def _numbered(self, reference: Reference, patience: float) -> Loaded:
        """Return a version by its number, unless gc took it."""
        model, number = reference.model, reference.version
        assert number is not None
        self.check_there(model, number)
        found = self._loaded.get(str(reference))
        return found or self.remembered(
            reference, lambda _: self._load(model, number, patience)
        )

    def check_there(self, model: str, number: int) -> None:
        """Raise `RetiredError` for a version that gc took; looks once a refresh time.

        A store that is away says nothing against a version.
        """
        if self._settings.static:
            return
        now = self.clock()
        if len(self._known) >= _UNKNOWN and model not in self._known:
            self._known.clear()  # made-up names fill no memory
        known = self._known.setdefault(model, Known(None, 0.0))
        if now >= known.until and known.lock.acquire(blocking=False):
            try:
                known.head = self.registry.ledger.newest(model, unless=known.head)
            except RegistryError as error:
                log.warning("%s@%s: %s", model, number, error)
            finally:
                known.until = self._next()
                known.lock.release()
        if known.head and known.head.entry.is_retired(number):
            self._loaded.pop(f"{model}@{number}", None)
            raise RetiredError(f"{model}@{number} was retired by gc")

    def remembered(self, reference: Reference, find: Callable[[Reference], T]) -> T:
        """Find something, or say at once that it was not there a moment ago."""
        missed = self._unknown.get(reference)
        if missed and self.clock() < missed[1]:
            raise again(missed[0])
        try:
            return find(reference)
        except NotFoundError as error:
            with self._lock:
                if len(self._unknown) >= _UNKNOWN:
                    self._unknown.clear()
                self._unknown[reference] = again(error), self._next()
            raise

    def default(self) -> str:
        """Return the model that POST /model-service asks.

        Without a setting it is the only live one, found once: another that comes to
        life later changes nothing for whoever asks already.
        Raises `NotFoundError` when there is none, or several and none is named.
        """
        if not self._default:
            live = self._live.get("", lambda: read_live(self.registry))
            if len(live.names) != 1:
                raise NotFoundError(live.choice)
            self._default = live.names[0]
        return self._default

    def live(self) -> list[str]:
        """Return the models that are live; the default alone, where there is one."""
        if self._default:
            return [self._default]
        return self._live.get("", lambda: read_live(self.registry)).names

    def _first(self, reference: Reference) -> Followed:
        head = self.registry.ledger.newest(reference.model)
        if head is None or str(reference.alias) not in head.entry.aliases:
            aliases = head.entry.aliases if head else {}
            raise self.registry.no_alias(reference, aliases)
        number = head.entry.aliases[str(reference.alias)]
        loaded = self._load(reference.model, number)
        with self._lock:
            # whichever thread was here first
            made = Followed(head, loaded, self._next())
            return self._followed.setdefault(reference, made)

    def _next(self) -> float:
        if self._settings.static:
            return float("inf")
        seconds = self._settings.refresh_seconds
        return self.clock() + seconds * (1 - self._draw() / 10)

    def _refresh(
        self, reference: Reference, followed: Followed, now: float, patience: float
    ) -> None:
        """Look again in the background; wait for it where nobody looked for long."""
        with self._lock:
            look = followed.look
            if look is None or now - look.since >= _PATIENCE:
                if now < followed.until:
                    return
                look = followed.look = Look(now)
                begun = True
            else:
                begun = False
        if begun:
            job = look

            def run() -> None:
                self._look(reference, followed, job)

            self._beside(run)
        if now >= followed.until + self._settings.refresh_seconds:
            look.wait(patience)

    def _look(self, reference: Reference, followed: Followed, look: Look) -> None:
        """Read the head and open what the alias means; never raises."""
        try:
            self._follow(reference, followed, look)
        except RegistryError as error:
            serving = followed.loaded.manifest.reference
            log.warning("%s stays on %s: %s", reference, serving, error)
            what = "unreachable" if isinstance(error, StoreError) else "refused"
            self.notice(
                f"registry_{what}",
                {"model": reference.model, "serving": serving, "why": str(error)},
            )
        except Exception:
            log.exception("%s: the look at the registry failed", reference)
        finally:
            followed.until = self._next()
            if followed.look is look:
                followed.look = None
            look.end()

    def _follow(self, reference: Reference, followed: Followed, look: Look) -> None:
        head = self.registry.ledger.head(reference.model, unless=followed.head)
        number = head.entry.aliases.get(str(reference.alias))
        if number is None:
            raise NotFoundError(f"{reference} is gone")
        serving = followed.loaded.manifest.version
        if number == serving:
            followed.head = head
            return
        if number == followed.refused and self.clock() < followed.again:
            return
        try:
            patience = self._settings.open_seconds  # no thread waits for ever
            loaded = self._load(reference.model, number, patience, apart=True)
        except Exception:
            same = number == followed.refused
            followed.wait = min(2 * followed.wait, _LONGEST) if same else 1.0
            followed.refused, followed.again = number, self.clock() + followed.wait
            raise
        with self._lock:
            if followed.look is not look:
                return  # it took long, and a later look knows better
            followed.head, followed.loaded, followed.refused = head, loaded, 0
        log.info("%s is %s", reference, loaded.manifest.reference)
        self.notice(
            "version_changed",
            {"model": reference.model, "version": number, "before": serving},
        )

    def _load(
        self,
        model: str,
        number: int,
        patience: float | None = None,
        *,
        apart: bool = False,
    ) -> Loaded:
        reference = Reference(model, version=number)
        name = str(reference)
        # one thread opens it; who wants another version does not wait for it
        lock = self._opening.setdefault(name, threading.Lock())
        if not lock.acquire(timeout=-1 if patience is None else patience):
            raise StoreError(f"{name} is still being opened")
        try:
            return self._loaded.get(name) or self._open(name, reference, apart=apart)
        finally:
            self._opening.pop(name, None)
            lock.release()

    def _open(self, name: str, reference: Reference, *, apart: bool) -> Loaded:
        found = load(
            self.registry, reference, self._settings, self._make_room, apart=apart
        )
        found.used = self.clock()
        with self._lock:
            self._loaded[name] = found
            if not self._settings.memory_bytes:
                self._keep(lambda: len(self._loaded) <= _KEPT, reference.model)
        return found

    def _make_room(self, model: str, size: int) -> bool:
        """Let other versions go until `size` bytes fit; raises `MemoryBudgetError`.

        Returns whether there is room for a process that opens the version first.
        """
        limit = self._settings.memory_bytes
        if not limit:
            return True
        with self._lock:
            self._keep(lambda: self._bytes() + size <= limit, model)
            if self._bytes() + size > limit:
                raise MemoryBudgetError(
                    f"a version of {model} takes about {size:,} bytes of memory; of "
                    f"{limit:,} there are {limit - self._bytes():,} left "
                    "(HOTSEAT_MEMORY_BYTES, or more memory for the function)"
                )
            return self._bytes() + 2 * size + _CHILD <= limit

    def _bytes(self) -> int:
        return sum(loaded.bytes for loaded in self._loaded.values())

    def _keep(self, enough: Callable[[], bool], model: str) -> None:
        """Let the least recently used go until it is enough.

        What serves an alias of `model` stays: its successor is just being opened.
        """
        serving = {
            id(followed.loaded)
            for reference, followed in self._followed.items()
            if reference.model == model
        }
        for name, loaded in sorted(self._loaded.items(), key=lambda item: item[1].used):
            if enough():
                return
            if id(loaded) in serving:
                continue
            del self._loaded[name]
            for reference, followed in list(self._followed.items()):
                if followed.loaded is loaded:
                    del self._followed[reference]
            log.info("%s left memory", name)
