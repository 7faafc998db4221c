"""Answers that a game loop does not wait for.

A frame calls `submit`, which only puts the input into a queue, and asks the ticket in
later frames whether it is ready. One thread collects what was submitted within a short
window and asks about it in one request, so that twenty questions of a frame cost one
round trip; a few more threads send.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hotseat._answer import stand_in
from hotseat._types import Prediction
from hotseat.errors import CancelledError, HotseatError, NotReadyError

WINDOW = 0.004
"""Seconds in which submitted inputs become one request; a quarter of a frame."""
BATCH = 64
_SENDERS = 4
_NOTHING: Any = object()
_SETTLING = threading.Lock()  # one for all tickets: it is held for an assignment

Ask = Callable[[list[Any], "Question"], list[Prediction]]


@dataclass(frozen=True, slots=True)
class Question:
    """What has to be the same for inputs to go in one request."""

    model: str | None
    version: int | str | None
    options: tuple[tuple[str, Any], ...]
    player_id: str | None
    deadline: float | None


class Ticket:
    """The place of an answer that is on its way. No method here waits, but `result`."""

    __slots__ = ("_arrived", "_error", "_prediction")

    def __init__(self) -> None:
        self._prediction: Prediction | None = None
        self._error: HotseatError | None = None
        self._arrived: threading.Event | None = None  # made by whoever waits

    def ready(self) -> bool:
        """Whether the answer, or the error, is there."""
        return self._prediction is not None or self._error is not None

    def result(self, default: Any = _NOTHING, *, wait: float = 0.0) -> Prediction:
        """Return the answer; waits at most `wait` seconds, by default not at all.

        With `default`, a prediction holding it is returned where there is no answer
        yet, or none could be had. Else raises what the call raised, and
        `NotReadyError`.
        """
        if wait > 0:
            self._await(wait)
        if self._prediction is not None:
            return self._prediction
        if default is not _NOTHING:
            return stand_in(default)
        raise self._error or NotReadyError("the answer is not there yet")

    def cancel(self) -> bool:
        """Let the answer go; whether it was still open."""
        return self.settle(None, CancelledError("the ticket was cancelled"))

    def settle(self, prediction: Prediction | None, error: HotseatError | None) -> bool:
        """Take the answer or the error, the first that comes; whether it was."""
        with _SETTLING:
            if self.ready():
                return False
            self._prediction, self._error = prediction, error
            if self._arrived is not None:
                self._arrived.set()
            return True

    def _await(self, seconds: float) -> None:
        with _SETTLING:
            if self.ready():
                return
            self._arrived = self._arrived or threading.Event()
        self._arrived.wait(seconds)


@dataclass(slots=True)
class Desk:
    """Collects tickets and has them answered by `ask`, many in one request."""

    ask: Ask
    window: float = WINDOW
    batch: int = BATCH
    _queue: deque[tuple[Any, Question, Ticket]] = field(default_factory=deque)
    _wake: threading.Condition = field(default_factory=threading.Condition)
    _threads: list[threading.Thread] = field(default_factory=list)
    _idle: int = 0
    _closed: bool = False

    def submit(self, given: Any, question: Question) -> Ticket:
        """Take an input; returns at once."""
        ticket = Ticket()
        with self._wake:
            if self._closed:
                ticket.settle(None, CancelledError("the client was closed"))
                return ticket
            self._queue.append((given, question, ticket))
            if not self._idle and len(self._threads) < _SENDERS:
                self._start()
            self._wake.notify()
        return ticket

    def close(self) -> None:
        """Cancel what is open, and end the threads."""
        with self._wake:
            self._closed = True
            left, self._queue = list(self._queue), deque()
            self._wake.notify_all()
        for _, _, ticket in left:
            ticket.settle(None, CancelledError("the client was closed"))
        for thread in self._threads:
            thread.join(5)

    def _start(self) -> None:
        thread = threading.Thread(target=self._work, name="hotseat-sender", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _work(self) -> None:
        while True:
            with self._wake:
                self._idle += 1
                while not self._queue and not self._closed:
                    self._wake.wait()
                self._idle -= 1
                if self._closed:
                    return
            if self.window:
                time.sleep(self.window)
            taken = self._take()
            if taken:
                self._answer(taken)

    def _take(self) -> list[tuple[Any, Question, Ticket]]:
        """Take what may go in one request with the first that waits."""
        with self._wake:
            if not self._queue:
                return []
            wanted = self._queue[0][1]
            taken: list[tuple[Any, Question, Ticket]] = []
            rest: deque[tuple[Any, Question, Ticket]] = deque()
            while self._queue:
                item = self._queue.popleft()
                if item[2].ready():
                    continue  # cancelled
                fits = item[1] == wanted and len(taken) < self.batch
                (taken if fits else rest).append(item)
            self._queue = rest
            if rest:
                if not self._idle and len(self._threads) < _SENDERS:
                    self._start()
                self._wake.notify()
            return taken

    def _answer(self, taken: list[tuple[Any, Question, Ticket]]) -> None:
        question = taken[0][1]
        try:
            found = self.ask([given for given, _, _ in taken], question)
        except HotseatError as error:
            if len(taken) > 1 and getattr(error, "pointer", None) is not None:
                # one input is wrong: the others must not suffer for it
                for item in taken:
                    self._answer([item])
                return
            for _, _, ticket in taken:
                ticket.settle(None, error)
            return
        for (_, _, ticket), prediction in zip(taken, found, strict=True):
            ticket.settle(prediction, None)


def frozen(options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return options as what can be compared."""
    return tuple(sorted(options.items()))
