"""Authentication headers: an API key, a player's token or a signature.

Each try computes them again and so replaces an expired token or signature. No text
of this module shows a secret.
"""

from collections.abc import Callable, Mapping
from typing import Any

from hotseat._transport import Request
from hotseat.errors import ConfigError, HotseatError, TokenError

Auth = Callable[[Request], Mapping[str, str]]
"""Returns the authentication headers of a request, such as `hotseat.sigv4.SigV4`."""


def headers(keys: "Keys", request: Request) -> Mapping[str, str]:
    """Return the headers for a request; raises `ConfigError`, `TokenError`."""
    try:
        return keys.of(request)
    except HotseatError:
        raise
    except Exception as error:  # noqa: BLE001 (the caller's error: its text may hold a secret)
        raise TokenError(f"no key: {type(error).__name__} in api_key or auth") from None


class Keys:
    """A fixed key, a function for tokens, or a function for signatures."""

    __slots__ = ("_auth", "_key", "token")

    def __init__(
        self, key: str | Callable[[], Any] | None, auth: Auth | None, env: str
    ) -> None:
        if key is not None and auth is not None:
            raise ConfigError("give api_key or auth, not both")
        self.token = key if callable(key) else None
        self._auth = auth
        fixed = "" if auth or callable(key) else (key or env)
        self._key = sendable(fixed)

    @property
    def are_renewed(self) -> bool:
        """Whether the caller's own function is called for each try."""
        return self.token is not None or self._auth is not None

    def of(self, request: Request) -> Mapping[str, str]:
        """Return the headers for a request; calls the caller's own function."""
        if self._auth is not None:
            return self._auth(request)
        if self.token is not None:
            return bearer(self.token())
        return {"x-api-key": self._key} if self._key else {}

    def __repr__(self) -> str:
        """Hide the secrets."""
        return "Keys(...)"


def bearer(token: Any) -> Mapping[str, str]:
    """Return the header of a token; raises `ConfigError`."""
    if not isinstance(token, str):
        raise ConfigError(
            f"api_key returned {type(token).__name__}, not a token's text"
        )
    return {"authorization": f"Bearer {sendable(token)}"}


def sendable(key: str, what: str = "the API key") -> str:
    """Return a text that is valid in a header; raises `ConfigError`."""
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(
            f"{what} has a character that is not valid in a header, such as a line "
            "break at its end"
        )
    return key
