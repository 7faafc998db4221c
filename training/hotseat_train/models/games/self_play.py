"""Play games against oneself, with search, and bring the positions home.

The rules are any `hotseat_serve.rules.game.Game`; nothing here knows which.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hotseat_serve.rules.game import Game
from hotseat_serve.rules.search import Evaluate, Search
from hotseat_serve.session import Session

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class SelfPlayPlan:
    """How games are played, and how long positions are learned from."""

    workers: int = 2
    """Processes that play at once."""
    games: int = 32
    """That one worker plays side by side, so that the network sees whole batches."""
    positions: int = 4_000
    """That one worker brings home each round, and what its last games have more."""
    simulations: int = 96
    """Of a full search, from which a policy is learned."""
    quick: int = 24
    """Of the searches between, which only bring the game to its end."""
    full_share: float = 0.3
    """Of the searches that are full."""
    random_moves: int = 24
    """Games begin with up to so many moves at random."""
    hot_moves: int = 8
    """Moves that are drawn from the visits; after them the best is played."""
    memory: int = 300_000
    """Positions that are learned from, the newest, at most."""
    first_memory: int = 40_000
    """At the beginning; it grows by half of what is played."""
    reuse: float = 5.0
    """How often a position is learned from, on average, while it is new."""


@dataclass(frozen=True, slots=True)
class Played:
    """Positions: planes [n, ...] int8, policies [n, actions], values [n].

    A policy of zeros is none.
    """

    planes: Array
    policies: Array
    values: Array
    seconds: float = 0.0
    """Of a core, that it took."""

    def __len__(self) -> int:
        """Return the number of positions."""
        return len(self.values)

    def pick(self, rows: Array) -> "Played":
        """Return the positions of these numbers."""
        return Played(self.planes[rows], self.policies[rows], self.values[rows])

    def newest(self, count: int) -> "Played":
        """Return the last `count`."""
        return Played(
            self.planes[-count:], self.policies[-count:], self.values[-count:]
        )

    def __add__(self, other: "Played") -> "Played":
        return Played(
            np.concatenate([self.planes, other.planes]),
            np.concatenate([self.policies, other.policies]),
            np.concatenate([self.values, other.values]),
            self.seconds + other.seconds,
        )


class _Seat:
    """One game on its way, and the search of the position that it has come to."""

    def __init__(
        self,
        game: Game[Any],
        plan: SelfPlayPlan,
        random: np.random.Generator,
        known: dict[Any, tuple[Sequence[float], float]],
    ) -> None:
        self._game, self._plan, self._random = game, plan, random
        self._known = known
        self._state, self._moves = _opening(game, plan, random)
        self._past: list[tuple[Array, Array, float | None, bool]] = []
        self._think()

    def _think(self) -> None:
        full = self._random.random() < self._plan.full_share
        self._budget = self._plan.simulations if full else self._plan.quick
        self.tree = Search(self._game, self._state, self._noise if full else None)

    def _noise(self, count: int) -> Sequence[float]:
        noise: list[float] = self._random.dirichlet([10 / count] * count).tolist()
        return noise

    def ask(self) -> bool:
        """Search and move until `planes` have to be evaluated; False: the game is over.

        What two plies show is played at once, and a game ends when its end is proven.
        """
        while True:
            tree = self.tree
            if not (tree.proven or tree.forced or tree.simulations >= self._budget):
                if asked := tree.ask():
                    self._asked = asked[0]
                    if self._asked not in self._known:
                        self.planes = self._game.encode(self._asked)
                        return True
                    policy, value = self._known[self._asked]
                    tree.tell([policy], [value])
            elif not self._move():
                return False

    def tell(self, policy: Sequence[float], value: float) -> None:
        """Take the answer to what was asked."""
        self._known[self._asked] = policy, value
        self.tree.tell([policy], [value])

    def _move(self) -> bool:
        found, random = self.tree.found(), self._random
        policy = np.array(found.policy, np.float32)
        known = found.proven or self.tree.forced
        if not known and self._budget < self._plan.simulations:
            learned = np.zeros_like(policy)
        else:
            learned = policy
        value = found.value if found.proven or not self.tree.forced else None
        here = self._game.encode(self._state).astype(np.int8)
        self._past.append((here, learned, value, found.proven))
        if found.proven:
            self._end = -found.value
            return False
        if self._moves < self._plan.hot_moves:
            action = int(random.choice(len(policy), p=policy / policy.sum()))
        else:
            action = int(policy.argmax())
        self._moves += 1
        self._state = self._game.apply(self._state, action)
        over = self._game.outcome(self._state)
        if over is not None:
            self._end = over
            return False
        self._think()
        return True

    def learned(self) -> list[tuple[Array, Array, float]]:
        """Return planes, policy and value of each position of a game that is over."""
        rows, end = [], self._end
        for here, policy, found, proven in reversed(self._past):
            end = -end
            mean = end if found is None else (found + end) / 2
            rows.append((here, policy, found if proven and found is not None else mean))
        return rows


def play(
    game: Game[Any], evaluate: Evaluate, plan: SelfPlayPlan, random: np.random.Generator
) -> Played:
    """Play games side by side until there are `plan.positions`, and return them.

    A position's policy is the visits of its search where that was a full one, or the
    one action worth a look, else zeros. Its value is what the search has proven, else
    the mean of the search's value and how the game ended.
    """
    began = time.process_time()
    rows: list[tuple[Array, Array, float]] = []

    known: dict[Any, tuple[Sequence[float], float]] = {}

    def seated() -> _Seat:
        while True:
            seat = _Seat(game, plan, random, known)
            if seat.ask():
                return seat
            rows.extend(seat.learned())

    seats = [seated() for _ in range(plan.games)]
    # games that are under way are played to their end: long ones count as short ones
    while seats:
        policies, values = evaluate(np.stack([seat.planes for seat in seats]))
        answers = zip(policies.tolist(), values.tolist(), strict=True)
        going = []
        for seat, (policy, value) in zip(seats, answers, strict=True):
            seat.tell(policy, value)
            if seat.ask():
                going.append(seat)
                continue
            rows.extend(seat.learned())
            if len(rows) < plan.positions:
                going.append(seated())
        seats = going
    planes, learned, worth = zip(*rows, strict=True)
    return Played(
        np.array(planes, np.int8),
        np.array(learned, np.float32),
        np.array(worth, np.float32),
        time.process_time() - began,
    )


def _opening(
    game: Game[Any], plan: SelfPlayPlan, random: np.random.Generator
) -> tuple[Any, int]:
    """Return a position after moves at random that goes on, and how many they were."""
    while True:
        state, ahead = game.start(), int(random.integers(plan.random_moves + 1))
        for _ in range(ahead):
            if game.outcome(state) is not None:
                break
            state = game.apply(state, int(random.choice(game.legal(state))))
        if game.outcome(state) is None:
            return state, ahead


def session_evaluate(session: Session) -> Evaluate:
    """Return what a search asks, answered by a graph with board, policy and value."""

    def evaluate(planes: Array) -> tuple[Array, Array]:
        outputs = session.run({"board": planes})
        return outputs["policy"], outputs["value"].reshape(-1)

    return evaluate
