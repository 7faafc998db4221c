"""What is live, as its signers state it. Rules, free of any store.

A signed head binds each alias of a model to a version's number and to the digest of its
manifest, in the manner of TUF's snapshot and timestamp metadata
(theupdateframework.github.io/specification, sections 4.4 and 5): numbered without gaps,
chained to the one before, with an expiry.
"""

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Self

from hotseat_registry.checksummed_json import parse_json, to_bytes
from hotseat_registry.dataclass import dataclass
from hotseat_registry.errors import ExpiredError, IntegrityError, UntrustedError
from hotseat_registry.json_dataclass import parse_time
from hotseat_registry.names import is_name

KIND = "application/vnd.hotseat.head+json"
"""The payload type of its envelope."""
FORMAT = 1
NONE_BEFORE = "0" * 64
_DIGEST = re.compile(r"[0-9a-f]{64}")
_MOST = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Bound:
    """A version's number and the SHA-256 of its manifest's signed part, in hex."""

    version: int
    manifest: str


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The state of a model's aliases, as it is signed."""

    model: str
    sequence: int
    """1, 2, 3 ... without gaps; renewals count."""
    issued: str
    expires: str
    """Until when services and devices accept it; UTC, ISO 8601."""
    aliases: Mapping[str, Bound]
    entry: int
    """The sequence of the ledger's entry with this state."""
    entry_digest: str
    by: str
    previous: str = NONE_BEFORE
    """SHA-256 of the payload before, zeros for the first."""
    retired: tuple[tuple[int, int], ...] = ()
    """The versions that gc took, as (first, last)."""
    revoked: tuple[Bound, ...] = ()
    """Versions that must not be served, under this or any other number."""
    kind: str | None = None
    """Of the version that is live."""
    because: str | None = None

    def to_bytes(self) -> bytes:
        """Return the payload that is signed."""
        return to_bytes(
            {
                "format": FORMAT,
                "model": self.model,
                "sequence": self.sequence,
                "issued": self.issued,
                "expires": self.expires,
                "aliases": {name: _plain(at) for name, at in self.aliases.items()},
                "entry": self.entry,
                "entry_digest": self.entry_digest,
                "by": self.by,
                "previous": self.previous,
                "retired": [list(pair) for pair in self.retired],
                "revoked": [_plain(bound) for bound in self.revoked],
                "kind": self.kind,
                "because": self.because,
            }
        )

    @classmethod
    def from_bytes(cls, data: bytes, model: str) -> Self:
        """Read the payload of a head of `model`; raises `IntegrityError`."""
        what = f"the signed head of {model}"
        value = parse_json(data, what)
        try:
            if value["format"] > FORMAT:
                raise IntegrityError(
                    f"{what} has format {value['format']}: update hotseat"
                )
            head = cls(
                model=value["model"],
                sequence=_number(value["sequence"]),
                issued=value["issued"],
                expires=value["expires"],
                aliases={name: _bound(at) for name, at in value["aliases"].items()},
                entry=_number(value["entry"]),
                entry_digest=_digest(value["entry_digest"]),
                by=str(value["by"]),
                previous=_digest(value["previous"]),
                retired=tuple(
                    (_number(first), _number(last)) for first, last in value["retired"]
                ),
                revoked=tuple(_bound(item) for item in value["revoked"]),
                kind=value["kind"],
                because=value["because"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise IntegrityError(f"{what} cannot be read: {error!r}") from None
        parse_time(head.issued)
        parse_time(head.expires)
        if head.model != model:
            raise IntegrityError(f"{what} is that of {head.model!r}")
        head.check_revoked()
        return head

    def digest(self) -> str:
        """Return the SHA-256 of the payload, in hex."""
        return hashlib.sha256(self.to_bytes()).hexdigest()

    def check_revoked(self) -> None:
        """Raise `IntegrityError` if an alias stands on a revoked version."""
        for name, bound in self.aliases.items():
            if not is_name(name) or self.is_revoked(bound.version, bound.manifest):
                raise IntegrityError(
                    f"{self.model}#{name} stands on a revoked version, {bound.version}"
                )

    def is_revoked(self, version: int, manifest: str) -> bool:
        """Whether a version is revoked, by its number or its content."""
        return any(
            version == item.version or manifest == item.manifest
            for item in self.revoked
        )

    def check_manifest(self, version: int, manifest: str) -> None:
        """Raise `UntrustedError` for another manifest than the one that was signed.

        `manifest` is the digest of the manifest that the store holds under `version`.
        """
        if self.is_revoked(version, manifest):
            raise UntrustedError(f"{self.model}@{version} is revoked")
        for name, bound in self.aliases.items():
            if bound.version == version and bound.manifest != manifest:
                raise UntrustedError(
                    f"{self.model}@{version} is not the version that was signed as "
                    f"{self.model}#{name}: its manifest is another one"
                )

    def check_time(self, now: datetime, grace: timedelta) -> None:
        """Raise `ExpiredError` after the expiry and `grace`."""
        if now > parse_time(self.expires) + grace:
            raise ExpiredError(
                f"the signed head of {self.model} has expired ({self.expires}): "
                "hotseat registry sign --key KEY"
            )


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest signed head that a service or a device has accepted."""

    sequence: int
    digest: str


def check_order(head: SignedHead, digest: str, seen: Seen | None) -> None:
    """Raise `UntrustedError` if `head` is older than what was seen, or another branch.

    `digest` is that of its payload. A head some numbers after the seen one is checked
    by its predecessors (`check_chain`).
    """
    if seen is None:
        return
    if head.sequence < seen.sequence:
        raise UntrustedError(
            f"the signed head of {head.model} has number {head.sequence}, and "
            f"{seen.sequence} was accepted before: an older state was put back"
        )
    is_same = head.sequence == seen.sequence
    follows = head.sequence == seen.sequence + 1
    if (is_same and digest != seen.digest) or (
        follows and head.previous != seen.digest
    ):
        raise UntrustedError(
            f"the signed head of {head.model} with number {head.sequence} does not "
            "follow the one that was accepted before"
        )


def check_chain(head: SignedHead, before: list[bytes], seen: Seen) -> None:
    """Raise `UntrustedError` unless the payloads `before` join `seen` to `head`.

    They come oldest first, those after `seen` and before `head`.
    """
    digests = [seen.digest, *(hashlib.sha256(data).hexdigest() for data in before)]
    previous = [parse_json(data, "a signed head").get("previous") for data in before]
    if [*previous, head.previous] != digests:
        raise UntrustedError(
            f"the chain of signed heads of {head.model} is broken before number "
            f"{head.sequence}"
        )


def _plain(bound: Bound) -> dict[str, Any]:
    return {"version": bound.version, "manifest": bound.manifest}


def _bound(value: Any) -> Bound:
    return Bound(_number(value["version"]), _digest(value["manifest"]))


def _number(value: Any) -> int:
    if type(value) is not int or not 0 < value < _MOST:
        raise ValueError(f"{value!r} is no number from 1")
    return value


def _digest(value: Any) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise ValueError(f"{value!r} is no digest")
    return value
