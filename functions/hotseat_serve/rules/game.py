"""What a game for two players who move in turn has to say of itself.

A studio writes its own game as one such class; self-play, search and serving need
nothing else of it.
"""

from collections.abc import Hashable
from typing import Any, Protocol, TypeVar

import numpy as np

State = TypeVar("State", bound=Hashable)


class Game(Protocol[State]):
    """The rules. A state is a value: the position, and with it who is to move."""

    actions: int
    """How many actions there are; each is a number below it."""
    shape: tuple[int, ...]
    """Of one encoded state."""

    def start(self) -> State:
        """Return the first position."""

    def legal(self, state: State) -> tuple[int, ...]:
        """Return what may be done; never empty while `outcome` is None."""

    def apply(self, state: State, action: int) -> State:
        """Return the position after a legal action; the other side is to move."""

    def outcome(self, state: State) -> float | None:
        """Return what the end is worth to whoever is to move: -1, 0 or 1.

        None: the game goes on.
        """

    def encode(self, state: State) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the position as whoever is to move sees it, of `shape`."""

    def read(self, board: Any) -> State:
        """Return the position of a board as JSON has it; raises `ValueError`."""
