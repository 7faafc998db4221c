"""Sokoban: whether a level is well formed, can be solved, and how hard it is.

`#` wall, `@` player, `$` box, `.` goal, space floor; `*` box on goal, `+` player on
goal (sokobano.de's level format).
"""

import heapq
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hotseat_registry.dataclass import dataclass

MAX_POSITIONS = 20_000
"""Positions that the solver examines at most."""

_CHECKED = 1_500
"""For a generated level: another candidate is cheaper than a long search."""
_FAR = 1 << 20
Boxes = frozenset[int]


@dataclass(frozen=True, slots=True)
class Level:
    """A level; cells are numbered row by row."""

    width: int
    floor: frozenset[int]
    goals: Boxes
    boxes: Boxes
    player: int

    @property
    def steps(self) -> tuple[int, int, int, int]:
        """The four directions, as differences of cell numbers."""
        return 1, -1, self.width, -self.width


@dataclass(frozen=True, slots=True)
class Solution:
    """Pushes that solve a level: the box's cell and the step of each."""

    pushes: tuple[tuple[int, int], ...]
    positions: int
    """Positions that the solver examined."""


def read(rows: Sequence[str]) -> Level:
    """Read a level; raises `ValueError` if it is invalid.

    A level has one player, at least one box, as many goals as boxes, and a wall around
    the area that the player can reach.
    """
    height, width = len(rows), len(rows[0])
    if any(len(row) != width for row in rows):
        raise ValueError("its rows are not of one length")
    cells = "".join(rows)
    if unknown := set(cells) - set("#@$. *+"):
        raise ValueError(f"it has {min(unknown)!r}, which is no tile")
    players = [at for at, tile in enumerate(cells) if tile in "@+"]
    if len(players) != 1:
        raise ValueError(f"it has {len(players)} players")
    boxes = frozenset(at for at, tile in enumerate(cells) if tile in "$*")
    goals = frozenset(at for at, tile in enumerate(cells) if tile in ".*+")
    if not boxes or len(boxes) != len(goals):
        raise ValueError(f"it has {len(boxes)} boxes and {len(goals)} goals")
    floor = frozenset(at for at, tile in enumerate(cells) if tile != "#")
    level = Level(width, floor, goals, boxes, players[0])
    inside = _reach(level, frozenset(), players[0])
    border = {
        at for at in inside
        if at // width in {0, height - 1} or at % width in {0, width - 1}
    }  # fmt: skip
    if border:
        raise ValueError("the wall around it has a gap")
    if not (boxes | goals) <= inside:
        raise ValueError("a box or a goal lies outside the wall")
    return level


def solve(  # noqa: C901 (one search, every push of it)
    level: Level,
    *,
    positions: int = MAX_POSITIONS,
    late: Callable[[], bool] = lambda: False,
) -> Solution | None:
    """Return pushes that solve the level, or None without a solution in the limits.

    Best first over box positions and the player's area; a position's estimate is the
    pushes so far plus each box's pushes to its nearest goal on an empty board. Boxes
    never enter cells from which no goal can be reached.
    """
    far = _pushes_to_goal(level)
    if any(box not in far for box in level.boxes):
        return None

    def estimate(boxes: Boxes) -> int:
        return sum(far[box] for box in boxes)

    start = (level.boxes, min(_reach(level, level.boxes, level.player)))
    queue = [(estimate(level.boxes), 0, 0, start)]
    came: dict[Any, Any] = {start: None}
    best = {start: 0}
    order = looked = 0
    while queue and looked < positions and not late():
        _, _, made, here = heapq.heappop(queue)
        if made > best[here]:
            continue
        boxes, player = here
        if boxes == level.goals:
            return Solution(_path(came, here), looked)
        looked += 1
        area = _reach(level, boxes, player)
        for box in boxes:
            for step in level.steps:
                to = box + step
                if box - step not in area or to not in far or to in boxes:
                    continue
                moved = (boxes - {box}) | {to}
                if _stuck(level, moved, to):
                    continue
                there = (moved, min(_reach(level, moved, box)))
                if made + 1 < best.get(there, _FAR):
                    best[there] = made + 1
                    came[there] = (here, (box, step))
                    order += 1
                    rank = made + 1 + 2 * estimate(moved)
                    heapq.heappush(queue, (rank, order, made + 1, there))
    return None


