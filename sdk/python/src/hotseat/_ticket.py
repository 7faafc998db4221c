"""Answers that a game loop does not wait for.

A frame calls `submit`, which only puts the input into a queue, and asks the ticket in
later frames whether it is ready. A thread collects what was submitted within a short
window and asks about it in one request, so that twenty questions of a frame cost one
round trip; a few such threads take turns, so that one slow answer holds up no other.
"""

import _thread
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hotseat._answer import stand_in
from hotseat._question import RAISE, Question
from hotseat._types import Prediction
from hotseat.errors import (
    CancelledError,
    ConfigError,
    HotseatError,
    NotReadyError,
    TransportError,
)

log = logging.getLogger("hotseat")

WINDOW = 0.004
"""Seconds in which submitted inputs become one request; a quarter of a frame."""
BATCH = 64
_SENDERS = 4
_settling = threading.Lock()  # one for all tickets: it is held for an assignment


def _renew() -> None:
    """After a fork, let go of a lock that a thread of the parent may have held."""
    global _settling  # noqa: PLW0603 (there is no other way to replace it)
    _settling = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)

Ask = Callable[[list[bytes], Question, float], list[Prediction]]
"""Inputs, what is asked about them, and since when."""


class Ticket:
    """The place of an answer that is on its way. No method here waits, but `result`."""

    __slots__ = ("_arrived", "_error", "_prediction")

    def __init__(self) -> None:
        self._prediction: Prediction | None = None
        self._error: HotseatError | None = None
        self._arrived: threading.Event | None = None  # made by whoever waits

    @classmethod
    def settled(cls, prediction: Prediction) -> "Ticket":
        """Return the ticket of an answer that is there already."""
        ticket = cls()
        ticket._prediction = prediction
        return ticket

    def ready(self) -> bool:
        """Whether the answer, or the error, is there."""
        return self._prediction is not None or self._error is not None

    def result(self, default: Any = RAISE, *, wait: float = 0.0) -> Prediction:
        """Return the answer; waits at most `wait` seconds, by default not at all.

        With `default`, a prediction holding it is returned where there is no answer
        yet, or none could be had. Else raises what the call raised, and
        `NotReadyError`.
        """
        if wait > 0:
            self._await(wait)
        if self._prediction is not None:
            return self._prediction
        if default is not RAISE:
            return stand_in(default)
        raise self._error or NotReadyError("the answer is not there yet")

    def cancel(self) -> bool:
        """Let the answer go; whether it was still open."""
        return self.settle(None, CancelledError("the ticket was cancelled"))

    def settle(self, prediction: Prediction | None, error: HotseatError | None) -> bool:
        """Take the answer or the error, the first that comes; whether it was."""
        with _settling:
            if self.ready():
                return False
            self._prediction, self._error = prediction, error
            if self._arrived is not None:
                self._arrived.set()
            return True

    def _await(self, seconds: float) -> None:
        with _settling:
            if self.ready():
                return
            self._arrived = self._arrived or threading.Event()
        self._arrived.wait(seconds)


@dataclass(slots=True)
class _Item:
    """One ticket in the queue."""

    given: bytes
    ticket: Ticket
    since: float
    until: float


@dataclass(slots=True)
class Desk:
    """Collects tickets and has them answered by `ask`, many in one request.

    A ticket's time counts from when it was submitted; one whose time is over before it
    is its turn is not sent any more.
    """

    ask: Ask
    clock: Callable[[], float]
    window: float = WINDOW
    batch: int = BATCH
    _waiting: dict[Question, deque[_Item]] = field(default_factory=dict)
    _wake: threading.Condition = field(default_factory=threading.Condition)
    _threads: list[threading.Thread] = field(default_factory=list)
    _senders: int = 0
    """Threads that run or are about to."""
    _idle: int = 0
    _closed: bool = False

    def __post_init__(self) -> None:
        """Check what a game set."""
        if not 0 <= self.window <= 1:
            raise ConfigError(f"a window is from 0 to 1 second, not {self.window!r}")
        if self.batch < 1:
            raise ConfigError(f"a batch is 1 or more, not {self.batch!r}")

    def submit(self, given: bytes, question: Question, allowed: float) -> Ticket:
        """Take an input; returns at once."""
        ticket, now = Ticket(), self.clock()
        with self._wake:
            if self._closed:
                ticket.settle(None, CancelledError("the client was closed"))
                return ticket
            waiting = self._waiting.get(question)
            if waiting is None:
                waiting = self._waiting[question] = deque()
            waiting.append(_Item(given, ticket, now, now + allowed))
            self._wake.notify()
            if self._senders:
                return ticket
            self._senders = 1
        # a thread's start is waited for until it runs: not here, in a frame
        _thread.start_new_thread(self._start, ())
        return ticket

    def close(self) -> None:
        """Cancel what is open, and end the threads."""
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

    def _take(self) -> tuple[Question, list[_Item]]:
        """Take what may go in one request with the first that waits."""
        with self._wake:
            question = next(iter(self._waiting), Question())
            waiting = self._waiting.pop(question, None) or deque()
            taken: list[_Item] = []
            while waiting and len(taken) < self.batch:
                item = waiting.popleft()
                if not item.ticket.ready():  # not cancelled meanwhile
                    taken.append(item)
            if waiting:
                self._waiting[question] = waiting  # its turn comes again, at the end
            # while this one waits for an answer, another looks after the queue
            more = not self._idle and self._senders < _SENDERS and not self._closed
            self._senders += more
            if self._waiting:
                self._wake.notify()
        if more:
            self._start()
        return question, taken

    def _answer(self, question: Question, taken: list[_Item]) -> None:
        """Have tickets answered: those still in time together, and the late ones."""
        now = self.clock()
        for late in (False, True):
            self._ask(question, [i for i in taken if (i.until <= now) is late])

    def _ask(self, question: Question, items: list[_Item]) -> None:
        if not items:
            return
        try:
            found = self.ask([item.given for item in items], question, items[0].since)
        except HotseatError as error:
            if len(items) > 1 and getattr(error, "pointer", None) is not None:
                # one input is wrong: the others must not suffer for it
                for item in items:
                    self._ask(question, [item])
                return
            for item in items:
                item.ticket.settle(None, error)
        except Exception as error:  # a fault of ours must not leave tickets open
            log.exception("tickets could not be answered")
            why = TransportError(f"the SDK failed: {type(error).__name__}")
            for item in items:
                item.ticket.settle(None, why)
        else:
            for item, prediction in zip(items, found, strict=True):
                item.ticket.settle(prediction, None)
