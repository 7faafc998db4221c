"""Exact Shapley values of an ensemble of trees, from its own cover.

The game of Lundberg et al. (Nature Machine Intelligence 2020, "tree path dependent"):
a leaf's weight for a coalition is the product, over the players on its way, of whether
the row passes their conditions (players inside) or of the share of training rows that
pass them (players outside). For one leaf of value v, with o and z these numbers, the
Shapley value of player i is

    v (o_i - z_i) integral over t from 0 to 1 of the product over j != i of
    (t o_j + (1 - t) z_j),

a polynomial of degree d - 1 for d players (the multilinear extension, Owen 1972), which
ceil(d / 2) nodes of Gauss and Legendre integrate exactly. Leaves with equal d are one
array.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hotseat_registry.dataclass import dataclass
from hotseat_serve.shapley.ensemble import Ensemble, Leaf
from hotseat_serve.shapley.graph_nodes import UnsuitableError

Array = np.ndarray[Any, Any]

MAX_FACTORS = 8_000_000
"""Factors of the integrals of one row, at most; above it the work is refused."""


@dataclass(frozen=True, slots=True)
class _Group:
    """Leaves with the same number of players, as arrays; leaves are the last axis."""

    nodes: Array
    """[splits] the node of each condition."""
    true: Array
    """[splits] whether the leaf is below the true branch."""
    starts: Array
    """[players * leaves] where each pair's conditions begin."""
    players: Array
    """[players * leaves]"""
    factors: tuple[Array, Array]
    """[players, points, leaves] t o + (1 - t) z, for players outside and inside."""
    gains: Array
    """[players, points, leaves] (1 - z) / (t + (1 - t) z) times the point's weight."""
    loss: Array
    """[points] -1 / (1 - t) times the point's weight: (0 - z) / ((1 - t) z)."""
    leaf_values: Array
    """[leaves]"""


class Conditions:
    """Evaluates the conditions of an ensemble's nodes."""

    def __init__(self, ensemble: Ensemble) -> None:
        self.ensemble = ensemble
        self._modes = [
            (compare, np.flatnonzero(ensemble.mode == mode))
            for mode, compare in _COMPARISONS.items()
            if (ensemble.mode == mode).any()
        ]
        # a leaf that is its tree's root is always reached
        leaves = [leaf for leaf in ensemble.leaves if leaf.splits]
        splits = [split for leaf in leaves for split in leaf.splits]
        self._nodes = np.array([split.node for split in splits], int)
        self._true = np.array([split.is_true for split in splits], bool)
        lengths = [len(leaf.splits) for leaf in leaves]
        self._starts = np.cumsum([0, *lengths])[:-1]
        self._values = np.zeros((len(leaves), ensemble.outputs))
        self._always = np.zeros(ensemble.outputs)
        for output, value in ensemble.base.items():
            self._always[output] += value
        for leaf in ensemble.leaves:
            if not leaf.splits:
                for output, value in leaf.values.items():
                    self._always[output] += value
        for row, leaf in enumerate(leaves):
            for output, value in leaf.values.items():
                self._values[row, output] = value

    def passes(self, row: Array) -> Array:
        """Return whether a row [columns] takes each node's true branch, [nodes]."""
        x, y = row[self.ensemble.feature], self.ensemble.threshold
        passes = np.isnan(x) & self.ensemble.missing
        with np.errstate(invalid="ignore"):
            for compare, here in self._modes:
                passes[here] |= compare(x[here], y[here])
        return passes

    def margins(self, passes: Array) -> Array:
        """Return the sum of the reached leaves and the base value, [outputs]."""
        if not len(self._starts):
            return self._always.copy()
        reached = np.logical_and.reduceat(
            passes[self._nodes] == self._true, self._starts
        )
        sums: Array = self._always + self._values[reached].sum(0)
        return sums


