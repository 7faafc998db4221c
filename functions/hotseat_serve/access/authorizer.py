"""The Lambda authorizer: verifies a player's token in front of the functions.

Answers both of API Gateway's forms: a REQUEST authorizer of a REST API (an IAM policy)
and one of an HTTP API (payload 2.0, simple responses). It imports neither a model
runtime nor an AWS library. docs.aws.amazon.com/apigateway, "Use API Gateway Lambda
authorizers" and "Control access to HTTP APIs with AWS Lambda authorizers".
"""

import logging
import os
from contextlib import suppress
from functools import cache
from typing import Any

from hotseat_registry.errors import RegistryError
from hotseat_registry.stores import open_store
from hotseat_serve.access.claims import Caller, TokenError
from hotseat_serve.access.verifier import create_verifier
from hotseat_serve.access.verify import Verifier
from hotseat_serve.settings import Settings

log = logging.getLogger("hotseat.serve")

_SCHEME = "bearer "


@cache
def _opened() -> tuple[Verifier, Settings]:
    settings = Settings.from_env(os.environ)
    store = open_store(settings.registry, reading=True)
    return create_verifier(settings, store), settings


def prepare() -> None:
    """Read the keys, and import what verifies, before the first request.

    Lambda's init phase has more of a core than a function of this memory has later.
    """
    from cryptography.hazmat.primitives.asymmetric import ec

    assert ec
    with suppress(RegistryError):  # the first request says why there are none
        _opened()[0].read_keys()


if "AWS_LAMBDA_RUNTIME_API" in os.environ:
    prepare()


def handler(event: Any, _context: Any) -> dict[str, Any]:
    """Answer one request of an API Gateway.

    An invalid token is 401: the REST form raises ``Unauthorized``, which API Gateway
    maps to it. Without keys nobody is let in (500), and the log says why.
    """
    simple = event.get("version") == "2.0"
    try:
        verifier, settings = _opened()
        caller = verifier.verify(_token(event)).caller
    except TokenError as error:
        log.info("a token was refused: %s", error)
        if simple:
            return {"isAuthorized": False}
        raise Exception("Unauthorized") from None  # noqa: TRY002 (the text that counts)
    except RegistryError as error:
        log.error("no keys of tokens: %s", error)  # noqa: TRY400 (no traceback needed)
        raise
    context = to_context(caller)
    if simple:
        return {"isAuthorized": True, "context": context}
    answer = {
        "principalId": caller.player,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Action": "execute-api:Invoke",
                    "Effect": "Allow",
                    # the answer is cached for this token, whatever it asks next
                    "Resource": _whole_stage(event["methodArn"]),
                }
            ],
        },
        "context": context,
    }
    if settings.game_keys:  # of which the gateway takes the game's limits
        answer["usageIdentifierKey"] = settings.usage_key(caller.game)
    return answer


def to_context(caller: Caller) -> dict[str, str]:
    """Return what the function receives of a caller, as texts."""
    values = {
        "player": caller.player,
        "game": caller.game,
        "models": None if caller.models is None else ",".join(sorted(caller.models)),
        "rate": caller.rate,
        "burst": caller.burst,
    }
    return {name: str(value) for name, value in values.items() if value is not None}


def _token(event: dict[str, Any]) -> str:
    """Return the token of the header Authorization; raises `TokenError`."""
    headers = event.get("headers") or {}
    for name, value in headers.items():
        if name.lower() == "authorization" and isinstance(value, str):
            if value[: len(_SCHEME)].lower() == _SCHEME:
                return value[len(_SCHEME) :].strip()
            break
    raise TokenError("expected a player token as Bearer in the header Authorization")


def _whole_stage(arn: str) -> str:
    """Return the ARN of all methods of the API's stage.

    ``arn:aws:execute-api:eu-west-1:123456789012:id/prod/POST/v1/models`` becomes
    ``...:id/prod/*``.
    """
    api, stage, *_ = arn.split("/")
    return f"{api}/{stage}/*"
