"""Carries out the steps of a call: sends, waits and works, in the caller's thread."""

from collections.abc import Callable
from typing import Any, TypeVar

from hotseat._core import Core
from hotseat._keys import headers
from hotseat._steps import Pause, Send, Steps, Work
from hotseat._transport import Response, Transport
from hotseat.errors import HotseatError, TokenError

T = TypeVar("T")


class Carrier:
    """What a client's calls are carried out by."""

    def __init__(
        self, core: Core, transport: Transport, sleep: Callable[[float], None]
    ) -> None:
        self._core = core
        self._transport = transport
        self._sleep = sleep

    def call(self, call: Steps[T]) -> T:
        """Carry out the steps of a call; raises `HotseatError`."""
        got: Any = None
        try:
            while True:
                step = call.send(got)
                try:
                    got = self._carry_out(step)
                except HotseatError as error:
                    got = error
        except StopIteration as end:
            answer: T = end.value
            return answer
        finally:
            call.close()

    def _carry_out(self, step: Send | Pause | Work) -> Any:
        if isinstance(step, Pause):
            return self._sleep(step.seconds)
        if isinstance(step, Work):
            return step.job()
        return self._send(step)

    def _send(self, step: Send) -> Response:
        began = self._core.clock()
        keys = headers(self._core.keys, step.request)
        left = step.timeout - (self._core.clock() - began)
        if left <= 0:
            raise TokenError("api_key or auth took all the time")
        return self._transport.send(step.request.signed(keys), left)
