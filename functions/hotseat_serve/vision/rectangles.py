"""The smallest rectangle around points, turned as they lie.

One side of it lies on an edge of their convex hull (Freeman and Shapira, CACM 1975).
"""

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

_HIGH = 1.5
"""Height per width from which a text is taken to lie on its side."""


class Rectangle(NamedTuple):
    """A rectangle of any angle, in pixels."""

    x: float
    """Its centre."""
    y: float
    along: tuple[float, float]
    """The unit vector of its width."""
    width: float
    height: float

    def grown(self, distance: float) -> "Rectangle":
        """Return it with every side so far outwards."""
        return self._replace(
            width=self.width + 2 * distance, height=self.height + 2 * distance
        )

    def scaled(self, x: float, y: float) -> "Rectangle":
        """Return it in a picture scaled by `x` and `y`, which are almost equal."""
        right, down = self.along
        return Rectangle(
            self.x * x, self.y * y, self.along,
            self.width * float(np.hypot(right * x, down * y)),
            self.height * float(np.hypot(down * x, right * y)),
        )  # fmt: skip

    def lengthwise(self) -> "Rectangle":
        """Return one much higher than wide as lying on its side.

        Its text reads downwards then, as a picture turned to the right shows it.
        """
        if self.height < _HIGH * self.width:
            return self
        right, down = self.along
        return self._replace(along=(-down, right), width=self.height, height=self.width)

    def part(self, start: float, end: float) -> "Rectangle":
        """Return the part of it from `start` to `end`, fractions of its width."""
        middle = ((start + end) / 2 - 0.5) * self.width
        return self._replace(
            x=self.x + self.along[0] * middle,
            y=self.y + self.along[1] * middle,
            width=self.width * (end - start),
        )

    def corners(self) -> Array:
        """Return the corners [4, 2]: top left, top right, bottom right, bottom left."""
        right = np.array(self.along) * self.width / 2
        down = np.array((-self.along[1], self.along[0])) * self.height / 2
        middle = np.array((self.x, self.y))
        return np.stack((
            middle - right - down, middle + right - down,
            middle + right + down, middle - right + down,
        ))  # fmt: skip


def smallest(points: Array) -> Rectangle:
    """Return the rectangle of least area around points [n, 2], n at least 1.

    `along` points to the right, within 45 degrees.
    """
    hull = convex_hull(points)
    edges = np.roll(hull, -1, 0) - hull
    lengths = np.hypot(edges[:, 0], edges[:, 1])
    edges = edges[lengths > 0] / lengths[lengths > 0, None]
    if not len(edges):
        edges = np.array([[1.0, 0.0]])
    # the side that is nearer to level is the width
    steep = abs(edges[:, 0]) < abs(edges[:, 1])
    edges[steep] = np.stack((edges[steep, 1], -edges[steep, 0]), 1)
    edges[edges[:, 0] < 0] *= -1
    across = hull @ edges.T
    upright = hull @ np.stack((-edges[:, 1], edges[:, 0]))
    low, high = across.min(0), across.max(0)
    top, bottom = upright.min(0), upright.max(0)
    best = int(np.argmin((high - low) * (bottom - top)))
    along = edges[best]
    middle = along * (low + high)[best] / 2 + np.array((-along[1], along[0])) * (
        (top + bottom)[best] / 2
    )
    return Rectangle(
        float(middle[0]), float(middle[1]), (float(along[0]), float(along[1])),
        float((high - low)[best]), float((bottom - top)[best]),
    )  # fmt: skip


def convex_hull(points: Array) -> Array:
    """Return the hull of points [n, 2], corner by corner (Andrew's monotone chain)."""
    ordered = sorted({(float(x), float(y)) for x, y in points.tolist()})
    if len(ordered) < 3:
        return np.array(ordered)

    def half(some: list[tuple[float, float]]) -> list[tuple[float, float]]:
        chain: list[tuple[float, float]] = []
        for point in some:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        return chain[:-1]

    return np.array(half(ordered) + half(ordered[::-1]))


def _turn(
    a: tuple[float, float], b: tuple[float, float], c: tuple[float, float]
) -> float:
    """Return twice the area of a triangle; above 0 where it turns left."""
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
