"""Verify player tokens: JSON Web Signatures with ES256 and nothing else.

RFC 7515 (compact serialization), RFC 7518 section 3.4 (ES256), RFC 8725 (best current
practices: one algorithm, chosen here and not by the token; no keys from its header).
Written here because the usual package takes as long to import as the rest of an
authorizer's cold start; a contract test holds both to the same tokens.
"""

import json
import threading
from collections.abc import Callable
from typing import Any

from hotseat_serve.access.access_keys import AccessKeys, from_base64url
from hotseat_serve.access.claims import AUDIENCE, Claims, TokenError

MAX_BYTES = 4_096
"""Of a token; longer ones are refused before they are parsed."""
_CACHED = 10_000
"""Verified tokens that are remembered."""

KeySource = Callable[[bool], AccessKeys]
"""Returns the keys; with True, read anew if that was not done a moment ago."""


class Verifier:
    """Verifies tokens; remembers those that are valid. Safe for several threads."""

    def __init__(
        self, keys: KeySource, now: Callable[[], float], audience: str = AUDIENCE
    ) -> None:
        self._keys = keys
        self._now = now
        self._audience = audience
        self._valid: dict[str, tuple[Claims, AccessKeys]] = {}
        self._lock = threading.Lock()

    def verify(self, token: str) -> Claims:
        """Return the claims of a valid token.

        Raises `TokenError`, and `RegistryError` when the keys cannot be read.
        """
        keys = self._keys(False)
        known = self._valid.get(token)
        if known is not None and known[1] is keys:
            known[0].check_time(self._now())
            return known[0]
        claims = self._verify(token, keys)
        with self._lock:
            if len(self._valid) >= _CACHED:
                self._valid.clear()
            self._valid[token] = claims, keys
        return claims

    def read_keys(self) -> None:
        """Read the keys before the first token; raises `RegistryError`."""
        self._keys(False)

    def _verify(self, token: str, keys: AccessKeys) -> Claims:
        head, payload, signature, signed = _parts(token)
        if head.get("alg") != "ES256":
            raise TokenError("the token is not signed with ES256")
        if "crit" in head:
            raise TokenError("the token has a critical header that is not known")
        kid = head.get("kid")
        if not isinstance(kid, str):
            raise TokenError("the token names no key (kid)")
        if kid not in keys.points:
            keys = self._keys(True)  # a new key may have signed it
            if kid not in keys.points:
                raise TokenError("the token's key is not known")
        if not is_signature(keys.points[kid], signature, signed):
            raise TokenError("the token's signature is not valid")
        claims = Claims.read(payload, self._audience)
        claims.check_time(self._now())
        keys.check_not_revoked(claims)
        return claims


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any], bytes, bytes]:
    """Return header, claims, signature and what is signed; raises `TokenError`."""
    if len(token) > MAX_BYTES:
        raise TokenError(f"the token has more than {MAX_BYTES} bytes")
    parts = token.split(".")
    if len(parts) != 3:
        raise TokenError("the token is no JSON Web Token")
    try:
        head, payload = (_object(from_base64url(part)) for part in parts[:2])
        signature = from_base64url(parts[2])
    except (ValueError, RecursionError):
        raise TokenError("the token is no JSON Web Token") from None
    if len(signature) != 64:
        raise TokenError("the token's signature is not one of ES256")
    return head, payload, signature, f"{parts[0]}.{parts[1]}".encode()


def _object(data: bytes) -> dict[str, Any]:
    value = json.loads(data, object_pairs_hook=_unique)
    if not isinstance(value, dict):
        raise ValueError  # noqa: TRY004 (what the caller expects)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that stands twice: readers differ in which one counts."""
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a name stands twice")
    return value


def is_signature(point: bytes, signature: bytes, data: bytes) -> bool:
    """Whether `signature` (r and s, 64 bytes) over `data` is that of a key's point."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(
            ec.SECP256R1(), b"\x04" + point
        )
        r, s = (int.from_bytes(half) for half in (signature[:32], signature[32:]))
        key.verify(encode_dss_signature(r, s), data, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True
