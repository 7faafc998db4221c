"""The signed head of a model: which version is live, as its signers state it.

Format and rules are the registry's (docs/reference/registry.md, "Signed heads"); the
attacks that they answer are those of theupdateframework.github.io/specification.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hotseat.errors import UntrustedError

KIND = "application/vnd.hotseat.head+json"
_FORMAT = 1
_MAX_BYTES = 1 << 20
_MAX_SIGNATURES = 16
GRACE = timedelta(days=7)
"""After its expiry a head is still accepted for so long: the service may be away."""


class RevokedError(UntrustedError):
    """The version must not be used any more; an earlier download of it neither."""


@dataclass(frozen=True)
class Seen:
    """The newest head that this device has accepted."""

    sequence: int
    digest: str


@dataclass(frozen=True)
class SignedHead:
    """A head whose signatures were valid."""

    payload: bytes
    value: Mapping[str, Any]

    @property
    def seen(self) -> Seen:
        """Return what the device remembers of it."""
        digest = hashlib.sha256(self.payload).hexdigest()
        return Seen(self.value["sequence"], digest)


def read(
    envelope: object, verify: Callable[[str, bytes, bytes], bool], threshold: int
) -> SignedHead:
    """Return the head in an envelope that `threshold` different keys signed.

    `verify` takes a key's name, a signature and the signed bytes, and is false for keys
    that are not trusted. Raises `ValueError` and what comes of bytes that are no head.
    """
    if not isinstance(envelope, str) or len(envelope) > _MAX_BYTES:
        raise ValueError("it is no envelope")
    parsed = json.loads(envelope)
    if parsed["payloadType"] != KIND:
        raise ValueError("it is no signed head")
    signatures = parsed["signatures"]
    if len(signatures) > _MAX_SIGNATURES:
        raise ValueError(f"it has more than {_MAX_SIGNATURES} signatures")
    payload = base64.b64decode(parsed["payload"], validate=True)
    encoded = b"DSSEv1 %d %s %d %s" % (len(KIND), KIND.encode(), len(payload), payload)
    signers = {
        entry["keyid"]
        for entry in signatures
        if verify(
            str(entry["keyid"]), base64.b64decode(entry["sig"], validate=True), encoded
        )
    }
    if len(signers) < threshold:
        raise ValueError(f"{len(signers)} of {threshold} signatures are valid")
    value = json.loads(payload)
    if value["format"] > _FORMAT:
        raise ValueError(f"it has format {value['format']}: update hotseat")
    if type(value["sequence"]) is not int or value["sequence"] < 1:
        raise ValueError("it has no sequence")
    return SignedHead(payload, value)


def check(
    head: SignedHead,
    model: str,
    reference: str,
    version: int,
    content: bytes,
    *,
    seen: Seen | None,
    now: datetime,
) -> None:
    """Raise `UntrustedError` unless the head names this version now.

    `reference` is the alias or number that was asked for, `content` the signed part of
    the version's manifest.
    """
    value, digest = head.value, hashlib.sha256(content).hexdigest()
    name = f"{model}@{version}"
    if value["model"] != model:
        raise UntrustedError(f"the signed head of {model} is that of another model")
    if now > datetime.fromisoformat(value["expires"]) + GRACE:
        raise UntrustedError(
            f"the signed head of {model} has expired ({value['expires']})"
        )
    if seen is not None and head.seen != seen:
        sequence = value["sequence"]
        follows = sequence == seen.sequence + 1 and value["previous"] == seen.digest
        if sequence <= seen.sequence or not (follows or sequence > seen.sequence + 1):
            raise UntrustedError(
                f"the signed head of {model} has number {sequence}, and another one "
                f"with number {seen.sequence} was accepted before"
            )
    if any(
        version == item["version"] or digest == item["manifest"]
        for item in value["revoked"]
    ):
        raise RevokedError(f"{name} is revoked")
    bound = [
        item
        for alias, item in value["aliases"].items()
        if reference == alias or item["version"] == version
    ]
    if any((i["version"], i["manifest"]) != (version, digest) for i in bound):
        raise UntrustedError(f"{name} is not what was signed as {model}#{reference}")
    if not (bound or reference.isdigit()):
        raise UntrustedError(f"the signed head of {model} has no alias {reference!r}")
