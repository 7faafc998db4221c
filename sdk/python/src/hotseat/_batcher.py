"""Collects submitted inputs into batches, one request for each.

A frame calls `submit`, which only puts the input into a queue. A thread collects the
inputs of a short window and sends them in one request: twenty inputs of a frame take
one round trip. A few such threads take turns, so that a slow answer delays no other.

An idle thread holds no reference to the client, so that a client dropped without
`close` is freed and its threads end.
"""

import _thread
import logging
import threading
import time
import weakref
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
_PATIENCE = 0.05

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
class _Bell:
    """What wakes the threads: a count of the reasons to look again."""

    changed: threading.Condition = field(default_factory=threading.Condition)
    count: int = 0
    idle: int = 0

    def wait(self, seen: int) -> None:
        """Wait until the count is another."""
        with self.changed:
            self.idle += 1
            self.changed.wait_for(lambda: self.count != seen)
            self.idle -= 1

    def ring(self, *_dead: object) -> None:
        """Wake the threads."""
        with self.changed:
            self.count += 1
            self.changed.notify_all()


class Batcher:
    """Collects tickets and gets their answers from `send`, many in one request.

    A ticket's time counts from `submit`; a ticket that expires in the queue is not
    sent.
    """

    def __init__(
        self,
        send: Send,
        clock: Callable[[], float],
        window: float = WINDOW,
        batch: int = BATCH,
    ) -> None:
        if not 0 <= window <= 1:
            raise ConfigError(f"a window is from 0 to 1 second, not {window!r}")
        if batch < 1:
            raise ConfigError(f"a batch is 1 or more, not {batch!r}")
        self._window = window
        self._send_rows = send
        self._clock = clock
        self._batch = batch
        self._waiting: dict[InferenceRequest, deque[_Item]] = {}
        self._under_way: set[Ticket] = set()
        self._bell = _Bell()
        self._threads: weakref.WeakSet[threading.Thread] = weakref.WeakSet()
        self._senders = 0  # threads that run or are starting
        self.closed = False

    def submit(self, row: bytes, request: InferenceRequest, allowed: float) -> Ticket:
        """Queue an input and return its ticket at once."""
        ticket, now = Ticket(), self._clock()
        with self._bell.changed:
            if self.closed:
                ticket.settle(None, CancelledError("the client was closed"))
                return ticket
            waiting = self._waiting.get(request)
            if waiting is None:
                waiting = self._waiting[request] = deque()
            waiting.append(_Item(row, ticket, now, now + allowed))
            self._bell.count += 1
            self._bell.changed.notify()
            if self._senders:
                return ticket
            self._senders = 1
        # Thread.start waits until the thread runs, but a frame must not wait
        _thread.start_new_thread(self._start, ())
        return ticket

    def close(self, why: str = "the client was closed") -> None:
        """Cancel open tickets at once; the threads end as soon as they can."""
        with self._bell.changed:
            self.closed = True
            left, self._waiting = self._waiting, {}
            under_way = list(self._under_way)
            threads = list(self._threads)
        self._bell.ring()
        error = CancelledError(why)
        for ticket in under_way:
            ticket.settle(None, error)
        for waiting in left.values():
            for item in waiting:
                item.ticket.settle(None, error)
        end = time.monotonic() + _PATIENCE
        for thread in threads:  # those that wait for no answer
            thread.join(max(end - time.monotonic(), 0))

    def answer_some(self) -> bool:
        """Answer the inputs of one request; return whether there were any."""
        if not self._waiting:
            return False
        if self._window:
            time.sleep(self._window)
        taken = self._take()
        if taken is not None:
            self._answer(*taken)
        return True

    def _start(self) -> None:
        thread = threading.Thread(
            target=_work,
            args=([self], self._bell),  # the thread empties the list
            name="hotseat-sender",
            daemon=True,
        )
        thread.start()
        self._threads.add(thread)

    def _take(self) -> tuple[InferenceRequest, list[_Item]] | None:
        """Take the oldest input and the others that can share its request."""
        with self._bell.changed:
            request = next(iter(self._waiting), None)
            if request is None:
                return None
            waiting = self._waiting.pop(request)
            taken: list[_Item] = []
            while waiting and len(taken) < self._batch:
                item = waiting.popleft()
                if not item.ticket.ready():  # a ready ticket was cancelled
                    taken.append(item)
                    self._under_way.add(item.ticket)
            if waiting:
                self._waiting[request] = waiting  # to the end of the queue
            # another thread serves the queue while this one waits for an answer
            more = not self._bell.idle and self._senders < _SENDERS and not self.closed
            self._senders += more
            if self._waiting:
                self._bell.count += 1
                self._bell.changed.notify()
        if more:
            self._start()
        return request, taken

    def _answer(self, request: InferenceRequest, taken: list[_Item]) -> None:
        """Answer tickets: those in time together, then the late ones."""
        now = self._clock()
        for late in (False, True):
            self._send(request, [i for i in taken if (i.until <= now) is late])
        with self._bell.changed:
            self._under_way.difference_update(item.ticket for item in taken)

    def _send(self, request: InferenceRequest, items: list[_Item]) -> None:
        if not items:
            return
        try:
            predictions = self._send_rows(
                [item.row for item in items], request, items[0].since
            )
        except HotseatError as error:
            if len(items) > 1 and getattr(error, "pointer", None) is not None:
                # one input is invalid: send each alone, so that the others succeed
                for item in items:
                    self._send(request, [item])
                return
            _forget_frames(error)
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


def _forget_frames(error: BaseException) -> None:
    """Drop the frames of an error: they refer to the client and keep it alive."""
    inner: BaseException | None = error
    while inner is not None:
        inner.__traceback__ = None
        inner = inner.__cause__ or inner.__context__


def _work(box: list[Batcher], bell: _Bell) -> None:
    """Answer tickets until the batcher is closed or gone."""
    owner = weakref.ref(box[0], bell.ring)
    while True:
        with bell.changed:
            seen = bell.count
        batcher = box.pop() if box else owner()
        if batcher is None or batcher.closed:
            return
        was_busy = batcher.answer_some()
        del batcher
        if not was_busy:
            bell.wait(seen)
