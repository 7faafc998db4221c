# A copy of functions/hotseat_serve/text/writer.py, by `make shared`.
"""The loop of a text: run the model, draw a token, until the answer ends."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from hotseat._device.shared.constraint import Constraint
from hotseat._device.shared.pieces import Pieces, ends_sentence
from hotseat._device.shared.sampling import Sampler

Array = np.ndarray[Any, Any]
STOP, LENGTH, DEADLINE = "stop", "length", "deadline"
_CLOSING = 0.6
"""The share of tokens or time after which the answer to a schema closes what is open,
so that it ends complete."""
_SOFT = 0.25
"""The share of the time in which the answer ends with its next sentence."""


class Continues(Protocol):
    """A model with the tokens so far in its cache."""

    def run(self, tokens: Sequence[int], seconds: float | None = None) -> Array:
        """Add tokens; return the logits [vocabulary] of the next one."""

    @property
    def free(self) -> int:
        """How many further tokens the cache takes."""


@dataclass(slots=True)
class Writer:
    """Writes one answer. `finish_reason` is known after the last piece."""

    model: Continues
    sampler: Sampler
    pieces: Pieces
    stop_tokens: frozenset[int]
    max_tokens: int
    constraint: Constraint | None = None
    began: int = 0
    deadline: int | None = None
    """Time on `clock` by which the answer has ended."""
    clock: Callable[[], int] = time.perf_counter_ns
    finish_reason: str = ""

    def write(self, prompt: Sequence[int]) -> Iterator[str]:
        """Yield the pieces of the answer as they come, possibly empty ones.

        `prompt` are the tokens that the cache does not have yet. An answer ends at a
        stop token or text, at `max_tokens` or a full cache, and in time: in the last
        quarter of the time with a sentence, at the latest at the deadline. Raises
        `Problem`.
        """
        new: Sequence[int] = prompt
        while not self.finish_reason:
            logits = self.model.run(new, self._seconds())
            allowed = None if self.constraint is None else self.constraint.allowed()
            token = self._closer(allowed)
            if token is None:
                token = self.sampler.draw(logits, allowed)
            new = [token]
            if token in self.stop_tokens:
                self.finish_reason = STOP
                break
            if self.constraint is not None:
                self.constraint.accept(token)
                new = [token, *self._forced()]
            yield self.pieces.add(new)
            self._check_end(len(new))
        yield self.pieces.end()

    def _closer(self, allowed: Array | None) -> int | None:
        """Return the token that ends the answer to a schema soonest, near its end."""
        if allowed is None or self.constraint is None:
            return None
        closing = self.pieces.tokens > _CLOSING * self.max_tokens
        if not closing and self.deadline is not None:
            all_of_it = self.deadline - self.began
            closing = self.deadline - self.clock() < (1 - _CLOSING) * all_of_it
        if not closing:
            return None
        for token in self.constraint.closers(self.pieces.text):
            if allowed[token]:
                return token
        return None

    def _forced(self) -> list[int]:
        assert self.constraint is not None
        if self.constraint.is_complete:
            return []
        forced = []
        for token in self.constraint.forced():
            if token in self.stop_tokens:
                break
            self.constraint.accept(token)
            forced.append(token)
        return forced

    def _check_end(self, new: int) -> None:
        if self.pieces.stopped or (
            self.constraint is not None and self.constraint.is_complete
        ):
            self.finish_reason = STOP
        elif self.pieces.tokens >= self.max_tokens or self.model.free < new + 1:
            self.finish_reason = LENGTH
        elif self.deadline is not None:
            left, now = self.deadline - self.clock(), self.clock()
            per_token = (now - self.began) / max(1, self.pieces.tokens)
            soft = _SOFT * (self.deadline - self.began)
            is_last = left < 2 * per_token
            if is_last or (
                left < soft
                and self.constraint is None
                and ends_sentence(self.pieces.text)
            ):
                self.finish_reason = DEADLINE

    def _seconds(self) -> float | None:
        if self.deadline is None:
            return None
        return max(0.001, (self.deadline - self.clock()) / 1e9)
