"""Texts from the output of a network trained with CTC, by the best path.

Graves et al., ICML 2006: of each step the most likely class; repeats count once, and
the blank is left out.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

BLANK = 0


class Reading(NamedTuple):
    """A text as it was read."""

    text: str
    probability: float
    """The mean over its characters; 0 where there is none."""
    places: tuple[float, ...]
    """Where each character stands, from 0 (left) to 1 (right)."""


def best_path(steps: Array, characters: Sequence[str]) -> Reading:
    """Return the text of [steps, classes] probabilities; class 0 is the blank.

    Class n is ``characters[n - 1]``.
    """
    classes = steps.argmax(1)
    starts = np.flatnonzero((classes != np.r_[-1, classes[:-1]]) & (classes != BLANK))
    if not len(starts):
        return Reading("", 0.0, ())
    ends = np.append(np.flatnonzero(np.diff(classes)) + 1, len(classes))
    last = ends[np.searchsorted(ends, starts, "right")]
    text = [characters[n - 1] for n in classes[starts]]
    probability = float(steps[starts, classes[starts]].mean())
    return Reading(
        "".join(text), probability,
        tuple(((starts + last) / 2 / len(classes)).tolist()),
    )  # fmt: skip