class TreeShapley:
    """Shapley values of one output of an ensemble.

    `players` gives the player of each column; several columns of one player are in a
    coalition together. Raises `UnsuitableError` for an ensemble too large.
    """

    def __init__(self, ensemble: Ensemble, output: int, players: Sequence[int]) -> None:
        self.ensemble = ensemble
        self._players = np.asarray(players)
        self._count = int(self._players.max(initial=-1)) + 1
        by_size: dict[int, list[Leaf]] = {}
        for leaf in ensemble.leaves:
            if output in leaf.values:
                by_size.setdefault(len(self._of(leaf)), []).append(leaf)
        size = sum(n * len(some) * ((n + 1) // 2) for n, some in by_size.items())
        if size > MAX_FACTORS:
            raise UnsuitableError(
                f"its trees need {size:,} factors a row; the limit is {MAX_FACTORS:,}"
            )
        self._groups = [
            self._group(n, some, output) for n, some in by_size.items() if n
        ]
        self.base = ensemble.base.get(output, 0.0) + sum(
            leaf.values[output] * self._reach(leaf)
            for some in by_size.values()
            for leaf in some
        )
        """The mean over the training rows, as the cover weighs them."""

    def values(self, passes: Array) -> Array:
        """Return the Shapley values [players] of a row by `Conditions.passes`.

        `base` and their sum are the row's output before the ensemble's transform.
        """
        values = np.zeros(self._count)
        for group in self._groups:
            outside, inside = group.factors
            size, _, leaves = inside.shape
            is_inside = np.logical_and.reduceat(
                passes[group.nodes] == group.true, group.starts
            ).reshape(size, 1, leaves)
            factors = np.where(is_inside, inside, outside)
            products = factors[0] * group.leaf_values
            for factor in factors[1:]:
                products *= factor
            gains = np.einsum("kl,pkl->pl", products, group.gains)
            each = np.where(is_inside[:, 0], gains, group.loss @ products)
            values += np.bincount(group.players, each.ravel(), self._count)
        return values

    def _of(self, leaf: Leaf) -> list[int]:
        """Return the players on the way to a leaf."""
        feature = self.ensemble.feature
        return sorted({int(self._players[feature[s.node]]) for s in leaf.splits})

    def _share(self, leaf: Leaf, at: int) -> float:
        """Return the share of a node's training rows that go on towards the leaf."""
        cover = self.ensemble.cover
        node = leaf.splits[at].node
        if at + 1 < len(leaf.splits):
            below = cover[leaf.splits[at + 1].node]
        else:
            below = leaf.cover
        return float(below / cover[node]) if cover[node] else 0.0

    def _reach(self, leaf: Leaf) -> float:
        """Return the share of all training rows that reach a leaf."""
        return float(np.prod([self._share(leaf, at) for at in range(len(leaf.splits))]))

    def _group(self, size: int, leaves: Sequence[Leaf], output: int) -> _Group:
        nodes: list[int] = []
        true: list[bool] = []
        starts: list[int] = []
        players = np.array([self._of(leaf) for leaf in leaves]).T
        shares = np.ones((size, 1, len(leaves)))
        feature = self.ensemble.feature
        for row, column in np.ndindex(players.shape):
            starts.append(len(nodes))
            leaf = leaves[column]
            for place, split in enumerate(leaf.splits):
                if self._players[feature[split.node]] == players[row, column]:
                    nodes.append(split.node)
                    true.append(split.is_true)
                    shares[row, 0, column] *= self._share(leaf, place)
        points, weights = np.polynomial.legendre.leggauss((size + 1) // 2)
        t, weight = ((part / 2)[:, None] for part in (points + 1, weights))
        inside = t + (1 - t) * shares
        return _Group(
            np.array(nodes),
            np.array(true),
            np.array(starts),
            players.ravel(),
            ((1 - t) * shares, inside),
            weight * (1 - shares) / inside,
            -(weight / (1 - t))[:, 0],
            np.array([leaf.values[output] for leaf in leaves]),
        )


_COMPARISONS: Mapping[str, Any] = {
    "BRANCH_LEQ": np.less_equal,
    "BRANCH_LT": np.less,
    "BRANCH_GTE": np.greater_equal,
    "BRANCH_GT": np.greater,
    "BRANCH_EQ": np.equal,
    "BRANCH_NEQ": lambda x, y: (x != y) & ~np.isnan(x),
}
