"""What comes through a door and what goes back, whichever door it is."""

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from hotseat_serve.problems import Problem

JSON = "application/json"
_WORTH = 1_400  # bytes under which compression saves no packet


@dataclass(frozen=True, slots=True)
class Request:
    """One request; header names in lower case."""

    method: str
    path: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    request_id: str = ""
    remaining_ms: float | None = None
    """What the platform gives this request, where the door knows."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `headers` has the content type."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": JSON})


def plain(request: Request, limit: int) -> Request:
    """Return the request with its body unpacked.

    Raises `Problem` for an unknown packing, damaged bytes, or more than `limit` bytes.
    """
    if len(request.body) > limit:
        raise too_large(len(request.body), limit)
    packing = request.headers.get("content-encoding", "identity").lower()
    if packing in {"identity", ""}:
        return request
    if packing not in {"gzip", "deflate"}:
        raise Problem(
            "unsupported_media_type", f"content-encoding {packing!r}: gzip or deflate"
        )
    unpack = zlib.decompressobj(zlib.MAX_WBITS | 32)  # the header says which
    try:
        body = unpack.decompress(request.body, limit + 1)
    except zlib.error as error:
        raise Problem("invalid_json", f"the body is not {packing}: {error}") from None
    if len(body) > limit:  # a small body that unpacks without end stops here
        raise too_large(len(body), limit)
    if not unpack.eof:
        raise Problem("invalid_json", f"the {packing} body ends in the middle")
    return replace(request, body=body)


def packed(answer: Answer, request: Request) -> Answer:
    """Return the answer packed as the caller accepts, where that is worth it."""
    if len(answer.body) < _WORTH or "accept-ranges" in answer.headers:
        return answer  # a piece is counted in the file's own bytes
    accepted = request.headers.get("accept-encoding", "")
    names = {part.split(";")[0].strip().lower() for part in accepted.split(",")}
    if "gzip" in names:
        body, packing = gzip.compress(answer.body, 1, mtime=0), "gzip"
    elif "deflate" in names:
        body, packing = zlib.compress(answer.body, 1), "deflate"
    else:
        return answer
    headers = {**answer.headers, "content-encoding": packing}
    return Answer(answer.status, body, headers)


def too_large(size: int, limit: int) -> Problem:
    """Return the problem of a body over the limit."""
    return Problem("too_large", f"the body has {size} bytes; the limit is {limit}")
