"""What an answer takes on its way out of Lambda, and what is too large for it.

Over the limit the platform replaces the answer by an error of its own, without the
request's id; so it is measured first.
"""

import json

import orjson

from hotseat_serve.problems import Problem
from hotseat_serve.request import Answer
from hotseat_serve.settings import LAMBDA_ANSWER

BALANCER = 1_000_000
"""Of the answer's JSON (docs.aws.amazon.com/elasticloadbalancing, "Use Lambda functions
as targets": 1 MB)."""
_ADDED = 1_000
"""Bytes of headers that are added after the measuring: trace, origins."""
_SMALL = 300_000
"""Bytes that fit whatever they hold: no character takes more than three times its own
in JSON."""


def is_text(answer: Answer) -> bool:
    """Return whether the body goes into the answer's JSON as it is, not as base64."""
    kind = answer.headers.get("content-type", "")
    return ("json" in kind or kind.startswith("text/")) and (
        "content-encoding" not in answer.headers
    )


def fits_lambda(answer: Answer) -> None:
    """Raise `Problem` (too_large) for an answer that Lambda cannot send."""
    if len(answer.body) > _SMALL:
        _check(_enveloped(answer), LAMBDA_ANSWER)


def fits_balancer(answer: Answer) -> None:
    """Raise `Problem` (too_large) for an answer that a load balancer cannot send."""
    if len(answer.body) > _SMALL:
        _check(_enveloped(answer), BALANCER)


def fits_direct(answer: Answer) -> None:
    """Raise `Problem` (too_large) for a body that Lambda cannot send by itself."""
    if 3 * len(answer.body) > LAMBDA_ANSWER:
        # the runtime client writes spaces after commas and colons
        _check(len(json.dumps(orjson.loads(answer.body))), LAMBDA_ANSWER)


def _enveloped(answer: Answer) -> int:
    """Return the bytes of the answer's JSON as the runtime client writes it.

    Not all of AWS's runtimes write other letters than ASCII as they are; escaped ones
    are counted.
    """
    shell = {
        "statusCode": 200,
        "headers": dict(answer.headers),
        "isBase64Encoded": True,
    }
    size = len(json.dumps(shell)) + len(', "body": ""') + _ADDED
    if not is_text(answer):
        return size + (len(answer.body) + 2) // 3 * 4
    if 3 * len(answer.body) + size < BALANCER:
        return size + len(answer.body)
    return size + len(json.dumps(answer.body.decode("utf-8", "replace")))


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise Problem(
            "too_large",
            f"the answer takes {size:,} bytes, {limit:,} can be sent: ask for less, "
            "or send Accept-Encoding: gzip",
        )
