"""Boxes of text from a map of probabilities, as Differentiable Binarization gives it.

Liao et al., AAAI 2020 (arXiv:1911.08947): the network predicts shrunken regions. A
region's pixels are above a threshold and connected; its smallest rectangle grows by
``area * ratio / perimeter``.
"""

from typing import Any, NamedTuple

import numpy as np

from hotseat_serve.vision.components import components
from hotseat_serve.vision.rectangles import Rectangle, smallest

Array = np.ndarray[Any, Any]

_LEAST_SIDE = 3.0
"""Pixels of a rectangle's shorter side, before it grows, that text has at least."""


class TextBox(NamedTuple):
    """One region with text."""

    rectangle: Rectangle
    probability: float
    """The mean over its pixels."""


def text_boxes(
    probabilities: Array,
    *,
    threshold: float,
    box_threshold: float,
    growth: float,
    most: int,
) -> list[TextBox]:
    """Return the boxes of a map [height, width], at most `most`, the largest first."""
    runs = components(probabilities > threshold)
    if not runs.components:
        return []
    sizes = runs.sizes()
    means = runs.totals(probabilities) / sizes
    order = np.argsort(runs.component, kind="stable")
    ends = np.cumsum(np.bincount(runs.component))
    found: list[TextBox] = []
    for at in np.argsort(-sizes, kind="stable"):
        if len(found) == most or sizes[at] < _LEAST_SIDE**2:
            break
        if means[at] < box_threshold:
            continue
        own = order[(ends[at - 1] if at else 0) : ends[at]]
        row, start, end = runs.row[own], runs.start[own], runs.end[own]
        corners = [(x, y) for x in (start, end) for y in (row, row + 1)]
        tight = smallest(np.concatenate([np.stack(pair, 1) for pair in corners]))
        if min(tight.width, tight.height) < _LEAST_SIDE:
            continue
        distance = (
            tight.width * tight.height * growth / (2 * (tight.width + tight.height))
        )
        found.append(TextBox(tight.grown(distance), float(means[at])))
    return found
