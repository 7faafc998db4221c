"""The rules of English draughts, as `hotseat_serve.rules.game.Game` wants them.

Squares are numbered 1 to 32, row by row from the top, as in the World Checkers Draughts
Federation's rules. Black (player 1) has 1 to 12, moves first and downward; white
(player 2) moves upward. A capture is forced, and goes on as long as it can; a man that
reaches the last row becomes a king and its turn ends. Whoever cannot move has lost.
Forty moves of each side without a capture or a man's move are a draw.

A capture that goes on is a turn of its own: in between, the other side passes.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

SQUARES = 32
DRAW_AFTER = 80
"""Moves of both sides without a capture or a man's move."""
_DOWN, _UP = ((1, -1), (1, 1)), ((-1, -1), (-1, 1))
_FAR = (frozenset(range(28, 32)), frozenset(range(4)))
"""Where a man of black, and one of white, becomes a king."""


class State(NamedTuple):
    """A position: bit n of a board is square n + 1."""

    black: int
    white: int
    kings: int
    """Of both sides."""
    mover: int = 0
    """0: black is to move, 1: white."""
    jumping: int = -1
    """The square (from 0) of a piece whose capture goes on; -1: there is none."""
    quiet: int = 0
    """Moves since the last capture or man's move."""


class Move(NamedTuple):
    """One action: a step to the next square, or a jump over one."""

    start: int
    end: int
    over: int
    """The square that is jumped; -1: it is a step."""

    def __str__(self) -> str:
        """Return the usual notation: 11-15, 22x15."""
        return f"{self.start + 1}{'-' if self.over < 0 else 'x'}{self.end + 1}"


def _place(square: int) -> tuple[int, int]:
    """Return row and column."""
    row, at = divmod(square, 4)
    return row, 2 * at + (1 - row % 2)


_ROWS, _COLUMNS = np.array([_place(square) for square in range(SQUARES)]).T
_BITS = np.arange(SQUARES)
_AT = {_place(square): square for square in range(SQUARES)}


def _moves() -> tuple[Move, ...]:
    found = []
    for square in range(SQUARES):
        row, column = _place(square)
        for down, right in (*_DOWN, *_UP):
            near = _AT.get((row + down, column + right))
            far = _AT.get((row + 2 * down, column + 2 * right))
            if near is not None:
                found.append(Move(square, near, -1))
                if far is not None:
                    found.append(Move(square, far, near))
    return tuple(found)


MOVES = _moves()
PASS = len(MOVES)
LABELS = (*map(str, MOVES), "pass")
"""The name of each action."""


def _ways(*, jumps: bool) -> tuple[tuple[tuple[tuple[int, Move], ...], ...], ...]:
    """Return [man of black, man of white, king][square]: actions and their moves."""
    tables = []
    for rows in ((1,), (-1,), (1, -1)):
        table: list[tuple[tuple[int, Move], ...]] = []
        for square in range(SQUARES):
            row = _place(square)[0]
            table.append(tuple(
                (action, move)
                for action, move in enumerate(MOVES)
                if move.start == square and (move.over >= 0) == jumps
                and (1 if _place(move.end)[0] > row else -1) in rows
            ))  # fmt: skip
        tables.append(tuple(table))
    return tuple(tables)


_STEPS, _JUMPS = _ways(jumps=False), _ways(jumps=True)


@lru_cache(maxsize=200_000)
def _legal(state: State) -> tuple[int, ...]:
    black, white, kings, mover, jumping, _ = state
    own, other = (white, black) if mover else (black, white)
    if jumping >= 0:
        if not own >> jumping & 1:
            return (PASS,)  # the other side's capture goes on
        return _jumps(jumping, own, other, kings, mover)
    pieces = [square for square in range(SQUARES) if own >> square & 1]
    jumps = [a for square in pieces for a in _jumps(square, own, other, kings, mover)]
    if jumps:
        return tuple(jumps)
    empty = ~(own | other)
    return tuple(
        action
        for square in pieces
        for action, move in _STEPS[2 if kings >> square & 1 else mover][square]
        if empty >> move.end & 1
    )


def _jumps(
    square: int, own: int, other: int, kings: int, mover: int
) -> tuple[int, ...]:
    empty = ~(own | other)
    return tuple(
        action
        for action, move in _JUMPS[2 if kings >> square & 1 else mover][square]
        if other >> move.over & 1 and empty >> move.end & 1
    )


