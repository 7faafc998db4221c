"""Mint player tokens in a game's server; ``pip install hotseat[trust]``.

Not for a game: a key in a game is public.
"""

import base64
import hashlib
import json
import os
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hotseat.errors import ConfigError

_PLAYER = re.compile(r"[\x21-\x7e]{1,128}")
_MOST_SECONDS = 86_400


def mint(
    key: str | os.PathLike[str],
    player: str,
    *,
    game: str = "",
    models: Sequence[str] | None = None,
    rate: float | None = None,
    burst: int | None = None,
    seconds: float = 900,
    audience: str = "hotseat",
) -> str:
    """Return a token (a JWT with ES256) for a player.

    `key` is a file with a private key on P-256, PEM. `player` has 1 to 128 ASCII
    characters without spaces. `models` are those that the token reaches (default: all
    of the stage), `rate` and `burst` the requests a second and at once of each.
    `seconds` is how long it is valid, at most 86,400. Raises `ConfigError`.
    """
    if not _PLAYER.fullmatch(player):
        raise ConfigError("player: expected 1 to 128 ASCII characters without spaces")
    if not 1 <= seconds <= _MOST_SECONDS:
        raise ConfigError(f"seconds: expected 1 to {_MOST_SECONDS}, got {seconds}")
    try:
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec, utils
    except ModuleNotFoundError:
        raise ConfigError(
            "tokens need the package cryptography: pip install hotseat[trust]"
        ) from None
    try:
        secret = serialization.load_pem_private_key(Path(key).read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(f"{key} is not a private key: {error}") from None
    if not isinstance(secret, ec.EllipticCurvePrivateKey) or secret.key_size != 256:
        raise ConfigError(f"{key} is not a key on P-256 (prime256v1)")
    point = secret.public_key().public_numbers()
    now = int(time.time())
    claims = {
        "sub": player,
        "aud": audience,
        "iat": now,
        "exp": now + int(seconds),
        "jti": secrets.token_hex(8),
        "game": game or None,
        "models": None if models is None else list(models),
        "rate": rate,
        "burst": burst,
    }
    head = {"alg": "ES256", "kid": _thumbprint(point.x, point.y), "typ": "JWT"}
    said = {name: value for name, value in claims.items() if value is not None}
    signed = f"{_part(head)}.{_part(said)}"
    der = secret.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
    r, s = utils.decode_dss_signature(der)
    return f"{signed}.{_base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"


def _thumbprint(x: int, y: int) -> str:
    """Return the key's name (RFC 7638)."""
    x_text, y_text = (_base64url(number.to_bytes(32, "big")) for number in (x, y))
    members = {"crv": "P-256", "kty": "EC", "x": x_text, "y": y_text}
    text = json.dumps(members, separators=(",", ":"), sort_keys=True)
    return _base64url(hashlib.sha256(text.encode()).digest())


def _part(value: Mapping[str, Any]) -> str:
    return _base64url(json.dumps(value, separators=(",", ":")).encode())


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
