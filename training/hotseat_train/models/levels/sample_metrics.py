"""Generates levels through the serving code, and measures the samples."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotseat_serve.kinds.options import Options
from hotseat_serve.problems import Problem
from hotseat_serve.runtime.loaded_model import LoadedModel

Item = tuple[Mapping[str, Any], Mapping[str, Any]]
"""A wish and its answer."""


def generate(
    loaded: LoadedModel, wishes: Sequence[Mapping[str, Any]]
) -> tuple[list[Item], list[float]]:
    """Return each wish with its answer, and the CPU milliseconds of every request.

    A wish's index is its seed. Wishes without an answer are left out of the first list.
    """
    items: list[Item] = []
    milliseconds: list[float] = []
    for seed, wish in enumerate(wishes):
        began = time.process_time()
        try:
            (answer,) = loaded.predict([wish], options=Options(seed=seed))
        except Problem:
            continue
        finally:
            milliseconds.append(1000 * (time.process_time() - began))
        items.append((wish, answer))
    return items, milliseconds


def diversity(items: Sequence[Sequence[str]]) -> float:
    """Return the mean share of different cells over 500 random pairs of items."""
    cells = np.array([list("".join(item)) for item in items])
    pairs = np.random.default_rng(0).integers(len(cells), size=(500, 2))
    return round(float(np.mean(cells[pairs[:, 0]] != cells[pairs[:, 1]])), 3)


def correlation(items: Sequence[Item], name: str) -> float:
    """Return the correlation of the wished with the generated value of a field."""
    wished = [wish[name] for wish, _ in items]
    generated = [answer[name] for _, answer in items]
    return round(float(np.corrcoef(wished, generated)[0, 1]), 3)
