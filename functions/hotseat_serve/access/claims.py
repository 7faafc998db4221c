"""What a player token says. Rules, free of any key or clock.

A token is a JSON Web Token (RFC 7519) with these claims: `sub` (the player), `game`,
`models` (those it reaches; absent: all of the stage), `rate` and `burst` (requests a
second, and at once), `iat`, `exp`, `nbf`, `jti` and `aud`.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, Self

from hotseat_registry.dataclass import dataclass

AUDIENCE = "hotseat"
"""`aud` of a token, unless the stage has another: no token of another service."""
MAX_SECONDS = 86_400
"""From `iat` to `exp`: a token that lasts longer is refused, whoever signed it."""
LEEWAY = 60.0
"""Seconds by which clocks may differ (RFC 7519, 4.1.4)."""
_ID = re.compile(r"[\x21-\x7e]{1,128}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_MODELS = 100


class TokenError(Exception):
    """Why a token is not accepted, in words that its bearer may read."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, as a token or the front says."""

    player: str
    game: str = ""
    models: frozenset[str] | None = None
    """None: all models of the stage."""
    rate: float | None = None
    """Requests a second of this player and one model; None: the stage's."""
    burst: int | None = None

    def reaches(self, model: str) -> bool:
        """Whether the caller may name this model."""
        return self.models is None or model in self.models


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a token that was verified."""

    caller: Caller
    issued: float
    expires: float
    starts: float
    token_id: str = ""

    @classmethod
    def read(cls, claims: Mapping[str, Any], audience: str = AUDIENCE) -> Self:
        """Read the claims of a token; raises `TokenError`."""
        audiences = claims.get("aud")
        named = audiences if isinstance(audiences, list) else [audiences]
        if audience not in named:
            raise TokenError(f"the token is not for {audience!r} (aud)")
        issued, expires = _time(claims, "iat"), _time(claims, "exp")
        starts = _time(claims, "nbf") if "nbf" in claims else issued
        if not 0 < expires - issued <= MAX_SECONDS:
            raise TokenError(f"the token lasts longer than {MAX_SECONDS} s (iat, exp)")
        caller = Caller(
            _text(claims, "sub"),
            _text(claims, "game") if "game" in claims else "",
            _models(claims.get("models")),
            _rate(claims.get("rate")),
            _burst(claims.get("burst")),
        )
        token_id = _text(claims, "jti") if "jti" in claims else ""
        return cls(caller, issued, expires, starts, token_id)

    def check_time(self, now: float) -> None:
        """Raise `TokenError` before its start and after its expiry."""
        if now >= self.expires + LEEWAY:
            raise TokenError("the token has expired")
        if now < min(self.issued, self.starts) - LEEWAY or now < self.starts - LEEWAY:
            raise TokenError("the token is not valid yet")


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenError(f"the token has no time {name!r}")
    if not math.isfinite(value) or value < 0:
        raise TokenError(f"the token has no time {name!r}")
    return float(value)


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise TokenError(f"the token has no {name!r} of 1 to 128 ASCII characters")
    return value


def _models(value: Any) -> frozenset[str] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) > _MOST_MODELS:
        raise TokenError(f"models is no list of at most {_MOST_MODELS} names")
    if not all(isinstance(name, str) and _NAME.fullmatch(name) for name in value):
        raise TokenError("models has something that is no model's name")
    return frozenset(value)


def _rate(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TokenError("rate is no number")
    if not 0 < value <= 1_000_000:
        raise TokenError("rate is not between 0 and 1,000,000")
    return float(value)


def _burst(value: Any) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= 1_000_000:
        raise TokenError("burst is no whole number from 1 to 1,000,000")
    return value
