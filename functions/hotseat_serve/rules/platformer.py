"""Levels of a side-scrolling platformer: whether the player can reach the end.

Tiles are those of the Video Game Level Corpus: X ground, S brick, ? Q blocks,
< > [ ] pipes, B b cannons, E enemy, o coin, - air. The player is one tile, jumps at
most four tiles high, and as far sideways as in Super Mario Bros.; the check assumes
that the player jumps over enemies.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

SOLID = frozenset("XS?Q<>[]Bb")
_HIGH = 4


def check(  # noqa: C901 (one walk, every move of it)
    rows: Sequence[str], _wish: Mapping[str, Any], late: Callable[[], bool]
) -> dict[str, Any] | None:
    """Return steps to the right edge, enemies and gaps; None without a path.

    Breadth first over (column, row, rest of the jump); each step moves at most one tile
    sideways and one up or down. At the top of a jump the player moves one tile level.
    """
    height, width = len(rows), len(rows[0])

    def free(x: int, y: int) -> bool:
        return y < 0 or (y < height and rows[y][x] not in SOLID)

    def stands(x: int, y: int) -> bool:
        return 0 <= y + 1 < height and rows[y + 1][x] in SOLID

    first = [(0, y, 0) for y in range(height) if free(0, y) and stands(0, y)]
    seen = set(first)
    queue = deque((state, 0) for state in first)
    while queue and not late():
        (x, y, rise), steps = queue.popleft()
        if x == width - 1 and stands(x, y):
            return {"steps": steps, **counts(rows)}
        ground = stands(x, y)
        moves = []
        if ground:
            moves += [(dx, 0, 0) for dx in (-1, 1)]
            moves += [(dx, -1, _HIGH) for dx in (-1, 0, 1)]
        elif rise:
            if rise > 1:
                moves += [(dx, -1, rise - 1) for dx in (-1, 0, 1)]
            moves += [(dx, 0, 0) for dx in (-1, 1)]
        if not ground:
            moves += [(dx, 1, 0) for dx in (-1, 0, 1)]
        for dx, dy, left in moves:
            nx, ny = x + dx, y + dy
            if not 0 <= nx < width or ny >= height or ny < -_HIGH:
                continue
            if not free(nx, ny) or (dx and dy and not free(nx, y)):
                continue
            state = (nx, ny, left)
            if state not in seen:
                seen.add(state)
                queue.append((state, steps + 1))
    return None


def refusal(
    rows: Sequence[str], wish: Mapping[str, Any], late: Callable[[], bool]
) -> str:
    """Return the rule that refused a level: no_start, or no_path to the right edge."""
    del wish, late
    starts = any(
        rows[y][0] not in SOLID and rows[y + 1][0] in SOLID
        for y in range(len(rows) - 1)
    )
    return "no_path" if starts else "no_start"


def counts(rows: Sequence[str]) -> dict[str, int]:
    """Return the numbers of enemies and of columns without ground."""
    columns = list(zip(*rows, strict=True))
    return {
        "enemies": sum(column.count("E") for column in columns),
        "gaps": sum(SOLID.isdisjoint(column) for column in columns),
    }
