"""Mint player tokens, with a private key in a file or in AWS KMS."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from hotseat_registry.envelope import Key
from hotseat_serve.access.access_keys import base64url, point_of
from hotseat_serve.access.claims import AUDIENCE, Claims


def mint(
    key: Key,
    player: str,
    *,
    now: float,
    token_id: str,
    game: str = "",
    models: Sequence[str] | None = None,
    rate: float | None = None,
    burst: int | None = None,
    seconds: float = 900,
    audience: str = AUDIENCE,
) -> str:
    """Return a token for a player; raises `TokenError` for what no service accepts."""
    claims: dict[str, Any] = {
        "sub": player,
        "aud": audience,
        "iat": int(now),
        "exp": int(now + seconds),
        "jti": token_id,
        "game": game or None,
        "models": None if models is None else list(models),
        "rate": rate,
        "burst": burst,
    }
    claims = {name: value for name, value in claims.items() if value is not None}
    Claims.read(claims, audience)
    kid, _ = point_of(key.public())
    head = {"alg": "ES256", "kid": kid, "typ": "JWT"}
    signed = f"{_part(head)}.{_part(claims)}".encode()
    return f"{signed.decode()}.{base64url(raw_signature(key.sign(signed)))}"


def _part(value: Mapping[str, Any]) -> str:
    return base64url(json.dumps(value, separators=(",", ":")).encode())


def raw_signature(der: bytes) -> bytes:
    """Return r and s, 32 bytes each, of a signature in DER (RFC 7518, 3.4)."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    r, s = decode_dss_signature(der)
    return r.to_bytes(32) + s.to_bytes(32)
