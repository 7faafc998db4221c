"""Who asks, as API Gateway passes it to a function after an authorizer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hotseat_serve.access.claims import Caller


def caller_of(context: Mapping[str, Any]) -> "Caller | None":
    """Return the caller of an event's ``requestContext``, or None without one.

    Of our own authorizer (REST, or HTTP with payload 2.0), of Cognito's user pools and
    JWT authorizers (the claim `sub`), and of IAM (the caller's ARN or id). API Gateway
    writes these fields; a client cannot.
    """
    found = context.get("authorizer")
    if isinstance(found, dict):
        ours = found.get("lambda", found)
        if isinstance(ours, dict) and isinstance(ours.get("player"), str):
            return _ours(ours)
        jwt = found.get("jwt", found)
        claims = jwt.get("claims") if isinstance(jwt, dict) else None
        if isinstance(claims, dict) and isinstance(claims.get("sub"), str):
            return _caller(claims["sub"])
        iam = found.get("iam")
        if isinstance(iam, dict) and isinstance(iam.get("userArn"), str):
            return _caller(iam["userArn"])
    identity = context.get("identity")
    if isinstance(identity, dict) and isinstance(identity.get("userArn"), str):
        return _caller(identity["userArn"])
    return None


def _ours(fields: Mapping[str, Any]) -> "Caller":
    """Return the caller of `authorizer.to_context`."""
    models = fields.get("models")
    rate, burst = fields.get("rate"), fields.get("burst")
    return _caller(
        fields["player"],
        str(fields.get("game") or ""),
        None if models is None else frozenset(str(models).split(",")) - {""},
        None if rate is None else float(rate),
        None if burst is None else int(burst),
    )


def _caller(*fields: Any) -> "Caller":
    from hotseat_serve.access.claims import Caller  # late: most stages name no callers

    return Caller(*fields)
