"""DSSE envelopes: bytes with their type, signed by one or several keys on P-256.

Format: github.com/secure-systems-lab/dsse (envelope and pre-authentication encoding).
"""

import base64
import hashlib
import json
from collections.abc import Iterable
from typing import Any, Protocol

from hotseat_registry.dataclass import dataclass

UNREADABLE = (
    ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError
)  # fmt: skip
"""What comes of bytes that are no envelope."""
MAX_BYTES = 1 << 20
"""Of an envelope; larger ones are refused before they are parsed."""
MAX_SIGNATURES = 16
"""Of an envelope: each costs a verification."""


class Key(Protocol):
    """A private key on NIST P-256, in a file or in a service."""

    def sign(self, data: bytes) -> bytes:
        """Return the ECDSA signature of SHA-256 over `data`, DER."""

    def public(self) -> bytes:
        """Return the public key, PEM."""


@dataclass(frozen=True, slots=True)
class Signed:
    """The payload of an envelope, and its signatures by the names of their keys."""

    payload: bytes
    signatures: dict[str, bytes]


def hint(public: bytes) -> str:
    """Return the name of a public key: the SHA-256 of its PEM."""
    return hashlib.sha256(public).hexdigest()


def encoded(kind: str, payload: bytes) -> bytes:
    """Return DSSE's pre-authentication encoding: the bytes that are signed."""
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)


def sign(kind: str, payload: bytes, keys: Iterable[Key]) -> bytes:
    """Return an envelope with a signature of each key."""
    data = encoded(kind, payload)
    return write(kind, Signed(payload, {hint(k.public()): k.sign(data) for k in keys}))


def write(kind: str, signed: Signed) -> bytes:
    """Return an envelope as it is stored."""
    envelope = {
        "payload": base64.b64encode(signed.payload).decode(),
        "payloadType": kind,
        "signatures": [
            {"keyid": name, "sig": base64.b64encode(signature).decode()}
            for name, signature in sorted(signed.signatures.items())
        ],
    }
    return json.dumps(envelope, indent=1).encode() + b"\n"


def read(data: bytes, kind: str) -> Signed:
    """Read an envelope whose signatures are not checked yet; raises `ValueError`."""
    if len(data) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
    try:
        envelope: Any = json.loads(data)
        if envelope["payloadType"] != kind:
            raise ValueError(f"its payload type is {envelope['payloadType']!r}")
        entries = envelope["signatures"]
        if not isinstance(entries, list) or len(entries) > MAX_SIGNATURES:
            raise ValueError(f"it has no list of at most {MAX_SIGNATURES} signatures")
        signatures = {
            str(entry["keyid"]): base64.b64decode(entry["sig"], validate=True)
            for entry in entries
        }
        return Signed(base64.b64decode(envelope["payload"], validate=True), signatures)
    except UNREADABLE as error:
        raise ValueError(str(error) or type(error).__name__) from None


def is_signature(public: bytes, signature: bytes, data: bytes) -> bool:
    """Whether it is the signature over `data` by a key on P-256 (PEM)."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = serialization.load_pem_public_key(public)
    if not isinstance(key, ec.EllipticCurvePublicKey):
        return False
    try:
        key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True
