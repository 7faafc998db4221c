"""Requests and answers, independent of the adapter; compression."""

import zlib
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from hotseat_serve.problems import Problem

if TYPE_CHECKING:
    from hotseat_serve.access.claims import Caller

JSON = "application/json"
PAGES = ("/docs", "/redoc", "/openapi.json")
"""Paths of FastAPI's pages; adapters import FastAPI only for these."""
_MIN_COMPRESSED = 1_400  # below these bytes compression saves no packet
_BOM = b"\xef\xbb\xbf"
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_JSON_HEADERS: Mapping[str, str] = MappingProxyType({"content-type": JSON})
_CODINGS = {"gzip": "gzip", "x-gzip": "gzip", "deflate": "deflate"}


class Request(NamedTuple):
    """One request; header names in lower case.

    A named tuple: a frozen dataclass takes three times as long to create.
    """

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = _NO_HEADERS
    request_id: str = ""
    remaining_ms: float | None = None
    """The platform's time limit for this request, if the adapter knows it."""
    received: int | None = None
    """Its arrival on the router's clock, if it waited for a thread."""
    fault: Problem | None = None
    """The reason why the adapter cannot read it; the router's answer."""
    fits: "Callable[[Answer], None] | None" = None
    """Raises `Problem` (too_large) for an answer that the adapter cannot send."""
    caller: "Caller | None" = None
    """Who asks, where an authorizer in front says so."""
    streams: bool = False
    """Whether the adapter can send an answer's `chunks`."""
    trace_id: str = ""
    """X-Ray's header, if the runtime gives it for each request."""


class Answer(NamedTuple):
    """One answer; `headers` has the content type.

    Only an answer to a request with `streams` may have `chunks`: an iterator of the
    body's pieces instead of `body`. It runs in the thread of the request or in another
    one, never in two at once. The adapter closes it (`close`, if it has that method)
    after the last piece or when the client is gone. After an exception of the iterator
    the client sees a broken connection, not a shorter answer.
    """

    status: int
    body: bytes
    headers: Mapping[str, str] = _JSON_HEADERS
    chunks: Iterator[bytes] | None = None


def decompress(request: Request, limit: int) -> Request:
    """Return the request with its body decompressed, without a byte order mark.

    Raises `Problem` for an unknown packing, damaged bytes, or more than `limit` bytes.
    """
    if len(request.body) > limit:
        raise too_large(len(request.body), limit)
    header = request.headers.get("content-encoding")
    coding = _content_coding(header) if header else ""
    if coding:
        request = request._replace(body=_decompressed(request.body, coding, limit))
    # where a header counts the JSON's bytes, the mark is one of them
    if request.body[:3] == _BOM and (
        "inference-header-content-length" not in request.headers
    ):
        request = request._replace(body=request.body[3:])
    return request


def _content_coding(header: object) -> str:
    """Return gzip, deflate or nothing; raises `Problem` for any other packing."""
    names = [name.strip() for name in str(header).lower().split(",")]
    names = [name for name in names if name not in {"identity", ""}]
    if not names:
        return ""
    if len(names) > 1 or names[0] not in _CODINGS:
        raise Problem(
            "unsupported_media_type",
            f"content-encoding {str(header)[:80]!r}: the body may be packed once, "
            "by gzip or deflate",
        )
    return _CODINGS[names[0]]


def _decompressed(data: bytes, coding: str, limit: int) -> bytes:
    # 32: detect zlib or gzip by the header
    decompressor = zlib.decompressobj(zlib.MAX_WBITS | 32)
    try:
        body = decompressor.decompress(data, limit + 1)
    except zlib.error as error:
        if coding == "gzip":
            raise _damaged(coding, error) from None
        # RFC 9110 says zlib's format; .NET and old browsers send the bare stream
        decompressor = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            body = decompressor.decompress(data, limit + 1)
        except zlib.error:
            raise _damaged(coding, error) from None
    if len(body) > limit:  # stops the decompression of a bomb
        raise too_large(len(body), limit)
    if not decompressor.eof:
        raise Problem("invalid_json", f"the {coding} body ends in the middle")
    return body


def _damaged(coding: str, error: zlib.error) -> Problem:
    return Problem("invalid_json", f"the body is not {coding}: {error}")


def compress(answer: Answer, request: Request) -> Answer:
    """Compress the answer as the caller prefers, if that saves a packet."""
    if len(answer.body) < _MIN_COMPRESSED or "accept-ranges" in answer.headers:
        return answer  # a range counts the file's uncompressed bytes
    coding = preferred_coding(request.headers.get("accept-encoding"))
    varies = {**answer.headers, "vary": "accept-encoding"}
    if coding == "gzip":
        import gzip  # late: most first answers are short

        body = gzip.compress(answer.body, 1, mtime=0)
    elif coding == "deflate":
        body = zlib.compress(answer.body, 1)
    else:
        return Answer(answer.status, answer.body, varies)
    return Answer(answer.status, body, {**varies, "content-encoding": coding})


def preferred_coding(accepted: str | None) -> str:
    """Return gzip, deflate or identity: the highest weight in Accept-Encoding.

    Weights are RFC 9110's (section 12.4.2): 0 refuses, no weight is 1, ``*`` is any
    other coding. Of equal weights gzip comes first. Identity wins only with a higher
    weight of its own, or if everything is refused.
    """
    if not accepted:
        return "identity"
    weights: dict[str, float] = {}
    for part in str(accepted).lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        weights[_CODINGS.get(name, name)] = _weight(parameters)
    rest = weights.get("*", 0.0)
    gzipped, deflated = weights.get("gzip", rest), weights.get("deflate", rest)
    best = max(gzipped, deflated)
    if best <= 0 or weights.get("identity", 0.0) > best:
        return "identity"
    return "gzip" if gzipped >= deflated else "deflate"


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                weight = float(value)
            except ValueError:
                return 0.0
            return weight if 0 <= weight <= 1 else 0.0  # not a number is refused too
    return 1.0


def strip_base_path(path: str, base: str) -> str:
    """Return a path without the prefix `base` of the API.

    Only whole segments are removed: ``/ml`` is no prefix of ``/mlx``.
    """
    base = base.strip("/")
    if not base:
        return path
    rest = path.removeprefix(f"/{base}")
    if rest == path or (rest and rest[0] != "/"):
        return path
    return rest or "/"


def close_chunks(answer: Answer) -> None:
    """Release what the chunks of an answer hold, sent or not."""
    close = getattr(answer.chunks, "close", None)
    if close is not None:
        close()


def too_large(size: int, limit: int) -> Problem:
    """Return the problem of a body over the limit."""
    return Problem("too_large", f"the body has {size} bytes; the limit is {limit}")


def encodable(request: Request) -> Request:
    """Return a request without half surrogates in path and method."""
    path, method = (
        text.encode("utf-8", "replace").decode()
        for text in (request.path, request.method)
    )
    return request._replace(path=path, method=method)


def as_json(body: Any, status: int = 200) -> Answer:
    """Return the answer with `body` as JSON."""
    return Answer(status, orjson.dumps(body), {"content-type": JSON})
