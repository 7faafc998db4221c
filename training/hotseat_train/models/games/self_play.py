"""Self-play: games of a network against itself, with search.

The rules are any `hotseat_serve.rules.game.Game`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hotseat_serve.rules.game import Game
from hotseat_serve.rules.search import Evaluate, Search
from hotseat_serve.runtime.batch_rule import GraphRunner

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class SelfPlayPlan:
    """The settings of self-play, searches and the replay buffer."""

    workers: int = 2
    """Number of worker processes."""
    games: int = 32
    """Parallel games of a worker, for full batches of the network."""
    positions: int = 4_000
    """Minimum number of positions of a worker in a round; it finishes every game."""
    simulations: int = 96
    """Simulations of a full search; only full searches are policy targets."""
    quick: int = 24
    """Simulations of the other searches, which only choose a move."""
    full_share: float = 0.3
    """Share of full searches."""
    random_moves: int = 24
    """Maximum number of random moves at the beginning of a game."""
    hot_moves: int = 8
    """First moves of a game, sampled from visits; later moves are the most visited."""
    memory: int = 300_000
    """Largest size of the replay buffer, in positions."""
    first_memory: int = 40_000
    """Its size at the beginning; it grows by half of the positions played."""
    reuse: float = 5.0
    """Average number of uses of a position in training."""


@dataclass(frozen=True, slots=True)
class Experience:
    """Positions: planes [n, ...] int8, policies [n, actions], values [n].

    A policy of zeros is unknown.
    """

    planes: Array
    policies: Array
    values: Array
    seconds: float = 0.0
    """CPU seconds of self-play."""

    def __len__(self) -> int:
        """Return the number of positions."""
        return len(self.values)

    def pick(self, rows: Array) -> "Experience":
        """Return the positions at these indices."""
        return Experience(self.planes[rows], self.policies[rows], self.values[rows])

    def newest(self, count: int) -> "Experience":
        """Return the last `count` positions."""
        return Experience(
            self.planes[-count:], self.policies[-count:], self.values[-count:]
        )

    def __add__(self, other: "Experience") -> "Experience":
        return Experience(
            np.concatenate([self.planes, other.planes]),
            np.concatenate([self.policies, other.policies]),
            np.concatenate([self.values, other.values]),
            self.seconds + other.seconds,
        )


class _Episode:
    """A game in progress and the search of its current position."""

    def __init__(
        self,
        game: Game[Any],
        plan: SelfPlayPlan,
        rng: np.random.Generator,
        cache: dict[Any, tuple[Sequence[float], float]],
    ) -> None:
        self._game, self._plan, self._rng = game, plan, rng
        self._cache = cache
        self._state, self._moves = random_position(game, rng, 0, plan.random_moves + 1)
        self._past: list[tuple[Array, Array, float | None, bool]] = []
        self._begin_search()

    def _begin_search(self) -> None:
        full = self._rng.random() < self._plan.full_share
        self._budget = self._plan.simulations if full else self._plan.quick
        self.tree = Search(self._game, self._state, self._noise if full else None)

    def _noise(self, count: int) -> Sequence[float]:
        noise: list[float] = self._rng.dirichlet([10 / count] * count).tolist()
        return noise

    def advance(self) -> bool:
        """Search and move until `planes` need an evaluation; False: the game is over.

        Moves from a two-ply search are played at once, and the game ends when its
        outcome is proven.
        """
        while True:
            tree = self.tree
            if not (tree.proven or tree.forced or tree.simulations >= self._budget):
                if leaves := tree.ask():
                    self._leaf = leaves[0]
                    if self._leaf not in self._cache:
                        self.planes = self._game.encode(self._leaf)
                        return True
                    policy, value = self._cache[self._leaf]
                    tree.tell([policy], [value])
            elif not self._move():
                return False

    def evaluated(self, policy: Sequence[float], value: float) -> None:
        """Pass the evaluation of `planes` to the search."""
        self._cache[self._leaf] = policy, value
        self.tree.tell([policy], [value])

    def _move(self) -> bool:
        result, rng = self.tree.found(), self._rng
        policy = np.array(result.policy, np.float32)
        certain = result.proven or self.tree.forced
        full = self._budget == self._plan.simulations
        target = policy if certain or full else np.zeros_like(policy)
        value = result.value if result.proven or not self.tree.forced else None
        planes = self._game.encode(self._state).astype(np.int8)
        self._past.append((planes, target, value, result.proven))
        if result.proven:
            self._outcome = -result.value
            return False
        if self._moves < self._plan.hot_moves:
            action = int(rng.choice(len(policy), p=policy / policy.sum()))
        else:
            action = int(policy.argmax())
        self._moves += 1
        self._state = self._game.apply(self._state, action)
        outcome = self._game.outcome(self._state)
        if outcome is not None:
            self._outcome = outcome
            return False
        self._begin_search()
        return True

    def positions(self) -> list[tuple[Array, Array, float]]:
        """Return planes, policy and value of every position of a finished game."""
        rows, outcome = [], self._outcome
        for planes, policy, value, proven in reversed(self._past):
            outcome = -outcome
            mean = outcome if value is None else (value + outcome) / 2
            if proven and value is not None:
                mean = value
            rows.append((planes, policy, mean))
        return rows


def play(
    game: Game[Any], evaluate: Evaluate, plan: SelfPlayPlan, rng: np.random.Generator
) -> Experience:
    """Play games in parallel until they have `plan.positions` positions.

    A position's policy is the visits of a full search, or the forced action, or else
    zeros. Its value is the proven value of the search, or else the mean of the search's
    value and the outcome of the game.
    """
    began = time.process_time()
    rows: list[tuple[Array, Array, float]] = []

    cache: dict[Any, tuple[Sequence[float], float]] = {}

    def begin() -> _Episode:
        while True:
            episode = _Episode(game, plan, rng, cache)
            if episode.advance():
                return episode
            rows.extend(episode.positions())

    episodes = [begin() for _ in range(plan.games)]
    # finish every game: otherwise long games would be underrepresented
    while episodes:
        policies, values = evaluate(np.stack([item.planes for item in episodes]))
        evaluations = zip(policies.tolist(), values.tolist(), strict=True)
        unfinished = []
        for episode, (policy, value) in zip(episodes, evaluations, strict=True):
            episode.evaluated(policy, value)
            if episode.advance():
                unfinished.append(episode)
                continue
            rows.extend(episode.positions())
            if len(rows) < plan.positions:
                unfinished.append(begin())
        episodes = unfinished
    planes, targets, outcomes = zip(*rows, strict=True)
    return Experience(
        np.array(planes, np.int8),
        np.array(targets, np.float32),
        np.array(outcomes, np.float32),
        time.process_time() - began,
    )


def random_position(
    game: Game[Any], rng: np.random.Generator, fewest: int, most: int
) -> tuple[Any, int]:
    """Return an unfinished position after random moves, and the number of moves.

    `fewest` moves or more, and fewer than `most`.
    """
    while True:
        state, count = game.start(), int(rng.integers(fewest, most))
        for _ in range(count):
            state = game.apply(state, int(rng.choice(game.legal(state))))
            if game.outcome(state) is not None:
                break
        else:
            return state, count


def session_evaluate(session: GraphRunner) -> Evaluate:
    """Return an evaluation for searches by a graph with board, policy and value."""

    def evaluate(planes: Array) -> tuple[Array, Array]:
        outputs = session.run({"board": planes})
        return outputs["policy"], outputs["value"].reshape(-1)

    return evaluate
