"""Search guided by a network: AlphaZero's PUCT on a graph of positions.

Silver et al., "A general reinforcement learning algorithm that masters chess, shogi
and Go through self-play", Science 2018. Proven wins, losses and draws propagate to
parents as in Winands et al., "Monte-Carlo Tree Search Solver", 2008. A position with
several move orders is one node (Czech et al., "Improving AlphaZero Using Monte-Carlo
Graph Search", 2021). The network does not evaluate positions that two plies decide, nor
those with a single candidate action.
"""

import time
from collections.abc import Callable, Sequence
from math import inf, sqrt
from typing import Any

import numpy as np

from hotseat_registry.dataclass import dataclass
from hotseat_serve.rules.game import Game

Array = np.ndarray[Any, Any]
Evaluate = Callable[[Array], tuple[Array, Array]]
"""From encoded states [n, ...] to probabilities [n, actions] and values [n]."""

_EXPLORE = 1.5
_UNSEEN = 0.2
"""How far below its parent's value the first estimate of an untried action is."""
_TOGETHER = 8
"""Leaves of one search in one evaluation; a larger batch costs little more time."""


@dataclass(frozen=True, slots=True)
class Found:
    """The result of a search from a position."""

    policy: tuple[float, ...]
    """Each action's share of the visits; a proven win takes all."""
    value: float
    """The expected result for the side to move, from -1 to 1."""
    proven: bool
    """Whether the value is certain."""
    simulations: int


class _Node:
    """A position; values are those of the side to move."""

    __slots__ = (
        "actions", "base", "counts", "nexts", "prior", "proven", "value", "values",
    )  # fmt: skip

    def __init__(self, actions: Sequence[int], proven: float | None) -> None:
        self.actions = actions
        self.proven = proven
        self.base = 0.0
        """The network's value."""
        self.value = proven
        """The current value; None: not evaluated yet."""
        self.prior: Sequence[float] = ()
        self.counts = [0] * len(actions)
        self.values = [0.0] * len(actions)
        """The value after each action; -inf for a certain loss."""
        self.nexts: list[_Node | None] = [None] * len(actions)

    def grow(self, policy: Sequence[float], value: float) -> None:
        """Store the network's evaluation."""
        prior = [max(policy[action], 1e-6) for action in self.actions]
        total = sum(prior)
        self.prior = [p / total for p in prior]
        self.base = self.value = value

    def best(self) -> int:
        """Return the index of the action to follow."""
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
        """Store an action's certain value; propagate certain values to parents.

        One winning action is a win; if all actions are certain, the best is the value.
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
            return  # later ends of other visits do not change a certain value
        # with one action left there is no evaluation: nothing else counts
        total, weight = (self.base, 1) if self.prior else (0.0, 0)
        for count, value in zip(self.counts, self.values, strict=True):
            if count and value != -inf:
                total += count * value
                weight += count
        if weight:
            self.value = total / weight


class Search:
    """A search in steps: `ask` returns states, `tell` takes their evaluations.

    A driver evaluates the states of one search or of many at once. `noise` returns one
    number for each action; they sum to 1 and replace a quarter of the first prior, so
    that self-play varies.
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
        """Whether the value is certain and the search complete."""
        return self._root.proven is not None

    @property
    def forced(self) -> bool:
        """Whether there is only one candidate action."""
        return len(self._root.actions) == 1

    def ask(self, together: int = 1) -> list[Any]:
        """Continue; return states to evaluate, at most `together`, perhaps none."""
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
        """Take the evaluations of the last `ask`, in its order."""
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
        """Follow the best actions to a node that is certain or not yet evaluated."""
        node, here = self._root, self._state
        path: list[tuple[_Node, int]] = []
        while True:
            place = node.best()
            path.append((node, place))
            here = self._game.apply(here, node.actions[place])
            # a pending visit counts as lost, so that the next visit, which may
            # start before its evaluation, goes elsewhere
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
        """Undo a visit that reached a node with a pending evaluation."""
        self.simulations -= 1
        for node, place in reversed(path):
            node.counts[place] -= 1
            after = node.nexts[place]
            if node.counts[place] and after is not None and after.value is not None:
                node.update(place)

    def found(self) -> Found:
        """Return the current result."""
        root = self._root
        shares = [0.0] * self._game.actions
        known = [None if node is None else node.proven for node in root.nexts]
        visits = [float(count) for count in root.counts]
        if root.proven is None:
            visits = [
                0.0 if result == 1.0 else visit
                for visit, result in zip(visits, known, strict=True)
            ]
        elif any(result is not None for result in known):  # else the shortcut has it
            visits = [
                visit + 1 if result is not None and -result == root.proven else 0.0
                for visit, result in zip(visits, known, strict=True)
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
    """Search one position, for at most `simulations` and `seconds`."""
    end = clock() + seconds
    tree = Search(game, state)
    # a new search knows too little to evaluate many leaves at once
    while not tree.proven and (left := simulations - tree.simulations) > 0:
        if tree.simulations and clock() >= end:
            break
        asked = tree.ask(min(_TOGETHER, 1 + tree.simulations // _TOGETHER, left))
        if asked:
            policies, values = evaluate(np.stack([game.encode(one) for one in asked]))
            tree.tell(policies.tolist(), values.tolist())
    return tree.found()