def difficulty(solution: Solution) -> float:
    """Return the difficulty for a person, from 0: pushes that change the box.

    A player who can bring one box after another to its goal changes rarely; levels
    whose boxes block each other are hard (Jarušek and Pelánek, "Difficulty rating of
    Sokoban puzzle", 2010). Long solutions count a little.
    """
    changes, at = 0, None
    for box, step in solution.pushes:
        changes += at is not None and box != at
        at = box + step
    return changes + len(solution.pushes) / 20


def check(
    rows: Sequence[str], wish: Mapping[str, Any], late: Callable[[], bool]
) -> dict[str, Any] | None:
    """Return boxes, pushes and difficulty of a level that can be solved, else None.

    A wish for a number of ``boxes`` must be met exactly.
    """
    try:
        level = read(rows)
    except ValueError:
        return None
    if "boxes" in wish and len(level.boxes) != wish["boxes"]:
        return None
    if level.boxes == level.goals:
        return None
    found = solve(level, positions=_CHECKED, late=late)
    if found is None:
        return None
    return {
        "boxes": len(level.boxes),
        "pushes": len(found.pushes),
        "difficulty": difficulty(found),
    }


def refusal(
    rows: Sequence[str], wish: Mapping[str, Any], late: Callable[[], bool]
) -> str:
    """Return the rule by which `check` refuses a level.

    The level's form (tiles, players, boxes_and_goals, open_wall, outside_the_wall), the
    wish (other_boxes), or the solution: solved_already, stuck_box (a box where no goal
    can be reached), no_solution (none within the positions that are examined).
    """
    try:
        level = read(rows)
    except ValueError as error:
        text = str(error)
        return next(name for part, name in _FORMS.items() if part in text)
    if "boxes" in wish and len(level.boxes) != wish["boxes"]:
        return "other_boxes"
    if level.boxes == level.goals:
        return "solved_already"
    del late
    return "no_solution" if level.boxes <= set(_pushes_to_goal(level)) else "stuck_box"


_FORMS = {
    "one length": "tiles", "no tile": "tiles", "players": "players",
    "outside": "outside_the_wall", "goals": "boxes_and_goals", "gap": "open_wall",
}  # fmt: skip
"""The name of the form that `read` finds broken, by a part of its message."""


def _reach(level: Level, boxes: Boxes, player: int) -> set[int]:
    """Return the cells that the player can reach."""
    floor, steps = level.floor, level.steps
    seen, todo = {player}, [player]
    while todo:
        at = todo.pop()
        for step in steps:
            to = at + step
            if to in floor and to not in boxes and to not in seen:
                seen.add(to)
                todo.append(to)
    return seen


def _pushes_to_goal(level: Level) -> dict[int, int]:
    """Return each cell's pushes to the nearest goal with no other box; none: dead."""
    far = dict.fromkeys(level.goals, 0)
    todo = deque(level.goals)
    while todo:
        at = todo.popleft()
        for step in level.steps:
            # reverse of a push: the box came from `box`, with the player behind it
            box, behind = at - step, at - 2 * step
            if box in level.floor and behind in level.floor and box not in far:
                far[box] = far[at] + 1
                todo.append(box)
    return far


def _stuck(level: Level, boxes: Boxes, box: int) -> bool:
    """Whether the box completes a square of walls and boxes, not all on goals."""
    for right in (1, -1):
        for down in (level.width, -level.width):
            square = (box, box + right, box + down, box + right + down)
            if all(at in boxes or at not in level.floor for at in square) and any(
                at in boxes and at not in level.goals for at in square
            ):
                return True
    return False


def _path(came: Mapping[Any, Any], end: Any) -> tuple[tuple[int, int], ...]:
    pushes = []
    while came[end] is not None:
        end, push = came[end]
        pushes.append(push)
    return tuple(reversed(pushes))
