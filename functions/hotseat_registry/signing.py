"""Write signed heads: sign a model's state, approve it, renew it, revoke a version."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hotseat_registry import envelope, layout
from hotseat_registry.dataclass import dataclass
from hotseat_registry.envelope import Key, Signed
from hotseat_registry.errors import (
    AliasNotFoundError,
    ConflictError,
    NotFoundError,
    RefusedError,
    UntrustedError,
)
from hotseat_registry.ledger import Head
from hotseat_registry.names import Reference
from hotseat_registry.ranges import Ranges
from hotseat_registry.registry import Registry
from hotseat_registry.signed_head import KIND, NONE_BEFORE, Bound, SignedHead
from hotseat_registry.trust import Trust, manifest_digest

DAYS = 90
"""Days until a signed head expires, unless the signer says otherwise."""


@dataclass(frozen=True, slots=True)
class Current:
    """A model's newest signed head, and the tag of the object that holds it."""

    head: SignedHead | None
    tag: str | None
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A signed head, and how many trusted signatures it still needs to be followed."""

    head: SignedHead
    missing: int


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs heads with one person's key.

    `trust` says which keys count, and how many are needed; None: this key alone.
    Every method may raise `StoreError`, and `UntrustedError` for a head in the store
    that trusted keys did not sign.
    """

    registry: Registry
    key: Key
    by: str
    trust: Trust | None = None
    days: float = DAYS

    @property
    def trust_keys(self) -> Trust:
        """The keys whose signatures count."""
        return self.trust or Trust((self.key.public(),))

    def current(self, model: str) -> Current:
        """Return the newest signed head of a model, checked."""
        return _read(self.registry, model, self.trust_keys)

    def check_signed(self, model: str) -> None:
        """Raise `RefusedError` if the ledger moved an alias that nobody signed.

        Whoever moves the next one would sign that move as well.
        """
        signed, head = self.current(model).head, self.registry.ledger.newest(model)
        if signed is None or head is None:
            return
        stands = {name: bound.version for name, bound in signed.aliases.items()}
        if dict(head.entry.aliases) != stands:
            raise RefusedError(
                f"the ledger of {model} has moves that are not signed: "
                f"{_difference(stands, head.entry.aliases)}; look at hotseat model "
                f"history {model}, then hotseat model approve {model}"
            )

    def approve(self, model: str, because: str | None = None) -> Outcome:
        """Sign the state of the ledger, or add a signature to the pending head of it.

        Raises `AliasNotFoundError` for a model without aliases.
        """
        current = self.current(model)
        newest = self.registry.ledger.newest(model)
        if newest is None:
            raise AliasNotFoundError(f"{model} has no aliases: promote a version first")
        pending = self._pending(model)
        if pending is not None:
            head = SignedHead.from_bytes(pending.payload, model)
            if self._is_next(head, current, newest):
                return self._add(head, pending, current)
        because = because or newest.entry.because
        return self._sign(self._state(newest, current, because), current)

    def renew(self, model: str) -> Outcome:
        """Sign the newest signed state again, with a later expiry.

        A model without a signed head gets its first one, from its ledger. What the
        ledger has beyond the signed state is not signed.
        """
        current = self.current(model)
        if current.head is None:
            return self.approve(model)
        return self._sign(self._following(current.head, current), current)

    def revoke(self, reference: Reference, because: str | None) -> Outcome:
        """Forbid a version, under its number and any other, for good.

        Raises `RefusedError` while an alias stands on it.
        """
        model, number = reference.model, reference.version
        assert number is not None
        current = self.current(model)
        if current.head is None:
            raise RefusedError(
                f"{model} has no signed head: hotseat registry sign --key KEY"
            )
        digest = manifest_digest(self.registry.resolve(reference))
        for name, bound in current.head.aliases.items():
            if number == bound.version or digest == bound.manifest:
                raise RefusedError(
                    f"{model}#{name} stands on version {bound.version}: move it first, "
                    f"hotseat model rollback {model} --alias {name} --key KEY"
                )
        head = self._following(current.head, current)
        revoked = (*head.revoked, Bound(number, digest))
        return self._sign(replace(head, revoked=revoked, because=because), current)

    def _state(self, head: Head, current: Current, because: str | None) -> SignedHead:
        """Return the ledger's state as the head that follows the signed one."""
        entry = head.entry
        aliases = {}
        for name, number in entry.aliases.items():
            manifest = self.registry.resolve(Reference(entry.model, version=number))
            aliases[name] = Bound(number, manifest_digest(manifest))
        before = current.head
        state = SignedHead(
            entry.model,
            sequence=0,
            issued="",
            expires="",
            aliases=aliases,
            entry=entry.sequence,
            entry_digest=entry.digest(),
            by=self.by,
            retired=Ranges.of(entry.retired).pairs,
            revoked=before.revoked if before else (),
            kind=entry.kind,
            because=because,
        )
        state = self._following(state, current)
        state.check_revoked()
        return state

    def _following(self, head: SignedHead, current: Current) -> SignedHead:
        now = self.registry.clock().astimezone(UTC)
        before = current.head
        return replace(
            head,
            sequence=before.sequence + 1 if before else 1,
            previous=before.digest() if before else NONE_BEFORE,
            issued=_time(now),
            expires=_time(now + timedelta(days=self.days)),
            by=self.by,
        )

    def _sign(self, head: SignedHead, current: Current) -> Outcome:
        return self._add(head, Signed(head.to_bytes(), {}), current)

    def _add(self, head: SignedHead, signed: Signed, current: Current) -> Outcome:
        """Add this key's signature; store the head where enough people signed it."""
        public = self.key.public()
        name = envelope.hint(public)
        if name not in map(envelope.hint, self.trust_keys.keys):
            raise UntrustedError(f"key {name[:12]}... is not one of the trusted keys")
        signature = self.key.sign(envelope.encoded(KIND, signed.payload))
        signed = Signed(signed.payload, {**signed.signatures, name: signature})
        missing = self.trust_keys.threshold - len(self.trust_keys.signers(KIND, signed))
        data = envelope.write(KIND, signed)
        if missing > 0:
            self._replace(layout.pending(head.model), data)
            return Outcome(head, missing)
        self._publish(head, data, current)
        return Outcome(head, 0)

    def _publish(self, head: SignedHead, data: bytes, current: Current) -> None:
        store, model = self.registry.store, head.model
        if current.head is not None:
            key = layout.signed_before(model, current.head.sequence)
            with suppress(ConflictError):  # whoever wrote it wrote the same bytes
                store.write(key, current.data)
        try:
            store.write(layout.signed(model), data, replacing=current.tag)
        except ConflictError:
            raise ConflictError(
                f"somebody signed the head of {model} meanwhile; look again and repeat"
            ) from None
        store.delete(layout.pending(model))

    def _replace(self, key: str, data: bytes) -> None:
        try:
            stored = self.registry.store.read(key)
        except NotFoundError:
            stored = None
        self.registry.store.write(key, data, replacing=stored.tag if stored else None)

    def _pending(self, model: str) -> Signed | None:
        """Return a pending head that at least one trusted key signed."""
        try:
            stored = self.registry.store.read(layout.pending(model))
        except NotFoundError:
            return None
        assert stored is not None
        with suppress(ValueError):
            signed = envelope.read(stored.data, KIND)
            if self.trust_keys.signers(KIND, signed):
                return signed
        return None

    def _is_next(self, head: SignedHead, current: Current, newest: Head) -> bool:
        """Whether a pending head states the ledger, and follows the signed head."""
        before = current.head
        previous = before.digest() if before else NONE_BEFORE
        state = self._state(newest, current, head.because)
        same = replace(state, issued=head.issued, expires=head.expires, by=head.by)
        return head.previous == previous and head == same


