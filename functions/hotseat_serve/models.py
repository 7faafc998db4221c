"""Which versions are open, and what an alias means now.

An alias is believed for `refresh_seconds`, a little less by chance, so that many
functions do not look at once. Then the next request is still answered by what served
before, and beside it the head is read again: one conditional request. Where nobody
asked for twice that long, the request waits for the look instead, so that no answer is
staler than that. A version takes over only when it is open, checked and warm; whatever
fails, the version that served goes on serving.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hotseat_registry import Head, Reference, Registry
from hotseat_registry.errors import NotFoundError, RegistryError, StoreError
from hotseat_serve.load import Loaded, load
from hotseat_serve.settings import Settings

log = logging.getLogger("hotseat.serve")

_KEPT = 8
"""Versions in memory where no budget is set."""
_PATIENCE = 10.0
"""Seconds after which a look that has not ended is no longer waited for."""
_LONGEST = 60.0
"""Seconds between two tries to open a version that does not open."""

Notice = Callable[[str, dict[str, Any]], None]


_system = random.SystemRandom()


class MemoryBudgetError(RegistryError):
    """A version needs more memory than there is for versions."""


@dataclass(slots=True)
class Followed:
    """An alias, and the version that serves for it."""

    head: Head
    loaded: Loaded
    until: float
    looking: float | None = None
    """Since when another thread looks at the head."""
    refused: int = 0
    """A version that did not open, when to try again, and after how long then."""
    again: float = 0.0
    wait: float = 0.0


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
        self._settings = settings
        self._clock = clock
        self._draw = draw
        self._beside = beside
        self._default = settings.default_model
        self._lock = threading.RLock()
        self._followed: dict[Reference, Followed] = {}
        self._loaded: dict[str, Loaded] = {}
        self._opening: dict[str, threading.Lock] = {}

    def get(self, reference: Reference) -> Loaded:
        """Return the version that `reference` means now.

        Raises `RegistryError` when it cannot be loaded and none served before.
        """
        now = self._clock()
        if reference.version is not None:
            found = self._loaded.get(str(reference))
            loaded = found or self._load(reference.model, reference.version)
            loaded.used = now
            return loaded
        followed = self._followed.get(reference)
        if followed is None:
            followed = self._first(reference)
        elif now >= followed.until:
            self._refresh(reference, followed, now)
        loaded = followed.loaded
        loaded.used = now
        return loaded

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

    def _first(self, reference: Reference) -> Followed:
        head = self.registry.ledger.newest(reference.model)
        if head is None or str(reference.alias) not in head.entry.aliases:
            # says in words which model, version or alias is missing
            self.registry.number(reference)
            return self._first(reference)  # it was promoted just now
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
        return self._clock() + seconds * (1 - self._draw() / 10)

    def _refresh(self, reference: Reference, followed: Followed, now: float) -> None:
        """Look again, beside the request; with it where nobody looked for long."""
        with self._lock:
            looking = followed.looking
            if looking is not None and now - looking < _PATIENCE:
                return
            if now < followed.until:
                return
            followed.looking = now
        if now < followed.until + self._settings.refresh_seconds:
            self._beside(lambda: self._look(reference, followed))
        else:
            self._look(reference, followed)

    def _look(self, reference: Reference, followed: Followed) -> None:
        """Read the head and open what the alias means; never raises."""
        try:
            self._follow(reference, followed)
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
            followed.looking = None

    def _follow(self, reference: Reference, followed: Followed) -> None:
        head = self.registry.ledger.head(reference.model, unless=followed.head)
        number = head.entry.aliases.get(str(reference.alias))
        if number is None:
            raise NotFoundError(f"{reference} is gone")
        serving = followed.loaded.manifest.version
        if number == serving:
            followed.head = head
            return
        if number == followed.refused and self._clock() < followed.again:
            return
        try:
            loaded = self._load(reference.model, number)
        except RegistryError:
            same = number == followed.refused
            followed.wait = min(2 * followed.wait, _LONGEST) if same else 1.0
            followed.refused, followed.again = number, self._clock() + followed.wait
            raise
        followed.head, followed.loaded, followed.refused = head, loaded, 0
        log.info("%s is %s", reference, loaded.manifest.reference)
        self.notice(
            "version_changed",
            {"model": reference.model, "version": number, "before": serving},
        )

    def _load(self, model: str, number: int) -> Loaded:
        reference = Reference(model, version=number)
        name = str(reference)
        # one thread opens it; who wants another version does not wait for it
        with self._opening.setdefault(name, threading.Lock()):
            try:
                return self._loaded.get(name) or self._open(name, reference)
            finally:
                self._opening.pop(name, None)

    def _open(self, name: str, reference: Reference) -> Loaded:
        found = load(self.registry, reference, self._settings, self._make_room)
        found.used = self._clock()
        with self._lock:
            self._loaded[name] = found
            if not self._settings.memory_bytes:
                self._keep(lambda: len(self._loaded) <= _KEPT, reference.model)
        return found

    def _make_room(self, model: str, size: int) -> None:
        """Let other versions go until `size` bytes fit; raises `MemoryBudgetError`."""
        limit = self._settings.memory_bytes
        if not limit:
            return
        with self._lock:
            self._keep(lambda: self._bytes() + size <= limit, model)
            if self._bytes() + size > limit:
                raise MemoryBudgetError(
                    f"a version of {model} takes about {size:,} bytes of memory; of "
                    f"{limit:,} there are {limit - self._bytes():,} left "
                    "(HOTSEAT_MEMORY_BYTES, or more memory for the function)"
                )

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
