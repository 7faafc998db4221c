"""Lines of text in a picture, in the order in which they are read."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from hotseat_serve.vision.ctc import Reading
from hotseat_serve.vision.rectangles import Rectangle

_WORD = re.compile(r"\S+")
_SAME_ROW = 0.5
"""Heights of the lower line by which two lines of a row differ at most."""


class Line(NamedTuple):
    """One line of text, and where it is."""

    rectangle: Rectangle
    """In pixels of the picture."""
    reading: Reading

    @property
    def text(self) -> str:
        """What it says."""
        return self.reading.text

    def to_json(self) -> dict[str, Any]:
        """Return the line as an answer has it."""
        return {
            "text": self.text,
            "probability": self.reading.probability,
            "box": corners(self.rectangle),
        }

    def words(self) -> list[tuple[str, Rectangle]]:
        """Return each word with its own box."""
        places = self.reading.places
        half = 0.5 / max(len(places), 1)
        if len(places) > 1:
            half = (places[-1] - places[0]) / (len(places) - 1) / 2
        found = []
        for match in _WORD.finditer(self.text):
            start = max(0.0, places[match.start()] - half)
            end = min(1.0, places[match.end() - 1] + half)
            found.append((match.group(), self.rectangle.part(start, end)))
        return found


def corners(rectangle: Rectangle) -> list[list[float]]:
    """Return the corners of a box as an answer has them, in pixels."""
    return [[round(x, 1), round(y, 1)] for x, y in rectangle.corners().tolist()]


def ordered(lines: Iterable[Line]) -> list[Line]:
    """Return lines from the top down, those of one row from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.rectangle.y):
        if rows and _are_beside(rows[-1], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=lambda o: o.rectangle.x)]


def _are_beside(row: Sequence[Line], line: Line) -> bool:
    first, second = row[0].rectangle, line.rectangle
    low = min(first.height, second.height)
    return second.y - first.y <= _SAME_ROW * low