def unsign(registry: Registry, model: str) -> bool:
    """Remove the signed heads of a model; return whether there were any.

    Services that demand them refuse the model from then on.
    """
    if not has_signed_head(registry, model):
        return False
    before = registry.store.list(layout.signed_folder(model))
    for key in (layout.pending(model), *before, layout.signed(model)):
        registry.store.delete(key)
    return True


def has_signed_head(registry: Registry, model: str) -> bool:
    """Whether a model has a signed head; its signatures are not checked."""
    try:
        registry.store.read(layout.signed(model))
    except NotFoundError:
        return False
    return True


def check_promotable(registry: Registry, reference: Reference, trust: Trust) -> None:
    """Raise `UntrustedError` for a version that the signed head revokes."""
    signed = _read(registry, reference.model, trust).head
    if signed is not None:
        manifest = registry.resolve(reference)
        digest = manifest_digest(manifest)
        if signed.is_revoked(manifest.version, digest):
            raise UntrustedError(f"{manifest.reference} is revoked")


def _read(registry: Registry, model: str, trust: Trust) -> Current:
    key = layout.signed(model)
    try:
        stored = registry.store.read(key)
    except NotFoundError:
        return Current(None, None)
    assert stored is not None
    payload = trust.open(stored.data, KIND, key)
    return Current(SignedHead.from_bytes(payload, model), stored.tag, stored.data)


def _difference(signed: Mapping[str, int], ledger: Mapping[str, int]) -> str:
    names = sorted({*signed, *ledger})
    return ", ".join(
        f"{name} {signed.get(name, 'nowhere')} -> {ledger.get(name, 'nowhere')}"
        for name in names
        if signed.get(name) != ledger.get(name)
    )


def _time(now: datetime) -> str:
    return now.isoformat(timespec="milliseconds")
