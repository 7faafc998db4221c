"""Runs the effects of a call in the caller's thread."""

from collections.abc import Callable
from typing import Any, TypeVar

from hotseat._core import Core
from hotseat._effects import Effect, RunJob, SendRequest, Sleep, Steps
from hotseat._inference_request import InferenceRequest
from hotseat._keys import headers
from hotseat._transport import Response, Transport
from hotseat._types import Prediction
from hotseat.errors import HotseatError, TokenError

T = TypeVar("T")


class SyncDriver:
    """Runs the effects of a client's calls."""

    def __init__(
        self, core: Core, transport: Transport, sleep: Callable[[float], None]
    ) -> None:
        self._core = core
        self._transport = transport
        self._sleep = sleep

    def call(self, call: Steps[T]) -> T:
        """Run a call to its end; raises `HotseatError`."""
        got: Any = None
        try:
            while True:
                effect = call.send(got)
                try:
                    got = self._run_effect(effect)
                except HotseatError as error:
                    got = error
        except StopIteration as end:
            answer: T = end.value
            return answer
        finally:
            call.close()

    def _run_effect(self, effect: Effect) -> Any:
        if isinstance(effect, Sleep):
            return self._sleep(effect.seconds)
        if isinstance(effect, RunJob):
            return effect.job()
        return self._send(effect)

    def _send(self, effect: SendRequest) -> Response:
        began = self._core.clock()
        keys = headers(self._core.keys, effect.request)
        left = effect.timeout - (self._core.clock() - began)
        if left <= 0:
            raise TokenError("api_key or auth took all the time")
        return self._transport.send(effect.request.signed(keys), left)


def answer_tickets(
    core: Core,
    driver: SyncDriver,
    inputs: list[bytes],
    request: InferenceRequest,
    start: float,
) -> list[Prediction]:
    """Answer the inputs of several tickets, all but explanations in one request.

    It knows no client, so that threads keep none alive.
    """
    if request.verb == "predict":
        return driver.call(core.answers(request, inputs, start=start))
    return [
        driver.call(core.answers(request, [row], many=False, start=start))[0]
        for row in inputs
    ]
