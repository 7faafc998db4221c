"""Keyed pseudonyms of players: the same within a game and a month, and no longer.

The key of a game and a month is derived from one secret (HMAC-SHA-256, RFC 2104), so
that logs of two games, or of two months, cannot be joined by player. Who destroys the
secret makes all pseudonyms meaningless. The secret lies in AWS Secrets Manager, or in a
file that the container's platform mounts; an environment variable names it only.
"""

import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from hotseat_registry.errors import StoreError
from hotseat_registry.stores.connections import Connections
from hotseat_registry.stores.credentials import CredentialSource, region
from hotseat_registry.stores.sigv4 import sign

MIN_BYTES = 32
"""Bytes of the secret, at least: as many as the hash has."""
_TARGET = "secretsmanager.GetSecretValue"
_MAX_ANSWER = 1 << 17


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
        return Pseudonyms(_from_secrets_manager(name, env))
    try:
        return Pseudonyms(Path(where).read_bytes().strip())
    except OSError as error:
        raise StoreError(f"the secret for players' pseudonyms: {error}") from None


def _from_secrets_manager(name: str, env: Mapping[str, str]) -> bytes:
    """Return a secret's value; docs.aws.amazon.com, "GetSecretValue"."""
    place = name.split(":")[3] if name.startswith("arn:") else region(env)
    endpoint = env.get("AWS_ENDPOINT_URL_SECRETS_MANAGER") or env.get(
        "AWS_ENDPOINT_URL"
    )
    url = urlsplit(endpoint or f"https://secretsmanager.{place}.amazonaws.com")
    body = json.dumps({"SecretId": name}).encode()
    headers = sign(
        "POST", url.netloc, "/", "", body,
        {"content-type": "application/x-amz-json-1.1", "x-amz-target": _TARGET},
        CredentialSource(env, time.time).current(), place, "secretsmanager",
        datetime.now(UTC),
    )  # fmt: skip
    connection, _ = Connections(url.netloc, secure=url.scheme == "https").acquire()
    try:
        connection.request("POST", "/", body, headers)
        response = connection.getresponse()
        answer = json.loads(response.read(_MAX_ANSWER))
        if response.status != 200:
            kind = str(answer.get("__type", response.status)).rpartition("#")[2]
            raise StoreError(f"Secrets Manager, {name}: {kind}")
        return str(answer["SecretString"]).encode()
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(f"Secrets Manager, {name}: {error!r}") from None
    finally:
        connection.close()


def _hmac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()
