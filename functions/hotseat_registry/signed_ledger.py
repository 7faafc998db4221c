"""A ledger that believes signed heads alone.

A service with trusted keys reads it in place of `Ledger`: aliases stand where the
signed head says, whatever the unsigned head of the store says.
"""

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import NoReturn

from hotseat_registry import envelope, layout
from hotseat_registry.entry import Entry
from hotseat_registry.errors import (
    AliasNotFoundError,
    NotFoundError,
    RefusedError,
    UntrustedError,
)
from hotseat_registry.ledger import Head, Ledger
from hotseat_registry.names import check_name
from hotseat_registry.parallel import map_parallel
from hotseat_registry.ranges import Ranges
from hotseat_registry.registry import Registry, open_registry
from hotseat_registry.seen_heads import SeenHeads
from hotseat_registry.signed_head import (
    KIND,
    Seen,
    SignedHead,
    check_chain,
    check_order,
)
from hotseat_registry.stores import Store
from hotseat_registry.trust import Trust

log = logging.getLogger("hotseat.registry")

MAX_CHAIN = 64
"""Heads before a new one that are read to join it to the last accepted one; a service
that has missed more accepts a higher number alone."""


class SignedLedger(Ledger):
    """Reads signed heads. Every method may raise `UntrustedError` and `StoreError`.

    `grace` is how long after its expiry a head is still accepted.
    """

    def __init__(
        self,
        store: Store,
        trust: Trust,
        clock: Callable[[], datetime],
        *,
        seen: SeenHeads,
        grace: timedelta,
    ) -> None:
        super().__init__(store)
        self._trust = trust
        self._clock = clock
        self._seen = seen
        self._grace = grace
        self._heads: dict[str, SignedHead] = {}

    def head(self, model: str, *, unless: Head | None = None) -> Head:
        """Return what the newest signed head says, as the ledger's newest entry.

        Raises `AliasNotFoundError` for a model without any head, `ExpiredError`,
        and `UntrustedError` for whatever is not the signed successor of what was seen.
        """
        key = layout.signed(check_name(model))
        try:
            stored = self._store.read(key, unless=unless.tag if unless else None)
        except NotFoundError:
            self._refuse_missing(model)
        if stored is None:
            assert unless is not None
            self.check_fresh(unless)
            return unless
        payload = self._trust.open(stored.data, KIND, key)
        head = SignedHead.from_bytes(payload, model)
        self._check_order(head, payload)
        head.check_time(self._clock(), self._grace)
        if self._clock() > datetime.fromisoformat(head.expires):
            log.warning(
                "the signed head of %s expired at %s and is followed for %s more",
                model, head.expires, self._grace,
            )  # fmt: skip
        self._seen.keep(model, _seen(head, payload))
        self._heads[model] = head
        return Head(_entry(head), stored.tag)

    def check_fresh(self, head: Head) -> None:
        """Raise `ExpiredError` if a head that was read before has expired meanwhile."""
        signed = self._heads.get(head.entry.model)
        if signed is not None:
            signed.check_time(self._clock(), self._grace)

    def check_manifest(self, model: str, version: int, digest: str) -> None:
        """Raise `UntrustedError` for another manifest than the signed head names."""
        signed = self._heads.get(model)
        if signed is not None:
            signed.check_manifest(version, digest)

    def change(self, head: Head | None, change: Entry) -> Entry:
        """Refuse: whoever moves an alias reads the ledger itself."""
        del head, change
        raise RefusedError("signed heads are read, not changed: hotseat model promote")

    def _refuse_missing(self, model: str) -> NoReturn:
        """Raise the error for a model without a signed head."""
        if self._seen.get(model) is not None:
            raise UntrustedError(f"the signed head of {model} was removed")
        if Ledger(self._store).newest(model) is None:
            raise AliasNotFoundError(f"{model} has no aliases: promote a version first")
        raise UntrustedError(
            f"{model} has no signed head: hotseat registry sign --key KEY"
        )

    def _check_order(self, head: SignedHead, payload: bytes) -> None:
        seen = self._seen.get(head.model)
        check_order(head, hashlib.sha256(payload).hexdigest(), seen)
        if seen is None or not 1 < head.sequence - seen.sequence <= MAX_CHAIN + 1:
            return
        numbers = range(seen.sequence + 1, head.sequence)
        before = map_parallel(lambda number: self._before(head.model, number), numbers)
        check_chain(head, list(before), seen)

    def _before(self, model: str, number: int) -> bytes:
        key = layout.signed_before(model, number)
        try:
            stored = self._store.read(key)
        except NotFoundError:
            raise UntrustedError(f"{key} is missing from the signed heads") from None
        assert stored is not None
        try:
            return envelope.read(stored.data, KIND).payload
        except ValueError as error:
            raise UntrustedError(f"{key} is no signed document: {error}") from None


def open_signed(uri: str, trust: Trust, *, memory: Path, grace: timedelta) -> Registry:
    """Open a registry for reading that follows signed heads alone.

    `memory` is the folder that remembers the newest heads. Raises `RegistryError`.
    """
    registry = open_registry(uri, trust=trust, reading=True)
    registry.ledger = SignedLedger(
        registry.store,
        trust,
        registry.clock,
        seen=SeenHeads(memory, registry.store.uri, trust.name),
        grace=grace,
    )
    return registry


def _seen(head: SignedHead, payload: bytes) -> Seen:
    return Seen(head.sequence, hashlib.sha256(payload).hexdigest())


def _entry(head: SignedHead) -> Entry:
    """Return the state as an entry, which is what readers of a ledger take.

    Revoked versions count as retired: neither is served, under no name.
    """
    revoked = (item.version for item in head.revoked)
    gone = Ranges.of(Ranges(head.retired), revoked)
    return Entry(
        head.model,
        "signed",
        head.by,
        head.issued,
        head.because,
        aliases={name: bound.version for name, bound in head.aliases.items()},
        retired_ranges=gone.pairs or None,
        kind=head.kind,
        sequence=head.sequence,
        previous=head.previous,
    )
