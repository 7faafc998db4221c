"""Tickets and batches for asyncio: inputs of a short window share one request."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from hotseat._inference_request import InferenceRequest
from hotseat._ticket import Ticket
from hotseat._types import Prediction
from hotseat.errors import CancelledError, ConfigError, HotseatError, TransportError

Send = Callable[[list[bytes], InferenceRequest, float], Awaitable[list[Prediction]]]
"""Answers the inputs of one request; its time counts from the last argument."""
_Group = list[tuple[bytes, "AsyncTicket", float]]


class AsyncTicket(Ticket):
    """A pending answer: check it in later frames, or ``await`` it."""

    __slots__ = ("_future",)

    def __init__(self, future: "asyncio.Future[None]") -> None:
        super().__init__()
        self._future = future

    def settle(self, prediction: Prediction | None, error: HotseatError | None) -> bool:
        """See `Ticket.settle`."""
        settled = super().settle(prediction, error)
        if settled and not self._future.done():
            self._future.set_result(None)
        return settled

    def __await__(self) -> Generator[Any, None, Prediction]:
        """Wait for the answer; raises its error. Returns at once if it is ready."""
        if not self.ready():
            yield from asyncio.shield(self._future).__await__()
        return self.result()


class AsyncBatcher:
    """Collects tickets, each group on the event loop that submitted it."""

    def __init__(
        self, send: Send, clock: Callable[[], float], window: float, batch: int
    ) -> None:
        if not 0 <= window <= 1 or batch < 1:
            raise ConfigError("window is from 0 to 1 second, batch 1 or more")
        self._send, self._clock = send, clock
        self._window, self._batch = window, batch
        self._groups: dict[tuple[int, InferenceRequest], _Group] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: set[AsyncTicket] = set()

    def submit(self, row: bytes, request: InferenceRequest) -> AsyncTicket:
        """Queue an input and return its ticket at once; needs a running event loop."""
        loop = asyncio.get_running_loop()
        ticket = AsyncTicket(loop.create_future())
        self._open.add(ticket)
        key = (id(loop), request)
        group = self._groups.get(key)
        if group is None:
            self._groups[key] = [(row, ticket, self._clock())]
            loop.call_later(self._window, self._flush, key)
            return ticket
        group.append((row, ticket, self._clock()))
        if len(group) >= self._batch:
            self._flush(key)
        return ticket

    def close(self) -> None:
        """Cancel open tickets at once."""
        self._groups.clear()
        for ticket in list(self._open):
            ticket.settle(None, CancelledError("the client was closed"))
        self._open.clear()
        for task in list(self._tasks):
            task.cancel()

    def _flush(self, key: tuple[int, InferenceRequest]) -> None:
        group = self._groups.pop(key, None)
        if group:
            task = asyncio.ensure_future(self._answer(key[1], group))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _answer(self, request: InferenceRequest, group: _Group) -> None:
        group = [item for item in group if not item[1].ready()]  # else cancelled
        if not group:
            return
        tickets = [ticket for _, ticket, _ in group]
        try:
            answers = await self._send(
                [row for row, _, _ in group], request, group[0][2]
            )
        except HotseatError as error:
            if len(group) > 1 and getattr(error, "pointer", None) is not None:
                # one input is invalid: send each alone, so that the others succeed
                await asyncio.gather(*(self._answer(request, [one]) for one in group))
                return
            for ticket in tickets:
                ticket.settle(None, error)
        except Exception as error:  # noqa: BLE001 (an error of the SDK leaves none open)
            why = TransportError(f"the SDK failed: {type(error).__name__}")
            for ticket in tickets:
                ticket.settle(None, why)
        else:
            for ticket, answer in zip(tickets, answers, strict=True):
                ticket.settle(answer, None)
        finally:
            self._open.difference_update(tickets)
