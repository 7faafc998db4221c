"""Collects submitted inputs into batches, one request for each.

A frame calls `submit`, which only puts the input into a queue. A thread collects the
inputs of a short window and sends them in one request: twenty inputs of a frame take
one round trip. A few such threads take turns, so that a slow answer delays no other.
"""

import _thread
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from hotseat._inference_request import InferenceRequest
from hotseat._ticket import Ticket
from hotseat._types import Prediction
from hotseat.errors import CancelledError, ConfigError, HotseatError, TransportError

log = logging.getLogger("hotseat")

WINDOW = 0.004
"""Seconds of inputs in one request; a quarter of a frame."""
BATCH = 64
_SENDERS = 4

Send = Callable[[list[bytes], InferenceRequest, float], list[Prediction]]
"""Answers the inputs of one request; its time counts from the last argument."""


@dataclass(slots=True)
class _Item:
    """One ticket in the queue."""

    row: bytes
    ticket: Ticket
    since: float
    until: float


@dataclass(slots=True)
class Batcher:
    """Collects tickets and gets their answers from `send`, many in one request.

    A ticket's time counts from `submit`; a ticket that expires in the queue is not
    sent.
    """

    send: Send
    clock: Callable[[], float]
    window: float = WINDOW
    batch: int = BATCH
    _waiting: dict[InferenceRequest, deque[_Item]] = field(default_factory=dict)
    _wake: threading.Condition = field(default_factory=threading.Condition)
    _threads: list[threading.Thread] = field(default_factory=list)
    _senders: int = 0
    """Threads that run or are starting."""
    _idle: int = 0
    _closed: bool = False

    def __post_init__(self) -> None:
        """Check the options."""
        if not 0 <= self.window <= 1:
            raise ConfigError(f"a window is from 0 to 1 second, not {self.window!r}")
        if self.batch < 1:
            raise ConfigError(f"a batch is 1 or more, not {self.batch!r}")

    def submit(self, row: bytes, request: InferenceRequest, allowed: float) -> Ticket:
        """Queue an input and return its ticket at once."""
        ticket, now = Ticket(), self.clock()
        with self._wake:
            if self._closed:
                ticket.settle(None, CancelledError("the client was closed"))
                return ticket
            waiting = self._waiting.get(request)
            if waiting is None:
                waiting = self._waiting[request] = deque()
            waiting.append(_Item(row, ticket, now, now + allowed))
            self._wake.notify()
            if self._senders:
                return ticket
            self._senders = 1
        # Thread.start waits until the thread runs, but a frame must not wait
        _thread.start_new_thread(self._start, ())
        return ticket

    def close(self) -> None:
        """Cancel open tickets and end the threads."""
        with self._wake:
            self._closed = True
            left, self._waiting = self._waiting, {}
            self._wake.notify_all()
            self._wake.wait_for(lambda: len(self._threads) == self._senders, 1)
        for waiting in left.values():
            for item in waiting:
                item.ticket.settle(None, CancelledError("the client was closed"))
        for thread in self._threads:
            thread.join(5)

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="hotseat-sender", daemon=True)
        thread.start()
        with self._wake:
            self._threads.append(thread)
            self._wake.notify_all()

    def _work(self) -> None:
        while True:
            with self._wake:
                self._idle += 1
                while not self._waiting and not self._closed:
                    self._wake.wait()
                self._idle -= 1
                if self._closed:
                    return
            if self.window:
                time.sleep(self.window)
            self._answer(*self._take())

    def _take(self) -> tuple[InferenceRequest, list[_Item]]:
        """Take the oldest input and the others that can share its request."""
        with self._wake:
            request = next(iter(self._waiting), InferenceRequest())
            waiting = self._waiting.pop(request, None) or deque()
            taken: list[_Item] = []
            while waiting and len(taken) < self.batch:
                item = waiting.popleft()
                if not item.ticket.ready():  # a ready ticket was cancelled
                    taken.append(item)
            if waiting:
                self._waiting[request] = waiting  # to the end of the queue
            # another thread serves the queue while this one waits for an answer
            more = not self._idle and self._senders < _SENDERS and not self._closed
            self._senders += more
            if self._waiting:
                self._wake.notify()
        if more:
            self._start()
        return request, taken

    def _answer(self, request: InferenceRequest, taken: list[_Item]) -> None:
        """Answer tickets: those in time together, then the late ones."""
        now = self.clock()
        for late in (False, True):
            self._send(request, [i for i in taken if (i.until <= now) is late])

    def _send(self, request: InferenceRequest, items: list[_Item]) -> None:
        if not items:
            return
        try:
            predictions = self.send(
                [item.row for item in items], request, items[0].since
            )
        except HotseatError as error:
            if len(items) > 1 and getattr(error, "pointer", None) is not None:
                # one input is invalid: send each alone, so that the others succeed
                for item in items:
                    self._send(request, [item])
                return
            for item in items:
                item.ticket.settle(None, error)
        except Exception as error:  # an error in the SDK must not leave tickets open
            log.exception("tickets could not be answered")
            why = TransportError(f"the SDK failed: {type(error).__name__}")
            for item in items:
                item.ticket.settle(None, why)
        else:
            for item, prediction in zip(items, predictions, strict=True):
                item.ticket.settle(prediction, None)
