"""Cached heads: which versions requests may name by their number."""

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from hotseat_registry import Reference, Registry
from hotseat_registry.errors import (
    ExpiredError,
    NotFoundError,
    RegistryError,
    RetiredError,
    VersionNotFoundError,
)
from hotseat_serve.runtime.alias_state import CachedHead
from hotseat_serve.runtime.reach import Reach
from hotseat_serve.runtime.read_cache import copy_of

log = logging.getLogger("hotseat.serve")

MAX_NAMES = 1_000
"""Names cached at most: heads, and unknown names."""

Value = TypeVar("Value")


class HeadCache:
    """The heads of models, each read again after its refresh time.

    `next_refresh` returns that time on the clock, `serving` the versions of a model
    that this process serves for its aliases.
    """

    def __init__(
        self,
        registry: Registry,
        reach: Reach | None,
        clock: Callable[[], float],
        next_refresh: Callable[[], float],
        serving: Callable[[str], Iterable[int]],
        *,
        static: bool,
    ) -> None:
        self._registry = registry
        self._reach = reach
        self._clock = clock
        self._next_refresh = next_refresh
        self._serving = serving
        self._static = static
        self._heads: dict[str, CachedHead] = {}
        self._misses: dict[Reference, tuple[NotFoundError, float]] = {}

    def check(self, reference: Reference) -> None:
        """Raise `NotFoundError` for what requests may not name."""
        if reference.version is not None:
            self.check_number(reference.model, reference.version)
        elif self._reach is not None:
            self._reach.check_alias(reference)

    def check_number(self, model: str, number: int) -> None:
        """Raise `VersionNotFoundError` for a version that requests may not name.

        That is one that gc retired, or one beyond the stage's reach.
        """
        if self._reach is not None:
            self._reach.check_model(model)
        self.check_not_retired(model, number)
        if self._reach is not None and not self._is_reached(model, number):
            # another instance may have followed a move that this one has not read
            self.with_cached_misses(
                Reference(model, version=number), self._check_with_new_head
            )

    def check_not_retired(self, model: str, number: int) -> None:
        """Raise `RetiredError` for a version that gc retired, with a cached head.

        An unreachable store does not make a version retired.
        """
        if self._static:
            return
        cached = self._read(model)
        if cached.head and cached.head.entry.is_retired(number):
            raise RetiredError(f"{model}@{number} was retired by gc")

    def with_cached_misses(
        self, reference: Reference, find: Callable[[Reference], Value]
    ) -> Value:
        """Call `find`, or raise a recently cached `NotFoundError`."""
        miss = self._misses.get(reference)
        if miss and self._clock() < miss[1]:
            raise copy_of(miss[0])
        try:
            return find(reference)
        except NotFoundError as error:
            if len(self._misses) >= MAX_NAMES:
                self._misses.clear()
            self._misses[reference] = copy_of(error), self._next_refresh()
            raise

    def _is_reached(self, model: str, number: int) -> bool:
        """Whether requests may name this version of one of the stage's models."""
        assert self._reach is not None
        cached = self._read(model)
        aliases = cached.head.entry.aliases if cached.head else {}
        reached = self._reach.is_reached(model, number, aliases)
        return reached or number in self._serving(model)

    def _check_with_new_head(self, reference: Reference) -> None:
        model, number = reference.model, reference.version
        assert number is not None
        if not self._static:
            self._read(model, now=True)
        if not self._is_reached(model, number):
            raise VersionNotFoundError(f"{reference} is not live in this stage")

    def _read(self, model: str, *, now: bool = False) -> CachedHead:
        """Return a model's head, read again after the refresh time, or `now`."""
        if len(self._heads) >= MAX_NAMES and model not in self._heads:
            self._heads.clear()  # invented names must not fill the memory
        cached = self._heads.setdefault(model, CachedHead(None, 0.0))
        is_due = now or self._clock() >= cached.refresh_at
        if is_due and cached.lock.acquire(blocking=False):
            try:
                cached.head = self._registry.ledger.newest(model, unless=cached.head)
                if cached.head:
                    self._registry.ledger.check_fresh(cached.head)
            except ExpiredError:
                cached.head = None
                raise
            except RegistryError as error:
                log.warning("%s: %s", model, error)
            finally:
                cached.refresh_at = self._next_refresh()
                cached.lock.release()
        return cached
