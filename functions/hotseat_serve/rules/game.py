"""The protocol of rules for a two-player game with alternating moves.

A studio writes its own game as one such class. Self-play, search and serving need only
this class.
"""

from collections.abc import Hashable
from typing import Any, Protocol, TypeVar

import numpy as np

State = TypeVar("State", bound=Hashable)


Shortcut = tuple[tuple[int, ...], float | None]
"""Actions to consider, and the value of the position if it is certain."""


class Game(Protocol[State]):
    """The rules.

    A state is a value: the position and the side to move. No game reaches the same
    state twice; if a position can repeat, the state counts the moves.
    """

    actions: int
    """The number of actions; each action is a number below it."""
    shape: tuple[int, ...]
    """The shape of one encoded state."""
    legal_in_graph: bool
    """Whether its networks give illegal actions probability 0; else the service calls
    `legal` for each position that it answers without a search."""

    def start(self) -> State:
        """Return the first position."""

    def legal(self, state: State) -> tuple[int, ...]:
        """Return the legal actions; never empty while `outcome` is None."""

    def apply(self, state: State, action: int) -> State:
        """Return the position after a legal action; the other side is to move.

        If the same side moves again, as in a repeated jump, the other side has one
        action: to pass.
        """

    def outcome(self, state: State) -> float | None:
        """Return the result for the side to move: -1, 0 or 1.

        None: the game goes on.
        """

    def tactical_shortcut(self, state: State) -> Shortcut:
        """Return the shortcut after two plies; `two_ply_search` fits any game."""

    def encode(self, state: State) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return the position from the view of the side to move, of `shape`."""

    def read(self, board: Any) -> State:
        """Return the position of a board from JSON; raises `ValueError`."""


def two_ply_search(game: Game[State], state: State) -> Shortcut:
    """Return the actions that win at once, else those that do not lose at once.

    The value is 1 if one wins, -1 if all lose (then all of them are returned), else
    None. A game with a faster method of its own has a faster search.
    """
    actions = game.legal(state)
    after = {action: game.apply(state, action) for action in actions}
    ends = {action: game.outcome(then) for action, then in after.items()}
    if wins := tuple(action for action, end in ends.items() if end == -1.0):
        return wins, 1.0
    safe = tuple(
        action
        for action, end in ends.items()
        if end == 0.0 or (end is None and not _wins(game, after[action]))
    )
    return (safe, None) if safe else (actions, -1.0)


def _wins(game: Game[State], state: State) -> bool:
    """Whether the side to move can win at once."""
    return any(
        game.outcome(game.apply(state, action)) == -1.0 for action in game.legal(state)
    )
