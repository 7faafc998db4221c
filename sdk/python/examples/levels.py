"""Generate Sokoban levels: write them as XSB files and draw them.

    python levels.py --boxes 3 --difficulty 6 --count 6 --seed 1 --into levels

Writes levels/level-1.xsb and so on, and levels/sheet.svg with all of them. The same
seed and wishes give the same levels from the same version.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

from hotseat import HotseatError, ModelServiceClient, Prediction

MODEL = "sokoban-levels"
TILE, GAP, ACROSS = 22, 26, 3
WALL, BRICK, FLOOR = "#3b4a6b", "#4a5c84", "#f3ead9"
BOX, BOARD, GOAL, MAN = "#c98a3c", "#8f5d22", "#d6496b", "#2f8f83"
ANSI = {
    "#": "\x1b[48;5;60m  ",
    " ": "\x1b[48;5;230m  ",
    ".": "\x1b[48;5;230;38;5;161m><",
    "$": "\x1b[48;5;172;38;5;94m[]",
    "@": "\x1b[48;5;230;38;5;29m@ ",
}


def xsb(level: Prediction, title: str) -> str:
    """Return a level in XSB, with the service's measurements as comments."""
    measured = {k: level.raw[k] for k in ("pushes", "boxes") if k in level.raw}
    notes = [f"; {title}", f"; {level.model}@{level.version}, seed {level.seed}"]
    notes += [f"; {name}: {value}" for name, value in measured.items()]
    return "\n".join([*notes, *(level.item or ())]) + "\n"


def shown(rows: Sequence[str]) -> str:
    """Return a level for a terminal with colours."""
    return "\n".join("".join(ANSI[cell] for cell in row) + "\x1b[0m" for row in rows)


def sheet(levels: Sequence[Prediction]) -> str:
    """Return all levels as one SVG."""
    size = max(len(level.item or ()) for level in levels) * TILE
    across = min(ACROSS, len(levels))
    down = -(-len(levels) // across)
    wide = across * (size + GAP) + GAP
    high = down * (size + GAP + 20) + GAP
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{high}" '
        f'viewBox="0 0 {wide} {high}" font-family="sans-serif">'
    )
    parts = [head, f'<rect width="{wide}" height="{high}" fill="#fbf8f2"/>']
    for number, level in enumerate(levels):
        x = GAP + number % across * (size + GAP)
        y = GAP + number // across * (size + GAP + 20)
        title = escape(f"{number + 1}: {level.raw.get('pushes', '?')} pushes")
        parts.append(f'<g transform="translate({x} {y})">')
        parts += [
            _cell(cell, column * TILE, row * TILE)
            for row, cells in enumerate(level.item or ())
            for column, cell in enumerate(cells)
        ]
        font = 'font-size="14" fill="#5b6478"'
        parts.append(f'<text x="0" y="{size + 18}" {font}>{title}</text></g>')
    return "\n".join([*parts, "</svg>"]) + "\n"


def _cell(cell: str, x: int, y: int) -> str:
    """Return the shapes of one cell."""
    middle = f'cx="{x + TILE / 2}" cy="{y + TILE / 2}"'
    over = {
        "#": _box(x, y, 1, f'fill="{BRICK}"', TILE // 2),
        "$": _box(x, y, 3, f'rx="3" fill="{BOX}" stroke="{BOARD}" stroke-width="2"'),
        ".": f'<circle {middle} r="4.5" fill="none" stroke="{GOAL}" stroke-width="2"/>',
        "@": f'<circle {middle} r="7.5" fill="{MAN}"/>',
    }
    ground = _box(x, y, 0, f'fill="{WALL if cell == "#" else FLOOR}"')
    return ground + over.get(cell, "")


def _box(x: int, y: int, inset: int, look: str, high: int = TILE) -> str:
    return (
        f'<rect x="{x + inset}" y="{y + inset}" width="{TILE - 2 * inset}" '
        f'height="{high - 2 * inset}" {look}/>'
    )


def main() -> int:
    """Generate, write and draw the levels."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--url", help="default: HOTSEAT_URL, else localhost:8080")
    parser.add_argument("--boxes", type=int, default=3, help="1 to 4 (default: 3)")
    parser.add_argument(
        "--difficulty", type=int, default=6, help="0 to 12 (default: 6)"
    )
    parser.add_argument("--count", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1, help="seed of the first level")
    parser.add_argument("--into", type=Path, default=Path("levels"))
    arguments = parser.parse_args()
    wishes = {"boxes": arguments.boxes, "difficulty": arguments.difficulty}
    levels = []
    with ModelServiceClient(arguments.url, deadline=60) as client:
        for number in range(arguments.count):
            try:
                levels.append(
                    client.generate(wishes, model=MODEL, seed=arguments.seed + number)
                )
            except HotseatError as error:
                print(f"level {number + 1}: {error}", file=sys.stderr)
                return 1
            print(shown(levels[-1].item or ()), "\n")
    arguments.into.mkdir(parents=True, exist_ok=True)
    for number, level in enumerate(levels, 1):
        path = arguments.into / f"level-{number}.xsb"
        path.write_text(xsb(level, f"Level {number}"), "utf-8")
    (arguments.into / "sheet.svg").write_text(sheet(levels), "utf-8")
    print(f"wrote {len(levels)} levels and sheet.svg into {arguments.into}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
