"""AWS credentials from the environment, or from the agent that it names."""

import http.client
import json
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from hotseat_registry.dataclass import dataclass, field
from hotseat_registry.errors import StoreError
from hotseat_registry.stores.connections import SECONDS

_LARGEST = 1 << 20
"""Bytes of the agent's answer."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key, and until when it may be used (seconds since 1970)."""

    key: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    until: float = float("inf")


def region(env: Mapping[str, str]) -> str:
    """Return the region that the environment names, or an empty text."""
    return env.get("AWS_REGION") or env.get("AWS_DEFAULT_REGION") or ""


class CredentialSource:
    """Credentials that hold for another minute. Safe for several threads."""

    def __init__(self, env: Mapping[str, str], now: Callable[[], float]) -> None:
        self._env = env
        self._now = now
        self._cached: Credentials | None = None
        self._renewing = threading.Lock()

    def current(self) -> Credentials:
        """Return credentials; raises `StoreError`, `OSError`."""
        env = self._env
        if "AWS_ACCESS_KEY_ID" in env:
            return Credentials(
                env["AWS_ACCESS_KEY_ID"],
                env["AWS_SECRET_ACCESS_KEY"],
                env.get("AWS_SESSION_TOKEN"),
            )
        with self._renewing:  # one thread renews them, the others wait for it
            cached = self._cached
            if cached is None or self._now() > cached.until - 60:
                cached = self._cached = self._from_agent()
            return cached

    def forget(self) -> None:
        """Drop the credentials; what is just being fetched is dropped as well."""
        with self._renewing:
            self._cached = None

    def _from_agent(self) -> Credentials:
        """Ask the container's agent, as functions restored from a snapshot must."""
        url = urlsplit(self._env["AWS_CONTAINER_CREDENTIALS_FULL_URI"])
        token = self._env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
        agent = http.client.HTTPConnection(url.netloc, timeout=SECONDS)
        try:
            agent.request("GET", url.path or "/", headers={"Authorization": token})
            answer = agent.getresponse()
            endpoint: Any = json.loads(answer.read(_LARGEST))
            until = datetime.fromisoformat(endpoint["Expiration"]).timestamp()
            return Credentials(
                endpoint["AccessKeyId"],
                endpoint["SecretAccessKey"],
                endpoint["Token"],
                until,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(
                f"the credentials' agent answered no key: {error}"
            ) from error
        finally:
            agent.close()