class Checkers:
    """The rules; an action is a step or a jump between two squares, or to pass."""

    actions = len(LABELS)
    shape = (6, 8, 8)
    legal_in_graph = False

    def start(self) -> State:
        """Return the first position."""
        return State(0xFFF, 0xFFF << 20, 0)

    def legal(self, state: State) -> tuple[int, ...]:
        """Return what may be done."""
        return _legal(state)

    def apply(self, state: State, action: int) -> State:
        """Return the position after a legal action; the other side is to move."""
        black, white, kings, mover, jumping, quiet = state
        if action == PASS:
            return State(black, white, kings, 1 - mover, jumping, quiet)
        move = MOVES[action]
        own, other = (white, black) if mover else (black, white)
        own = own & ~(1 << move.start) | 1 << move.end
        is_king = bool(kings >> move.start & 1)
        kings &= ~(1 << move.start)
        if is_king:
            kings |= 1 << move.end
        jumping, quiet = -1, quiet + 1 if is_king and move.over < 0 else 0
        crowned = not is_king and move.end in _FAR[mover]
        if move.over >= 0:
            other &= ~(1 << move.over)
            kings &= ~(1 << move.over)
            if not crowned and _jumps(move.end, own, other, kings, mover):
                jumping = move.end
        if crowned:
            kings |= 1 << move.end
        black, white = (other, own) if mover else (own, other)
        return State(black, white, kings, 1 - mover, jumping, quiet)

    def outcome(self, state: State) -> float | None:
        """Return -1 where whoever is to move cannot, 0 for a draw, else None."""
        if not _legal(state):
            return -1.0
        return 0.0 if state.quiet >= DRAW_AFTER else None

    def tactical_shortcut(self, state: State) -> tuple[tuple[int, ...], float | None]:
        """Return the legal actions: wins at once are rare, and a search sees them."""
        return _legal(state), None

    def encode(self, state: State) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Return planes [6, 8, 8]: black's men and kings, white's, the mover, a jump.

        The last but one is 1 where black is to move, the last the piece whose capture
        goes on.
        """
        planes = np.zeros(self.shape, np.float32)
        boards = (
            state.black & ~state.kings, state.black & state.kings,
            state.white & ~state.kings, state.white & state.kings,
        )  # fmt: skip
        for plane, board in enumerate(boards):
            planes[plane, _ROWS, _COLUMNS] = board >> _BITS & 1
        planes[4] = state.mover == 0
        if state.jumping >= 0:
            planes[(5, *_place(state.jumping))] = 1
        return planes

    def read(self, board: Any) -> State:
        """Read a board; raises `ValueError`.

        ``{"squares": [32 cells], "to_move": 1}``: a cell is 0 (empty), 1 or 2 (a man of
        black, of white), 3 or 4 (a king). ``jumping`` is the square (1 to 32) whose
        capture goes on, ``quiet`` the moves without a capture or a man's move.
        """
        squares, jumping, quiet = _checked(board)
        bits = [0] * 5
        for square, cell in enumerate(squares):
            bits[cell] |= 1 << square
        state = State(
            bits[1] | bits[3], bits[2] | bits[4], bits[3] | bits[4],
            board.get("to_move", 1) - 1, jumping, quiet,
        )  # fmt: skip
        for men, far in ((bits[1], _FAR[0]), (bits[2], _FAR[1])):
            if any(men >> square & 1 for square in far):
                raise ValueError("a man on its last row is a king")
        if not _legal(state):
            raise ValueError("the game is over")
        return state

    def board(self, state: State) -> dict[str, Any]:
        """Return what `read` reads."""
        squares = []
        for square in range(SQUARES):
            side = (
                1
                if state.black >> square & 1
                else 2
                if state.white >> square & 1
                else 0
            )
            squares.append(side + 2 * (side > 0 and state.kings >> square & 1))
        found: dict[str, Any] = {"squares": squares, "to_move": state.mover + 1}
        if state.jumping >= 0:
            found["jumping"] = state.jumping + 1
        if state.quiet:
            found["quiet"] = state.quiet
        return found


def _checked(board: Any) -> tuple[list[int], int, int]:
    """Return squares, the square of a capture that goes on, and quiet moves.

    Raises `ValueError`.
    """
    if not isinstance(board, dict):
        raise ValueError(  # noqa: TRY004 (the protocol's error)
            'a board is an object: {"squares": [...], "to_move": 1}'
        )
    squares, quiet = board.get("squares"), board.get("quiet", 0)
    if not isinstance(squares, list) or len(squares) != SQUARES:
        raise ValueError(f"squares is a list of {SQUARES} cells")
    if any(type(cell) is not int or not 0 <= cell <= 4 for cell in squares):
        raise ValueError("a cell is 0 (empty), 1, 2 (men), 3 or 4 (kings)")
    if board.get("to_move", 1) not in {1, 2}:
        raise ValueError("to_move is 1 (black) or 2 (white)")
    if type(quiet) is not int or not 0 <= quiet < DRAW_AFTER:
        raise ValueError(f"quiet is a number of moves below {DRAW_AFTER}")
    jumping = board.get("jumping")
    if jumping is None:
        return squares, -1, quiet
    if type(jumping) is not int or not 1 <= jumping <= SQUARES:
        raise ValueError(f"jumping is a square from 1 to {SQUARES}")
    if not squares[jumping - 1]:
        raise ValueError(f"jumping is {jumping}, where no piece stands")
    return squares, jumping - 1, quiet


GAME = Checkers()
