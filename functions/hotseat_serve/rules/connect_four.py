"""Connect Four: seven columns, six rows, four in a line.

Positions are bitboards of seven bits a column, the highest always empty, so that a
line is four bits at distance 1, 6, 7 or 8 (John Tromp's encoding).
"""

from typing import Any

import numpy as np

from hotseat_serve.rules.game import Shortcut

WIDTH, HEIGHT = 7, 6
_COLUMN = HEIGHT + 1

State = tuple[int, int]
"""Stones of the player to move, and all stones."""

_BOTTOM = tuple(1 << (_COLUMN * column) for column in range(WIDTH))
_TOP = tuple(bottom << (HEIGHT - 1) for bottom in _BOTTOM)
_FLOOR = sum(_BOTTOM)
_FULL = sum(bottom * ((1 << HEIGHT) - 1) for bottom in _BOTTOM)
_CELLS = np.array(
    [
        [_COLUMN * column + (HEIGHT - 1 - row) for column in range(WIDTH)]
        for row in range(HEIGHT)
    ],
    np.uint64,
)


class ConnectFour:
    """The rules; an action is a column, from the left."""

    actions = WIDTH
    shape = (2, HEIGHT, WIDTH)
    legal_in_graph = True

    def start(self) -> State:
        """See `Game.start`."""
        return 0, 0

    def legal(self, state: State) -> tuple[int, ...]:
        """See `Game.legal`."""
        stones = state[1]
        return tuple(a for a in range(WIDTH) if not stones & _TOP[a])

    def apply(self, state: State, action: int) -> State:
        """See `Game.apply`."""
        own, stones = state
        return own ^ stones, stones | (stones + _BOTTOM[action])

    def outcome(self, state: State) -> float | None:
        """See `Game.outcome`; only the side that just moved can have a line."""
        own, stones = state
        if _line(own ^ stones):
            return -1.0
        return 0.0 if stones == _FULL else None

    def tactical_shortcut(self, state: State) -> Shortcut:
        """See `Game.tactical_shortcut`; same as `two_ply_search`, with bitboards."""
        own, stones = state
        landing = (stones + _FLOOR) & _FULL
        if wins := _winning(own, stones) & landing:
            return _columns(wins), 1.0
        theirs = _winning(own ^ stones, stones)
        forced = theirs & landing
        # a stone beneath the other side's winning cell would lose
        safe = (forced or landing) & ~(theirs >> 1)
        if forced & (forced - 1) or not safe:
            return _columns(forced or landing), -1.0
        return _columns(safe), None

    def encode(self, state: State) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return planes [2, 6, 7], the top row first: own stones, the other's."""
        own, stones = state
        both = np.array([own, own ^ stones], np.uint64)[:, None, None]
        return ((both >> _CELLS) & np.uint64(1)).astype(np.float32)

    def read(self, board: Any) -> State:
        """Read six rows of seven, the top row first: 0 empty, 1 first, 2 second.

        The player with fewer stones is to move, the first player if they are even.
        """
        if not isinstance(board, list) or len(board) != HEIGHT:
            raise ValueError(f"a board is a list of {HEIGHT} rows, the top one first")
        players = [0, 0]
        for height, row in enumerate(reversed(board)):
            if not isinstance(row, list) or len(row) != WIDTH:
                raise ValueError(f"a row is a list of {WIDTH} cells")
            for column, cell in enumerate(row):
                if type(cell) is not int or cell not in {0, 1, 2}:
                    raise ValueError("a cell is 0 (empty), 1 (first) or 2 (second)")
                if cell:
                    players[cell - 1] |= 1 << (_COLUMN * column + height)
        first, second = players
        stones = first | second
        ahead = first.bit_count() - second.bit_count()
        if ahead not in {0, 1}:
            raise ValueError(f"the first player cannot be {ahead} stones ahead")
        if any((stones >> (_COLUMN * c)) & 0x7F & ((stones >> (_COLUMN * c)) + 1)
               for c in range(WIDTH)):  # fmt: skip
            raise ValueError("a stone floats above an empty cell")
        own, other = (second, first) if ahead else (first, second)
        if _line(own) or _line(other) or stones == _FULL:
            raise ValueError("the game is over")
        return own, stones

    def board(self, state: State) -> list[list[int]]:
        """Return the board of a state, as `read` takes it."""
        own, stones = state
        first = own if stones.bit_count() % 2 == 0 else own ^ stones
        cells = [[int(cell) for cell in row] for row in _CELLS]
        return [
            [(1 if (first >> c) & 1 else 2) if (stones >> c) & 1 else 0 for c in row]
            for row in cells
        ]


def _line(stones: int) -> bool:
    """Whether four are in a line: column, row or diagonal."""
    for step in (1, _COLUMN, _COLUMN - 1, _COLUMN + 1):
        pairs = stones & (stones >> step)
        if pairs & (pairs >> 2 * step):
            return True
    return False


def _winning(own: int, stones: int) -> int:
    """Return the empty cells where a stone completes a line (Pascal Pons's method)."""
    cells = (own << 1) & (own << 2) & (own << 3)
    for step in (_COLUMN, _COLUMN - 1, _COLUMN + 1):
        pair = (own << step) & (own << 2 * step)
        cells |= pair & ((own << 3 * step) | (own >> step))
        pair = (own >> step) & (own >> 2 * step)
        cells |= pair & ((own << step) | (own >> 3 * step))
    return cells & (_FULL ^ stones)


def _columns(cells: int) -> tuple[int, ...]:
    return tuple(a for a in range(WIDTH) if cells >> (_COLUMN * a) & 0x7F)


GAME = ConnectFour()
