"""Keyed pseudonyms of players: the same within a game and a month, and no longer.

The key of a game and a month is derived from one secret (HMAC-SHA-256, RFC 2104), so
that logs of two games, or of two months, cannot be joined by player. Who destroys the
secret makes all pseudonyms meaningless. The secret lies in AWS Secrets Manager, or in a
file that the container's platform mounts; an environment variable names it only.
"""

import hashlib
import hmac
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from hotseat_registry.errors import StoreError
from hotseat_registry.stores.aws_json import secret_value

MIN_BYTES = 32
"""Bytes of the secret, at least: as many as the hash has."""


class Pseudonyms:
    """Pseudonyms under one secret of `MIN_BYTES` bytes or more; `now` is Unix time."""

    def __init__(self, secret: bytes, now: Callable[[], float] = time.time) -> None:
        if len(secret) < MIN_BYTES:
            raise StoreError(
                f"the secret for players' pseudonyms has {len(secret)} bytes, and "
                f"{MIN_BYTES} are the least: openssl rand -base64 48"
            )
        self._secret = secret
        self._now = now

    def of(self, player: str, game: str) -> str:
        """Return 16 hexadecimal digits for a player of a game, for this month (UTC)."""
        month = datetime.fromtimestamp(self._now(), UTC).strftime("%Y-%m")
        key = _hmac(self._secret, f"{month}\0{game}".encode("utf-8", "replace"))
        return _hmac(key, player.encode("utf-8", "replace")).hex()[:16]


def open_pseudonyms(where: str, env: Mapping[str, str] = os.environ) -> Pseudonyms:
    """Return the pseudonyms under the secret at `where`.

    `where` is the ARN or name of a secret of AWS Secrets Manager, after
    ``secretsmanager:``, or a file's path. Raises `StoreError` where it cannot be read.
    """
    name = where.removeprefix("secretsmanager:")
    if name != where or name.startswith("arn:"):
        return Pseudonyms(secret_value(name, env))
    try:
        return Pseudonyms(Path(where).read_bytes().strip())
    except OSError as error:
        raise StoreError(f"the secret for players' pseudonyms: {error}") from None


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()
