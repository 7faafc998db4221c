"""The keys that sign player tokens, and what is revoked: one JSON document.

It is a JSON Web Key Set (RFC 7517) of keys on P-256 with one more member, `revoked`:
``{"tokens": [jti, ...], "players": {player: seconds}}``, where the tokens that a player
had before that time are refused.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

from hotseat_registry.dataclass import dataclass, field
from hotseat_serve.access.claims import Claims, TokenError

KIND = "application/vnd.hotseat.access+json"
"""The payload type of its envelope, where a registry's trust demands a signature."""
KEY = "access.json"
"""Its key in a registry."""
MAX_KEYS = 16


@dataclass(frozen=True, slots=True)
class AccessKeys:
    """Public keys by their `kid`, each the 64 bytes of its point; and revocations."""

    points: Mapping[str, bytes]
    revoked_tokens: frozenset[str] = frozenset()
    revoked_players: Mapping[str, float] = field(default_factory=dict)
    sequence: int = 0
    """Of a document in a registry: a lower one than was seen is refused."""

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the document; raises `ValueError`.

        Keys of other kinds are passed over (RFC 7517, 5).
        """
        try:
            value = json.loads(data)
            points = {
                _kid(jwk): _number(jwk["x"]) + _number(jwk["y"])
                for jwk in value["keys"]
                if (jwk.get("kty"), jwk.get("crv")) == ("EC", "P-256")
                and jwk.get("use", "sig") == "sig"
                and jwk.get("alg", "ES256") == "ES256"
            }
            revoked = value.get("revoked") or {}
            players = revoked.get("players") or {}
            keys = cls(
                points,
                frozenset(map(str, revoked.get("tokens") or ())),
                {str(name): float(time) for name, time in players.items()},
                int(value.get("sequence", 0)),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"it is no key set: {error!r}") from None
        if not keys.points or len(keys.points) > MAX_KEYS:
            raise ValueError(f"it has not between 1 and {MAX_KEYS} keys on P-256")
        return keys

    def to_bytes(self) -> bytes:
        """Return the document as it is stored."""
        value = {
            "keys": [
                {"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256",
                 "kid": kid, "x": base64url(point[:32]), "y": base64url(point[32:])}
                for kid, point in sorted(self.points.items())
            ],
            "revoked": {
                "tokens": sorted(self.revoked_tokens),
                "players": dict(self.revoked_players),
            },
            "sequence": self.sequence,
        }  # fmt: skip
        return json.dumps(value, indent=1).encode() + b"\n"

    def check_not_revoked(self, claims: Claims) -> None:
        """Raise `TokenError` for a revoked token, or one of a revoked player."""
        until = self.revoked_players.get(claims.caller.player)
        if claims.token_id in self.revoked_tokens or (
            until is not None and claims.issued <= until
        ):
            raise TokenError("the token was revoked")


def from_pem(keys: Sequence[bytes]) -> AccessKeys:
    """Return the document of public keys in PEM; raises `ValueError`."""
    return AccessKeys(dict(map(point_of, keys)))


def point_of(pem: bytes) -> tuple[str, bytes]:
    """Return the name (RFC 7638) and the point of a public key; raises `ValueError`."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = serialization.load_pem_public_key(pem)
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.key_size != 256:
        raise ValueError("it is no key on P-256 (prime256v1)")
    encoding = serialization.Encoding.X962
    form = serialization.PublicFormat.UncompressedPoint
    point = key.public_bytes(encoding, form)[1:]
    return thumbprint(point), point


def thumbprint(point: bytes) -> str:
    """Return the JWK thumbprint of a point (RFC 7638), which names the key."""
    import hashlib

    members = {
        "crv": "P-256", "kty": "EC", "x": base64url(point[:32]),
        "y": base64url(point[32:]),
    }  # fmt: skip
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return base64url(hashlib.sha256(text.encode()).digest())


def base64url(data: bytes) -> str:
    """Encode without padding (RFC 7515, 2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text: str) -> bytes:
    """Decode without padding; raises `ValueError` for any other character."""
    if not text.isascii() or set(text) & set("+/= \n\r\t"):
        raise ValueError("it is not base64url")
    padded = text + "=" * (-len(text) % 4)
    data = base64.b64decode(padded.translate(_URL), validate=True)
    if base64url(data) != text:
        raise ValueError("it is not base64url")  # bits beyond the last byte
    return data


_URL = str.maketrans("-_", "+/")


def _kid(jwk: Mapping[str, Any]) -> str:
    kid = jwk["kid"]
    if not isinstance(kid, str) or not 0 < len(kid) <= 128:
        raise ValueError("a key has no kid")
    return kid


def _number(text: Any) -> bytes:
    data = from_base64url(text)
    if len(data) != 32:
        raise ValueError("a coordinate has not 32 bytes")
    return data
