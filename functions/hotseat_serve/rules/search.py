"""Search guided by a network: PUCT, as AlphaZero has it, on a graph of positions.

Silver et al., "A general reinforcement learning algorithm that masters chess, shogi
and Go through self-play", Science 2018. Wins, losses and draws that the graph proves
are passed up as in Winands et al., "Monte-Carlo Tree Search Solver", 2008. A position
that several ways lead to is one node (Czech et al., "Improving AlphaZero Using
Monte-Carlo Graph Search", 2021). Positions whose answer two plies show, and those with
one action worth a look, are not put to the network.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any

import numpy as np

from hotseat_serve.rules.game import Game

Array = np.ndarray[Any, Any]
Evaluate = Callable[[Array], tuple[Array, Array]]
"""Encoded states [n, ...] to probabilities [n, actions] and values [n]."""

_EXPLORE = 1.5
_UNSEEN = 0.2
"""How far below its parent the value of an untried action is estimated."""
_TOGETHER = 8
"""Leaves of one search that are evaluated at once: more of them cost little more."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search says of a position."""

    policy: tuple[float, ...]
    """Each action's share of the visits; a proven win takes all."""
    value: float
    """What whoever is to move may expect, from -1 to 1."""
    proven: bool
    """Whether the value is certain."""
    simulations: int


class _Node:
    """A position; values are as whoever is to move there sees them."""

    __slots__ = (
        "actions", "base", "counts", "nexts", "prior", "proven", "value", "values",
    )  # fmt: skip

    def __init__(self, actions: Sequence[int], proven: float | None) -> None:
        self.actions = actions
        self.proven = proven
        self.base = 0.0
        """What the network says."""
        self.value = proven
        """What is known by now; None: the network was not asked yet."""
        self.prior: Sequence[float] = ()
        self.counts = [0] * len(actions)
        self.values = [0.0] * len(actions)
        """Of what each action leads to; -inf where it loses for certain."""
        self.nexts: list[_Node | None] = [None] * len(actions)

    def grow(self, policy: Sequence[float], value: float) -> None:
        """Take the network's answer."""
        prior = [max(policy[action], 1e-6) for action in self.actions]
        total = sum(prior)
        self.prior = [p / total for p in prior]
        self.base = self.value = value

    def best(self) -> int:
        """Return the place of the action to follow."""
        counts = self.counts
        if len(counts) == 1:
            return 0
        wide = _EXPLORE * sqrt(sum(counts) + 1)
        assert self.value is not None
        unseen = self.value - _UNSEEN
        top, best = -inf, 0
        for place, (count, value, prior) in enumerate(
            zip(counts, self.values, self.prior, strict=True)
        ):
            score = (value if count else unseen) + wide * prior / (1 + count)
            if score > top:
                top, best = score, place
        return best

    def update(self, place: int) -> None:
        """Take what is known of an action's end; pass up what is certain.

        One winning action is a win; where all actions are known, the best is the value.
        """
        after = self.nexts[place]
        assert after is not None
        assert after.value is not None
        self.values[place] = -after.value
        if after.proven is not None:
            if after.proven == -1.0:
                self.proven = self.value = 1.0
                return
            if after.proven == 1.0:
                self.values[place] = -inf
            known = [node.proven for node in self.nexts if node is not None]
            if len(known) == len(self.nexts) and None not in known:
                self.proven = self.value = max(-v for v in known if v is not None)
                return
        if self.proven is not None:
            return  # other visits that end later change nothing of what is certain
        # where one action is left, the network was not asked: nothing else counts
        total, weight = (self.base, 1) if self.prior else (0.0, 0)
        for count, value in zip(self.counts, self.values, strict=True):
            if count and value != -inf:
                total += count * value
                weight += count
        if weight:
            self.value = total / weight


