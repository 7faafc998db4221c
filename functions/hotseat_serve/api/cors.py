"""CORS: which web pages may call the API (fetch.spec.whatwg.org).

Off by default. A browser sends a preflight request first, and gives a page only answers
that allow the page's origin. Other clients ignore these headers.
"""

from collections.abc import Mapping

from hotseat_serve.api.messages import Answer, Request

ALLOWED_HEADERS = (
    "authorization", "content-encoding", "content-type", "deadline-ms",
    "idempotency-key", "inference-header-content-length", "range", "traceparent",
    "x-api-key",
)  # fmt: skip
"""Headers that a page may send."""
EXPOSED_HEADERS = (
    "apigw-requestid", "content-range", "etag", "inference-header-content-length",
    "retry-after", "traceparent", "x-amzn-requestid", "x-request-id",
)  # fmt: skip
"""Headers of an answer that a page may read, beyond those it may always."""
_DAY = "86400"


def preflight(request: Request, origins: str) -> Answer | None:
    """Return the answer to a preflight request, or None for any other request."""
    named = request.headers.get("access-control-request-method")
    if request.method != "OPTIONS" or named is None:
        return None
    if "access-control-allow-origin" not in response_headers(request, origins):
        return None
    return Answer(
        204,
        b"",
        {
            "access-control-allow-methods": "GET, POST",
            "access-control-allow-headers": ", ".join(ALLOWED_HEADERS),
            "access-control-max-age": _DAY,
        },
    )


def response_headers(request: Request, origins: str) -> Mapping[str, str]:
    """Return the headers that let the calling page read an answer, if it may.

    `origins` are ``https://game.example`` and the like, separated by commas; ``*`` is
    any. There are no cookies, so no credentials are ever allowed. Where origins are
    listed, every answer varies by them: a cache must not give a page the answer
    that another page, or a caller without an origin, received.
    """
    if not origins:
        return {}
    asking = request.headers.get("origin")
    if origins == "*":
        return _ANY if asking is not None else {}
    if asking not in {origin.strip() for origin in origins.split(",")}:
        return _VARIES
    return {"access-control-allow-origin": asking, "vary": "origin", **_EXPOSED}


_EXPOSED = {"access-control-expose-headers": ", ".join(EXPOSED_HEADERS)}
_ANY = {"access-control-allow-origin": "*", **_EXPOSED}
_VARIES = {"vary": "origin"}
