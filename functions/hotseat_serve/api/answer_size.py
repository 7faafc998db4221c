"""Check that Lambda or a load balancer can send an answer.

The platform replaces a larger answer with its own error without the request's id, so
the service checks the size first.
"""

import json

import orjson

from hotseat_serve.api.messages import Answer
from hotseat_serve.problems import Problem
from hotseat_serve.settings import LAMBDA_ANSWER

BALANCER = 1_000_000
"""Bytes of the answer's JSON (docs.aws.amazon.com/elasticloadbalancing, "Use Lambda
functions as targets": 1 MB)."""
_ENVELOPE_BYTES = 1_500
"""Bytes besides the body, for the status and headers of the service."""
_MAX_ESCAPED_BYTES = 6
"""JSON bytes for one byte of text, at most: those of a control character."""


def is_text(answer: Answer) -> bool:
    """Whether the answer's JSON has the body as text, not as base64."""
    kind = answer.headers.get("content-type", "")
    return ("json" in kind or kind.startswith("text/")) and (
        "content-encoding" not in answer.headers
    )


def fits_lambda(answer: Answer) -> None:
    """Raise `Problem` (too_large) for an answer that Lambda cannot send."""
    if _MAX_ESCAPED_BYTES * len(answer.body) > LAMBDA_ANSWER - _ENVELOPE_BYTES:
        _check(_enveloped(answer), LAMBDA_ANSWER)


def fits_balancer(answer: Answer) -> None:
    """Raise `Problem` (too_large) for an answer that a load balancer cannot send."""
    if _MAX_ESCAPED_BYTES * len(answer.body) > BALANCER - _ENVELOPE_BYTES:
        _check(_enveloped(answer), BALANCER)


def fits_direct(answer: Answer) -> None:
    """Raise `Problem` (too_large) for a body that Lambda cannot send by itself."""
    if _MAX_ESCAPED_BYTES * len(answer.body) > LAMBDA_ANSWER:
        # the runtime client writes spaces after commas and colons
        _check(len(json.dumps(orjson.loads(answer.body))), LAMBDA_ANSWER)


def _enveloped(answer: Answer) -> int:
    """Return the bytes of the answer's JSON as the runtime client writes it.

    Some of AWS's runtimes escape letters outside ASCII, so the count assumes escaped
    ones.
    """
    if is_text(answer):
        return _ENVELOPE_BYTES + len(json.dumps(answer.body.decode("utf-8", "replace")))
    return _ENVELOPE_BYTES + (len(answer.body) + 2) // 3 * 4


def _check(size: int, limit: int) -> None:
    if size > limit:
        raise Problem(
            "too_large",
            f"the answer takes {size:,} bytes, {limit:,} can be sent: ask for less, "
            "or send Accept-Encoding: gzip",
        )
