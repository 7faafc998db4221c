"""Tree search guided by a network: PUCT, as AlphaZero has it.

Silver et al., "A general reinforcement learning algorithm that masters chess, shogi
and Go through self-play", Science 2018; wins and losses that the tree proves are
passed up as in Winands et al., "Monte-Carlo Tree Search Solver", 2008.
"""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from typing import Any

import numpy as np

from hotseat_serve.rules.game import Game

Array = np.ndarray[Any, Any]
Evaluate = Callable[[Array], tuple[Array, Array]]
"""Encoded states [n, ...] to probabilities [n, actions] and values [n]."""

_EXPLORE = 1.5


@dataclass(frozen=True, slots=True)
class Found:
    """What a search says of a position."""

    policy: tuple[float, ...]
    """Each action's share of the visits; a proven win takes all."""
    value: float
    """What whoever is to move may expect, from -1 to 1."""
    simulations: int


class _Node:
    """A position in the tree; values are as whoever is to move there sees them."""

    __slots__ = ("actions", "nexts", "prior", "proven", "totals", "visits")

    def __init__(self, actions: Sequence[int], prior: Sequence[float]) -> None:
        self.actions = actions
        self.prior = prior
        self.visits = [0] * len(actions)
        self.totals = [0.0] * len(actions)
        self.nexts: list[_Node | float | None] = [None] * len(actions)
        self.proven: float | None = None

    def best(self) -> int:
        """Return the place of the action to follow."""
        wide = _EXPLORE * sqrt(sum(self.visits) + 1)
        top, best = -inf, 0
        for place, visits in enumerate(self.visits):
            known = _proven(self.nexts[place])
            if known == 1.0:  # the other side wins there
                continue
            mean = self.totals[place] / visits if visits else 0.0
            score = mean + wide * self.prior[place] / (1 + visits)
            if score > top:
                top, best = score, place
        return best

    def prove(self) -> None:
        """Pass up what is certain: one winning action, or all actions known."""
        known = [_proven(node) for node in self.nexts]
        if -1.0 in known:
            self.proven = 1.0
        elif None not in known:
            self.proven = max(-value for value in known if value is not None)


def _proven(node: "_Node | float | None") -> float | None:
    return node.proven if isinstance(node, _Node) else node


Exploring = Generator[Any, tuple[Sequence[float], float], Found]


def explore(
    game: Game[Any],
    state: Any,
    *,
    simulations: int,
    stop: Callable[[], bool] = lambda: False,
    noise: Sequence[float] | None = None,
) -> Exploring:
    """Search from a position that goes on: yields states, is sent their evaluations.

    A driver evaluates the states of one search or of many at once. `noise`, as long as
    the legal actions, replaces a quarter of the first prior, so that self-play varies.
    """
    policy, value = yield state
    root = _grown(game, state, policy)
    if noise is not None:
        root.prior = [
            0.75 * p + 0.25 * n for p, n in zip(root.prior, noise, strict=True)
        ]
    done = 0
    while done < simulations and root.proven is None and not stop():
        done += 1
        path: list[tuple[_Node, int]] = []
        node, here = root, state
        while True:
            place = node.best()
            path.append((node, place))
            here = game.apply(here, node.actions[place])
            after = node.nexts[place]
            if after is None:
                over = game.outcome(here)
                if over is not None:
                    node.nexts[place] = after = over
                else:
                    policy, value = yield here
                    node.nexts[place] = _grown(game, here, policy)
                    break
            known = _proven(after)
            if known is not None:
                value = known
                break
            assert isinstance(after, _Node)
            node = after
        for node, place in reversed(path):
            value = -value
            node.visits[place] += 1
            node.totals[place] += value
            if _proven(node.nexts[place]) is not None:
                node.prove()
                if node.proven is not None:
                    value = node.proven
    return _found(game, root, value, done)


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
    steps = explore(game, state, simulations=simulations, stop=lambda: clock() >= end)
    asked = next(steps)
    while True:
        policy, value = evaluate(game.encode(asked)[None])
        try:
            asked = steps.send((policy[0].tolist(), float(value[0])))
        except StopIteration as end_of_it:
            found: Found = end_of_it.value
            return found


def _grown(game: Game[Any], state: Any, policy: Sequence[float]) -> _Node:
    actions = game.legal(state)
    prior = [max(policy[action], 1e-6) for action in actions]
    total = sum(prior)
    return _Node(actions, [p / total for p in prior])


def _found(game: Game[Any], root: _Node, value: float, done: int) -> Found:
    shares = [0.0] * game.actions
    visits = [float(count) for count in root.visits]
    known = [_proven(node) for node in root.nexts]
    if root.proven is not None:
        # among the actions that are worth what is proven, the most visited
        visits = [
            visit + 1 if there is not None and -there == root.proven else 0.0
            for visit, there in zip(visits, known, strict=True)
        ]
    elif any(visits):
        visits = [
            0.0 if there == 1.0 else visit
            for visit, there in zip(visits, known, strict=True)
        ]
    if not any(visits):
        visits = list(root.prior)
    total = sum(visits)
    for action, visit in zip(root.actions, visits, strict=True):
        shares[action] = visit / total
    if root.proven is not None:
        value = root.proven
    elif done:
        value = sum(root.totals) / sum(root.visits)
    return Found(tuple(shares), float(value), done)
