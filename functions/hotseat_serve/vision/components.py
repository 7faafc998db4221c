"""Connected components of a mask, by runs (He, Chao and Suzuki, IEEE TIP 2008).

A run is a row's longest stretch of pixels that are set. Runs of neighbouring rows that
touch, corners included, belong together. Every step is one of numpy's over all runs,
so a mask of noise takes milliseconds too.
"""

from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]


class Runs(NamedTuple):
    """All runs of a mask, row by row, each [runs]."""

    row: Array
    start: Array
    """The first column."""
    end: Array
    """The column after the last."""
    component: Array
    """The number of its component: 0, 1, 2 ..."""

    @property
    def components(self) -> int:
        """The number of components."""
        return int(self.component.max()) + 1 if len(self.component) else 0

    def sizes(self) -> Array:
        """Return the pixels of each component."""
        return np.bincount(self.component, self.end - self.start, self.components)

    def totals(self, values: Array) -> Array:
        """Return the sum of `values` [height, width] over each component."""
        rows, place = np.unique(self.row, return_inverse=True)
        before = np.zeros((len(rows), values.shape[1] + 1))
        np.cumsum(values[rows], 1, out=before[:, 1:])
        sums = before[place, self.end] - before[place, self.start]
        return np.bincount(self.component, sums, self.components)


def components(mask: Array) -> Runs:
    """Return the runs of a mask [height, width] of booleans, with their components."""
    height, width = mask.shape
    padded = np.zeros((height, width + 2), np.int8)
    padded[:, 1:-1] = mask
    # runs start and end in turn, as every row ends with a pixel that is not set
    changes = np.flatnonzero(np.diff(padded.ravel()))
    row, start = np.divmod(changes[::2], width + 2)
    end = changes[1::2] - row * (width + 2)
    upper, lower = _touching(row, start, end, width + 2)
    label = np.arange(len(row))
    while True:
        one, other = label[upper], label[lower]
        if (one == other).all():
            break
        np.minimum.at(label, np.maximum(one, other), np.minimum(one, other))
        while (label[label] != label).any():
            label = label[label]
    return Runs(row, start, end, np.unique(label, return_inverse=True)[1])


def _touching(row: Array, start: Array, end: Array, step: int) -> tuple[Array, Array]:
    """Return all pairs of runs, one above the other, that touch."""
    above = (row - 1) * step
    first = np.searchsorted(row * step + end, above + start, "left")
    last = np.searchsorted(row * step + start, above + end, "right")
    counts = np.maximum(last - first, 0)
    lower = np.repeat(np.arange(len(row)), counts)
    within = np.arange(len(lower)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(first, counts) + within, lower
