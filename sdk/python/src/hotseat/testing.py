"""Transports without a network, for a game's own tests.

::

    transport = FakeTransport({"label": "ok"}, TransportError("cable pulled"))
    client = ModelServiceClient(transport=transport)
    assert client.predict("gg").label == "ok"
    assert client.predict("gg", default="ok").is_default
    assert transport.requests[0].url.endswith("/model-service")

An answer is a mapping (returned as JSON with status 200), a `Response` with its own
status, a `HotseatError` to raise (`TransportError`: no connection, `DeadlineError`: no
answer in time), or a function of the request with one of these as result. The
transport returns the answers in turn and repeats the last one.
"""

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any

from hotseat._transport import Request, Response
from hotseat.errors import ConfigError, HotseatError

__all__ = ["Answer", "AsyncFakeTransport", "FakeTransport", "Request", "Response"]

Canned = Mapping[str, Any] | Response | HotseatError
Answer = Canned | Callable[[Request], Canned]
"""An answer of a fake transport."""


class FakeTransport:
    """Returns canned answers in turn, repeats the last one, and records requests."""

    def __init__(self, *answers: Answer) -> None:
        if not answers:
            raise ConfigError("a FakeTransport needs at least one answer")
        self._answers = list(answers)
        self._lock = threading.Lock()
        self.requests: list[Request] = []
        self.closed = False

    def send(self, request: Request, timeout: float) -> Response:  # noqa: ARG002
        """Return or raise the next answer."""
        with self._lock:
            self.requests.append(request)
            last = len(self._answers) == 1
            answer = self._answers[0] if last else self._answers.pop(0)
        if callable(answer):
            answer = answer(request)
        if isinstance(answer, HotseatError):
            raise answer
        if isinstance(answer, Response):
            return answer
        return Response(200, {}, json.dumps(answer).encode())

    def close(self) -> None:
        """Record that the transport was closed."""
        self.closed = True


class AsyncFakeTransport:
    """A `FakeTransport` for `hotseat.aio.AsyncModelServiceClient`."""

    def __init__(self, *answers: Answer) -> None:
        self._fake = FakeTransport(*answers)

    @property
    def requests(self) -> list[Request]:
        """The recorded requests."""
        return self._fake.requests

    @property
    def closed(self) -> bool:
        """Whether the transport was closed."""
        return self._fake.closed

    async def send(self, request: Request, timeout: float) -> Response:
        """Return or raise the next answer."""
        return self._fake.send(request, timeout)

    async def aclose(self) -> None:
        """Record that the transport was closed."""
        self._fake.close()
