"""Shapley values of any game, from the values of its coalitions.

Exact from all coalitions (Shapley 1953), or estimated from random orders of the players
(Castro, Gomez and Tejada, Computers & Operations Research 2009), each order followed by
its reverse (antithetic pairs: Mitchell et al., JMLR 2022).
"""

from collections.abc import Callable, Iterator
from math import factorial
from typing import Any, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]

EXACT_PLAYERS = 10
"""Players up to which all coalitions are evaluated."""
MIN_PAIRS = 2
"""Pairs of orders without which there is no standard error."""


class Estimate(NamedTuple):
    """Estimated Shapley values."""

    values: Array
    """[players]"""
    errors: Array
    """[players] their standard errors."""
    base: float
    """The mean value of the empty coalition."""
    pairs: int
    """The number of pairs of orders."""


def every(players: int) -> Array:
    """Return all coalitions [2 ** players, players]; row k holds the bits of k."""
    numbers = np.arange(1 << players)[:, None]
    return (numbers >> np.arange(players) & 1).astype(bool)


def exact(values: Array) -> Array:
    """Return the Shapley values [players] from the values of `every` coalition.

    Of player i: the sum over coalitions S without i of
    |S|! (n - |S| - 1)! / n! (v(S + i) - v(S)).
    """
    players = len(values).bit_length() - 1
    coalitions = every(players)
    sizes = coalitions.sum(1)
    weights = np.array(
        [
            factorial(size) * factorial(players - size - 1) / factorial(players)
            for size in range(players)
        ]
    )
    found = np.zeros(players)
    for player in range(players):
        outside = np.flatnonzero(~coalitions[:, player])
        gains = values[outside | 1 << player] - values[outside]
        found[player] = weights[sizes[outside]] @ gains
    return found


def orders(players: int, pairs: int, seed: int = 0) -> Iterator[Array]:
    """Yield `pairs` random orders [players] of the players, the same every time."""
    generator = np.random.Generator(np.random.Philox(seed))
    for _ in range(pairs):
        yield generator.permutation(players)


def walk(order: Array) -> Array:
    """Return the coalitions [2 * players, players] of an order and of its reverse.

    The first is empty, the row after k players have joined is row k; row `players` is
    the full one, which both share, and the reverse's own rows follow.
    """
    players = len(order)
    rank = np.empty(players, int)
    rank[order] = np.arange(players)
    sizes = np.arange(players + 1)[:, None]
    forward = rank < sizes
    backward = players - 1 - rank < sizes[1:-1]
    return np.concatenate([forward, backward])


def gains(order: Array, values: Array) -> Array:
    """Return each player's mean gain [players] from the values of `walk`'s rows."""
    players = len(order)
    forward, own = values[: players + 1], values[players + 1 :]
    backward = np.concatenate([forward[:1], own, forward[-1:]])
    found = np.empty(players)
    found[order] = np.diff(forward)
    found[order[::-1]] += np.diff(backward)
    return found / 2


def sampled(
    players: int,
    value: Callable[[int, Array], Array],
    pairs: int,
    go_on: Callable[[], bool] = lambda: True,
) -> Estimate:
    """Estimate the Shapley values from at most `pairs` pairs of orders.

    `value` returns the values [coalitions] of pair `k`, whose reference may differ from
    the other pairs'. After `MIN_PAIRS`, the sampling ends as soon as `go_on` is false.
    """
    each, bases = [], []
    for number, order in enumerate(orders(players, max(pairs, MIN_PAIRS))):
        if number and not go_on() and number >= MIN_PAIRS:
            break
        values = value(number, walk(order))
        each.append(gains(order, values))
        bases.append(values[0])
    found = np.array(each)
    return Estimate(
        found.mean(0),
        found.std(0, ddof=1) / np.sqrt(len(found)),
        float(np.mean(bases)),
        len(found),
    )
