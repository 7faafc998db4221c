"""What a generator returns when it is asked through the serving code, wish by wish."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotseat_serve.load import Loaded
from hotseat_serve.options import Options
from hotseat_serve.problems import Problem

Item = tuple[Mapping[str, Any], Mapping[str, Any]]
"""A wish and its answer."""


def ask(
    loaded: Loaded, wishes: Sequence[Mapping[str, Any]]
) -> tuple[list[Item], list[float]]:
    """Return what came of each wish, and a core's milliseconds of all that were asked.

    The seed is the wish's place; what nothing was found for is left out.
    """
    items: list[Item] = []
    spent: list[float] = []
    for seed, wish in enumerate(wishes):
        began = time.process_time()
        try:
            (answer,) = loaded.predict([wish], options=Options(seed=seed))
        except Problem:
            continue
        finally:
            spent.append(1000 * (time.process_time() - began))
        items.append((wish, answer))
    return items, spent


def apart(items: Sequence[Sequence[str]]) -> float:
    """Return the share of cells in which two items differ, over 500 pairs."""
    cells = np.array([list("".join(item)) for item in items])
    pairs = np.random.default_rng(0).integers(len(cells), size=(500, 2))
    return round(float(np.mean(cells[pairs[:, 0]] != cells[pairs[:, 1]])), 3)


def follows(items: Sequence[Item], name: str) -> float:
    """Return the correlation of what was got with what was wished."""
    wished = [wish[name] for wish, _ in items]
    got = [answer[name] for _, answer in items]
    return round(float(np.corrcoef(wished, got)[0, 1]), 3)
