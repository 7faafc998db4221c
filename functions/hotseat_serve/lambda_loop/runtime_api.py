"""Call the Lambda Runtime API over one kept-alive connection.

Protocol: docs.aws.amazon.com/lambda, "Using the Lambda runtime API for custom runtimes"
and "Building a custom runtime for AWS Lambda" (response streaming). Its server is on
this machine, so calls have no timeout: `next_invocation` waits until there is work.
"""

import base64
import json
from collections.abc import Iterable

from hotseat_registry.dataclass import dataclass
from hotseat_serve.lambda_loop.connection import Connection, Reply

_VERSION = "/2018-06-01/runtime"
_ERROR_TYPE = "Lambda-Runtime-Function-Error-Type"
_ERROR_BODY = "Lambda-Runtime-Function-Error-Body"
_MAX_XRAY = 1 << 20
"""Bytes of the X-Ray header, at most; a longer one is left out."""
_JSON = "application/json"


class RuntimeApiError(Exception):
    """The Runtime API refused a call, or failed."""

    def __init__(self, call: str, reply: Reply) -> None:
        text = bytes(reply.body[:500]).decode("utf-8", "replace")
        super().__init__(f"{call}: {reply.status} {text}")
        self.status = reply.status

    @property
    def is_final(self) -> bool:
        """Whether the runtime has to exit (status 500, as documented)."""
        return self.status >= 500


@dataclass(frozen=True, slots=True)
class Failure:
    """An error of the function, as the Runtime API receives it."""

    kind: str
    message: str
    trace: tuple[str, ...] = ()
    xray: str = ""
    """The cause in X-Ray's format, as JSON."""

    def to_json(self) -> bytes:
        """Return the document that a caller receives."""
        document = {
            "errorMessage": self.message,
            "errorType": self.kind,
            "stackTrace": self.trace,
        }
        return json.dumps(document).encode()


@dataclass(frozen=True, slots=True)
class Invocation:
    """One event and its headers."""

    request_id: str
    body: bytes | bytearray
    deadline_ms: int
    """Milliseconds since 1970."""
    function_arn: str = ""
    trace_id: str = ""
    """The X-Ray header; empty: none."""


class RuntimeApi:
    """The calls of one runtime; not for several threads at once."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def next_invocation(self) -> Invocation:
        """Wait for an event; raises `RuntimeApiError`."""
        # nothing arrived yet where a connection breaks, so the call can be repeated
        reply = self._connection.call("GET", f"{_VERSION}/invocation/next")
        _check("/next", reply, 200)
        headers = reply.headers
        return Invocation(
            request_id=headers["lambda-runtime-aws-request-id"],
            body=reply.body,
            deadline_ms=int(headers.get("lambda-runtime-deadline-ms", 0)),
            function_arn=headers.get("lambda-runtime-invoked-function-arn", ""),
            trace_id=headers.get("lambda-runtime-trace-id", ""),
        )

    def respond(self, request_id: str, body: bytes, media_type: str = _JSON) -> None:
        """Send a whole answer; raises `RuntimeApiError`."""
        path = f"{_VERSION}/invocation/{request_id}/response"
        headers = {"Content-Type": media_type}
        _check("/response", self._connection.call("POST", path, body, headers), 202)

    def stream(
        self, request_id: str, chunks: Iterable[bytes], media_type: str
    ) -> Failure | None:
        """Send an answer in chunks, each as soon as `chunks` returns it.

        An exception of `chunks` ends the answer with the error in the trailers
        (the caller of the function sees a broken stream); it is returned.
        Raises `RuntimeApiError`.
        """
        path = f"{_VERSION}/invocation/{request_id}/response"
        headers = {
            "Content-Type": media_type,
            "Lambda-Runtime-Function-Response-Mode": "streaming",
            "Trailer": f"{_ERROR_TYPE}, {_ERROR_BODY}",
        }
        failure: Failure | None = None

        def trailers(error: Exception) -> dict[str, str]:
            nonlocal failure
            failure = Failure(type(error).__name__, str(error))
            body = base64.b64encode(failure.to_json()).decode()
            return {_ERROR_TYPE: failure.kind, _ERROR_BODY: body}

        reply = self._connection.stream(path, chunks, headers, trailers)
        _check("/response", reply, 202)
        return failure

    def fail(self, request_id: str, failure: Failure) -> None:
        """Report that an invocation failed; raises `RuntimeApiError`."""
        headers = {"Content-Type": _JSON, _ERROR_TYPE: failure.kind}
        if failure.xray and len(failure.xray) < _MAX_XRAY:
            headers["Lambda-Runtime-Function-XRay-Error-Cause"] = failure.xray
        path = f"{_VERSION}/invocation/{request_id}/error"
        reply = self._connection.call("POST", path, failure.to_json(), headers)
        _check("/error", reply, 202)

    def fail_init(self, failure: Failure, *, restoring: bool = False) -> None:
        """Report that the start, or the start from a snapshot, failed."""
        path = f"{_VERSION}/{'restore' if restoring else 'init'}/error"
        headers = {"Content-Type": _JSON, _ERROR_TYPE: failure.kind}
        reply = self._connection.call("POST", path, failure.to_json(), headers)
        _check(path, reply, 202)

    def restore_next(self) -> None:
        """Wait until a copy of the snapshot starts; raises `RuntimeApiError`."""
        reply = self._connection.call("GET", f"{_VERSION}/restore/next")
        _check("/restore/next", reply, 200)
        # the copy must not use the snapshot's connection
        self._connection.close()


def _check(call: str, reply: Reply, expected: int) -> None:
    if reply.status != expected:
        raise RuntimeApiError(call, reply)
