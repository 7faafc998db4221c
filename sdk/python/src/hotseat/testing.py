"""A transport without a network, for a game's own tests.

::

    transport = FakeTransport({"label": "ok"}, TransportError("cable pulled"))
    client = ModelServiceClient(transport=transport)
"""

import json
from collections.abc import Mapping
from typing import Any

from hotseat._transport import Request, Response
from hotseat.errors import ConfigError, HotseatError

__all__ = ["FakeTransport", "Request", "Response"]


class FakeTransport:
    """Gives canned answers in turn, the last one for ever; keeps what was asked.

    An answer is a mapping (sent as JSON with status 200), a `Response`, or a
    `HotseatError` to raise.
    """

    def __init__(self, *answers: Mapping[str, Any] | Response | HotseatError) -> None:
        if not answers:
            raise ConfigError("a FakeTransport needs at least one answer")
        self._answers = list(answers)
        self.requests: list[Request] = []
        self.closed = False

    def send(self, request: Request, timeout: float) -> Response:  # noqa: ARG002
        """Return or raise the next answer."""
        self.requests.append(request)
        last = len(self._answers) == 1
        answer = self._answers[0] if last else self._answers.pop(0)
        if isinstance(answer, HotseatError):
            raise answer
        if isinstance(answer, Response):
            return answer
        return Response(200, {}, json.dumps(answer).encode())

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True