class Search:
    """A search from a position that goes on: `ask` for states, `tell` the answers.

    A driver evaluates the states of one search or of many at once. `noise` returns as
    many numbers as there are actions, which sum to 1 and replace a quarter of the first
    prior, so that self-play varies.
    """

    def __init__(
        self,
        game: Game[Any],
        state: Any,
        noise: Callable[[int], Sequence[float]] | None = None,
    ) -> None:
        self._game = game
        self._state = state
        self._noise = noise
        self._known: dict[Any, _Node] = {}
        self._root = self._node(state)
        self._pending: list[tuple[_Node, list[tuple[_Node, int]]]] = []
        self.simulations = 0

    @property
    def proven(self) -> bool:
        """Whether the value is certain by now: there is nothing left to search."""
        return self._root.proven is not None

    @property
    def forced(self) -> bool:
        """Whether only one action has to be considered."""
        return len(self._root.actions) == 1

    def ask(self, together: int = 1) -> list[Any]:
        """Simulate on; return states to evaluate, at most `together`, maybe none."""
        root = self._root
        if root.value is None and not self.forced:
            self._pending.append((root, []))
            return [self._state]
        states: list[Any] = []
        for _ in range(2 * together):
            if self.proven or len(states) == together:
                break
            self.simulations += 1
            leaf, path, here = self._descend()
            if leaf.value is not None:
                _back(path)
            elif any(leaf is other for other, _ in self._pending):
                self._undo(path)
                break
            else:
                self._pending.append((leaf, path))
                states.append(here)
        return states

    def tell(
        self, policies: Sequence[Sequence[float]], values: Sequence[float]
    ) -> None:
        """Take the answers to what was asked last, in its order."""
        for (node, path), policy, value in zip(
            self._pending, policies, values, strict=True
        ):
            node.grow(policy, value)
            if node is self._root and self._noise is not None:
                node.prior = [
                    0.75 * p + 0.25 * n
                    for p, n in zip(
                        node.prior, self._noise(len(node.prior)), strict=True
                    )
                ]
            _back(path)
        self._pending = []

    def _descend(self) -> tuple[_Node, list[tuple[_Node, int]], Any]:
        """Follow the best actions to a node that is certain or was not evaluated."""
        node, here = self._root, self._state
        path: list[tuple[_Node, int]] = []
        while True:
            place = node.best()
            path.append((node, place))
            here = self._game.apply(here, node.actions[place])
            # until it is told better this visit counts as lost: the next one, which
            # may be chosen before, goes elsewhere
            count = node.counts[place]
            node.values[place] = (node.values[place] * count - 1) / (count + 1)
            node.counts[place] = count + 1
            after = node.nexts[place]
            if after is None:
                after = node.nexts[place] = self._node(here)
            if after.proven is not None:
                return after, path, here
            if after.value is None and len(after.actions) > 1:
                return after, path, here
            node = after

    def _node(self, state: Any) -> _Node:
        node = self._known.get(state)
        if node is None:
            over = self._game.outcome(state)
            node = (
                _Node((), over)
                if over is not None
                else _Node(*self._game.tactical_shortcut(state))
            )
            self._known[state] = node
        return node

    def _undo(self, path: Sequence[tuple[_Node, int]]) -> None:
        """Take back a visit that ended where another one waits."""
        self.simulations -= 1
        for node, place in reversed(path):
            node.counts[place] -= 1
            after = node.nexts[place]
            if node.counts[place] and after is not None and after.value is not None:
                node.update(place)

    def found(self) -> Found:
        """Return what is known by now."""
        root = self._root
        shares = [0.0] * self._game.actions
        known = [None if node is None else node.proven for node in root.nexts]
        visits = [float(count) for count in root.counts]
        if root.proven is None:
            visits = [
                0.0 if there == 1.0 else visit
                for visit, there in zip(visits, known, strict=True)
            ]
        elif any(there is not None for there in known):  # else the shortcut has
            visits = [
                visit + 1 if there is not None and -there == root.proven else 0.0
                for visit, there in zip(visits, known, strict=True)
            ]
        if not any(visits):
            visits = list(root.prior) or [1.0] * len(visits)
        total = sum(visits)
        for action, visit in zip(root.actions, visits, strict=True):
            shares[action] = visit / total
        value = 0.0 if root.value is None else root.value
        return Found(
            tuple(shares), float(value), root.proven is not None, self.simulations
        )


def _back(path: Sequence[tuple[_Node, int]]) -> None:
    for node, place in reversed(path):
        node.update(place)


def search(
    game: Game[Any],
    state: Any,
    evaluate: Evaluate,
    *,
    simulations: int,
    seconds: float = inf,
    clock: Callable[[], float] = time.monotonic,
) -> Found:
    """Search one position, at most so many `simulations` and `seconds`."""
    end = clock() + seconds
    tree = Search(game, state)
    # a search that has just begun knows too little to look at many leaves at once
    while not tree.proven and (left := simulations - tree.simulations) > 0:
        if tree.simulations and clock() >= end:
            break
        asked = tree.ask(min(_TOGETHER, 1 + tree.simulations // _TOGETHER, left))
        if asked:
            policies, values = evaluate(np.stack([game.encode(one) for one in asked]))
            tree.tell(policies.tolist(), values.tolist())
    return tree.found()
