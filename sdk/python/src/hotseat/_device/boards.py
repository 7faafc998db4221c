"""Encodings of boards for networks, by the names of rules in signatures.

The service has the complete rules, for search and self-play. This module has two parts
of them: the planes of a board, and its tactics within two plies.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def connect_four(board: Any) -> Array:
    """Return planes [2, 6, 7] of six rows of seven: the side to move, the other side.

    0 is empty, 1 the first player, 2 the second; the top row first. Raises `ValueError`
    if the board is not a position of an unfinished game.
    """
    if not isinstance(board, list) or len(board) != 6:
        raise ValueError("a board is a list of 6 rows, the top one first")
    for row in reversed(board):
        if not isinstance(row, list) or len(row) != 7:
            raise ValueError("a row is a list of 7 cells")
        if any(type(cell) is not int or cell not in {0, 1, 2} for cell in row):
            raise ValueError("a cell is 0 (empty), 1 (first) or 2 (second)")
    cells = np.array(board)
    ahead = int((cells == 1).sum() - (cells == 2).sum())
    if ahead not in {0, 1}:
        raise ValueError(f"the first player cannot be {ahead} stones ahead")
    if ((cells[:-1] > 0) & (cells[1:] == 0)).any():
        raise ValueError("a stone floats above an empty cell")
    planes = np.stack([cells == 1 + ahead, cells == 2 - ahead])
    if any(map(_line, planes)) or (cells > 0).all():
        raise ValueError("the game is over")
    return planes.astype(np.float32)


def _line(stones: Array) -> bool:
    """Whether four stones are in a line: a row, a column or a diagonal."""
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1)):
        run = np.ones((6 - 3 * down, 7 - 3 * abs(right)), bool)
        left = 3 if right < 0 else 0
        for step in range(4):
            top, at = step * down, left + step * right
            run &= stones[top : top + run.shape[0], at : at + run.shape[1]]
        if run.any():
            return True
    return False


def connect_four_glance(planes: Array) -> tuple[list[int], float | None]:
    """Return the candidate columns, and the value if two plies prove it.

    Planes are [2, 6, 7], as `connect_four` returns them. The candidates are the wins,
    else the blocks of a threat, without cells below a win of the other side.
    """
    own, other = planes > 0
    stones = own | other
    heights = stones.sum(axis=0)
    landing = [(5 - int(h), c) for c, h in enumerate(heights.tolist()) if h < 6]
    if wins := [c for row, c in landing if _wins(own, row, c)]:
        return wins, 1.0
    forced = [(row, c) for row, c in landing if _wins(other, row, c)]
    places = forced or landing
    safe = [c for row, c in places if not (row and _wins(other, row - 1, c))]
    if len(forced) > 1 or not safe:
        return [c for _, c in places], -1.0
    return safe, None


def _wins(stones: Array, row: int, column: int) -> bool:
    """Whether one more stone in this cell makes a line."""
    more = stones.copy()
    more[row, column] = True
    return _line(more)


GAMES: Mapping[str, Callable[[Any], Array]] = {"connect-four": connect_four}
TACTICAL_SHORTCUTS: Mapping[str, Callable[[Array], tuple[list[int], float | None]]] = {
    "connect-four": connect_four_glance
}
