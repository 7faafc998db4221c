"""Tickets: answers without waiting, for a game loop.

A frame gets a ticket from `submit` and checks in later frames whether it is ready.
"""

import os
import threading
from typing import Any

from hotseat._answer import stand_in
from hotseat._inference_request import RAISE
from hotseat._types import Prediction
from hotseat.errors import (
    CancelledError,
    HotseatError,
    NotReadyError,
)

_settling = threading.Lock()  # shared by all tickets: it protects one assignment


def _renew() -> None:
    """Replace the lock after a fork: a thread of the parent may have held it."""
    global _settling  # noqa: PLW0603 (there is no other way to replace it)
    _settling = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


class Ticket:
    """A pending answer. Only `result` with `wait` waits."""

    __slots__ = ("_arrived", "_error", "_prediction")

    def __init__(self) -> None:
        self._prediction: Prediction | None = None
        self._error: HotseatError | None = None
        self._arrived: threading.Event | None = (
            None  # created by the first waiting caller
        )

    @classmethod
    def settled(cls, prediction: Prediction) -> "Ticket":
        """Return a ticket that already has its answer."""
        ticket = cls()
        ticket._prediction = prediction
        return ticket

    def ready(self) -> bool:
        """Whether the answer or the error has arrived."""
        return self._prediction is not None or self._error is not None

    def result(self, default: Any = RAISE, *, wait: float = 0.0) -> Prediction:
        """Return the answer; waits at most `wait` seconds, by default not at all.

        Without an answer, returns a prediction with `default`, if given; otherwise
        raises the error of the call, or `NotReadyError`.
        """
        if wait > 0:
            self._await(wait)
        if self._prediction is not None:
            return self._prediction
        error = self._error or NotReadyError("the answer has not arrived")
        if default is not RAISE:
            return stand_in(default, error=error)
        raise error

    def cancel(self) -> bool:
        """Cancel the ticket; return whether it was still open."""
        return self.settle(None, CancelledError("the ticket was cancelled"))

    def settle(self, prediction: Prediction | None, error: HotseatError | None) -> bool:
        """Set the answer or the error unless one is set; return whether it did."""
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
