"""A text that is being written, for a game loop."""

import threading
import weakref
from typing import Any

from hotseat._inference_request import RAISE
from hotseat._text import TextAnswer, stand_in
from hotseat.errors import CancelledError, HotseatError, NotReadyError


class TextTicket:
    """A text that is being written. Only `result` with `wait` waits."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._text = self._new = ""
        self._answer: TextAnswer | None = None
        self._error: HotseatError | None = None

    def ready(self) -> bool:
        """Whether the text has ended or failed."""
        return self._answer is not None or self._error is not None

    @property
    def text(self) -> str:
        """The text so far; it stays when the stream breaks off."""
        answer = self._answer
        return self._text if answer is None else answer.text

    def take(self) -> str:
        """Return the text that came since the last `take`; "" if none did."""
        with self._changed:
            piece, self._new = self._new, ""
            return piece

    def result(self, default: Any = RAISE, *, wait: float = 0.0) -> TextAnswer:
        """Return the answer; waits at most `wait` seconds, by default not at all.

        Without an answer, returns one with `default`, if given; otherwise raises the
        error of the call, or `NotReadyError`.
        """
        if wait > 0:
            with self._changed:
                self._changed.wait_for(self.ready, wait)
        if self._answer is not None:
            return self._answer
        error = self._error or NotReadyError("the text has not ended")
        if default is RAISE:
            raise error
        return stand_in(default, 0.0, error)

    def cancel(self) -> bool:
        """End the text; return whether it was open. The service stops, too."""
        return self.settle(None, CancelledError("the text was cancelled"))

    def add(self, piece: str) -> None:
        """Add a piece of text."""
        with self._changed:
            if self._error is None:
                self._text += piece
                self._new += piece

    def settle(self, answer: TextAnswer | None, error: HotseatError | None) -> bool:
        """Set the answer or the error unless one is set; return whether it did."""
        with self._changed:
            if self.ready():
                return False
            self._answer, self._error = answer, error
            self._changed.notify_all()
            return True


class OpenTickets:
    """The open tickets of a client, for its `close`."""

    def __init__(self) -> None:
        self._tickets: weakref.WeakSet[TextTicket] = weakref.WeakSet()

    def add(self, ticket: TextTicket) -> None:
        """Keep a ticket in mind as long as the game has it."""
        self._tickets.add(ticket)

    def close(self) -> None:
        """Cancel the open tickets."""
        for ticket in list(self._tickets):
            ticket.cancel()
