"""Print what the service's search finds, as JSON, for the TypeScript SDK's test."""

import json
import sys
from typing import Any

import numpy as np

from hotseat_serve.rules.connect_four import GAME, State
from hotseat_serve.rules.search import search

Array = np.ndarray[Any, Any]


def valued(planes: Array) -> tuple[Array, Array]:
    """Answer what any language computes alike: stones in a column make it likelier."""
    own, other = planes.astype(np.float64).sum(2).transpose(1, 0, 2)
    weights = 1 + 2 * own + other
    return weights / weights.sum(1, keepdims=True), (own - other).sum(1) / 8


def somewhere(random: np.random.Generator) -> State:
    """Return a position of a random game that goes on."""
    while True:
        state = GAME.start()
        for _ in range(int(random.integers(0, 34))):
            state = GAME.apply(state, int(random.choice(GAME.legal(state))))
            if GAME.outcome(state) is not None:
                break
        else:
            return state


def main() -> None:
    """Search positions of random games, each with a level's budget."""
    random = np.random.default_rng(5)
    found = []
    for number in range(60):
        state, budget = somewhere(random), (1, 64, 400)[number % 3]
        one = search(GAME, state, valued, simulations=budget)
        found.append(
            {
                "board": GAME.board(state),
                "budget": budget,
                "policy": one.policy,
                "value": one.value,
                "proven": one.proven,
                "simulations": one.simulations,
            }
        )
    sys.stdout.write(json.dumps(found))


if __name__ == "__main__":
    main()
