"""Play games against oneself, with search, and bring the positions home.

The rules are any `hotseat_serve.rules.game.Game`; nothing here knows which.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from hotseat_serve.rules.game import Game
from hotseat_serve.rules.search import Evaluate, Exploring, explore
from hotseat_serve.session import Session

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, slots=True)
class Plan:
    """How to play and how to learn."""

    minutes: float = 50.0
    """Of training in all, interruptions not counted."""
    workers: int = 2
    """Processes that play at once."""
    games: int = 64
    """That one worker plays side by side, so that the network sees whole batches."""
    positions: int = 6_000
    """That one worker brings home each round."""
    simulations: int = 56
    random_moves: int = 20
    """Half of the games begin with up to so many moves at random."""
    hot_moves: int = 12
    """Moves that are drawn from the visits; after them the best is played."""
    memory: int = 300_000
    """Positions that are learned from, the newest."""
    batch_size: int = 512
    reuse: float = 4.0
    """How often a position is learned from, on average, while it is new."""
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Played:
    """Positions: planes [n, ...], policies [n, actions], values [n]."""

    planes: Array
    policies: Array
    values: Array

    def __len__(self) -> int:
        """Return the number of positions."""
        return len(self.values)

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
        )


@dataclass(slots=True)
class _Seat:
    """One game on its way."""

    state: Any
    steps: Exploring
    asked: Any
    moves: int
    history: list[tuple[Array, Sequence[float], float, bool]]


def play(
    game: Game[Any], evaluate: Evaluate, plan: Plan, random: np.random.Generator
) -> Played:
    """Play games side by side until there are `plan.positions`, and return them.

    A position's policy is the visits of its search. Its value is what the search has
    proven, else the mean of the search's value and how the game ended.
    """
    planes: list[Array] = []
    policies: list[Sequence[float]] = []
    values: list[float] = []
    seats = [_seat(game, plan, random) for _ in range(plan.games)]
    while len(values) < plan.positions:
        batch = np.stack([game.encode(seat.asked) for seat in seats])
        answers = zip(*evaluate(batch), strict=True)
        for at, (seat, (policy, value)) in enumerate(zip(seats, answers, strict=True)):
            try:
                seat.asked = seat.steps.send((policy.tolist(), float(value)))
                continue
            except StopIteration as end:
                found = end.value
            proven = abs(found.value) == 1.0
            seat.history.append(
                (game.encode(seat.state), found.policy, found.value, proven)
            )
            seat.state = game.apply(seat.state, _move(found.policy, seat, plan, random))
            seat.moves += 1
            ended = game.outcome(seat.state)
            if ended is None:
                seat.steps, seat.asked = _think(game, seat.state, plan, random)
                continue
            for here, visits, value_of, known in reversed(seat.history):
                ended = -ended
                planes.append(here)
                policies.append(visits)
                values.append(value_of if known else (value_of + ended) / 2)
            seats[at] = _seat(game, plan, random)
    return Played(
        np.array(planes, np.float32),
        np.array(policies, np.float32),
        np.array(values, np.float32),
    )


def _seat(game: Game[Any], plan: Plan, random: np.random.Generator) -> _Seat:
    """Begin a game, half of the time after moves at random."""
    while True:
        state = game.start()
        ahead = random.integers(plan.random_moves + 1) * random.integers(2)
        for _ in range(ahead):
            state = game.apply(state, int(random.choice(game.legal(state))))
            if game.outcome(state) is not None:
                break
        if game.outcome(state) is None:
            return _Seat(state, *_think(game, state, plan, random), int(ahead), [])


def _think(
    game: Game[Any], state: Any, plan: Plan, random: np.random.Generator
) -> tuple[Exploring, Any]:
    """Begin to search a position; return the search and the state it asks about."""
    legal = game.legal(state)
    noise = random.dirichlet([10 / len(legal)] * len(legal)).tolist()
    steps = explore(game, state, simulations=plan.simulations, noise=noise)
    return steps, next(steps)


def _move(
    policy: Sequence[float], seat: _Seat, plan: Plan, random: np.random.Generator
) -> int:
    if seat.moves < plan.hot_moves:
        return int(random.choice(len(policy), p=np.array(policy) / sum(policy)))
    return int(np.argmax(policy))


def session_evaluate(session: Session) -> Evaluate:
    """Return what a search asks, answered by a graph with board, policy and value."""

    def evaluate(planes: Array) -> tuple[Array, Array]:
        outputs = session.run({"board": planes})
        return outputs["policy"], outputs["value"].reshape(-1)

    return evaluate
